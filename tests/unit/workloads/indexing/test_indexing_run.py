"""The task: what is indexed, what is left alone, what is told, and where the next attempt goes on."""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.errors import InvalidInput, TaskCancelled, TaskFailed
from api.workloads.indexing import runner, workload
from api.workloads.indexing.opening import LINK, Folder, Unreadable
from api.workloads.indexing.places import index_file
from api.workloads.indexing.reading import Reader
from tests.support.pdfs import pdf

Reasons = Callable[[dict[str, Any]], dict[str, str]]


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result[name] for name in ("total", "success", "skipped", "failed", "removed"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that went to the reader."""
    names: list[str] = []
    reading = Reader.read

    def noted(self: Reader, name: str, data: bytes) -> Any:
        names.append(name)
        return reading(self, name, data)

    monkeypatch.setattr(Reader, "read", noted)
    return names


def test_every_kind_of_document_is_found(desk) -> None:
    desk.write("a.txt", "heat pipe")
    desk.write("b/c.md", "# Heat\n\nof a *pipe*")
    desk.write("d.html", "<title>x</title><p>heat <b>pipe</b>")
    desk.write("e.pdf", pdf("heat pipe"))
    desk.write("f.bin", "heat pipe")
    assert (4, 4, 0, 0, 0) == counts(desk.run())
    assert ["a.txt", "b/c.md", "d.html", "e.pdf"] == desk.paths("heat pipe")


def test_a_second_run_reads_only_what_has_changed(desk, read: list[str]) -> None:
    """By content: neither an old time of change nor a new one says anything."""
    for name in ("same", "touched", "changed", "gone"):
        desk.write(f"{name}.txt", f"old {name}")
    times = os.stat(desk.docs / "changed.txt")
    desk.run()
    read.clear()
    desk.write("touched.txt", "old touched")
    desk.write("changed.txt", "new changed"[: len("old changed")])
    os.utime(desk.docs / "changed.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    (desk.docs / "gone.txt").unlink()
    desk.write("added.txt", "new added")
    assert (4, 2, 2, 0, 1) == counts(desk.run())
    assert ["added.txt", "changed.txt"] == sorted(read)
    assert ["added.txt", "changed.txt"] == desk.paths("new")
    assert ["same.txt", "touched.txt"] == desk.paths("old")


def test_bad_files_are_told_and_the_others_indexed(desk, reasons: Reasons) -> None:
    desk.write("good.txt", "word")
    desk.write("binary.txt", b"a\0b")
    desk.write("broken.pdf", b"%PDF-1.7")
    desk.write("huge.txt", b"")
    os.truncate(desk.docs / "huge.txt", 100_000_000)
    os.mkfifo(desk.docs / "pipe.txt")
    (desk.docs / "loop.txt").symlink_to("loop.txt")
    result = desk.run()
    assert (6, 1, 0, 5, 0) == counts(result)
    why = reasons(result)
    assert "binary" in why["binary.txt"]
    assert "broken PDF" in why["broken.pdf"]
    assert "is larger than 20 MB" == why["huge.txt"]
    assert "is a pipe, not a file" == why["pipe.txt"]
    assert LINK == why["loop.txt"]
    ctx = desk.contexts[0]
    logged = [message for level, message in ctx.logs if level == "warning"]
    assert sorted(f"{path}: {error}" for path, error in why.items()) == sorted(logged)
    with (ctx.artifact_dir / result["failures_file"]).open(newline="") as rows:
        assert why == {row["path"]: row["error"] for row in csv.DictReader(rows)}


def test_progress_counts_every_document(desk) -> None:
    desk.write("a.txt", "word")
    desk.write("b.txt", b"\0")
    os.mkfifo(desk.docs / "c.txt")
    desk.run()
    assert [(1, 3), (2, 3), (3, 3)] == sorted({each for each in desk.contexts[0].progresses if each[1]})


def test_a_document_that_becomes_bad_is_found_no_longer(desk) -> None:
    desk.write("a.txt", "word")
    desk.run()
    desk.write("a.txt", b"\0")
    result = desk.run()
    assert (1, 0, 0, 1, 0) == counts(result)
    assert 0 == result["documents"]
    assert [] == desk.paths("word")


def test_a_bad_document_is_tried_again_by_the_next_task_but_only_once_by_one(desk, read: list[str]) -> None:
    desk.write("a.txt", b"\0")
    desk.run("first")
    assert (1, 0, 0, 1, 0) == counts(desk.run("first"))
    assert ["a.txt"] == read
    desk.run("second")
    assert ["a.txt", "a.txt"] == read


def test_what_cannot_be_looked_at_stays_as_it_was(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.txt", "word")
    desk.run()

    def refuse(self: Folder, path: str, megabytes: int) -> bytes:
        raise Unreadable("cannot be read: Input/output error")

    monkeypatch.setattr(Folder, "read", refuse)
    assert (1, 0, 0, 1, 0) == counts(desk.run())
    assert ["a.txt"] == desk.paths("word")


def test_a_file_that_vanishes_meanwhile_is_told_and_removed(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.txt", "word")
    desk.run()
    listing = runner.list_documents

    def too_early(*arguments: Any) -> Any:
        found = listing(*arguments)
        (desk.docs / "a.txt").unlink()
        return found

    monkeypatch.setattr(runner, "list_documents", too_early)
    assert (1, 0, 0, 1, 1) == counts(desk.run())
    assert [] == desk.paths("word")


@pytest.mark.parametrize("attempts", [[2], [1, 4], [1, 2, 3, 4, 5, 6, 7]])
def test_a_task_that_was_stopped_goes_on_where_it_was(desk, read: list[str], attempts: list[int]) -> None:
    """Its result is that of one that was not; no document is read twice."""
    for number in range(6):
        desk.write(f"{number}.txt", f"word n{number}")
    desk.write("bad.txt", b"\0")
    desk.run("before", patterns=("0.txt",))
    desk.write("gone.txt", "word")
    desk.run("before", patterns=("0.txt", "gone.txt"))
    (desk.docs / "gone.txt").unlink()
    read.clear()
    for cancel_at in attempts:
        with pytest.raises(TaskCancelled):
            desk.run("task", cancel_at=cancel_at)
    result = desk.run("task")
    assert (7, 5, 1, 1, 1) == counts(result)
    assert 1 == len(result["details"])
    assert sorted(set(read)) == sorted(read)
    assert all(ctx.saved for ctx in desk.contexts)


def test_what_was_removed_is_counted_by_the_attempt_that_ends_the_task(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "REMOVED_AT_ONCE", 1)
    for number in range(4):
        desk.write(f"{number}.txt", "word")
    desk.run()
    for number in range(3):
        (desk.docs / f"{number}.txt").unlink()
    with pytest.raises(TaskCancelled):
        desk.run("task", cancel_at=4)  # the folder, a document, and two of those that are removed
    assert 4 > len(desk.paths("word")) > 1
    assert (1, 0, 1, 0, 3) == counts(desk.run("task"))


def test_what_stands_in_a_folder_that_cannot_be_listed_is_not_removed(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("sub/a.txt", "word")
    desk.write("subject.txt", "word")
    desk.run()
    (desk.docs / "subject.txt").unlink()
    listing = runner.list_documents

    def blind(*arguments: Any) -> Any:
        found = listing(*arguments)
        found.documents.clear()
        found.unlisted.append("sub")
        found.failures["sub"] = "cannot be listed: Permission denied"
        return found

    monkeypatch.setattr(runner, "list_documents", blind)
    assert (1, 0, 0, 1, 1) == counts(desk.run())
    assert ["sub/a.txt"] == desk.paths("word")


def test_many_failures_do_not_make_a_large_result(desk) -> None:
    for number in range(300):
        desk.write(f"{'long' * 40}-{number:03}.txt", b"\0")
    result = desk.run()
    assert 300 == result["failed"] == len(result["details"]) + result["details_left_out"]
    assert 0 < len(result["details"]) <= 50
    assert len(str(result)) < 30_000
    assert 301 == len((desk.contexts[0].artifact_dir / "failures.csv").read_text().splitlines())


def test_speed_is_reported_now_and_then(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "REPORT_DOCUMENTS", 2)
    for number in range(5):
        desk.write(f"{number}.txt", "word")
    desk.run()
    reported = desk.contexts[0].iterations
    assert [2, 4] == [metrics["documents"] for metrics in reported]
    assert all(metrics["documents_per_second"] > 0 for metrics in reported)


# -- which index --------------------------------------------------------------------------------------------


def test_each_folder_has_an_index_of_its_own_unless_it_is_named(desk) -> None:
    desk.write("a.txt", "word")
    desk.write("sub/b.txt", "word")
    desk.run()
    desk.run(folder="./docs//sub")
    assert ["b.txt"] == desk.paths("word", folder="docs/sub/")
    desk.run(index="named", patterns=("a.*",))
    assert ["a.txt"] == desk.paths("word", index="named")
    assert ["a.txt", "sub/b.txt"] == desk.paths("word")


def test_an_index_belongs_to_one_folder_until_it_is_rebuilt(desk) -> None:
    desk.write("a.txt", "word")
    desk.write("sub/b.txt", "word")
    desk.run(index="named")
    with pytest.raises(TaskFailed, match="'named' is that of the folder 'docs'"):
        desk.run(index="named", folder="docs/sub")
    assert ["a.txt", "sub/b.txt"] == desk.paths("word", index="named")
    desk.run(index="named", folder="docs/sub", rebuild=True)
    assert ["b.txt"] == desk.paths("word", index="named")


def test_an_index_is_rebuilt_once_by_a_task(desk, read: list[str]) -> None:
    desk.write("a.txt", "word")
    desk.write("b.txt", "word")
    desk.run()
    read.clear()
    with pytest.raises(TaskCancelled):
        desk.run("task", rebuild=True, cancel_at=3)
    assert (2, 2, 0, 0, 0) == counts(desk.run("task", rebuild=True))
    assert ["a.txt", "b.txt"] == read


@pytest.mark.parametrize("damage", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_index_is_told_and_can_be_rebuilt(desk, damage: bytes) -> None:
    desk.write("a.txt", "word")
    file = index_file(desk.shared, "docs", None)
    file.write_bytes(damage)
    with pytest.raises(TaskFailed, match="rebuild"):
        desk.run()
    assert (1, 1, 0, 0, 0) == counts(desk.run(rebuild=True))
    assert ["a.txt"] == desk.paths("word")


def test_an_index_of_another_version_has_to_be_rebuilt(desk) -> None:
    desk.write("a.txt", "word")
    desk.run()
    db = sqlite3.connect(index_file(desk.shared, "docs", None))
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(TaskFailed, match=r"version 99.*rebuild"):
        desk.run()
    assert (1, 1, 0, 0, 0) == counts(desk.run(rebuild=True))


def test_an_index_that_cannot_be_written_fails_the_task_in_a_sentence(desk) -> None:
    desk.write("a.txt", "word")
    index_file(desk.shared, "docs", None).mkdir()
    with pytest.raises(TaskFailed, match="cannot be used: unable to open"):
        desk.run()


# -- params -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["..", "docs/../..", "/etc", "out", "a.txt", "", "nothing", "docs/a\0b", "x" * 2000])
def test_a_folder_outside_the_input_folders_is_no_folder(desk, folder: str) -> None:
    """At submission, and when the task starts."""
    inputs = desk.docs.parent
    (inputs / "out").symlink_to("/etc")
    (inputs / "a.txt").write_text("x")
    context = {"input_dirs": (inputs,)}
    with pytest.raises(ValidationError, match="folder"):
        workload.params.model_validate({"folder": folder}, context=context)
    with pytest.raises(InvalidInput, match="folder"):
        desk.run(folder=folder)


@pytest.mark.parametrize("folder", ["docs", ".", "docs/sub", "inputs/docs"])
def test_a_folder_may_be_an_input_folder_or_inside_one(desk, folder: str) -> None:
    desk.write("sub/a.txt", "word")
    workload.params.model_validate({"folder": folder}, context={"input_dirs": (desk.docs.parent,)})
    assert 1 == desk.run(folder=folder)["success"]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"index": name} for name in ("", "A", "a.b", "../a", "a/b", "-a", "a" * 65)),
        *({"patterns": value} for value in ([], [""], ["a\0"], ["x"] * 51, "*.txt", ["x" * 201])),
        *({"max_file_mb": value} for value in (0, 101, 1.5, "1")),
        *({"max_file_seconds": value} for value in (0, 601)),
        {"rebuild": "yes"},
        {"folder": "\ud800"},
        {"language": "en"},
    ],
)
def test_wrong_params_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        workload.params(**{"folder": "docs"} | wrong)


def test_the_example_finds_documents_on_a_fresh_installation() -> None:
    config = Path(__file__).parents[4] / "config"
    params = workload.params.model_validate(workload.example, context={"input_dirs": (config,)})
    with closing(Folder(config)) as folder:
        assert runner.list_documents(folder, params.patterns, lambda: None).documents
