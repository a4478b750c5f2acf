"""What devices may send, and what is refused; and how they are told apart."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from api.delivery.devices.identity import COOKIE, DeviceCookies
from api.delivery.devices.requests import completion_request, creation_request, failure_request, progress_request
from api.errors import InvalidInput
from api.services.devices import Creation

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
REQUESTS = [lambda data: creation_request(data, NOW), progress_request, completion_request, failure_request]


def test_a_creation_is_taken_as_it_is_or_filled_up() -> None:
    full = {"id": 1, "formData": {"a": [1]}, "mode": "paint", "startTime": 1.9, "serverTaskId": "s", "more": 1}
    assert Creation(1, {"a": [1]}, "paint", 1, "s") == creation_request(full, NOW)
    assert Creation(0, {}, "external", MS) == creation_request({"id": "0", "formData": None, "serverTaskId": None}, NOW)


def test_reports_become_events() -> None:
    assert (1, ("progress", {"progress_percent": 0})) == progress_request({"id": 1, "progress": 0, "message": None})
    half = {"progress_percent": 50.5, "message": "half"}
    assert (9, ("progress", half)) == progress_request({"id": "9", "progress": 50.5, "message": "half"})
    assert "completed" == completion_request({"id": 1})[1][1]["status"]
    assert (1, ("error", {"error": "no luck"})) == failure_request({"id": 1, "error": "no luck"})
    assert (1, ("error", {})) == failure_request({"id": 1})
    assert "cancelled" == failure_request({"id": 1, "error": "cancelled"})[1][1]["status"]


@pytest.mark.parametrize("data", [None, 1, "text", [], [{"id": 1}], True, b"\0"])
@pytest.mark.parametrize("request_of", REQUESTS)
def test_what_is_no_object_is_refused(request_of: Any, data: Any) -> None:
    with pytest.raises(InvalidInput, match="must be an object"):
        request_of(data)


@pytest.mark.parametrize(
    "number",
    [None, "", "x", "1.5", "-1", "²", "9" * 17, 1.0, math.nan, math.inf, -1, 2**52, 10**400, True, [], {}, b"1"],
    ids=lambda each: repr(each)[:12],
)
@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_wrong_id_is_named(request_of: Any, number: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^id: must be a whole number"):
        request_of({"id": number, "progress": 1})


@pytest.mark.parametrize("percent", [None, "50", -0.1, 100.1, math.nan, math.inf, -math.inf, 10**400, True, [50], {}])
def test_progress_that_is_no_percentage_is_refused(percent: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^progress: must be a number from 0 to 100"):
        progress_request({"id": 1, "progress": percent})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("formData", []),
        ("formData", "text"),
        ("mode", 7),
        ("mode", "x" * 201),
        ("mode", "a\0b"),
        ("mode", "\ud800"),
        ("serverTaskId", {}),
        ("serverTaskId", "x" * 201),
        ("startTime", "2026-01-02"),
        ("startTime", -1),
        ("startTime", math.nan),
        ("startTime", 2**53),
        ("startTime", True),
    ],
)
def test_a_wrong_field_of_a_creation_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"^{field}: must"):
        creation_request({"id": 1, field: value}, NOW)


@pytest.mark.parametrize("text", [7, {}, ["x"], "\ud800", True])
def test_what_is_no_text_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^message: must be text"):
        progress_request({"id": 1, "progress": 1, "message": text})
    with pytest.raises(InvalidInput, match=r"^error: must be text"):
        failure_request({"id": 1, "error": text})


# -- devices ----------------------------------------------------------------------------------------------


def test_a_client_that_keeps_its_cookie_stays_the_same_device() -> None:
    cookies = DeviceCookies()
    [(name, cookie)] = cookies.headers("first", {})
    value, *attributes = cookie.split("; ")
    assert ("Set-Cookie", COOKIE) == (name, value.partition("=")[0])
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    later = {"HTTP_COOKIE": f"a[]=b; {value}; c=d"}
    assert [] == cookies.headers("second", later)
    assert cookies.device(None, "first", {}) == DeviceCookies().device({}, "second", later)


def test_over_tls_the_cookie_is_secure() -> None:
    [(_, cookie)] = DeviceCookies().headers("first", {"wsgi.url_scheme": "https"})
    assert cookie.endswith("; Secure")


def test_without_a_cookie_each_connection_is_a_device_of_its_own_that_nobody_can_guess() -> None:
    cookies = DeviceCookies()
    devices = {cookies.device(None, "a", {}), cookies.device(None, "b", {}), DeviceCookies().device(None, "a", {})}
    assert 3 == len(devices)


@pytest.mark.parametrize("broken", ["", "runcast_device", "runcast_device=", "runcast_device=a b", "=;=", "é=\xff"])
def test_a_broken_cookie_is_none(broken: str) -> None:
    cookies = DeviceCookies()
    assert cookies.headers("a", {}) == cookies.headers("a", {"HTTP_COOKIE": broken})


def test_what_a_device_says_comes_before_its_cookie_and_cannot_be_anothers_cookie() -> None:
    cookies = DeviceCookies()
    known = {"HTTP_COOKIE": f"{COOKIE}=phone"}
    said = cookies.device({"device": "phone", "token": "x"}, "a", known)
    assert said == cookies.device({"device": "phone"}, "b", {})
    assert said != cookies.device({"token": "x"}, "a", known)


@pytest.mark.parametrize("device", ["", "x" * 65, "a b", "a\n", "é", 7, ["phone"], {}])
def test_a_device_that_is_no_name_is_refused(device: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^auth\.device must"):
        DeviceCookies().device({"device": device}, "a", {})
