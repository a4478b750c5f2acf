"""No gap and no duplicate between stored and live, wherever a subscriber comes in."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support import swarm
from tests.support.events import submit, task
from tests.support.raw import RawPolling
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

MODES = ("eventlet", "gevent", "threading")
SOCKETS, JOINS = 10, 100
"""WebSockets, and how often each of them subscribes: 1,000 times in each mode."""
POLLERS, POLLED_JOINS = 2, 25
STREAMS = 60
MOST_READ = 40
BACK = 700
"""Past what is kept in memory, so that some begin in the journal."""


@pytest.fixture(scope="module", params=MODES)
def busy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, str]]:
    """(url, port, id) of a task that reports as fast as it can for as long as the test takes."""
    env = {"RUNCAST_ASYNC_MODE": request.param}
    with ServerProcess(tmp_path_factory.mktemp("data"), env=env) as server:
        task_id = submit(server.url, "test-steps", {"n": 1_000_000})
        wait_until(lambda: task(server.url, task_id)["last_seq"] > 2 * BACK)
        yield server.url, server.port, task_id
        assert "running" == task(server.url, task_id)["status"], "the task ended before the tests did"
        requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=10)


class Joiner:
    """Subscribes again and again to the same task, in the middle of the old subscription, and checks each number."""

    def __init__(self, task_id: str, joins: int, chance: random.Random, emit: Callable[[str, Any], None]) -> None:
        self.left = joins
        self._task_id = task_id
        self._chance = chance
        self._emit = emit
        self._since: int | None = None
        self._last = self._lenient = self._to_read = 0
        self._stored: int | None = None
        """The greatest seq of the stored events that come first, while they do."""
        self._awaiting = False

    def subscribe(self) -> None:
        last = self._last
        choices = [None, last, max(0, last - self._chance.randrange(BACK)), self._chance.randrange(last + 1)]
        self._since = self._chance.choice(choices)
        self._awaiting = True
        self._emit("subscribe", {"task_id": self._task_id} | ({} if self._since is None else {"since": self._since}))

    def heard(self, name: str, what: Any) -> None:
        if name == "subscribed":
            self._subscribed(what)
        elif name == "lagged":
            assert self._last + 1 == what["from_seq"]
            self._lenient = what["to_seq"]
        elif name == "task_update":
            self._event(what)
        elif name == "connected":
            self.subscribe()

    def _subscribed(self, answer: Any) -> None:
        assert answer.get("recovered") is (None if self._since is None else True)
        self._awaiting = False
        self._stored = answer["last_seq"] if self._since is None else None
        self._last = answer["last_seq"] if self._since is None else self._since
        self._lenient, self._to_read = 0, self._chance.randrange(1, MOST_READ)

    def _event(self, seq: int) -> None:
        if self._stored is not None and seq <= self._stored:
            return
        self._stored = None
        assert seq == self._last + 1 or self._last < seq <= self._lenient + 1, (self._since, self._last, seq)
        self._last = seq
        self._to_read -= 1
        if self._to_read <= 0 and not self._awaiting and self.left:
            self.left -= 1
            if self.left:
                self.subscribe()


def test_websockets_that_subscribe_at_random_moments_see_no_seam(busy):
    _url, port, task_id = busy
    joiners: dict[swarm.Member, Joiner] = {}

    def heard(member: swarm.Member, name: str, what: Any) -> None:
        joiners[member].heard(name, what)

    for number in range(SOCKETS):
        member = swarm.Member(port, heard, receive_buffer=8192)  # what waits there must be read before each answer
        joiners[member] = Joiner(task_id, JOINS, random.Random(number), member.emit)
    swarm.run(list(joiners), lambda: not any(joiner.left for joiner in joiners.values()), timeout=100)
    for member in joiners:
        member.sock.close()


def test_polling_clients_that_subscribe_at_random_moments_see_no_seam(busy):
    _url, port, task_id = busy

    def join(number: int) -> int:
        with RawPolling(port) as subscriber:
            joiner = Joiner(task_id, POLLED_JOINS, random.Random(number), subscriber.emit)
            joiner.subscribe()
            while joiner.left:
                name, data = subscriber.next()
                joiner.heard(name, data["seq"] if name == "task_update" else data)
        return joiner.left

    with ThreadPoolExecutor(POLLERS) as pool:
        assert [0] * POLLERS == list(pool.map(join, range(POLLERS)))


def test_streams_that_start_at_random_moments_see_no_seam(busy):
    url, _port, task_id = busy
    chance = random.Random(0)
    with requests.Session() as session:
        for _ in range(STREAMS):
            last = task(url, task_id)["last_seq"]
            since = max(0, last - chance.randrange(BACK))
            count = last - since + chance.randrange(1, MOST_READ)
            seqs = _read_stream(session, f"{url}/api/tasks/{task_id}/stream?since={since}", count)
            assert list(range(since + 1, since + 1 + count)) == seqs


def _read_stream(session: requests.Session, url: str, count: int) -> list[int]:
    seqs: list[int] = []
    with session.get(url, stream=True, timeout=30) as response:
        for line in response.iter_lines(chunk_size=1024):
            if line.startswith(b"data: "):
                seqs.append(json.loads(line[6:])["seq"])
            if len(seqs) == count:
                break
    return seqs
