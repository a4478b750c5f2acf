"""Input files: names that users send, resolved only inside the configured folders, and their text."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from api.errors import InvalidInput

MAX_NAME = 1024


def resolve_input(name: str, folders: Sequence[Path]) -> Path:
    """The existing regular file that `name` stands for.

    `name` is relative to an input folder or to its parent (`config/bom.json` for the folder `config`),
    or absolute and inside one. Symbolic links are followed before the check. One answer for whatever is
    outside or missing, so that nobody can probe the machine's files: `InvalidInput`.
    """
    return _resolve(name, folders, Path.is_file, "file")


def resolve_folder(name: str, folders: Sequence[Path]) -> Path:
    """The existing folder that `name` stands for, an input folder itself or one inside; otherwise as above."""
    return _resolve(name, folders, Path.is_dir, "folder")


def _resolve(name: str, folders: Sequence[Path], fits: Callable[[Path], bool], kind: str) -> Path:
    if not name or len(name) > MAX_NAME or "\0" in name:
        raise InvalidInput(f"is not a {kind} name that can be used here")
    for folder in folders:
        root = folder.resolve()
        for candidate in (root / name, root.parent / name):
            found = _inside(candidate, root, fits)
            if found is not None:
                return found
    raise InvalidInput(f"no such {kind} in the input folders: {name!r}")


def _inside(candidate: Path, root: Path, fits: Callable[[Path], bool]) -> Path | None:
    try:
        real = candidate.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # missing, too long, a loop of links, a surrogate
        return None
    return real if real.is_relative_to(root) and fits(real) else None


def read_text(path: Path, limit: int, bad: Callable[[str], InvalidInput]) -> str:
    """The text of a UTF-8 file of at most `limit` bytes; what is wrong with it is raised as `bad` makes it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would block for ever
            raise bad("is not a file")
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except (OSError, ValueError):
        raise bad("cannot be read") from None
    if len(raw) > limit:
        raise bad(f"is larger than {limit // 1000} kB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise bad("is not UTF-8 text") from None


def _check(resolve: Callable[[str, Sequence[Path]], Path]) -> Callable[[str, ValidationInfo], str]:
    """Refuses a name that resolves to nothing; the folders come with the validation context."""

    def check(name: str, info: ValidationInfo) -> str:
        folders = (info.context or {}).get("input_dirs")
        if folders is not None:
            try:
                resolve(name, folders)
            except InvalidInput as error:
                raise ValueError(error.message) from None
        return name

    return check


_FILE, _FOLDER = ({"format": name} for name in ("input-file", "input-folder"))
"""So that a form can offer to send one."""

InputFile = Annotated[str, AfterValidator(_check(resolve_input)), Field(json_schema_extra=_FILE)]
"""A field of a params model that names a file in the server's input folders; open it by `ctx.input_path`."""

InputFolder = Annotated[str, AfterValidator(_check(resolve_folder)), Field(json_schema_extra=_FOLDER)]
"""The same for a folder; get it by `ctx.input_folder`."""
