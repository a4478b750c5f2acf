"""JSON lines over a stream socket: one object per line, of bounded length, without NaN."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

Message = dict[str, Any]


class NotAReport(Exception):
    """Bytes that are no message of the protocol; the text says what they are instead."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One line. `ValueError` for NaN or infinity; half a surrogate pair becomes `?`."""
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> Message:
    """The object in one line, else `NotAReport`."""
    try:
        message = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NotAReport(f"{excerpt(line)} is not JSON") from None
    if not isinstance(message, dict):
        raise NotAReport(f"{excerpt(line)} is not a JSON object")
    return message


def excerpt(line: bytes) -> str:
    """The beginning of a line, fit for an error message."""
    text = ascii(line[:60].decode("utf-8", "replace"))
    return text + "…" if len(line) > 60 else text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class LineReader:
    """Cuts a stream into lines; never holds more than one line of `limit` bytes and one chunk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that `chunk` completes, without their ends. `NotAReport` for one that is too long."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            line = bytes(self._rest) + chunk[start:end]
            self._rest.clear()
            start = end + 1
            self._check(line)
            if line.strip():
                yield line
        self._rest += chunk[start:]
        self._check(self._rest)

    def _check(self, line: bytes | bytearray) -> None:
        if len(line) > self._limit:
            raise NotAReport(f"a line of more than {self._limit:,} bytes ({excerpt(bytes(line[:61]))})")


class Channel:
    """The child's end: blocking, for any number of senders and one receiver."""

    def __init__(self, sock: socket.socket, *, limit: int) -> None:
        self._socket = sock
        self._reader = LineReader(limit)
        self._reset()
        os.register_at_fork(after_in_child=self._reset)  # the lock may be held by a thread that no longer exists

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._lines: deque[bytes] = deque()
        self._sending = False

    def send(self, message: Mapping[str, Any]) -> None:
        """Blocks while the other side does not read. `OSError` when it is gone."""
        line = encode(message)
        with self._lock:
            self._lines.append(line)
            if not self._sending:  # else a signal handler interrupted a line, whose sender goes on with this one
                self._send_all()

    def _send_all(self) -> None:
        self._sending = True
        try:
            while self._lines:  # what is left when a handler raises out of `send` is sent before the next line
                sent = self._socket.send(self._lines[0])
                if sent < len(self._lines[0]):
                    self._lines[0] = self._lines[0][sent:]
                else:
                    self._lines.popleft()
        finally:
            self._sending = False

    def receive(self) -> Iterator[Message]:
        """Messages until the other side closes."""
        while chunk := self._socket.recv(65536):
            yield from map(decode, self._reader.feed(chunk))
