"""The opening handshake of a WebSocket (RFC 6455, section 4), and where an HTTP server keeps the connection."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = "13"


def wanted(environ: Mapping[str, Any]) -> bool:
    """Whether the request asks for a WebSocket."""
    tokens = [token.strip() for token in environ.get("HTTP_CONNECTION", "").lower().split(",")]
    return "upgrade" in tokens and environ.get("HTTP_UPGRADE", "").lower() == "websocket"


def problem(environ: Mapping[str, Any]) -> str | None:
    """What is wrong with the request for one; None if nothing is."""
    if environ.get("REQUEST_METHOD") != "GET":
        return "a WebSocket is opened by GET"
    if environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        return "a WebSocket is opened without a body: what follows the headers are frames"
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != _VERSION:
        return f"Sec-WebSocket-Version must be {_VERSION}"
    try:
        key = base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    return None if len(key) == 16 else "Sec-WebSocket-Key must be 16 bytes in base64"


def answer(environ: Mapping[str, Any], extension: str = "", headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The response after which both sides speak in frames, by the terms of `extension` if there is one.

    `headers`: more of them, of names and values that may stand there.
    """
    digest = hashlib.sha1(environ["HTTP_SEC_WEBSOCKET_KEY"].encode() + _GUID.encode(), usedforsecurity=False).digest()
    accept = base64.b64encode(digest).decode()
    agreed = f"Sec-WebSocket-Extensions: {extension}\r\n" if extension else ""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{agreed}{more}\r\n"
    ).encode()


def gunicorn_reader(environ: Mapping[str, Any]) -> Any:
    """What gunicorn reads the connection of a request with: its parser may have read beyond the request."""
    return environ["wsgi.input"].reader.unreader
