"""The process that reads documents: whatever one does to it, the task goes on.

It says `READY`, takes (name, data) over a socket again and again, and answers each with a message of JSON,
`{"title"}`, and one of the text, or with `{"error"}` alone.
It ends when the task does.
"""

from __future__ import annotations

import json
import resource
import sys
from multiprocessing.connection import Connection

from api.workloads.indexing.documents import BadDocument, Document
from api.workloads.indexing.extract import extract
from api.workloads.indexing.reading import READY

MEMORY = 1024 * 1024 * 1024
"""Address space in bytes: as much as the largest file and its text may need, several times over."""


def serve(descriptor: int) -> None:
    """Read what comes over the socket until the other end is closed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with Connection(descriptor) as connection:
        connection.send_bytes(READY)
        while True:
            try:
                name, data = connection.recv_bytes().decode(), connection.recv_bytes()
            except EOFError:
                return
            _answer(connection, name, data)


def _answer(connection: Connection, name: str, data: bytes) -> None:
    found = read(name, data)
    if isinstance(found, Document):
        connection.send_bytes(json.dumps({"title": found.title}).encode())
        connection.send_bytes(found.text.encode())
    else:
        connection.send_bytes(json.dumps({"error": found}).encode())


def read(name: str, data: bytes) -> Document | str:
    """The document, or why it cannot be read."""
    try:
        return extract(name, data)
    except BadDocument as error:
        return error.message
    except MemoryError:
        return f"takes more than {MEMORY >> 20:,} MiB of memory to read"
    except RecursionError:
        return "is nested too deep to be read"
    except Exception as error:  # noqa: BLE001 - whatever a parser trips over is reported as what this document did
        return f"cannot be read: {type(error).__name__}: {error}"


if __name__ == "__main__":
    serve(int(sys.argv[1]))
