"""Opening files and folders below a folder, whatever has been put in its place since it was listed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from api.workloads.indexing.documents import BadDocument

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Without waiting for anyone to write into a pipe."""
MEGABYTE = 1_000_000
LINK = "is a symbolic link: links are not followed"


class Unreadable(BadDocument):
    """The file cannot be read now, and nobody knows what is in it."""


class Vanished(BadDocument):
    """has vanished since the folder was listed"""


class Folder:
    """An open folder: it stays this one, also when another gets its name."""

    def __init__(self, path: Path) -> None:
        """`path` is real, without links; `OSError` when it is not so any more, or cannot be opened."""
        self._descriptor = os.open(path, _FOLDER)
        if os.readlink(f"/proc/self/fd/{self._descriptor}") != str(path):
            self.close()
            raise OSError(errno.ELOOP, "has become a link to somewhere else")

    def close(self) -> None:
        os.close(self._descriptor)

    @contextmanager
    def entries(self, path: str) -> Iterator[list[os.DirEntry[str]]]:
        """What is in the folder at `path` ("" for this one), to be looked at in the block. `OSError` as it comes."""
        at = self._inside(path.split("/") if path else [])
        try:
            with os.scandir(at) as entries:
                yield list(entries)
        finally:
            os.close(at)

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
        *folders, name = path.split("/")
        at = self._inside(folders)
        try:
            descriptor = os.open(name, _FILE, dir_fd=at)
        finally:
            os.close(at)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _inside(self, folders: Sequence[str]) -> int:
        """A descriptor of a folder inside, opened step by step: none of them can be a link when it is passed."""
        at = os.open(".", _FOLDER, dir_fd=self._descriptor)
        for folder in folders:
            try:
                inner = os.open(folder, _FOLDER, dir_fd=at)
            finally:
                os.close(at)
            at = inner
        return at


def not_a_file(mode: int) -> str:
    """What stands there in place of a regular file."""
    kinds = {
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    return f"is {kinds.get(stat.S_IFMT(mode), 'something else')}, not a file"


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
