"""Markdown: its text without the markup, by a parser of CommonMark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from api.workloads.indexing.documents import Document, document
from api.workloads.indexing.encoding import decode
from api.workloads.indexing.html import html_text

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*$\r?\n?", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def read_markdown(data: bytes) -> Document:
    """The text; the title is that of the front matter, else the first heading."""
    source = decode(data)
    matter = _FRONT_MATTER.match(source)
    tokens = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source[matter.end() :] if matter else source)
    )
    named = _TITLE.search(matter.group(1)) if matter else None
    title = named.group(1).strip("\"'") if named else _first_heading(tokens)
    return document(title, "\n".join(_lines(tokens)))


def _first_heading(tokens: Sequence[Token]) -> str:
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            return _inline(content.children or ())
    return ""


def _lines(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield _inline(token.children or ())
        elif token.type in ("fence", "code_block"):
            yield token.content
        elif token.type == "html_block":
            yield html_text(token.content)[1]
        elif token.nesting == 1 and token.type in ("paragraph_open", "heading_open"):
            yield ""


def _inline(tokens: Sequence[Token]) -> str:
    return "".join(map(_word, tokens))


def _word(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type == "image":  # its content is the text that stands for it
        return _inline(token.children or ())
    return token.content if token.type in ("text", "code_inline", "text_special") else ""
