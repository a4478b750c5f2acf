"""What a user types, as an expression of FTS5: never its syntax, which no user has to know."""

from __future__ import annotations

import re

from api.errors import Flaw, InvalidInput
from api.workloads.indexing.documents import apart

MAX_WORDS = 50
_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')


def expression(words: str) -> str:
    """All words, each as a string of FTS5; `word*` for a beginning; what stands in quotes as one phrase.

    `InvalidInput` when there is nothing among them that an index could hold, or too much.
    """
    strings = [string for match in _PART.finditer(apart(words)) if (string := _string(match))]
    if not strings:
        raise InvalidInput(flaws=[Flaw(("q",), "has no word in it: letters or digits are needed")])
    if len(strings) > MAX_WORDS:
        raise InvalidInput(flaws=[Flaw(("q",), f"has {len(strings)} words, {MAX_WORDS} at most")])
    return " ".join(strings)


def _string(match: re.Match[str]) -> str:
    phrase, word = match.group(1), match.group(2)
    if phrase is not None:
        return f'"{phrase}"' if _has_word(phrase) else ""
    if not _has_word(word):
        return ""
    bare = word.rstrip("*")
    return f'"{bare}"*' if bare != word else f'"{word}"'


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))
