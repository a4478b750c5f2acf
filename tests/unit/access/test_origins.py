"""The policy of origins and hosts, from the WSGI environment alone."""

from __future__ import annotations

from typing import Any

import pytest

from api.access.origins import FORWARDING, OriginPolicy
from api.config import Settings

LISTED = "https://lab.example"


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch) -> OriginPolicy:
    return OriginPolicy(Settings(_env_file=None, cors_origins=(LISTED,)))


def environ(host: str = "127.0.0.1:5000", scheme: str = "http", **more: str) -> dict[str, Any]:
    return {"wsgi.url_scheme": scheme, "HTTP_HOST": host, "SERVER_NAME": "127.0.0.1"} | more


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "127.0.0.1:5000"),
        (LISTED, "127.0.0.1:5000"),
        ("http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("http://localhost:5000", "127.0.0.1:5000"),
        ("http://127.0.0.1:5000", "localhost:5000"),
        ("http://[::1]:5000", "localhost:5000"),
        ("http://localhost", "localhost"),
        ("http://localhost:80", "localhost"),
        ("http://lab:8080", "lab:8080"),
    ],
)
def test_the_servers_own_origin_is_allowed_under_every_name_of_the_loopback(
    policy: OriginPolicy, origin: str | None, host: str
) -> None:
    assert policy.allows(origin, environ(host))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "127.0.0.1:5000"),
        ("", "127.0.0.1:5000"),
        ("*", "127.0.0.1:5000"),
        ("http://localhost:5001", "127.0.0.1:5000"),
        ("http://localhost", "127.0.0.1:5000"),
        ("https://localhost:5000", "127.0.0.1:5000"),
        ("http://evil.example:5000", "127.0.0.1:5000"),
        ("http://127.0.0.1:5000", "lab:5000"),
        ("http://localhost:5000/", "127.0.0.1:5000"),
        ("http://localhost:5000?", "127.0.0.1:500"),
        ("http://localhost:99999", "127.0.0.1:5000"),
        ("http://u@localhost:5000", "127.0.0.1:5000"),
        ("http://[::1", "127.0.0.1:5000"),
        ("http://localhost:5000", ""),
    ],
)
def test_every_other_origin_is_refused(policy: OriginPolicy, origin: str, host: str) -> None:
    assert not policy.allows(origin, environ(host))


def test_null_is_allowed_when_it_is_listed() -> None:
    assert OriginPolicy(Settings(_env_file=None, cors_origins=("null",))).allows("null", environ())


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:5000", "127.8.9.1", "[::1]:5000", "localhost.:1"]
)
def test_a_name_of_the_loopback_is_a_host_that_may_be_asked_for(policy: OriginPolicy, host: str) -> None:
    assert policy.host_refusal(environ(host)) is None


@pytest.mark.parametrize(
    "host",
    ["lab", "10.0.0.1", "0.0.0.0:5000", "localhost.evil.example", "127.0.0.1@evil.example", "[::", "a b", ":5000"],
)
def test_any_other_host_is_refused(policy: OriginPolicy, host: str) -> None:
    assert "Host" in str(policy.host_refusal(environ(host)))


@pytest.mark.parametrize("header", FORWARDING)
def test_a_forwarding_header_is_refused_and_named(policy: OriginPolicy, header: str) -> None:
    name = header.removeprefix("HTTP_").replace("_", "-").title()
    assert name in str(policy.host_refusal(environ(**{header: ""})))


def test_an_open_server_takes_every_host_and_every_proxy() -> None:
    policy = OriginPolicy(Settings(_env_file=None, open=True))
    assert policy.host_refusal(environ("lab", HTTP_X_FORWARDED_FOR="10.0.0.1")) is None
