"""What is read out of a document, and why one cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from api.errors import InvalidInput

MAX_CHARACTERS = 30_000_000
"""Text of one document; a bulky one, such as a PDF that unpacks to much more than it is, is left out."""
MAX_TITLE = 300
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]+")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n\s*\n+")

_PICTURES = "[\U0001f000-\U0001fbff]"
_BESIDE_PICTURES = re.compile(rf"(?<=\w)(?={_PICTURES})|(?<={_PICTURES})(?=\w)")


class BadDocument(InvalidInput):
    """The document cannot be read."""


@dataclass(frozen=True, slots=True)
class Document:
    """Plain text: no control characters but the line feed, no lone surrogates."""

    title: str
    text: str


def document(title: str, text: str) -> Document:
    """The document with blanks and empty lines collapsed; `BadDocument` when it is too long."""
    if len(text) > MAX_CHARACTERS:
        raise too_long()
    return Document(_tidy(title).replace("\n", " ")[:MAX_TITLE], _tidy(text))


def too_long() -> BadDocument:
    return BadDocument(f"has more than {MAX_CHARACTERS:,} characters of text")


def apart(text: str) -> str:
    """Emoji apart from the words beside them: SQLite's tokenizer takes those that it does not know for letters."""
    return _BESIDE_PICTURES.sub(" ", text)


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _EMPTY_LINES.sub("\n\n", apart(_BLANKS.sub(" ", _CONTROL.sub(" ", text)))).strip()
