"""Indexing a folder through a real server: searched, brought up to date, killed in its middle, by two at once."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from api.client import APIClient
from tests.support.events import history, submit, task, wait_for_status
from tests.support.pdfs import pdf, tedious
from tests.support.problems import assert_problem, named
from tests.support.processes import child_pids, gone
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

DOCUMENTS = 300
SLOW = 24
SLOW_LETTERS = 3000
"""About a fifth of a second each: there is a middle to be killed in."""


@dataclass
class Library:
    """A server, and a folder of documents below its input folder."""

    server: ServerProcess
    docs: Path

    @property
    def url(self) -> str:
        return self.server.url

    def write(self, path: str, content: str | bytes) -> None:
        file = self.docs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def submit(self, **params: Any) -> str:
        options = {name: params.pop(name) for name in ("max_attempts", "run_at") if name in params}
        return submit(self.url, "indexing", {"folder": "docs"} | params, **options)

    def result(self, task_id: str) -> dict[str, Any]:
        ended = wait_for_status(self.url, task_id, "completed", "failed", "cancelled")
        assert "completed" == ended["status"], ended
        result: dict[str, Any] = ended["result"]
        return result

    def index(self, **params: Any) -> dict[str, Any]:
        return self.result(self.submit(**params))

    def ask(self, task_id: str, **query: Any) -> requests.Response:
        return requests.get(f"{self.url}/api/tasks/{task_id}/search", params=query, timeout=10)

    def search(self, task_id: str, words: str, **query: Any) -> dict[str, Any]:
        answer = self.ask(task_id, q=words, **query)
        assert 200 == answer.status_code, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def paths(self, task_id: str, words: str) -> list[str]:
        return sorted(hit["path"] for hit in self.search(task_id, words, limit=100)["hits"])

    def rows(self) -> dict[str, int]:
        """path → row of each document in the one index that there is: a document that is read again gets another."""
        (file,) = self.server.data_dir.glob("shared/indexing/*/*.db")
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            assert [("ok",)] == db.execute("PRAGMA integrity_check").fetchall()
            return dict(db.execute("SELECT path, id FROM documents"))

    def done(self, task_id: str) -> int:
        return int(task(self.url, task_id)["current_iteration"] or 0)


def worker(server: ServerProcess) -> int:
    """The process of the one task that runs."""
    workers = [pid for pid in child_pids(server.pid) if b"api.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert 1 == len(workers)
    return workers[0]


@pytest.fixture
def library(start_server: Callable[..., ServerProcess], tmp_path: Path) -> Library:
    inputs = tmp_path / "inputs"
    (inputs / "docs").mkdir(parents=True)
    env = {"RUNCAST_INPUT_DIRS": str(inputs), "RUNCAST_RETRY_DELAY_SECONDS": "0.1"}
    return Library(start_server(env=env), inputs / "docs")


@pytest.fixture
def slow(library: Library) -> Library:
    """A folder that takes some seconds to index."""
    page = tedious(SLOW_LETTERS)
    for number in range(SLOW):
        library.write(f"{number:03}.txt", f"word number{number}")
        library.write(f"{number:03}.pdf", page + b"%%%d" % number)
    return library


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result[name] for name in ("total", "success", "skipped", "failed", "removed"))


def test_a_folder_is_indexed_searched_and_brought_up_to_date(library: Library) -> None:
    for number in range(DOCUMENTS):
        library.write(f"part{number % 7}/{number}.txt", f"document number{number} about thermal models")
    library.write("report.md", "# Thermal report\n\nOn the *radiator* & its <b>café</b>.")
    library.write("page.html", "<title>Page</title><p>radiator")
    library.write("paper.pdf", pdf("radiator in a paper", title="Paper"))
    library.write("broken.pdf", b"%PDF-1.4 but no more")
    first = library.submit()
    result = library.result(first)
    total = DOCUMENTS + 4
    assert (total, total - 1, 0, 1, 0) == counts(result)
    assert ["broken.pdf"] == [each["path"] for each in result["details"]]
    events = history(library.url, first)
    assert any("broken.pdf" in event["data"].get("message", "") for event in events if event["event_type"] == "log")
    progress = [event["data"] for event in events if event["event_type"] == "progress"]
    assert (total, total) == (progress[-1]["current_iteration"], progress[-1]["max_iterations"])
    files = requests.get(f"{library.url}/api/tasks/{first}/artifacts", timeout=10).json()["artifacts"]
    assert ["failures.csv"] == [file["path"] for file in files]

    found = library.search(first, "thermal", limit=2)
    assert (DOCUMENTS + 1, 2) == (found["total"], len(found["hits"]))
    assert {"query", "total", "hits", "took_ms"} == found.keys()
    assert ("report.md", "Thermal report") == (found["hits"][0]["path"], found["hits"][0]["title"])
    assert ["page.html", "paper.pdf", "report.md"] == library.paths(first, "RADIATOR")
    (hit,) = library.search(first, "cafe")["hits"]
    assert ["café"] == [hit["snippet"][start:end] for start, end in hit["marks"]]
    everything = [
        hit["path"]
        for offset in range(0, 400, 100)
        for hit in library.search(first, "thermal", limit=100, offset=offset)["hits"]
    ]
    assert DOCUMENTS + 1 == len(set(everything)) == len(everything)

    library.write("part0/0.txt", "changed to something else")
    library.write("new.txt", "something new")
    (library.docs / "part1/1.txt").unlink()
    (library.docs / "broken.pdf").unlink()
    second = library.submit()
    assert (total - 1, 2, total - 3, 0, 1) == counts(library.result(second))
    assert ["new.txt", "part0/0.txt"] == library.paths(second, "something")
    assert [] == library.paths(second, "number1") == library.paths(first, "number0")
    assert ["part2/2.txt"] == library.paths(second, "number2")


def test_what_the_client_finds_is_what_the_server_says(library: Library) -> None:
    library.write("a.txt", "word")
    task_id = library.submit()
    library.result(task_id)
    found = APIClient(library.url).search(task_id, "word", limit=1)
    assert ["a.txt"] == [hit["path"] for hit in found["hits"]]


def test_what_cannot_be_searched_is_refused_in_a_sentence(library: Library) -> None:
    library.write("a.txt", "thermal <img src=x onerror=alert(1)> OR")
    waiting = library.submit(run_at="2099-01-01T00:00:00Z")
    assert "no index yet" in assert_problem(library.ask(waiting, q="word"), 409)["detail"]
    assert [] == list(library.server.data_dir.glob("shared/**/*"))
    parent = submit(library.url, "external")
    for params in ({"folder": {"$result": parent, "path": "x"}}, {"index": {"$result": parent, "path": "x"}}):
        assert "another one" in assert_problem(library.ask(library.submit(**params), q="word"), 409)["detail"]
    done = library.submit()
    library.result(done)
    other = submit(library.url, "test-noop")
    assert "cannot be searched" in assert_problem(library.ask(other, q="word"), 404)["detail"]
    assert_problem(library.ask("00000000-0000-4000-8000-000000000000", q="word"), 404)
    for query, place in [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "!? *"}, "q"),
        ({"q": "a" * 501}, "q"),
        ({"q": "a\0"}, "q"),
        ({"q": "a " * 60}, "q"),
        ({"q": "a", "limit": 0}, "limit"),
        ({"q": "a", "limit": 101}, "limit"),
        ({"q": "a", "offset": -1}, "offset"),
        ({"q": "a", "offset": "x"}, "offset"),
        ({"q": "a", "raw": 1}, "raw"),
    ]:
        assert [place] == named(assert_problem(library.ask(done, **query), 422)), query
    for words in ('"', "thermal AND", "NEAR(", "title:", "a OR (", "'", "*thermal*", "thermal^2"):
        assert library.ask(done, q=words).status_code in (200, 422), words
    (hit,) = library.search(done, "thermal OR")["hits"]
    assert "<img src=x onerror=alert(1)>" in hit["snippet"]
    assert "request_failed" not in library.server.log_text()


def test_a_folder_that_is_not_below_the_input_folders_is_refused(library: Library, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    (library.docs / "link").symlink_to(tmp_path / "outside")
    for folder in (
        "../outside",
        "docs/../../outside",
        "docs/link",
        str(tmp_path / "outside"),
        "nothing",
        "docs/a.txt",
        "",
    ):
        body = {"type": "indexing", "params": {"folder": folder}}
        answer = requests.post(f"{library.url}/api/tasks", json=body, timeout=10)
        assert ["params.folder"] == named(assert_problem(answer, 422)), folder
    result = library.index()
    assert ["link"] == [each["path"] for each in result["details"]]
    assert 0 == result["success"]


def test_a_killed_worker_goes_on_where_it_was(slow: Library) -> None:
    """What has been done is found at once, and is not done again."""
    task_id = slow.submit(max_attempts=2)
    wait_until(lambda: slow.done(task_id) >= SLOW // 2, 60)
    processes = child_pids(slow.server.pid)
    before = slow.rows()
    os.kill(worker(slow.server), signal.SIGKILL)
    assert len(before) >= SLOW // 2
    found = slow.search(task_id, "word", limit=100)["total"]
    assert found >= sum(path.endswith(".txt") for path in before)
    assert (2 * SLOW, 2 * SLOW, 0, 0, 0) == counts(slow.result(task_id))
    assert 2 == task(slow.url, task_id)["attempt"]
    assert before.items() <= slow.rows().items()
    assert all(map(gone, processes))


def test_a_killed_server_goes_on_where_it_was(slow: Library) -> None:
    task_id = slow.submit()
    wait_until(lambda: slow.done(task_id) >= SLOW // 2, 60)
    processes = child_pids(slow.server.pid)
    slow.server.kill()
    wait_until(lambda: all(map(gone, processes)), 20, lambda: "processes outlived their server")
    before = slow.rows()
    assert len(before) >= SLOW // 2
    slow.server.start()
    assert (2 * SLOW, 2 * SLOW, 0, 0, 0) == counts(slow.result(task_id))
    assert before.items() <= slow.rows().items()


def test_two_tasks_on_one_index_take_turns(slow: Library) -> None:
    first = slow.submit()
    wait_until(lambda: slow.done(first) >= 1, 60)
    second = slow.submit()
    wait_until(
        lambda: any(
            "waits for another task" in event["data"].get("message", "") for event in history(slow.url, second)
        ),
        30,
    )
    assert "running" == task(slow.url, first)["status"]
    assert slow.search(second, "word")["total"] >= 1
    assert (2 * SLOW, 2 * SLOW, 0, 0, 0) == counts(slow.result(first))
    assert (2 * SLOW, 0, 2 * SLOW, 0, 0) == counts(slow.result(second))
    assert 2 * SLOW == len(slow.rows())


def test_a_task_that_waits_for_its_turn_can_be_cancelled(slow: Library) -> None:
    first = slow.submit()
    wait_until(lambda: slow.done(first) >= 1, 60)
    second = slow.submit()
    wait_for_status(slow.url, second, "running")
    requests.post(f"{slow.url}/api/tasks/{second}/cancel", timeout=10)
    wait_for_status(slow.url, second, "cancelled", timeout=20)
    assert "running" == task(slow.url, first)["status"]
    requests.post(f"{slow.url}/api/tasks/{first}/cancel", timeout=10)
    wait_for_status(slow.url, first, "cancelled", timeout=20)
    slow.rows()


def test_a_paused_task_leaves_the_index_to_others_and_goes_on_where_it_was(slow: Library) -> None:
    first = slow.submit()
    wait_until(lambda: slow.done(first) >= SLOW // 2, 60)
    requests.post(f"{slow.url}/api/tasks/{first}/pause", timeout=10)
    wait_for_status(slow.url, first, "paused")
    before = slow.rows()
    result = slow.index()
    assert len(before) == result["skipped"]
    assert 2 * SLOW - len(before) == result["success"]
    requests.post(f"{slow.url}/api/tasks/{first}/resume", timeout=10)
    assert (2 * SLOW, len(before), 2 * SLOW - len(before), 0, 0) == counts(slow.result(first))
    assert before.items() <= slow.rows().items()


def test_a_document_that_nobody_waits_for_is_told_and_the_task_goes_on(library: Library) -> None:
    library.write("a.txt", "word")
    library.write("b.pdf", tedious(2_000_000))
    library.write("c.txt", "word")
    result = library.index(max_file_seconds=1)
    assert (3, 2, 0, 1, 0) == counts(result)
    assert [{"path": "b.pdf", "error": "takes longer than 1 s to read"}] == result["details"]
