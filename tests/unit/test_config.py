"""Settings: one table, read from the environment, each wrong one named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.config import Settings, is_loopback, load_settings
from api.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RUNCAST_")]:
        monkeypatch.delenv(name)


def test_the_defaults_are_for_one_machine_on_the_loopback() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 5000, Path("var"))
    assert (settings.open, settings.cors_origins, settings.trusted_proxies) == (False, (), 0)
    assert settings.journal_url == f"sqlite:///{Path.cwd() / 'var' / 'runcast.db'}"
    assert settings.max_workers == os.cpu_count()


def test_history_is_kept_for_ever_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (0, 0) == (load_settings().retention_days, load_settings().retention_events)
    monkeypatch.setenv("RUNCAST_RETENTION_DAYS", "0.5")
    monkeypatch.setenv("RUNCAST_RETENTION_EVENTS", "1000")
    assert (0.5, 1000) == (load_settings().retention_days, load_settings().retention_events)
    monkeypatch.setenv("RUNCAST_RETENTION_DAYS", "-1")
    with pytest.raises(ConfigError, match="RUNCAST_RETENTION_DAYS"):
        load_settings()


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_file_sets_what_the_environment_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("RUNCAST_PORT=6001\nRUNCAST_LOG_FORMAT=json\nOTHER=1\n")
    monkeypatch.setenv("RUNCAST_PORT", "6002")
    settings = load_settings()
    assert (settings.port, settings.log_format) == (6002, "json")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNCAST_CORS_ORIGINS", " https://lab.example/ , null ,")
    monkeypatch.setenv("RUNCAST_INPUT_DIRS", "a, b/c")
    settings = load_settings()
    assert settings.cors_origins == ("https://lab.example", "null")
    assert settings.input_dirs == (Path("a"), Path("b/c"))


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNCAST_PORT", "")
    assert load_settings().port == 5000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RUNCAST_PORT", "http", "integer"),
        ("RUNCAST_PORT", "70000", "65535"),
        ("RUNCAST_MAX_WORKERS", "0", "1"),
        ("RUNCAST_ASYNC_MODE", "asyncio", "eventlet"),
        ("RUNCAST_EXECUTOR", "cluster", "local"),
        ("RUNCAST_CORS_ORIGINS", "*", "every web page"),
        ("RUNCAST_CORS_ORIGINS", "https://lab.example,*", "every web page"),
        ("RUNCAST_CORS_ORIGINS", "lab.example", "no origin"),
        ("RUNCAST_TRUSTED_PROXIES", "-1", "0"),
        ("RUNCAST_SHUTDOWN_GRACE_SECONDS", "nan", "600"),
        ("RUNCAST_OPEN", "perhaps", "boolean"),
        ("RUNCAST_TYPE_LIMITS", "optimization", "type=number"),
        ("RUNCAST_TYPE_LIMITS", "a=1,=2", "type=number"),
        ("RUNCAST_TYPE_LIMITS", "a=none", "integer"),
        ("RUNCAST_TYPE_LIMITS", "a=0", "1"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert refused.value.message.startswith(f"{name}: ")
    assert said in refused.value.message


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNCAST_PORT", "x")
    monkeypatch.setenv("RUNCAST_LOG_LEVEL", "LOUD")
    with pytest.raises(ConfigError, match=r"(?s)RUNCAST_PORT: .*RUNCAST_LOG_LEVEL: "):
        load_settings()


def test_limits_of_types_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {} == load_settings().type_limits
    monkeypatch.setenv("RUNCAST_TYPE_LIMITS", "optimization=1, training = 2,")
    assert {"optimization": 1, "training": 2} == load_settings().type_limits


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "lab.example", ""])
def test_an_address_beyond_the_loopback_needs_the_operators_word(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    if host:
        monkeypatch.setenv("RUNCAST_HOST", host)
        with pytest.raises(ConfigError, match=r"RUNCAST_HOST=127\.0\.0\.1.*RUNCAST_OPEN=1"):
            load_settings()
    monkeypatch.setenv("RUNCAST_OPEN", "1")
    assert load_settings().open


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "::1", "LOCALHOST.", "127.255.0.3"])
def test_the_loopback_has_many_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "localhost.example", "128.0.0.1", "::", "loopback"])
def test_other_names_are_not_the_loopback(host: str) -> None:
    assert not is_loopback(host)
