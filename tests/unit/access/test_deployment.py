"""What an HTTP server in front of the application must not do."""

from __future__ import annotations

import pytest

from api.access.deployment import check_deployment, main
from api.errors import ConfigError


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNCAST_OPEN", raising=False)


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1"], ["localhost", "::1"]])
def test_one_worker_on_the_loopback_may_start(hosts: list[str]) -> None:
    check_deployment(workers=1, hosts=hosts)


def test_more_workers_are_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match=r"3 workers on one port.*-w 1"):
        check_deployment(workers=3, hosts=["127.0.0.1"])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "lab.example"])
def test_an_address_beyond_the_loopback_is_refused_unless_open(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="RUNCAST_OPEN=1"):
        check_deployment(workers=1, hosts=["127.0.0.1", host])
    monkeypatch.setenv("RUNCAST_OPEN", "1")
    main(["1", "127.0.0.1", host])
    assert "warning" in capsys.readouterr().err


def test_as_a_program_it_exits_with_the_reason() -> None:
    with pytest.raises(SystemExit, match=r"^runcast: refusing to start 2 workers"):
        main(["2", "127.0.0.1"])
