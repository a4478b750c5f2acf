"""Whom webhooks may call."""

from __future__ import annotations

import pytest

from api.errors import InvalidInput
from api.webhook.target import Target, Targets

OFF = Targets(["off"])
PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("0.1.2.3", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1"),
    "2001:0:a00:1::f5ff:fffe",
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


def url_of(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused_as_it_stands_and_behind_a_name(address):
    with pytest.raises(InvalidInput, match=r"RUNCAST_WEBHOOK_PRIVATE|no address of one machine"):
        OFF.target(url_of(address))
    with pytest.raises(InvalidInput):
        OFF.permitted("hooks.example", ["93.184.216.34", address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address):
    assert address == OFF.target(url_of(address)).host
    assert [address] == OFF.permitted("hooks.example", [address])


@pytest.mark.parametrize(
    "url",
    [
        *("http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://0177.0.0.1/", "http://127.0.0.1./"),
        *("http://127.0.0.0x1/", "http://1/", "http://0/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/"),
        *("http://localhost/", "http://LOCALHOST.:80/", "https://a.localhost/", "http:///path", "http://?q"),
        *("ftp://a.example/", "file:///etc/passwd", "javascript:alert(1)", "//a.example/", "a.example", ""),
        *("http://user@a.example/", "http://user:word@a.example/", "http://a.example@127.0.0.1/", "http://@a.example/"),
        *("http://a.example:0/", "http://a.example:65536/", "http://a.example:x/", "http://[::1/", "http://a..b/"),
        *("http://a.example/a b", "http://a.example/\r\nX: 1", "http://a.example\\@127.0.0.1/", "http://é.example/"),
        *("http://-a.example/", "http://a%2e/", "http://" + "a" * 64 + ".example/", "http://a.example/" + "x" * 2000),
    ],
)
def test_what_is_no_plain_url_of_somebody_else_is_refused(url):
    with pytest.raises(InvalidInput):
        OFF.target(url)


def test_the_parts_of_a_url():
    assert Target("https", "a.example", 443, "/") == OFF.target("https://a.example#fragment")
    assert Target("http", "a.example", 8080, "/b/c?d=e&f") == OFF.target("http://A.example:8080/b/c?d=e&f#g")
    assert Target("http", "a_b.example.", 80, "/?x") == OFF.target("HTTP://a_b.example.?x")


def test_on_lets_every_machine_through_and_still_none_that_is_many():
    on = Targets(["on"])
    for address in ("127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254"):
        assert [address] == on.permitted("x", [address])
    assert "localhost" == on.target("http://localhost:9/").host
    for address in ("0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"):
        with pytest.raises(InvalidInput):
            on.permitted("x", [address])


def test_names_and_networks_are_let_through_and_nothing_beside_them():
    some = Targets(["hooks.lab", "10.1.0.0/16", "127.0.0.1", "fd00::/8"])
    assert ["192.168.0.9"] == some.permitted("Hooks.Lab.", ["192.168.0.9"])
    for address in ("10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "fd12::1", "1.1.1.1"):
        assert [address] == some.permitted("other.lab", [address])
    for address in ("10.2.0.1", "127.0.0.2", "192.168.0.9", "fe80::1"):
        with pytest.raises(InvalidInput):
            some.permitted("other.lab", [address])
    assert "localhost" == some.target("http://localhost/").host  # it may resolve to one of them


@pytest.mark.parametrize("entries", [["on", "10.0.0.0/8"], ["off", "a.example"], ["a b"], ["10.1"], ["10.0.0.1/8"]])
def test_what_is_neither_name_nor_network_is_no_setting(entries):
    with pytest.raises(ValueError, match="is neither a host name nor a network"):
        Targets(entries)
