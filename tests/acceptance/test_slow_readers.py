"""A reader that is slow: a cursor that is behind. Its memory is bounded, others do not notice, nothing is lost.

The short form. `make soak` has readers that stop for half a minute and for five.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import websocket

from tests.support.events import Json, ends
from tests.support.raw import RawPolling, RawSubscriber, RawWebSocket
from tests.support.servers import ServerProcess
from tests.support.waiting import let_pass, wait_until

MODES = ("eventlet", "gevent", "threading")
EVENTS = int(os.environ.get("SLOW_READER_EVENTS", "10000"))
SECONDS = [float(each) for each in os.environ.get("SLOW_READER_SECONDS", "0").split(",")]
"""How long readers stay away after that."""
PATIENCE = 60.0
"""Of the server, as it comes: who has stayed away for longer, all told, has been disconnected."""
RESUMED = None
BATCH = 500
SLOW = 8
"""Readers that stop: what else comes and goes in the memory of a server counts for less beside them."""
MEMORY_KIB = 1024


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_ASYNC_MODE": request.param}
    with ServerProcess(tmp_path_factory.mktemp("data"), env=env) as running:
        yield running


class Work:
    """An external task: half of its events are progress, each of about 250 bytes on the wire."""

    def __init__(self, server: ServerProcess) -> None:
        self._session = requests.Session()
        self._url = f"{server.url}/api/tasks"
        self.id = self._session.post(self._url, json={"type": "external"}, timeout=10).json()["task_id"]
        self.kinds = ["status_change"]

    def report(self, count: int) -> None:
        for start in range(0, count, BATCH):
            self._send([self._event(start + n) for n in range(min(BATCH, count - start))])

    def complete(self) -> None:
        self._send([{"event_type": "status_change", "data": {"status": "completed"}}])

    def _event(self, number: int) -> Json:
        if number % 2:
            return {"event_type": "progress", "data": {"current_iteration": number, "message": "y" * 60}}
        return {"event_type": "log", "data": {"level": "info", "message": "x" * 90}}

    def _send(self, events: list[Json]) -> None:
        self.kinds += [event["event_type"] for event in events]
        answer = self._session.post(f"{self._url}/{self.id}/events", json=events, timeout=30)
        assert 201 == answer.status_code, answer.text


def memory_kib(server: ServerProcess) -> int:
    """Anonymous memory of the server's process: what it holds itself."""
    text = Path(f"/proc/{server.pid}/status").read_text()
    return int(text.partition("RssAnon:")[2].split()[0])


def subscribed(subscriber: RawSubscriber, work: Work) -> RawSubscriber:
    subscriber.emit("subscribe", {"task_id": work.id, "since": 0})
    subscriber.until("subscribed")
    return subscriber


def read_to_the_end(subscriber: RawSubscriber, work: Work, last: int = 0, seen: list[int] | None = None) -> int:
    """Check every message against the contract up to the terminal event; how many events were left out.

    `seen` gets each seq as it comes.
    """
    lenient, skipped, announced, ended = 0, 0, 0, False
    while not ended:
        name, data = subscriber.next()
        if name == "lagged":
            assert last + 1 == data["from_seq"]
            lenient, announced = data["to_seq"], announced + data["skipped"]
            continue
        assert "task_update" == name
        missing = [work.kinds[seq - 1] for seq in range(last + 1, data["seq"])]
        assert {"progress"} >= set(missing)
        assert not missing or data["seq"] - 1 <= lenient
        assert work.kinds[data["seq"] - 1] == data["event_type"]
        skipped += len(missing)
        last, ended = data["seq"], ends(data)
        if seen is not None:
            seen.append(last)
    assert (announced, len(work.kinds)) == (skipped, last)
    return skipped


@pytest.fixture(scope="module")
def grown_without(server: ServerProcess) -> int:
    """The control: KiB by which the server grows when only a usual reader follows."""
    _grown(server, Work(server))  # caches fill
    return _grown(server, Work(server))


@pytest.mark.alone
@pytest.mark.timeout(180 + 4 * max(SECONDS))
@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_readers_that_stop_reading_cost_no_memory_and_lose_nothing(server, grown_without, transport, seconds):
    """Compared with the same load without them: the server's memory grows by no more than 1 MiB for each."""
    work = Work(server)
    abandoned = _abandoned(server)
    with ExitStack() as stack:
        slow = [stack.enter_context(_slow_reader(server, transport)) for _ in range(SLOW)]
        for reader in slow:
            subscribed(reader, work)
        grown = _grown(server, work)
        let_pass(seconds)
        assert grown <= max(grown_without, 0) + SLOW * MEMORY_KIB
        skipped = [read_or_resume(server, reader, work) for reader in slow]
    if seconds == 0:
        assert RESUMED not in skipped
    elif seconds > PATIENCE:
        assert [RESUMED] * SLOW == skipped
    assert all(count is RESUMED or count >= EVENTS // 4 for count in skipped)
    if transport == "websocket":  # who does not poll misses a ping instead
        assert skipped.count(RESUMED) == _abandoned(server) - abandoned


def read_or_resume(server: ServerProcess, reader: RawSubscriber, work: Work) -> int | None:
    """Read to the end: how many events were left out; or, if it was closed, over a second connection: `RESUMED`."""
    seen = [0]
    try:
        return read_to_the_end(reader, work, seen=seen)
    except (OSError, websocket.WebSocketException):
        with RawWebSocket(server.port) as again:
            again.emit("subscribe", {"task_id": work.id, "since": seen[-1]})
            assert again.until("subscribed")[1]["recovered"] is True
            read_to_the_end(again, work, seen[-1])
        return RESUMED


def _abandoned(server: ServerProcess) -> int:
    line = next(
        line for line in _metrics(server).splitlines() if line.startswith("runcast_abandoned_connections_total")
    )
    return int(float(line.split()[-1]))


def _slow_reader(server: ServerProcess, transport: str) -> RawSubscriber:
    return RawWebSocket(server.port, receive_buffer=4096) if transport == "websocket" else RawPolling(server.port)


def _grown(server: ServerProcess, work: Work) -> int:
    """KiB by which the server grows while a usual reader follows the task to its end."""
    with RawWebSocket(server.port) as reader, ThreadPoolExecutor(1) as pool:
        subscribed(reader, work)
        reading = pool.submit(read_to_the_end, reader, work)
        work.report(BATCH)
        before = memory_kib(server)
        work.report(EVENTS)
        work.complete()
        reading.result(60)
        return memory_kib(server) - before


@pytest.mark.parametrize("backlog", [500, 2000], ids=["in-the-kernel", "in-the-journal"])
def test_a_reader_that_drains_slowly_is_kept_though_its_answers_to_pings_are_late(tmp_path, backlog):
    """A ping each second and a second to answer it, and a backlog that takes several to read."""
    env = {"RUNCAST_PING_INTERVAL_SECONDS": "1", "RUNCAST_PING_TIMEOUT_SECONDS": "1"}
    with ServerProcess(tmp_path / "data", env=env) as server:
        work = Work(server)
        with RawWebSocket(server.port, receive_buffer=4096) as slow:
            subscribed(slow, work)
            work.report(backlog)
            work.complete()
            last = 0
            for _ in range(40):
                for _ in range(10):
                    last = slow.next()[1]["seq"]
                let_pass(0.15)
            assert 0 == read_to_the_end(slow, work, last)


def test_a_reader_of_every_task_that_stops_reading_learns_the_latest_state_of_each(server):
    """Nothing piles up for it; what it missed of a task it gets as that task's present state."""
    works = [Work(server) for _ in range(3)]
    with RawWebSocket(server.port, receive_buffer=4096) as slow:
        slow.emit("subscribe", {"task_id": "*"})
        slow.until("subscribed")
        for work in works:
            for _ in range(3):
                work.report(1500)
            work.complete()
        states: dict[str, str] = {}
        while len(states) < len(works):
            name, data = slow.next()
            assert "task_update" == name
            if ends(data):
                states[data["task_id"]] = data["data"]["status"]
    assert {work.id: "completed" for work in works} == states
    assert "runcast_abandoned_connections_total 0.0" in _metrics(server)


def test_a_reader_that_takes_nothing_is_closed_and_resumes_where_it_stood(tmp_path):
    """After the patience of the setting; what it had got counts, the rest comes by `since`."""
    env = {"RUNCAST_READER_PATIENCE_SECONDS": "2"}
    with ServerProcess(tmp_path / "data", env=env) as server:
        work = Work(server)
        with RawWebSocket(server.port, receive_buffer=4096) as slow:
            subscribed(slow, work)
            work.report(EVENTS)
            work.complete()
            wait_until(lambda: "runcast_abandoned_connections_total 1.0" in _metrics(server), 15)
            wait_until(lambda: "runcast_subscriptions 0.0" in _metrics(server), 5)
            last = _last_before_the_end(slow)
        assert 0 < last < EVENTS
        with RawWebSocket(server.port) as again:
            again.emit("subscribe", {"task_id": work.id, "since": last})
            assert again.until("subscribed")[1]["recovered"] is True
            assert 0 == read_to_the_end(again, work, last)
        assert "connection_abandoned" in server.log_text()


def _last_before_the_end(subscriber: RawSubscriber) -> int:
    """The seq of the last event that arrives before the connection breaks off."""
    last = 0
    try:
        while True:
            last = subscriber.next()[1]["seq"]
    except (OSError, websocket.WebSocketException):
        return last


def _metrics(server: ServerProcess) -> str:
    return requests.get(f"{server.url}/api/metrics", timeout=10).text
