"""Uploads: files that users send, kept per user in a folder for each upload, where tasks may read them."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from api.access.principals import require
from api.domain.permission import Action, Principal
from api.errors import Conflict, NotFound, RuncastError, Unavailable
from api.runtime.base import Runtime
from api.runtime.offload import offload
from api.services.folders import UPLOADS, Folders

T = TypeVar("T")
INCOMING = ".incoming-"
"""What the folder of an upload that is not complete begins with."""
PARTS, FILES = "parts", "files"
STALE_SECONDS = 86_400


class TooLarge(RuncastError):
    """There is no room for so much."""

    code = "too-large"
    status = 413


@dataclass(frozen=True, slots=True)
class Upload:
    """What was sent in one request. `folder` and the files' names are what params of tasks take."""

    id: str
    created_at: datetime
    files: tuple[tuple[str, int], ...]
    """(name, bytes), in the order of the names."""

    @property
    def folder(self) -> str:
        return f"{UPLOADS}/{self.id}"

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)


class Uploads:
    def __init__(self, folders: Folders, runtime: Runtime, *, most_bytes: int) -> None:
        """`most_bytes`: of one user's uploads together."""
        self._folders = folders
        self._runtime = runtime
        self._most = most_bytes

    def begin(self, principal: Principal, size: int | None) -> Path:
        """A new folder for what is about to come, `size` bytes as far as is known; `TooLarge`, `Unavailable`.

        It holds two: `PARTS` for files while they come, `FILES` for those that have, by their names.
        """
        require(principal, Action.SUBMIT)
        root = self._folders.uploads(principal.user)

        def make() -> Path:
            _sweep(root)
            held = sum(each.size for each in _uploads(root))
            if held + (size or 0) > self._most:
                raise TooLarge(
                    f"your uploads hold {held:,} bytes of the {self._most:,} that they may: delete some "
                    "(DELETE /api/files/{upload_id})"
                )
            folder = root / f"{INCOMING}{uuid.uuid4()}"
            for part in (PARTS, FILES):
                (folder / part).mkdir(parents=True)
            return folder

        return self._on_disk(make)

    def complete(self, principal: Principal, incoming: Path) -> Upload:
        """Everything has come: from now on tasks may read it. `TooLarge`."""
        root = self._folders.uploads(principal.user)

        def settle() -> Upload:
            folder = root / incoming.name.removeprefix(INCOMING)
            new = _upload(incoming / FILES)
            if sum(each.size for each in _uploads(root)) + new.size > self._most:
                raise TooLarge(f"your uploads may hold {self._most:,} bytes together: delete some")
            os.replace(incoming / FILES, folder)
            shutil.rmtree(incoming, ignore_errors=True)
            return _upload(folder)

        return self._on_disk(settle)

    def discard(self, incoming: Path) -> None:
        """It was not to be, or did not come whole."""
        offload(self._runtime, lambda: shutil.rmtree(incoming, ignore_errors=True))

    def list(self, principal: Principal) -> Sequence[Upload]:
        """The principal's own, newest first."""
        require(principal, Action.LIST)
        found = self._on_disk(lambda: _uploads(self._folders.uploads(principal.user)))
        return sorted(found, key=lambda each: each.created_at, reverse=True)

    def delete(self, principal: Principal, upload_id: str) -> None:
        """`NotFound` for another user's too. A task that still has to read it will fail."""
        require(principal, Action.SUBMIT)
        try:
            name = str(uuid.UUID(upload_id))
        except ValueError:
            raise NotFound("there is no such upload") from None
        folder = self._folders.uploads(principal.user) / name

        def remove() -> None:
            if name != upload_id or not folder.is_dir():
                raise NotFound("there is no such upload")
            shutil.rmtree(folder)

        self._on_disk(remove)

    def _on_disk(self, work: Callable[[], T]) -> T:
        try:
            return offload(self._runtime, work)
        except FileNotFoundError:
            raise Conflict("the upload was deleted at this moment") from None
        except OSError as error:
            raise Unavailable(f"the server cannot keep files now: {error.strerror}") from error


def _uploads(root: Path) -> list[Upload]:
    if not root.is_dir():
        return []
    return [_upload(folder) for folder in root.iterdir() if not folder.name.startswith(INCOMING)]


def _upload(folder: Path) -> Upload:
    files = sorted((each.name, each.stat().st_size) for each in folder.iterdir())
    return Upload(folder.name, datetime.fromtimestamp(folder.stat().st_mtime, UTC), tuple(files))


def _sweep(root: Path) -> None:
    """What a server was receiving when it died."""
    if root.is_dir():
        now = datetime.now(UTC).timestamp()
        for folder in root.glob(f"{INCOMING}*"):
            if now - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
