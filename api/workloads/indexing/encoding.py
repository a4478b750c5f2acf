"""From bytes to text: a byte order mark, else UTF-8, else a guess."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from api.workloads.indexing.documents import BadDocument

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of a file. `declared` is the encoding that the file itself names, believed when it fits.

    `BadDocument` for what is binary, and for what no encoding fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding)
    if b"\0" in data:
        raise BadDocument("is binary: it has zero bytes")
    for named in (declared, "utf-8"):
        if named and not named.lower().startswith(("utf-16", "utf-32")):  # these would have zero bytes
            try:
                return data.decode(named)
            except (LookupError, ValueError):  # no encoding of text, or not that of this one
                continue
    return _guessed(data)


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadDocument(f"begins with the mark of {encoding.upper()} and is not that: {error.reason}") from None


def _guessed(data: bytes) -> str:
    best = from_bytes(data).best()
    if best is None:
        raise BadDocument("is in no encoding that is known, or is binary")
    return str(best)
