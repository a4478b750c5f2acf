"""A network that falls silent without closing anything, and a process that was suspended."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from api.subscriber.connection import HANDSHAKE_SECONDS, EndingQueue
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.servers import ROOT
from tests.support.waiting import client_threads, wait_until
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Recorded, feed, numbers

PING_INTERVAL = PING_TIMEOUT = 1
NEVER = threading.Event()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """One whose silence is noticed after two seconds."""
    with ScriptedServer(ping_interval=PING_INTERVAL, ping_timeout=PING_TIMEOUT) as running:
        yield running


def test_a_silent_connection_is_noticed_by_the_missed_pings_and_replaced(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """A router has dropped its state: no goodbye, and nothing ever comes on it again."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    wait_until(lambda: seen.seqs.get(task) == [1])
    wire.freeze()
    frozen_at = time.monotonic()
    feed(server, task, 20)
    wait_until(lambda: seen.times("reconnecting") == 1, DEADLINE)
    assert time.monotonic() - frozen_at < PING_INTERVAL + PING_TIMEOUT + HANDSHAKE_SECONDS
    assert (False, [1]) == (client.connected, seen.seqs[task])
    wire.thaw(forgotten=True)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 22) == seen.seqs[task]


def test_a_silent_polling_connection_is_replaced_too(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    server.sio.eio.allow_upgrades = False
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    wire.freeze()
    feed(server, task, 8)  # the library takes 16 packets at most from one poll
    wait_until(lambda: seen.times("reconnecting") == 1, DEADLINE)
    wire.thaw(forgotten=True)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 10) == seen.seqs[task]


def test_a_short_silence_is_no_lost_connection(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    wire.freeze()
    feed(server, task, 20)
    NEVER.wait(PING_INTERVAL / 2)
    wire.thaw()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert (numbers(1, 22), 0) == (seen.seqs[task], seen.times("reconnecting"))


def test_disconnect_does_not_wait_for_a_silent_network(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient
) -> None:
    client.connect()
    client.subscribe(server.task(RUNNING))
    wire.freeze()
    asked_at = time.monotonic()
    client.disconnect()
    wait_until(lambda: not client_threads())
    assert time.monotonic() - asked_at < PING_INTERVAL + PING_TIMEOUT


def test_a_ping_just_before_the_end_of_the_connection_does_not_hide_it() -> None:
    """The library's writer overlooks the word to end behind another packet, and waited for half a minute."""
    packets = EndingQueue()
    packets.put("pong")
    packets.put(None)
    assert ["pong", None] == [packets.get(), packets.get(block=False)]
    assert None is packets.get(timeout=DEADLINE)
    for _ in range(3):
        packets.task_done()
    with pytest.raises(queue.Empty):
        packets.get_nowait()


class Follower:
    """A client in a process of its own."""

    def __init__(self, url: str, task_id: str, *seconds: float) -> None:
        command = [sys.executable, "-m", "tests.unit.subscriber.follower", url, task_id, *map(str, seconds)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.out = self.process.stdout

    def suspend(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        NEVER.wait(seconds)
        self.process.send_signal(signal.SIGCONT)

    def rest(self) -> list[str]:
        """What it prints from now to its end."""
        return self.out.read().split()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_a_suspension_longer_than_the_pings_allow_loses_nothing(server: ScriptedServer) -> None:
    """The server has hung up meanwhile."""
    task = server.task(RUNNING)
    follower = Follower(server.url, task)
    try:
        assert "1\n" == follower.out.readline()
        threading.Timer(0.1, feed, (server, task, 20)).start()
        follower.suspend(PING_INTERVAL + PING_TIMEOUT + 1.0)
        server.append(task, *COMPLETED)
        assert [*map(str, numbers(2, 22)), "completed"] == follower.rest()
    finally:
        follower.end()


def test_after_a_suspension_a_dead_connection_is_found_without_waiting_for_the_pings() -> None:
    """A laptop that wakes up in another network: the pings of this server would tell after 45 s."""
    with ScriptedServer() as server, Wire(server.port) as wire:
        task = server.task(RUNNING)
        follower = Follower(wire.url, task, 0.2, 0.5, 0.5)
        try:
            assert "1\n" == follower.out.readline()
            wire.freeze()
            feed(server, task, 20)
            follower.suspend(1.5)
            wire.thaw(forgotten=True)
            server.append(task, *COMPLETED)
            assert [*map(str, numbers(2, 22)), "completed"] == follower.rest()
        finally:
            follower.end()


def test_after_a_suspension_a_living_connection_is_kept() -> None:
    """It is asked for a sign of life and no more."""
    with ScriptedServer() as server:
        task = server.task(RUNNING)
        follower = Follower(server.url, task, 0.2, 0.5, 0.5)
        try:
            assert "1\n" == follower.out.readline()
            follower.suspend(1.5)
            wait_until(lambda: "unsubscribe" in [event for event, _ in server.requests], DEADLINE)
            server.append(task, *COMPLETED)
            assert ["2", "completed"] == follower.rest()
            assert 1 == [event for event, _ in server.requests].count("connect")
        finally:
            follower.end()
