"""The output of a program as lines, and the line that it is still writing."""

from __future__ import annotations

MAX_LINE = 64 * 1024
"""Bytes kept of one line."""


class Output:
    """Splits the bytes of a stream as they come. Of a line that is rewritten by `\\r` only the last text counts."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes."""
        *complete, rest = (self._rest + chunk).split(b"\n")
        start = rest.rstrip(b"\r").rfind(b"\r") + 1
        self._rest = rest[start:][:MAX_LINE]
        return [_text(line) for line in complete]

    @property
    def current(self) -> str:
        """The line that has no end yet."""
        return _text(self._rest)

    def close(self) -> list[str]:
        """The last line, when it had no end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest.strip() else []


def _text(line: bytes) -> str:
    written = [part for part in line.split(b"\r") if part.strip()]
    return written[-1][:MAX_LINE].decode("utf-8", "replace") if written else ""
