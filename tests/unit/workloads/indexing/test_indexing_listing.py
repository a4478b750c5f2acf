"""Which files are documents, and that nothing outside the folder can be had through it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from api.workloads.indexing import listing
from api.workloads.indexing.documents import BadDocument
from api.workloads.indexing.listing import Listing, list_documents
from api.workloads.indexing.opening import LINK, Folder, Unreadable, Vanished
from api.workloads.indexing.params import PATTERNS

NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(root: Path) -> Iterator[Folder]:
    with closing(Folder(root)) as folder:
        yield folder


def listed(root: Path, *patterns: str) -> Listing:
    with closing(Folder(root)) as opened:
        return list_documents(opened, patterns or PATTERNS, lambda: None)


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("secret")


def test_files_are_found_by_their_names_at_any_depth_and_in_order(root: Path) -> None:
    fill(root, "b.txt", "a/b/C.PDF", "a/x.bin", "a.md", ".hidden.txt", ".git/readme.md", "z/README.Markdown")
    assert ["a.md", "a/b/C.PDF", "b.txt", "z/README.Markdown"] == list(listed(root).documents)
    assert not listed(root).failures


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.txt", ["a.txt", "notes/b.txt", "notes/old/c.txt"]),
        ("notes/*.txt", ["notes/b.txt", "notes/old/c.txt"]),
        ("NOTES/b.*", ["notes/b.txt"]),
        ("[bc].txt", ["notes/b.txt", "notes/old/c.txt"]),
        ("*a*a*a*a*a*a*a*a*a*a*a*b", []),
        ("[", []),
    ],
)
def test_a_pattern_is_of_names_or_of_paths(root: Path, pattern: str, found: list[str]) -> None:
    fill(root, "a.txt", "notes/b.txt", "notes/old/c.txt", "a" * 200)
    assert found == list(listed(root, pattern).documents)


def test_links_are_told_and_never_followed(root: Path, tmp_path: Path) -> None:
    """Those of other kinds of file are nobody's business."""
    fill(tmp_path, "outside.txt", "away/b.txt")
    (root / "file.txt").symlink_to(tmp_path / "outside.txt")
    (root / "folder").symlink_to(tmp_path / "away")
    (root / "loop").symlink_to(root / "loop")
    (root / "up").symlink_to(root)
    (root / "gone.txt").symlink_to(root / "nowhere")
    fill(root, "data.bin")
    (root / "link.bin").symlink_to(root / "data.bin")
    found = listed(root)
    assert not found.documents
    assert dict.fromkeys(["file.txt", "folder", "gone.txt", "loop", "up"], LINK) == dict(sorted(found.failures.items()))


def test_what_is_no_file_is_told(root: Path) -> None:
    os.mkfifo(root / "pipe.txt")
    os.mkfifo(root / "pipe.bin")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        here = Path.cwd()
        os.chdir(root)  # the name of a socket has to be short
        try:
            listener.bind("socket.txt")
        finally:
            os.chdir(here)
        assert {"pipe.txt": "is a pipe, not a file", "socket.txt": "is a socket, not a file"} == listed(root).failures


def test_a_folder_that_has_become_a_link_is_not_listed(root: Path, opened: Folder, tmp_path: Path) -> None:
    """Neither the one that was asked for, nor one inside, nor one above."""
    fill(tmp_path, "outside/a.txt")
    (root / "inside").symlink_to(tmp_path / "outside")
    (tmp_path / "link").symlink_to(tmp_path)
    for link in (root / "inside", tmp_path / "link" / "outside"):
        with pytest.raises(OSError, match=r"link|directory"):
            Folder(link)
    with pytest.raises(OSError, match="directory"), opened.entries("inside"):
        pass


def test_names_that_are_no_utf_8_are_shown_as_bytes(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    fill(root, name)
    assert {"caf\\xe9.txt": name} == listed(root).documents
    fill(root, "caf\\xe9.txt")
    found = listed(root)
    assert ["caf\\xe9.txt"] == list(found.documents)
    assert "same name" in found.failures["caf\\xe9.txt"]


def test_a_folder_that_cannot_be_listed_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And remembered: nobody knows what has become of what was in it."""
    fill(root, "a/x.txt", "b/x.txt")
    entries = Folder.entries

    def refused(self: Folder, path: str) -> AbstractContextManager[list[os.DirEntry[str]]]:
        if path == "a":
            raise PermissionError(13, "Permission denied")
        return entries(self, path)

    monkeypatch.setattr(Folder, "entries", refused)
    found = listed(root)
    assert ["b/x.txt"] == list(found.documents)
    assert {"a": "cannot be listed: Permission denied"} == found.failures
    assert ["a"] == found.unlisted


def test_a_folder_that_vanishes_meanwhile_has_nothing_in_it(root: Path) -> None:
    fill(root, "a/x.txt", "b/x.txt")
    calls = iter([lambda: None, lambda: shutil.rmtree(root / "b"), lambda: None])
    with closing(Folder(root)) as opened:
        found = list_documents(opened, PATTERNS, lambda: next(calls)())
    assert ["a/x.txt"] == list(found.documents)
    assert not found.failures
    assert not found.unlisted


def test_folders_nested_without_end_are_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_DEPTH", 3)
    fill(root, "1/2/3/a.txt", "1/2/3/4/b.txt")
    found = listed(root)
    assert ["1/2/3/a.txt"] == list(found.documents)
    assert ["1/2/3/4"] == found.unlisted


# -- opening ----------------------------------------------------------------------------------------------


def test_a_file_is_read_whole(root: Path, opened: Folder) -> None:
    fill(root, "a/b.txt")
    assert b"secret" == opened.read("a/b.txt", 1)


def a_link(root: Path, outside: Path) -> None:
    (root / "x").mkdir()
    (root / "x/a.txt").symlink_to(outside / "a.txt")


def a_link_in_the_middle(root: Path, outside: Path) -> None:
    (root / "x").symlink_to(outside)


def a_pipe(root: Path, outside: Path) -> None:
    (root / "x").mkdir()
    os.mkfifo(root / "x/a.txt")


def a_folder(root: Path, outside: Path) -> None:
    (root / "x/a.txt").mkdir(parents=True)


def a_large_file(root: Path, outside: Path) -> None:
    fill(root, "x/a.txt")
    os.truncate(root / "x/a.txt", 100_000_000)


def nothing(root: Path, outside: Path) -> None:
    """Not even the folder."""


@pytest.mark.parametrize(
    ("put", "kind", "said"),
    [
        (a_link, BadDocument, "symbolic link"),
        (a_link_in_the_middle, BadDocument, "symbolic link"),
        (a_pipe, BadDocument, "a pipe"),
        (a_folder, BadDocument, "a folder"),
        (a_large_file, BadDocument, "larger than 1 MB"),
        (nothing, Vanished, "vanished"),
    ],
)
def test_what_has_taken_the_place_of_a_file_is_told(
    root: Path, opened: Folder, tmp_path: Path, put: Callable[[Path, Path], None], kind: type[BadDocument], said: str
) -> None:
    """At once, and nothing of it is read."""
    outside = tmp_path / "outside"
    fill(outside, "a.txt")
    put(root, outside)
    with pytest.raises(kind, match=said) as told:
        opened.read("x/a.txt", 1)
    assert kind is type(told.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_that_may_not_be_read_is_told(root: Path, opened: Folder) -> None:
    fill(root, "a.txt")
    (root / "a.txt").chmod(0o600)
    root.chmod(0o755)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(Unreadable, match="Permission denied"):
            opened.read("a.txt", 1)
    finally:
        os.seteuid(0)
