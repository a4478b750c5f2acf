"""Thousands of connections in one process, then one event to all of them. `make soak` has fifteen thousand."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import requests

from tests.support.crowd import Crowd
from tests.support.events import history
from tests.support.servers import ROOT, ServerProcess, gunicorn

MANY = int(os.environ.get("MANY_CONNECTIONS", "2500"))
PATIENCE = 60 + MANY / 100
MOST_KIB = 20
"""Of memory for each."""


def with_a_shells_limit(command: Sequence[str]) -> Sequence[str]:
    """Started where only 256 files may be open, unless the process asks for more."""
    return ["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", *command]


def own(port: int) -> Sequence[str]:
    return with_a_shells_limit([sys.executable, str(ROOT / "api" / "server.py")])


def by_gunicorn(port: int) -> Sequence[str]:
    return with_a_shells_limit(gunicorn(port))


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """The clients' own side of it."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def worker_memory_kib(server: ServerProcess) -> int:
    """Anonymous memory of the server's process and its children's."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return sum(_anonymous_kib(pid) for pid in (str(server.pid), *children))


def _anonymous_kib(pid: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("RssAnon:")[2].split()[0])


@pytest.mark.alone
@pytest.mark.timeout(60 + 2 * PATIENCE)
@pytest.mark.parametrize("command", [own, by_gunicorn])
def test_an_event_reaches_thousands_and_an_idle_connection_costs_little(
    start_server: Callable[..., ServerProcess], command: Callable[[int], Sequence[str]]
) -> None:
    server = start_server(command=command)
    with requests.Session() as session:
        task = session.post(f"{server.url}/api/tasks", json={"type": "external"}, timeout=10).json()["task_id"]
    with Crowd(server.port, [task], 100) as first, Crowd(server.port, [task], MANY - 100) as others:
        first.pump(first.all(lambda member: member.events), PATIENCE)
        before = worker_memory_kib(server)
        others.pump(others.all(lambda member: member.events), PATIENCE)
        grown = worker_memory_kib(server) - before
        done = [{"event_type": "status_change", "data": {"status": "completed"}}]
        requests.post(f"{server.url}/api/tasks/{task}/events", json=done, timeout=10).raise_for_status()
        for crowd in (first, others):
            crowd.pump(crowd.all(lambda member: member.ended), PATIENCE)
        stored = history(server.url, task)
        assert all(member.events == stored for crowd in (first, others) for member in crowd.members)
        assert 0 == sum(member.lost for crowd in (first, others) for member in crowd.members)
    assert grown <= (MANY - 100) * MOST_KIB
