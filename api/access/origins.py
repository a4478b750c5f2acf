"""Which web pages may use this server (guarantees 1 to 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from api.config import Settings, is_loopback

FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SERVER",
)
LOOPBACK_ORIGIN = r"^https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$"
"""For CORS headers only: the guard in front has already refused the ports that are not the server's."""


class OriginPolicy:
    """Decides from the WSGI environment alone; the same answer for every transport."""

    def __init__(self, settings: Settings) -> None:
        self._listed = frozenset(settings.cors_origins)
        self._open = settings.open

    def host_refusal(self, environ: Mapping[str, Any]) -> str | None:
        """Why this request must not come in at all, None if it may."""
        if self._open:
            return None
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
        if not is_loopback(_host_name(host)):
            return (
                f"the Host {host[:100]!r} is no name of the loopback, and authentication is off; "
                "see 'Deployment' in the README"
            )
        seen = next((name for name in FORWARDING if name in environ), None)
        if seen:
            header = seen.removeprefix("HTTP_").replace("_", "-").title()
            return (
                f"the request came through a proxy ({header}), and authentication is off; "
                "see 'Deployment' in the README"
            )
        return None

    def allows(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Whether a page of `origin` may use the server; a request without one is no page's."""
        if origin is None or origin in self._listed:
            return True
        return origin != "null" and self._same(origin, environ)

    def _same(self, origin: str, environ: Mapping[str, Any]) -> bool:
        theirs, ours = _parts(origin), _parts(f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}")
        if theirs is None or ours is None:
            return False
        if theirs == ours:
            return True
        return theirs[::2] == ours[::2] and is_loopback(theirs[1]) and is_loopback(ours[1])


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    parts = _parts(f"http://{host}")
    return parts[1] if parts else ""


def _parts(origin: str) -> tuple[str, str, int] | None:
    """(scheme, name, port); None when it cannot be read."""
    try:
        url = urlsplit(origin)
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    except ValueError:
        return None
    if not url.hostname or port is None or url.username or url.path or url.query or url.fragment:
        return None
    return url.scheme, url.hostname, port
