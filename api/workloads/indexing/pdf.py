"""PDF: the text of its pages, as far as there is any. Pictures of text are not read."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from api.workloads.indexing.documents import MAX_CHARACTERS, BadDocument, Document, document, too_long

# It warns of each flaw that it has got over, thousands of times in some files.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def read_pdf(data: bytes) -> Document:
    """`BadDocument` for one that is broken, needs a password, unpacks to too much or has no text."""
    if b"%PDF-" not in data[:1024]:
        raise BadDocument("is no PDF: it does not begin like one")
    try:
        return _read(PdfReader(io.BytesIO(data)))
    except LimitReachedError as error:
        raise BadDocument(f"unpacks to more than is read: {error}") from None
    except DependencyError:
        raise BadDocument("is encrypted in a way that cannot be read here") from None
    except PyPdfError as error:
        raise BadDocument(f"is a broken PDF: {error}") from None


def _read(reader: PdfReader) -> Document:
    if reader.is_encrypted and not reader.decrypt(""):  # many are encrypted with no password at all
        raise BadDocument("is encrypted: it needs a password")
    pages = list(_pages(reader))
    if pages and not any(page.strip() for page in pages):
        raise BadDocument("has no text: pictures of pages are not read")
    return document(_title(reader), "\n\n".join(pages))


def _pages(reader: PdfReader) -> Iterator[str]:
    left = MAX_CHARACTERS
    for page in reader.pages:
        text = page.extract_text()
        left -= len(text)
        if left < 0:
            raise too_long()
        yield text


def _title(reader: PdfReader) -> str:
    return str((reader.metadata and reader.metadata.title) or "")
