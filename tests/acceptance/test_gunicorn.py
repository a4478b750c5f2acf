"""gunicorn: what it refuses to start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest
import requests

from tests.support.servers import ServerProcess, gunicorn, own_server

REFUSAL = 20


def bound_to_all(port: int) -> Sequence[str]:
    return [*gunicorn(port)[:-2], f"0.0.0.0:{port}", "wsgi:app"]


def refusal(server: ServerProcess) -> str:
    """What a server that refuses to start says; it never opens its port."""
    process = server.launch()
    assert process.wait(REFUSAL) != 0
    text = server.log_text()
    assert "Traceback" not in text
    assert "Listening at" not in text
    return text


@pytest.fixture
def data_server(tmp_path) -> Callable[..., ServerProcess]:
    return partial(ServerProcess, tmp_path / "data")


def test_two_workers_on_one_port_are_refused(data_server: Callable[..., ServerProcess]) -> None:
    text = refusal(data_server(command=partial(gunicorn, workers=2)))
    assert "refusing to start 2 workers on one port" in text
    assert "-w 1" in text


def test_an_address_that_everybody_reaches_is_refused(data_server: Callable[..., ServerProcess]) -> None:
    text = refusal(data_server(command=bound_to_all))
    assert "RUNCAST_HOST=127.0.0.1" in text
    assert "RUNCAST_OPEN=1" in text


@pytest.mark.parametrize("command", [gunicorn, own_server])
def test_wrong_settings_are_refused_by_name(command, data_server: Callable[..., ServerProcess]) -> None:
    text = refusal(data_server(command=command, env={"RUNCAST_CORS_ORIGINS": "*", "RUNCAST_MAX_WORKERS": "none"}))
    assert "RUNCAST_CORS_ORIGINS" in text
    assert "RUNCAST_MAX_WORKERS" in text


@pytest.mark.parametrize("command", [bound_to_all, own_server])
def test_an_open_server_warns(command, start_server: Callable[..., ServerProcess]) -> None:
    """`RUNCAST_OPEN=1` lifts the refusal, and says so at the start and on the page."""
    server = start_server(command=command, env={"RUNCAST_OPEN": "1", "RUNCAST_HOST": "0.0.0.0"})
    assert "whoever reaches this server can run tasks on it" in server.log_text()
    page = requests.get(f"{server.url}/demo", headers={"Host": "lab.example"}, timeout=10)
    assert page.status_code == 200
    assert "RUNCAST_OPEN" in page.text
