"""Whom webhooks may call: the URL as it was given, and each address that its name resolves to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from api.errors import InvalidInput

URL_MAX = 2000
PORTS = {"http": 80, "https": 443}
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?", re.IGNORECASE)
_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)
"""Which C's resolver reads as an address: 127.1, 2130706433, 0x7f.0.0.1."""
_PRINTABLE = re.compile(r"[!-~]+")
_NOT_FOR_US = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # metadata of clouds, at addresses that look public
        "192.0.0.0/24",
        "fec0::/10",  # site-local, before there were unique local addresses
        "64:ff9b:1::/48",  # NAT64 of a local network
    )
)
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, in parts."""

    scheme: str
    host: str
    """A name, or an address without brackets."""
    port: int
    path: str
    """With the query."""


class Targets:
    """The setting `RUNCAST_WEBHOOK_PRIVATE`: `off`, `on`, or names and networks that are let through."""

    def __init__(self, private: Sequence[str]) -> None:
        """`ValueError` for what is none of these."""
        self._all = list(private) == ["on"]
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in private if list(private) not in (["on"], ["off"]) else ():
            self._let_through(entry)

    def target(self, url: str) -> Target:
        """The parts of `url`; `InvalidInput` for one that may not be called, as far as it can be seen from it alone."""
        if len(url) > URL_MAX or not _PRINTABLE.fullmatch(url) or "\\" in url:
            raise InvalidInput(f"must be {URL_MAX} characters at most, without spaces, \\ and what is not ASCII")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidInput("is no URL") from None
        if parts.scheme not in PORTS:
            raise InvalidInput("must begin with http:// or https://")
        if "@" in parts.netloc:
            raise InvalidInput("must not have a user or a password: a webhook is known by its signature")
        if port == 0:
            raise InvalidInput("there is no port 0")
        self._check_host(host)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port or PORTS[parts.scheme], path)

    def permitted(self, host: str, addresses: Iterable[str]) -> list[str]:
        """Those addresses of `host`, if all may be called; `InvalidInput` names one that may not."""
        found = list(addresses)
        for text in found:
            self._check_address(host, ip_address(text))
        return found

    def _let_through(self, entry: str) -> None:
        try:
            self._networks.append(ip_network(entry))
        except ValueError:
            if entry in ("on", "off") or not _NAME.fullmatch(entry) or _NUMBER.fullmatch(entry):
                raise ValueError(
                    f"{entry!r} is neither a host name nor a network such as 10.1.0.0/16; or write on or off alone"
                ) from None
            self._names.add(_plain(entry))

    def _check_host(self, host: str) -> None:
        try:
            address = ip_address(host)
        except ValueError:
            if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host):
                raise InvalidInput("its host is neither a name nor an address as it is usually written") from None
            self._check_name(host)
        else:
            self._check_address(host, address)

    def _check_name(self, host: str) -> None:
        """One for the loopback can be told from the others without asking anybody."""
        name = _plain(host)
        if name.split(".")[-1] == "localhost" and not (self._all or self._networks or name in self._names):
            raise InvalidInput(_refusal("it is this machine's own"))

    def _check_address(self, host: str, address: Address) -> None:
        if isinstance(address, IPv6Address) and address.scope_id:
            raise InvalidInput("an address with a zone cannot be called")
        for inner in _unwrapped(address):
            if inner.is_multicast or inner.is_unspecified:
                raise InvalidInput(f"{address} is no address of one machine")
            if not (self._lets_through(host, inner) or _is_public(inner)):
                raise InvalidInput(_refusal(f"{address} is no public address"))

    def _lets_through(self, host: str, address: Address) -> bool:
        return self._all or _plain(host) in self._names or any(address in network for network in self._networks)


def _refusal(reason: str) -> str:
    return f"{reason}; the setting RUNCAST_WEBHOOK_PRIVATE can let it through"


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_FOR_US):
        return False
    return address.is_global and not (address.is_reserved or address.is_link_local or address.is_loopback)


def _unwrapped(address: Address) -> list[Address]:
    """The address, or those that it stands for: an IPv4 address has several forms as an IPv6 one."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]
