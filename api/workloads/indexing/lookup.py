"""Looking for words in an index, beside whoever writes it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from api.domain.workload import Found, Hit
from api.errors import Conflict, Unavailable
from api.workloads.indexing.words import expression

SECONDS = 5.0
"""For one search."""
BUSY_SECONDS = 2.0
SNIPPET_WORDS = 32
_START, _END = "\x02", "\x03"
"""Around words in a snippet; no text in the index has them."""
_STEPS = 1000
"""Of SQLite's machine between two looks at the clock."""
_FIND = f"""
SELECT documents.path, texts.title, -texts.rank, snippet(texts, -1, ?, ?, '…', {SNIPPET_WORDS})
FROM texts JOIN documents ON documents.id = texts.rowid
WHERE texts MATCH ? ORDER BY texts.rank LIMIT ? OFFSET ?
"""


def search_index(file: Path, words: str, limit: int, offset: int) -> Found:
    """The documents with all of the words, the best first by BM25.

    `InvalidInput` for what is no word, `Conflict` when there is no index, `Unavailable` when it takes too long.
    """
    matching = expression(words)
    if not file.is_file():
        raise Conflict("there is no index yet: the task has not begun to write it")
    deadline = time.monotonic() + SECONDS
    try:
        with closing(sqlite3.connect(_address(file), uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            return _search(db, matching, limit, offset)
    except sqlite3.OperationalError as error:
        raise _not_now(error) from error
    except sqlite3.DatabaseError as error:
        raise Conflict(f"the index is damaged ({error}): submit its task again with rebuild") from error


def _address(file: Path) -> str:
    return f"file:{quote(str(file))}?mode=ro"


def _search(db: sqlite3.Connection, matching: str, limit: int, offset: int) -> Found:
    db.execute("BEGIN")  # both answers about the same state
    total = db.execute("SELECT count(*) FROM texts WHERE texts MATCH ?", (matching,)).fetchone()[0]
    rows = db.execute(_FIND, (_START, _END, matching, limit, offset)).fetchall() if offset < total else []
    return Found(total, tuple(_hit(*row) for row in rows))


def _not_now(error: sqlite3.OperationalError) -> Conflict | Unavailable:
    if error.sqlite_errorname == "SQLITE_INTERRUPT":
        return Unavailable(f"the search takes longer than {SECONDS:g} s: use rarer words, or a smaller limit")
    if "no such table" in str(error) or error.sqlite_errorname == "SQLITE_CANTOPEN":
        return Conflict("there is no index yet: the task has only just begun to write it")
    return Unavailable(f"the index cannot be read now: {error}")


def _hit(path: str, title: str, score: float, snippet: str) -> Hit:
    parts = list(_parts(snippet))
    marks: list[tuple[int, int]] = []
    length = 0
    for text, is_word in parts:
        if is_word:
            marks.append((length, length + len(text)))
        length += len(text)
    return Hit(path, title or PurePosixPath(path).name, score, "".join(text for text, _ in parts), tuple(marks))


def _parts(snippet: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a snippet, and whether each is a word that was looked for."""
    before, *rest = snippet.split(_START)
    yield before, False
    for each in rest:
        word, _, after = each.partition(_END)
        yield word, True
        yield after, False
