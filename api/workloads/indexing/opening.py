"""Opening a file below a folder, whatever has been put in its place since it was listed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.workloads.indexing.documents import BadDocument
from api.workloads.indexing.listing import LINK, not_a_file

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Without waiting for anyone to write into a pipe."""
MEGABYTE = 1_000_000


class Unreadable(BadDocument):
    """The file cannot be read now, and nobody knows what is in it."""


class Vanished(BadDocument):
    """has vanished since the folder was listed"""


class Folder:
    """An open folder: it stays this one, also when another gets its name."""

    def __init__(self, path: Path) -> None:
        """`OSError` when it cannot be opened."""
        self._descriptor = os.open(path, _FOLDER)

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, path: str, max_megabytes: int) -> bytes:
        """The content of the regular file at `path`; no part of it may be a link.

        `Unreadable`, `Vanished`, or `BadDocument` for what is no file or too large.
        """
        try:
            with self._opened(path) as descriptor:
                return _content(descriptor, max_megabytes)
        except FileNotFoundError:
            raise Vanished from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise BadDocument(LINK) from None
            if error.errno == errno.ENXIO:
                raise BadDocument(not_a_file(stat.S_IFSOCK)) from None
            raise Unreadable(f"cannot be read: {error.strerror}") from None

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        """Folder by folder, so that none of them can be a link by the time it is passed."""
        *folders, name = path.split("/")
        at = os.dup(self._descriptor)
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER, dir_fd=at)
                os.close(at)
                at = inner
            descriptor = os.open(name, _FILE, dir_fd=at)
        finally:
            os.close(at)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _content(descriptor: int, max_megabytes: int) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise BadDocument(not_a_file(mode))
    most = max_megabytes * MEGABYTE
    too_large = BadDocument(f"is larger than {max_megabytes} MB")
    if os.fstat(descriptor).st_size > most:
        raise too_large
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        data = stream.read(most + 1)  # it may have grown
    if len(data) > most:
        raise too_large
    return data
