"""The socket of a request, out of its HTTP server's hands: it does not block, and nobody else closes it."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

from eventlet.green.ssl import GreenSSLSocket
from eventlet.patcher import original

_Socket: Any = original("socket").socket
RECORD = 16 * 1024
"""Bytes that one TLS record carries at most."""


def taken_over(green: Any) -> Any:
    """`green` is what the server has accepted; it is of no use to it from here on."""
    if isinstance(green, GreenSSLSocket):
        return TlsSocket(green)
    raw = _Socket(fileno=green.fd.detach())
    raw.setblocking(False)
    return raw


def decrypted(green: Any) -> bytes:
    """The rest of a TLS record that was read in part: no hub tells of it, as it has left the kernel."""
    pending = green.pending() if isinstance(green, GreenSSLSocket) else 0
    return bytes(green.recv(pending)) if pending else b""


class _Kept(GreenSSLSocket):  # type: ignore[misc]  # eventlet has no types
    """OpenSSL is bound to its socket, so that this one stays; its HTTP server closes it when the request ends."""

    def shutdown(self, how: int) -> None:
        """Only the request ends."""

    def close(self) -> None:
        """As above."""


class TlsSocket:
    """What is asked of a socket that does not block, by way of TLS."""

    __slots__ = ("_tls",)

    def __init__(self, green: Any) -> None:
        green.setblocking(False)
        green.__class__ = _Kept
        self._tls = green

    def fileno(self) -> int:
        return int(self._tls.fileno())

    def setsockopt(self, *option: int) -> None:
        self._tls.setsockopt(*option)

    def send(self, data: bytes) -> int:
        """Bytes taken, in whole records. The rest must come first the next time: OpenSSL may have begun with it.

        A write that has to wait for a read, as for a renegotiation, is an error like any other.
        """
        rest, sent = memoryview(data), 0
        with suppress(ssl.SSLWantWriteError):
            while sent < len(data):
                sent += self._tls.send(rest[sent : sent + RECORD])
        return sent

    def recv(self, most: int) -> bytes:
        """A whole record, if `most` is no less.

        A read that has to wait for a write is an error like any other: new keys for a client that does not read.
        """
        try:
            return bytes(self._tls.recv(most))
        except ssl.SSLWantReadError:
            raise BlockingIOError from None

    def shutdown(self, how: int) -> None:
        """In TLS too. What is read after it tells only whether the other side has hung up."""
        with suppress(OSError):  # as it does not wait for the answer
            self._tls.unwrap()
        GreenSSLSocket.shutdown(self._tls, how)

    def close(self) -> None:
        GreenSSLSocket.close(self._tls)
