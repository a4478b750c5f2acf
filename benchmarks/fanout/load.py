"""The load generator: subscribers that are connected, and the credit that keeps them from being buried."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from time import monotonic

from benchmarks.fanout.native import NativeReceiver, library
from benchmarks.fanout.plan import Setting
from benchmarks.fanout.receiver import PythonReceiver
from benchmarks.fanout.server import Control
from benchmarks.machine import Share
from benchmarks.sockets import NAMESPACE, Crowd, Step, entering, settled

PACE = 50
"""Connections that are opened at once."""
LIMIT = 60.0
"""Seconds until a server that does not get on is given up."""
LOOK = 0.5
NEVER = 1 << 62
ENTERING: list[Step] = [*entering(), (f"40{NAMESPACE},".encode(), "")]
JOINING: list[Step] = [
    *entering(),
    (f"40{NAMESPACE},".encode(), f'42{NAMESPACE},0["join",{{}}]'),
    (f"43{NAMESPACE},0[".encode(), ""),
]


@dataclass(frozen=True)
class Taken:
    """What one measurement brought; times in seconds."""

    messages: int
    seconds: float
    late: list[float]
    busy: float
    """Share of a core that the load generator took."""


def connect(port: int, size: int, script: list[Step]) -> list[socket.socket]:
    """So many connections that are through with their script, opened at a bounded pace."""
    crowd = Crowd()
    try:
        while (left := size - len(crowd.members)) > 0:
            new = crowd.join(port, script, min(PACE, left), room=1024)
            if not crowd.pump(lambda new=new: settled(new), LIMIT):
                raise TimeoutError(f"of {size} connections {size - left} were answered, the next not in {LIMIT:.0f} s")
    except BaseException:
        crowd.close()
        raise
    return [member.sock for member in crowd.members]


class Load:
    def __init__(self, control: Control, subscribers: list[socket.socket]) -> None:
        self._control = control
        self._subscribers = subscribers
        kind = NativeReceiver if library() else PythonReceiver
        self._receiver = kind(subscribers, control.fileno())

    def close(self) -> None:
        self._receiver.close()
        for one in self._subscribers:
            one.close()

    def rest(self, seconds: float) -> None:
        """Only answer pings."""
        self._receiver.take(NEVER, seconds)

    def measure(self, setting: Setting, seconds: float, every: int) -> Taken:
        """Let the server emit for so long, and take all of it; one in `every` messages is looked into."""
        receiver, control = self._receiver, self._control
        turn, window = len(self._subscribers) * setting.per_turn, setting.window(len(self._subscribers))
        granted, half = window, max(1, window // 2)
        receiver.start(every)
        busy, begun = Share(), monotonic()
        control.send(f"run {setting.per_turn} {setting.rate} {seconds} {window}")
        while not (answer := control.line(0)):
            receiver.take((granted - window + half) * turn, LOOK)
            owed = receiver.count // turn + window - granted
            if owed >= half:
                granted += owed
                control.send(f"credit {owed}")
            self._check(monotonic() - begun - seconds)
        wanted = int(answer.removeprefix("done ")) * turn
        while receiver.count < wanted:
            receiver.take(wanted, LOOK)
            self._check(monotonic() - begun - seconds)
        if receiver.count > wanted:
            raise AssertionError(f"{receiver.count} messages of {wanted}")
        return Taken(wanted, monotonic() - begun, receiver.late, busy())

    def _check(self, over: float) -> None:
        if over > LIMIT:
            raise TimeoutError(f"{self._receiver.count} messages came, and not all in {LIMIT:.0f} s")
