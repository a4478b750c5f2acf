"""Counts the frames in what a server sent, and samples how late they came."""

from __future__ import annotations

import time
from array import array

_SENT = b'"sent":'
_PING = ord("2")


class Tally:
    """What has come to all subscribers together.

    A frame with an extended length is a message; shorter ones are pings and other small talk. Runs of frames of
    one size are counted by their headers in strides, so that a burst costs hardly more than its first message.
    """

    def __init__(self, every: int = 1) -> None:
        """Of every so many messages one is looked into, for when it was sent."""
        self.count = 0
        self.pings = 0
        self.late = array("d")
        """Seconds from the clock in the message to now."""
        self._every = every
        self._next = 0

    def walk(self, data: bytearray, end: int) -> int:
        """Count the whole frames of data[:end]; returns where the first that is not whole begins."""
        at = 0
        while end - at >= 2:
            short = data[at + 1]
            if short < 126:
                if at + 2 + short > end:
                    break
                self.pings += short == 1 and data[at + 2] == _PING
                at += 2 + short
                continue
            if short != 126:
                raise ValueError("a frame that is longer than any message of the benchmark")
            if end - at < 4:
                break
            size = 4 + (data[at + 2] << 8 | data[at + 3])
            many = (end - at) // size
            if not many:
                break
            many = alike(data, at, size, many)
            self._add(data, at, size, many)
            at += many * size
        return at

    def _add(self, data: bytearray, at: int, size: int, many: int) -> None:
        first = self.count
        self.count += many
        while self._next < self.count:
            start = at + (self._next - first) * size
            self.late.append(time.monotonic() - sent_at(data, start, start + size))
            self._next += self._every


def alike(data: bytearray, at: int, size: int, many: int) -> int:
    """`many` if so many frames of this size follow each other from `at` on, else 1."""
    if many == 1:
        return 1
    end = at + size * many
    same = all(data[at + byte : end : size] == data[at + byte : at + byte + 1] * many for byte in range(4))
    return many if same else 1


def sent_at(data: bytearray, start: int, end: int) -> float:
    """The clock in a message: microseconds behind `"sent":`, as seconds."""
    digits = data.index(_SENT, start, end) + len(_SENT)
    return int(data[digits : data.index(b"}", digits, end)]) / 1e6
