"""`api.fanout.SocketIO` over TLS on eventlet, by eventlet's own server and by gunicorn with our worker: what TLS adds.

That everything else is as without it is shown by the tests of the clients, of the order, of the wire and of early data.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.support.byte_reader import ByteReader
from tests.support.certificates import Certificate
from tests.support.players.table import a_player
from tests.support.servers import ServerProcess, fanout_rooms, gunicorn_rooms
from tests.support.waiting import let_pass, wait_until

PINGS = 3.0
SERVERS = {
    "own": lambda options: fanout_rooms("eventlet", "--pings", str(PINGS), *options),
    "gunicorn": lambda options: gunicorn_rooms("eventlet", *options, ping_interval=PINGS, ping_timeout=PINGS),
}
LARGE = 900_000
"""Characters: more than the socket's buffers hold."""
SLOTS = 6
"""Green threads for connections, in a server that has few."""
HASTE = 1
"""Seconds that a connection has for its handshake or its next request."""


@pytest.fixture(scope="module", params=SERVERS)
def rooms(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    command = SERVERS[request.param](certificate.options)
    folder = tmp_path_factory.mktemp("rooms")
    with ServerProcess(folder, command=command, awaits="/state", scheme="https") as running:
        yield running
        running.stop()
        assert "Traceback" not in running.log_text()


def wait_for_nobody(rooms: ServerProcess) -> None:
    def sockets() -> Any:
        return requests.get(f"{rooms.url}/state", timeout=10).json()["sockets"]

    wait_until(lambda: sockets() == 0, 10, lambda: f"{sockets()} are still there")


@pytest.mark.parametrize("kind", ["python-websocket", "python-polling", "python-upgrade"])
def test_messages_larger_than_the_sockets_buffers_go_both_ways(rooms: ServerProcess, kind: str) -> None:
    player = a_player(rooms.url, kind)
    for value in ("x" * LARGE, b"\xff" * (LARGE // 2)):
        assert [value, 1] == player.call("echo", value, 1)
    player.close()


def test_whoever_says_goodbye_is_answered_by_the_websocket_and_by_tls(rooms: ServerProcess) -> None:
    reader = ByteReader(rooms.url, clean=True)
    reader.say_goodbye()
    while not reader.ended:
        reader.read(65536)
    reader.close()
    wait_for_nobody(rooms)


def test_whom_the_server_hangs_up_on_has_its_last_words_first(rooms: ServerProcess) -> None:
    reader = ByteReader(rooms.url, clean=True)
    words = [["emit", reader.sid, number] for number in range(40)]
    reader.emit("act", *words, ["hang up", reader.sid])
    while not reader.ended:
        reader.read(65536)
    reader.close()
    assert [["told", number] for number in range(40)] == reader.events
    wait_for_nobody(rooms)


def test_who_answers_pings_stays_and_who_does_not_is_let_go(rooms: ServerProcess) -> None:
    silent, player = ByteReader(rooms.url), a_player(rooms.url, "python-websocket")
    player.call("echo")
    let_pass(2.5 * PINGS)
    wait_until(lambda: len(requests.get(f"{rooms.url}/state", timeout=10).json()["members"]["/"]) == 1)
    assert [1] == [player.call("echo", 1)]
    silent.close()
    player.close()


def test_an_idle_connection_holds_no_thread_of_the_server(
    certificate: Certificate, start_server: Callable[..., ServerProcess]
) -> None:
    command = gunicorn_rooms("eventlet", *certificate.options, "--worker-connections", str(SLOTS))
    server = start_server(command=command, awaits="/state", scheme="https")
    with ExitStack() as stack:
        readers = [ByteReader(server.url) for _ in range(3 * SLOTS)]
        for reader in readers:
            stack.callback(reader.close)
            reader.emit("enter", "all")
        readers[0].emit("tell", "all", "to everybody")
        for reader in readers:
            while not reader.events:
                reader.read(65536)
        assert [[["told", "to everybody"]]] * len(readers) == [reader.events for reader in readers]


def test_who_speaks_no_tls_is_refused_and_who_says_nothing_is_let_go(
    certificate: Certificate, start_server: Callable[..., ServerProcess]
) -> None:
    command = gunicorn_rooms("eventlet", *certificate.options, "--keep-alive", str(HASTE))
    server = start_server(command=command, awaits="/state", scheme="https")
    for said in (b"", b"\x16\x03\x01", b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\x00" * 100):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
            wire.sendall(said)
            assert b"HTTP" not in rest_of(wire)
    assert requests.get(f"{server.url}/state", timeout=10).ok
    assert "Traceback" not in server.log_text()


def rest_of(wire: socket.socket) -> bytes:
    """What comes until the other side hangs up, by whatever means."""
    data = b""
    try:
        while more := wire.recv(4096):
            data += more
    except ConnectionResetError:
        pass
    return data
