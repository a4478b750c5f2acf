"""PDF files, written by hand: as small as they can be, and as bad as they are wanted."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter


def pdf(*pages: str, title: str = "") -> bytes:
    """One page for each text, which is of ASCII letters."""
    streams = [f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode() if text else b"" for text in pages]
    return written([(stream, False) for stream in streams], title)


def locked(text: str, password: str) -> bytes:
    """Encrypted by RC4, for which pypdf needs no other library."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(text))))
    writer.encrypt(password, "owner's", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def bomb(megabytes: int) -> bytes:
    """A page whose stream unpacks to so much, a thousandth of which it is."""
    return written([(zlib.compress(b" " * (megabytes * 1_000_000), 9), True)])


def tedious(letters: int) -> bytes:
    """A page that sets each letter by itself: 200,000 are a file of 20 kB, and take pypdf ten seconds or more."""
    return written([(zlib.compress(b"BT /F1 12 Tf 72 720 Td (x) Tj ET\n" * letters, 9), True)])


def written(streams: Sequence[tuple[bytes, bool]], title: str = "") -> bytes:
    """A file with one page for each (content stream, whether it is deflated)."""
    pages = [4 + 2 * number for number in range(len(streams))]
    kids = " ".join(f"{number} 0 R" for number in pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, (content, deflated) in zip(pages, streams, strict=True):
        coded = " /Filter /FlateDecode" if deflated else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(content), coded.encode(), content))
    objects.append(f"<< /Title ({title}) >>".encode())
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(out)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, size - 1, start)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table) + trailer
