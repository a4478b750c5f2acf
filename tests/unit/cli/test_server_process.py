"""The demo's server as a child process."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from api.cli import server_process
from api.cli.server_process import ServerDidNotStart, ServerProcess, free_port
from tests.support import ports


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) < port + 100


def test_a_free_port_is_taken_as_wanted() -> None:
    port = ports.free_port()
    assert port == free_port("127.0.0.1", port)


def test_port_0_is_any_free_one() -> None:
    assert 0 < free_port("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:5000"),
        ("::1", "http://[::1]:5000"),
        ("0.0.0.0", "http://127.0.0.1:5000"),
        ("::", "http://[::1]:5000"),
    ],
)
def test_a_server_is_reached_by_an_address_that_one_can_connect_to(host: str, url: str, tmp_path: Path) -> None:
    assert url == ServerProcess(host, 5000, tmp_path, tmp_path).url


def test_a_server_that_does_not_come_up_tells_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "server.py"
    script.write_text("print('RUNCAST_PORT: give a number'); raise SystemExit(7)")
    monkeypatch.setattr(server_process, "SCRIPT", script)
    with (
        pytest.raises(ServerDidNotStart) as caught,
        ServerProcess("127.0.0.1", ports.free_port(), tmp_path, tmp_path),
    ):
        pytest.fail("it must not get here")
    assert "code 7" in caught.value.message
    assert "RUNCAST_PORT: give a number" in caught.value.message


def test_a_server_that_hangs_is_stopped_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "server.py"
    script.write_text(
        f"import os, signal\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nsignal.pause()"
    )
    monkeypatch.setattr(server_process, "SCRIPT", script)
    monkeypatch.setattr(server_process, "START_SECONDS", 0.5)
    with (
        pytest.raises(ServerDidNotStart, match="not ready"),
        ServerProcess("127.0.0.1", ports.free_port(), tmp_path, tmp_path),
    ):
        pytest.fail("it must not get here")
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists() or sys.platform != "linux"
