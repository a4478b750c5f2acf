"""Text for people out of what programs print: lines without terminal control, bounded in memory."""

from __future__ import annotations

import re

from api.execution import limits

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]"  # the two-character ones
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_line(text: str) -> str:
    """One line as it would stand on a screen: the last of its `\\r` rewrites, without escapes."""
    plain = _ESCAPE.sub("", text)
    written = [part for part in plain.split("\r") if part.strip()]
    return _CONTROL.sub("", written[-1]).rstrip() if written else ""


def clean_lines(text: str) -> list[str]:
    """Every line of `text` that says something, cut to what a log event carries."""
    lines = (clean_line(line) for line in text.split("\n"))
    return [limits.cut(line, limits.LOG_LINE) for line in lines if line]


class OutputLines:
    """Turns the bytes of stdout or stderr into lines, as they come; holds one line of bounded length."""

    def __init__(self, limit: int = limits.OUTPUT_LINE) -> None:
        self._limit = limit
        self._line = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes, cleaned; blank ones are left out."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for piece in complete:
            self._append(piece)
            lines.append(self._take())
        self._append(rest)
        return [line for line in lines if line]

    def close(self) -> list[str]:
        """The last line, when it had no end."""
        line = self._take()
        return [line] if line else []

    def _append(self, piece: bytes) -> None:
        start = piece.rstrip(b"\r").rfind(b"\r") + 1
        if start and piece[start:].strip():  # a rewrite makes everything before it invisible
            self._line.clear()
            self._dropped = 0
            piece = piece[start:]
        room = self._limit - len(self._line)
        self._line += piece[:room]
        self._dropped += max(0, len(piece) - room)

    def _take(self) -> str:
        text = clean_line(self._line.decode("utf-8", "replace"))
        if self._dropped:
            text += f" … [{self._dropped:,} bytes cut]"
        self._line.clear()
        self._dropped = 0
        return limits.cut(text, limits.LOG_LINE)
