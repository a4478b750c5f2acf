"""One call of a webhook, to an address that was checked: no name is resolved a second time."""

from __future__ import annotations

import _socket  # the C module: its resolver blocks a native thread, whatever is monkey-patched
import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence

from api import metrics
from api.errors import InvalidInput
from api.log import get_logger
from api.runtime.base import Runtime
from api.runtime.offload import offload
from api.webhook.target import Target, Targets

_log = get_logger(__name__)
ADDRESSES_MAX = 4
"""Of a name with more, the first so many are tried."""


def addresses_of(host: str, port: int) -> list[str]:
    """Blocks. `OSError` for a name that there is not."""
    found = _socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Caller:
    """Posts JSON to webhooks. Follows no redirect, sends no cookie and no credentials."""

    def __init__(
        self,
        runtime: Runtime,
        targets: Targets,
        *,
        agent: str,
        seconds: float = 10.0,
        resolve: Callable[[str, int], Sequence[str]] = addresses_of,
    ) -> None:
        """`seconds`: for everything, from the name to the head of the answer."""
        self._runtime = runtime
        self._targets = targets
        self._agent = agent
        self._seconds = seconds
        self._resolve = resolve
        self._tls: ssl.SSLContext | None = None

    def call(self, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """One sentence on what was wrong; empty when it was taken (2xx). Blocks the calling background thread."""
        exchange = _Exchange(self._seconds)
        done = self._runtime.waiter()
        result: list[str] = []

        def run() -> None:
            try:
                result.append(self._tried(exchange, url, body, headers))
            finally:
                done.set()

        self._runtime.spawn(run)
        if not done.wait(self._seconds):
            exchange.cut()
            return f"there was no answer within {self._seconds:g} s"
        return result[0] if result else "the call could not be made"

    def _tried(self, exchange: _Exchange, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        try:
            status = self._exchanged(exchange, url, body, headers)
        except InvalidInput as error:
            return error.message
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _sentence(error)
        except Exception as error:  # noqa: BLE001  whatever a stranger's answer did: counted, logged, told
            metrics.failure("webhook_call")
            _log.exception("webhook_call_broken")
            return f"the call broke off ({type(error).__name__})"
        if 300 <= status < 400:
            return f"it answered {status}: redirects are not followed"
        return "" if 200 <= status < 300 else f"it answered {status}"

    def _exchanged(self, exchange: _Exchange, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        target = self._targets.target(url)
        found = offload(self._runtime, lambda: self._resolve(target.host, target.port))
        addresses = self._targets.permitted(target.host, found)[:ADDRESSES_MAX]
        tls = self._trust() if target.scheme == "https" else None
        sent = {"Content-Type": "application/json", "User-Agent": self._agent, "Connection": "close", **headers}
        return exchange.post(target, addresses, tls, body, sent)

    def _trust(self) -> ssl.SSLContext:
        """Made once, outside the hub: it reads all certificates that this machine trusts."""
        if self._tls is None:
            self._tls = offload(self._runtime, ssl.create_default_context)
        return self._tls


def _sentence(error: Exception) -> str:
    """As the system has it, whatever the async mode makes of it."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return f"{type(error).__name__}: {error}"[:300]


class _Exchange:
    """A request and its answer, which another thread may cut off."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._handle: socket.socket | None = None
        """The same connection under a descriptor of its own: what TLS makes of the other one does not matter."""
        self._is_cut = False

    def cut(self) -> None:
        self._is_cut = True
        handle = self._handle
        if handle is not None:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                metrics.failure("webhook_cut")  # it has ended by itself in this moment

    def post(
        self,
        target: Target,
        addresses: Sequence[str],
        tls: ssl.SSLContext | None,
        body: bytes,
        headers: Mapping[str, str],
    ) -> int:
        """The status of the answer; its body is left unread."""
        connection = _connection(target, tls)
        plain = self._connected(addresses, target.port)
        self._handle = plain.dup()
        try:
            connection.sock = tls.wrap_socket(plain, server_hostname=target.host) if tls else plain
            connection.request("POST", target.path, body, dict(headers))
            return connection.getresponse().status
        finally:
            handle, self._handle = self._handle, None
            handle.close()
            plain.close()
            connection.close()

    def _connected(self, addresses: Sequence[str], port: int) -> socket.socket:
        """To the first of them that takes the connection."""
        errors: list[OSError] = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self._left)
                sock.connect((address, port))
                return sock
            except OSError as error:
                sock.close()
                errors.append(error)
        raise errors[0] if errors else OSError("its name has no address")

    @property
    def _left(self) -> float:
        """Seconds; `TimeoutError` when there are none."""
        left = self._until - time.monotonic()
        if self._is_cut or left <= 0:
            raise TimeoutError("timed out")
        return left


def _connection(target: Target, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Writes the `Host` of the URL; its socket is made and put in by hand."""
    if tls is None:
        return http.client.HTTPConnection(target.host, target.port)
    return http.client.HTTPSConnection(target.host, target.port, context=tls)
