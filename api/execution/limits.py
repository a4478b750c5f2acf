"""How large the things may be that a child says. All sizes are bytes of JSON in UTF-8, unless it says otherwise."""

from __future__ import annotations

import json

REPORT_LINE = 1024 * 1024
"""One line from the child; a longer one is not a report."""
COMMAND_LINE = 16 * 1024 * 1024
"""One line to the child: it carries the params, which the server has accepted already."""
EVENT = 64 * 1024
"""The `data` of one event."""
LOG_LINE = 60 * 1024
"""The text of one log event; the rest of `EVENT` is for its level and logger."""
RESULT = 60 * 1024
"""The result that travels in an event; a larger one becomes a file."""
TRACEBACK = 56 * 1024
ERROR = 4 * 1024
MESSAGE = 2 * 1024
"""The message of a progress report."""
LOGGER = 200
OUTPUT_LINE = 64 * 1024
"""Raw bytes kept of one line of stdout or stderr."""
READ = 64 * 1024
"""Bytes taken from one descriptor at once: what a turn of the supervisor costs at most."""
BATCH = 500
"""Events in one `Reporter.report`."""
PROGRESS_INTERVAL = 0.05
"""Seconds between two progress reports."""


def json_size(text: str) -> int:
    """The size of `text` inside a JSON string."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) - 2


def cut(text: str, limit: int) -> str:
    """`text`, or as much of its beginning as fits into `limit`, saying how much is missing."""
    kept = _prefix(text, limit)
    return text if kept == len(text) else text[:kept] + _missing(len(text) - kept)


def cut_middle(text: str, limit: int) -> str:
    """`text`, or its beginning and its longer end: of a traceback the end says most."""
    if json_size(text) <= limit:
        return text
    head = text[: _prefix(text, limit // 4, hard=True)]
    rest = text[len(head) :]
    tail = rest[::-1][: _prefix(rest[::-1], limit - limit // 4, hard=True)][::-1]
    return f"{head}{_missing(len(text) - len(head) - len(tail))}\n{tail}"


def _missing(characters: int) -> str:
    return f" … [{characters:,} characters cut]"


def _prefix(text: str, limit: int, *, hard: bool = False) -> int:
    """How many characters to keep. When something is cut there is room for saying so."""
    if not hard and len(text) <= limit and json_size(text) <= limit:
        return len(text)
    low, high = 0, min(len(text), max(limit - 64, 0))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if json_size(text[:middle]) <= limit - 64 else (low, middle - 1)
    return low
