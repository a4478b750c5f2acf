"""Uploads: files as `multipart/form-data`, written to disk as they come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from flask import Blueprint, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_input_stream

from api.access.principals import current_principal
from api.domain.event import rfc3339
from api.errors import Flaw, InvalidInput, Unavailable
from api.rest.parts import Parts
from api.rest.schemas import UploadList, UploadMade
from api.services.uploads import FILES, PARTS, TooLarge, Upload

MAX_FILES = 1000
"""Files in one request."""
NAME_BYTES = 200
BREATH = 256 * 1024
"""Bytes after which others have their turn: a fast client would otherwise never let the hub go."""
MEBIBYTE = 1024 * 1024


def create_files(parts: Parts) -> Blueprint:
    blueprint = Blueprint("files", __name__)

    @blueprint.post("/files")
    @parts.contract(ok={201: UploadMade}, fails=(400, 413, 415, 422), tag="files")
    def upload_files() -> tuple[dict[str, Any], int, dict[str, str]]:
        """Send one or more files, each a part of `multipart/form-data` with a file name: `curl -F file=@bom.json …`.

        `file` is what `bom_file` and other params of tasks take, `folder` what an `indexing` task does.
        """
        upload = _received(parts)
        made = _shown(upload)
        return {**made, "file": made["files"][0]["file"]}, 201, {"Location": f"/api/files/{upload.id}"}

    @blueprint.get("/files")
    @parts.contract(ok={200: UploadList}, tag="files")
    def list_uploads() -> dict[str, Any]:
        """One's own uploads, newest first."""
        return {"uploads": [_shown(each) for each in parts.uploads.list(current_principal())]}

    @blueprint.delete("/files/<upload_id>")
    @parts.contract(ok={204: None}, tag="files")
    def delete_upload(upload_id: str) -> tuple[str, int]:
        """Remove an upload with all its files."""
        parts.uploads.delete(current_principal(), upload_id)
        return "", 204

    return blueprint


def _received(parts: Parts) -> Upload:
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("send the files as multipart/form-data")
    principal, limit = current_principal(), parts.upload_bytes
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    incoming = parts.uploads.begin(principal, request.content_length)
    try:
        _write(incoming, limit, lambda: parts.runtime.sleep(0))
        return parts.uploads.complete(principal, incoming)
    except BaseException:
        parts.uploads.discard(incoming)
        raise


def _write(incoming: Path, limit: int, breathe: Callable[[], None]) -> None:
    """Every file of the request, by its own name."""
    written: list[_Breathing] = []

    def stream_factory(*about: Any, **more: Any) -> IO[bytes]:
        written.append(_Breathing((incoming / PARTS / str(len(written))).open("xb"), breathe))
        return cast("IO[bytes]", written[-1])

    parser = FormDataParser(
        stream_factory, max_form_memory_size=64 * 1024, max_content_length=limit, max_form_parts=MAX_FILES, silent=False
    )
    # One byte more than may come: werkzeug ends a body in chunks at the limit, without a word.
    stream = get_input_stream(request.environ, max_content_length=limit + 1)
    try:
        _, _, files = parser.parse(stream, request.mimetype, request.content_length, request.mimetype_params)
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    except ClientDisconnected:
        raise InvalidInput("the request ended before its files did") from None
    except ValueError as error:
        raise InvalidInput(f"the body is no multipart/form-data: {error}") from None
    except OSError as error:
        raise Unavailable(f"the server cannot keep files now: {error.strerror}") from error
    finally:
        for each in written:
            each.close()
    if sum(each.size for each in written) > limit:
        raise _too_large(limit)
    _name(incoming, [each for _, several in files.lists() for each in several])


def _name(incoming: Path, files: list[FileStorage]) -> None:
    if not files:
        raise InvalidInput(flaws=[Flaw(("file",), "there is no part with a file name in the request")])
    names: set[str] = set()
    for number, each in enumerate(files):
        name, flaw = _plain_name(each.filename or "")
        if name in names:
            flaw = "another file of the request has this name"
        if flaw:
            raise InvalidInput(flaws=[Flaw((each.name or "file", number), flaw)])
        names.add(name)
        (incoming / PARTS / str(number)).rename(incoming / FILES / name)


def _plain_name(sent: str) -> tuple[str, str]:
    """The last part of a name as a client sends it, and what is wrong with that."""
    name = sent.replace("\\", "/").rpartition("/")[2]
    if name.strip(". ") == "" or any(ord(character) < 32 or ord(character) == 127 for character in name):
        return name, "the file has no name that can be used here"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return name, "the file has no name that can be used here"
    return name, "" if size <= NAME_BYTES else f"the file's name is longer than {NAME_BYTES} bytes"


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request is larger than the {limit // MEBIBYTE} MiB that an upload may have")


def _shown(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "folder": upload.folder,
        "created_at": rfc3339(upload.created_at),
        "files": [{"name": name, "file": f"{upload.folder}/{name}", "bytes": size} for name, size in upload.files],
    }


class _Breathing:
    """A file that lets the others have their turn now and then."""

    def __init__(self, file: IO[bytes], breathe: Callable[[], None]) -> None:
        self._file = file
        self._breathe = breathe
        self._since = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self._since += len(data)
        if self._since >= BREATH:
            self._since = 0
            self._breathe()
        return self._file.write(data)

    def seek(self, *place: int) -> int:
        return self._file.seek(*place)

    def close(self) -> None:
        self._file.close()
