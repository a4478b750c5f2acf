"""What the tests of `api.fanout.SocketIO` share: its server in each async mode, and players at it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from api.runtime.patch import MODES
from tests.support.players.base import Player
from tests.support.players.table import KINDS, Table
from tests.support.servers import ServerProcess, fanout_rooms, gunicorn_rooms

_rooms = itertools.count(1)
OVER_TLS = "gunicorn-eventlet-tls"
REPRESENTATIVES = {"python-websocket", "asyncio-polling", "js-4.8.4-upgrade", "js-4.5.4-websocket"}
"""Who stands for everybody beside the default async mode: each client and each transport once."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every client by every transport on eventlet, some of them on the others: what differs there is the server."""
    spared = [item for item in items if _spared(getattr(item, "callspec", None))]
    config.hook.pytest_deselected(items=spared)
    items[:] = [item for item in items if not _spared(getattr(item, "callspec", None))]


def _spared(call: Any) -> bool:
    if call is None or not {"rooms", "player"} <= set(call.params):
        return False
    return call.params["rooms"] != MODES[0] and call.params["player"] not in REPRESENTATIVES


@pytest.fixture(scope="package", params=[*MODES, OVER_TLS])
def rooms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The application of `tests/support/fanout_rooms.py`, shared by all that take it as it is."""
    command, scheme = fanout_rooms(request.param), "http"
    if request.param == OVER_TLS:
        command, scheme = gunicorn_rooms("eventlet", *request.getfixturevalue("certificate").options), "https"
    folder = tmp_path_factory.mktemp("rooms")
    with ServerProcess(folder, command=command, awaits="/state", scheme=scheme) as running:
        yield running


@pytest.fixture(scope="package")
def table(rooms: ServerProcess) -> Iterator[Table]:
    seated = Table(rooms.url)
    yield seated
    seated.close()


@pytest.fixture(params=KINDS)
def player(request: pytest.FixtureRequest, table: Table) -> Player:
    """Each client by each transport."""
    return table.seat(request.param)


@pytest.fixture
def other(table: Table) -> Player:
    """Somebody else at the same server."""
    return table.seat("python-websocket", "-other")


@pytest.fixture
def room() -> str:
    """One in which nobody has been."""
    return f"room-{next(_rooms)}"
