"""Which way a document is read: by the ending of its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from api.workloads.indexing.documents import Document, document
from api.workloads.indexing.encoding import decode
from api.workloads.indexing.html import read_html
from api.workloads.indexing.markdown import read_markdown
from api.workloads.indexing.pdf import read_pdf


def read_text(data: bytes) -> Document:
    """Plain text, without a title."""
    return document("", decode(data))


_READERS: dict[str, Callable[[bytes], Document]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
}


def extract(name: str, data: bytes) -> Document:
    """The text of a file with this name; `BadDocument` says why there is none."""
    return _READERS.get(PurePosixPath(name).suffix.lower(), read_text)(data)
