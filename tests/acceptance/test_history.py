"""History over REST: a million events page by page, and what retention leaves of it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from api.client import APIClient
from api.domain.lifecycle import Status
from api.errors import ClientError
from tests.support.events import Listener, history, seqs, submit, task, wait_for_status
from tests.support.journals import add_logs, add_tasks
from tests.support.servers import ServerProcess
from tests.support.stores import a_task, task_id
from tests.support.waiting import wait_until

MILLION = 1_000_000
GROWTH = 8 * 1024
"""KiB that the server may have grown by from the 400th page, when its caches are full, to the 1,000th."""
PART, SLOWER = 300, 3
"""How much longer the last 300 pages may take than the first, on a machine that does other things too."""


def journal(server: ServerProcess) -> Path:
    return server.data_dir / "runcast.db"


def resident(pid: int) -> int:
    """KiB of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def pages(url: str, task: str) -> Iterator[list[dict[str, Any]]]:
    """History by pages of the greatest size."""
    since, session = 0, requests.Session()
    while True:
        page = session.get(f"{url}/api/tasks/{task}/events", params={"since": since, "limit": 1000}, timeout=30).json()
        assert (1, MILLION) == (page["first_seq"], page["last_seq"])
        if not page["events"]:
            return
        yield page["events"]
        since = page["events"][-1]["seq"]


@pytest.mark.alone
@pytest.mark.long
def test_a_million_events_of_one_task_are_paged_through_in_constant_memory(tmp_path: Path) -> None:
    """And the last pages come as fast as the first."""
    ended = a_task(status=Status.COMPLETED)
    add_tasks(tmp_path / "data" / "runcast.db", ended)
    add_logs(tmp_path / "data" / "runcast.db", ended, MILLION)
    with ServerProcess(tmp_path / "data") as server:
        seen, before, came = 0, 0, [time.monotonic()]
        for number, page in enumerate(pages(server.url, ended.id), 1):
            assert list(range(seen + 1, seen + len(page) + 1)) == seqs(page)
            seen += len(page)
            came.append(time.monotonic())
            if number == 400:
                before = resident(server.pid)
        assert MILLION == seen
        assert resident(server.pid) - before < GROWTH
        assert came[-1] - came[-1 - PART] < SLOWER * (came[PART] - came[0])


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, str]]:
    """A server that keeps 50 events of a task, and an ended task of which it kept no more."""
    with ServerProcess(tmp_path_factory.mktemp("data"), env={"RUNCAST_RETENTION_EVENTS": "50"}) as server:
        wanted = submit(server.url, "test-steps", {"n": 200})
        wait_for_status(server.url, wanted, "completed")
        server.restart()
        wait_until(lambda: kept(server.url, wanted) == 50)
        yield server, wanted


def kept(url: str, wanted: str) -> int:
    now = task(url, wanted)
    return int(now["last_seq"] - now["first_seq"] + 1)


def test_history_beyond_the_limit_is_removed_and_says_from_where_on_it_is_whole(trimmed) -> None:
    server, wanted = trimmed
    ended = task(server.url, wanted)
    page = requests.get(f"{server.url}/api/tasks/{wanted}/events", params={"since": 3}, timeout=10).json()
    assert (ended["first_seq"], ended["last_seq"]) == (page["first_seq"], page["last_seq"])
    assert list(range(ended["last_seq"] - 49, ended["last_seq"] + 1)) == seqs(page["events"])


def test_the_task_keeps_its_result_and_its_end(trimmed) -> None:
    server, wanted = trimmed
    result = requests.get(f"{server.url}/api/tasks/{wanted}/result", timeout=10)
    assert (200, wanted) == (result.status_code, result.json()["task_id"])
    with Listener(server.url) as listener:
        listener.subscribe(wanted)
        assert "completed" == listener.wait_for_end(wanted)["data"]["status"]


def test_the_python_client_does_not_pass_a_part_off_as_the_whole(trimmed) -> None:
    server, wanted = trimmed
    with APIClient(server.url) as client:
        assert history(server.url, wanted) == list(client.events(wanted))
        with pytest.raises(ClientError, match="not kept any longer"):
            list(client.events(wanted, since=3))


def test_events_that_are_too_old_are_removed_of_a_running_task_too(start_server, tmp_path: Path) -> None:
    """Of an external task, which a restart leaves as it is."""
    now = datetime.now(UTC)
    old = a_task(type="external", status=Status.RUNNING, attempt=1, created_at=now - timedelta(days=3))
    add_tasks(tmp_path / "data" / "runcast.db", old)
    add_logs(tmp_path / "data" / "runcast.db", old, 2000, apart=timedelta(minutes=2))
    server = start_server(env={"RUNCAST_RETENTION_DAYS": "1"})
    wait_until(lambda: task(server.url, task_id(1))["first_seq"] >= 1440)
    first = task(server.url, task_id(1))["first_seq"]
    assert first <= 1500
    assert list(range(first, 2001)) == seqs(history(server.url, task_id(1)))
    report = [{"event_type": "log", "data": {"message": "still here"}}]
    answer = requests.post(f"{server.url}/api/tasks/{task_id(1)}/events", json=report, timeout=10)
    assert [2001] == answer.json()["seqs"]


def age_of_keys(server: ServerProcess, age: timedelta) -> None:
    """Have every key that the journal remembers be so old. The server does not run."""
    at = int((datetime.now(UTC) - age).timestamp() * 1_000_000)
    with closing(sqlite3.connect(journal(server))) as connection, connection:
        assert connection.execute("UPDATE idempotency_keys SET created_at = ?", (at,)).rowcount == 1


def test_an_idempotency_key_is_forgotten_after_a_week_and_not_before(tmp_path: Path) -> None:
    def create(key: str) -> tuple[int, str]:
        answer = requests.post(
            f"{server.url}/api/tasks", json={"type": "test-noop"}, headers={"Idempotency-Key": key}, timeout=10
        )
        return answer.status_code, answer.json()["task_id"]

    with ServerProcess(tmp_path / "data") as server:
        _, first = create("nightly")
        server.stop()
        age_of_keys(server, timedelta(days=6, hours=23))
        server.start()
        assert (200, first) == create("nightly")
        server.stop()
        age_of_keys(server, timedelta(days=7, minutes=1))
        server.start()
        wait_until(lambda: keys(server) == 0)
        status, second = create("nightly")
        assert status == 201
        assert second != first


def keys(server: ServerProcess) -> int:
    with closing(sqlite3.connect(journal(server))) as connection:
        return int(connection.execute("SELECT count(*) FROM idempotency_keys").fetchone()[0])
