"""The control connection, for servers whose threads may wait: green ones, real ones, or the only one."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable

Turn = Callable[[int], None]
"""Emit so many events."""


class Orders:
    def __init__(self, control_port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", control_port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._sock.makefile("r")

    def obey(self, port: int, turn: Turn, sleep: Callable[[float], object]) -> None:
        """Until the other side has gone; `sleep(0)` lets the loop turn."""
        self._say(f"ready {port}")
        for line in self._lines:
            verb, *words = line.split()
            if verb == "run":
                per_turn, rate, seconds, credit = words
                self._say(f"done {self._run(turn, sleep, int(per_turn), float(rate), float(seconds), int(credit))}")
            elif verb == "collect":
                gc.collect()
                self._say("done 0")
        os._exit(0)  # from whichever thread this is

    def _run(
        self, turn: Turn, sleep: Callable[[float], object], per_turn: int, rate: float, seconds: float, credit: int
    ) -> int:
        begun, turns = time.monotonic(), 0
        while time.monotonic() < begun + seconds:
            while not credit:
                credit += self._credit()
            credit -= 1
            turn(per_turn)
            turns += 1
            sleep(max(0.0, begun + turns / rate - time.monotonic()) if rate else 0)
        return turns

    def _credit(self) -> int:
        line = self._lines.readline()
        if not line:
            os._exit(0)
        return int(line.removeprefix("credit "))

    def _say(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\n")
