"""Which documents there are below a folder, without following a single symbolic link."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from re import compile as compiled

from api.workloads.indexing.opening import LINK, Folder, not_a_file

MAX_DEPTH = 100


@dataclass(slots=True)
class Listing:
    """`documents`: shown path → path on disk, both relative to the folder with `/`, in order.

    A path on disk need not be text; the shown one is. `failures`: shown path → why it is no document.
    `unlisted`: shown paths of folders of which nobody knows what is in them.
    """

    documents: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)


def shown(path: str) -> str:
    """A path as text: bytes that are no UTF-8 as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def list_documents(root: Folder, patterns: Sequence[str], checkpoint: Callable[[], None]) -> Listing:
    """Everything below `root` that matches; names that begin with a dot are left out.

    `checkpoint` is called before each folder. `OSError` when `root` itself cannot be listed.
    """
    found = Listing()
    matches = _matcher(patterns)
    folders = [""]
    while folders:
        checkpoint()
        folder = folders.pop()
        try:
            with root.entries(folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    if not entry.name.startswith("."):
                        _take(found, entry, f"{folder}/{entry.name}".lstrip("/"), matches, folders)
        except OSError as error:
            if not folder:
                raise
            if isinstance(error, FileNotFoundError):  # gone since, with all that was in it
                continue
            found.failures[shown(folder)] = f"cannot be listed: {error.strerror}"
            found.unlisted.append(shown(folder))
    found.documents = dict(sorted(found.documents.items()))
    return found


def _take(
    found: Listing, entry: os.DirEntry[str], path: str, matches: Callable[[str], bool], folders: list[str]
) -> None:
    name, wanted = shown(path), matches(path)
    if entry.is_symlink():
        if wanted or not _is_other_file(entry):
            found.failures[name] = LINK
    elif entry.is_dir(follow_symlinks=False):
        if path.count("/") >= MAX_DEPTH:
            found.failures[name] = f"is nested deeper than {MAX_DEPTH} folders"
            found.unlisted.append(name)
        else:
            folders.append(path)
    elif not wanted:
        return
    elif not entry.is_file(follow_symlinks=False):
        found.failures[name] = not_a_file(_mode(entry))
    elif name in found.documents:
        found.failures[name] = "has the same name as another one, but for bytes that are no UTF-8"
    else:
        found.documents[name] = path


def _is_other_file(link: os.DirEntry[str]) -> bool:
    """Whether a link leads to a file, which its name says is not wanted. A loop leads to nothing."""
    try:
        return link.is_file()
    except OSError:
        return False


def _mode(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_mode
    except OSError:  # gone since
        return 0


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    by_name = [compiled(translate(pattern.lower())) for pattern in patterns if "/" not in pattern]
    by_path = [compiled(translate(pattern.lower())) for pattern in patterns if "/" in pattern]

    def matches(path: str) -> bool:
        low = path.lower()
        name = low.rpartition("/")[2]
        return any(each.match(name) for each in by_name) or any(each.match(low) for each in by_path)

    return matches
