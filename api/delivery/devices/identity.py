"""Which device a connection belongs to: what it says in `auth.device`, else what its cookie says.

A client that keeps cookies, as a browser does, gets one with the answer that opens its connection. The value follows
from the id of that connection and a secret of the process: nothing has to be kept for those who never ask. Our pages
bring one themselves: a page may open several connections at once, and each answer without a cookie would bring another.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

from api.errors import InvalidInput

COOKIE = "runcast_device"
MAX_AGE = 365 * 24 * 3600
"""Seconds; the most that browsers keep is a little more."""
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_BYTES = 16


class DeviceCookies:
    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def headers(self, eio_sid: str, environ: Mapping[str, Any]) -> list[tuple[str, str]]:
        """For the answer that opens the connection `eio_sid`: a cookie for who has none."""
        if _cookie(environ) is not None:
            return []
        secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
        attributes = f"Max-Age={MAX_AGE}; Path=/; HttpOnly; SameSite=Lax{secure}"
        return [("Set-Cookie", f"{COOKIE}={self._fresh(eio_sid)}; {attributes}")]

    def page_headers(self, environ: Mapping[str, Any]) -> list[tuple[str, str]]:
        """For a page, before it opens any connection: a cookie for who has none, which no shared cache may keep."""
        headers = self.headers(secrets.token_urlsafe(_BYTES), environ)
        return [*headers, ("Cache-Control", "private")] if headers else []

    def device(self, auth: Any, eio_sid: str, environ: Mapping[str, Any]) -> str:
        """The name of the device; no name that is said is one that a cookie has. `InvalidInput` for one that is none.

        A client that does neither is a device of its own for as long as it is connected.
        """
        said = auth.get("device") if isinstance(auth, dict) else None
        if said is None:
            return f"cookie:{_cookie(environ) or self._fresh(eio_sid)}"
        if not isinstance(said, str) or not _NAME.fullmatch(said):
            raise InvalidInput("auth.device must be 1 to 64 letters, digits, '.', '_', '~' or '-'")
        return f"said:{said}"

    def _fresh(self, eio_sid: str) -> str:
        digest = hashlib.blake2b(eio_sid.encode(), key=self._secret, digest_size=_BYTES).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _cookie(environ: Mapping[str, Any]) -> str | None:
    """Its value is plain text: whatever else stands in the header, and however broken, does not matter."""
    pairs = (pair.strip().partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";"))
    return next((value for name, _, value in pairs if name == COOKIE and _NAME.fullmatch(value)), None)
