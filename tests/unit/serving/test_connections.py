"""The open connections of a server, at its end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from api.serving.connections import Connections, limit_stalls


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_drain_without_connections_does_not_wait() -> None:
    Connections().drain(lambda seconds: pytest.fail("waited"), 60)


def test_a_connection_that_ends_in_time_is_not_hung_up_on(pair: tuple[socket.socket, socket.socket]) -> None:
    connections, (near, far) = Connections(), pair
    with ExitStack() as serving:
        serving.enter_context(connections.holding(near))
        connections.drain(lambda seconds: serving.close(), 60)
    near.sendall(b"the answer")
    assert b"the answer" == far.recv(100)


def test_a_connection_that_stays_is_hung_up_on(pair: tuple[socket.socket, socket.socket]) -> None:
    """What had been sent arrives all the same."""
    connections, (near, far) = Connections(), pair
    near.sendall(b"half of a stream")
    with connections.holding(near):
        connections.drain(time.sleep, 0.05)
        assert b"half of a stream" == far.recv(100)
        assert b"" == far.recv(100)


def test_a_connection_that_is_closed_already_keeps_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    connections, (near, far) = Connections(), pair
    closed = socket.socket()
    closed.close()
    with connections.holding(closed), connections.holding(near):
        connections.drain(time.sleep, 0)
    assert b"" == far.recv(100)


def test_what_a_listener_accepts_has_its_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        limit_stalls(listener, 1.5)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert 1500 == accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
