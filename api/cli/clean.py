"""Text from a task is shown, never obeyed: a terminal takes some characters for commands."""

from __future__ import annotations

import unicodedata

_REORDERING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean(text: object) -> str:
    """One line of printable text: control, reordering and broken characters as visible escapes, tabs as blanks."""
    return "".join(map(_visible, str(text).expandtabs(4)))


def _visible(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if unicodedata.category(character) in _UNPRINTABLE or character in _REORDERING:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
