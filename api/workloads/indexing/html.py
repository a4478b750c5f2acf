"""HTML: the words that a browser would show, and the title."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from api.workloads.indexing.documents import Document, document
from api.workloads.indexing.encoding import decode

_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_HEAD = 4096
"""Bytes in which a page may name its encoding; the HTML standard has 1,024."""
_UNSHOWN = frozenset({"script", "style", "template", "svg"})
_INLINE = frozenset(
    {
        *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd"),
        *("label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    }
)


def read_html(data: bytes) -> Document:
    """The text of a page, one line for each block; what is left open at the end is taken as closed."""
    found = _DECLARED.search(data[:_HEAD])
    title, text = html_text(decode(data, found.group(1).decode() if found else None))
    return document(title, text)


def html_text(source: str) -> tuple[str, str]:
    """(title, text) of a page or a part of one."""
    parser = _Words()
    parser.feed(source)
    parser.close()
    return "".join(parser.title), "".join(parser.text)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self._unshown: list[str] = []
        """Open elements whose content is not shown, the innermost last."""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSHOWN:
            self._unshown.append(tag)
        elif tag == "title" and not self._unshown:
            self._in_title = not self.title
        elif tag == "img":
            self.text.append(f" {dict(attrs).get('alt') or ''} ")
        self._part(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSHOWN:  # `<svg/>` has no content to leave out
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unshown:
            while self._unshown.pop() != tag:
                pass
        elif tag == "title":
            self._in_title = False
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._unshown:
            self.text.append(data)

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self.text.append("\n")
