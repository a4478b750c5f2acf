"""The guard in front of the application: what it lets through, and what the application then sees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from api.access.guard import guarded
from api.access.origins import OriginPolicy
from api.config import Settings


def client(**settings: Any) -> Client:
    """A client of a guarded application that answers with what it sees."""
    made = Settings(_env_file=None, **settings)

    @Request.application
    def echo(request: Request) -> Response:
        seen = {"host": request.host, "scheme": request.scheme, "address": request.remote_addr}
        forwarded = sorted(name for name in request.environ if "FORWARDED" in name and name.startswith("HTTP_"))
        return Response(json.dumps(seen | {"forwarded": forwarded}))

    return Client(guarded(echo, made, OriginPolicy(made)))


def get(of: Client, **headers: str) -> TestResponse:
    return of.get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_refusal_is_a_problem() -> None:
    answer = get(client(), Origin="http://evil.example")
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    problem = json.loads(answer.data)
    assert (problem["status"], problem["error"]) == (403, problem["detail"])
    assert "http://evil.example" in problem["detail"]
    assert "RUNCAST_CORS_ORIGINS" in problem["detail"]


def test_the_host_is_checked_before_the_origin() -> None:
    answer = get(client(), Host="evil.example", Origin="http://evil.example")
    assert (answer.status_code, "Host" in answer.text) == (403, True)


def test_without_a_trusted_proxy_forwarding_headers_are_forgotten() -> None:
    seen = json.loads(get(client(open=True), X_Forwarded_Host="evil", X_Forwarded_Proto="https", Forwarded="a").data)
    assert seen == {"host": "localhost", "scheme": "http", "address": None, "forwarded": []}


def test_of_a_trusted_proxy_the_nearest_word_counts() -> None:
    """A client may have written its own in front; only as many as there are proxies are believed."""
    trusting = client(open=True, trusted_proxies=1)
    headers = {
        "X_Forwarded_For": "6.6.6.6, 10.0.0.9",
        "X_Forwarded_Host": "evil, lab",
        "X_Forwarded_Proto": "http, https",
    }
    seen = json.loads(get(trusting, **headers, Origin="https://lab").data)
    assert (seen["host"], seen["scheme"], seen["address"]) == ("lab", "https", "10.0.0.9")
    assert get(trusting, **headers, Origin="https://evil").status_code == 403


@pytest.mark.parametrize("trusted", [0, 1])
def test_a_proxy_is_refused_while_the_server_is_not_open(trusted: int) -> None:
    answer = get(client(trusted_proxies=trusted), X_Forwarded_For="10.0.0.1")
    assert (answer.status_code, "proxy" in answer.text) == (403, True)
