"""The outermost WSGI layers: nothing behind them sees a host, a proxy or a page that may not come in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.middleware.proxy_fix import ProxyFix

from api.access.origins import FORWARDING, OriginPolicy
from api.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def guarded(app: WSGIApplication, settings: Settings, policy: OriginPolicy) -> WSGIApplication:
    """`app` behind the checks of host, proxies and origin, in this order."""
    inner: WSGIApplication = OriginGuard(app, policy)
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        inner = ProxyFix(inner, x_for=n, x_proto=n, x_host=n)
    else:
        inner = _without_forwarding(inner)
    return HostGuard(inner, policy)


class HostGuard:
    """403 for a Host or a proxy that makes "only the loopback" meaningless."""

    def __init__(self, app: WSGIApplication, policy: OriginPolicy) -> None:
        self._app = app
        self._policy = policy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        reason = self._policy.host_refusal(environ)
        return refuse(start_response, reason) if reason else self._app(environ, start_response)


class OriginGuard:
    """403 for a page of a foreign origin, on every route and before any socket is accepted."""

    def __init__(self, app: WSGIApplication, policy: OriginPolicy) -> None:
        self._app = app
        self._policy = policy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if self._policy.allows(origin, environ):
            return self._app(environ, start_response)
        return refuse(
            start_response,
            f"the origin {str(origin)[:100]!r} may not use this server; add it to RUNCAST_CORS_ORIGINS",
        )


def _without_forwarding(app: WSGIApplication) -> WSGIApplication:
    """No proxy is trusted: what such headers say is forgotten before anyone can believe it."""

    def stripped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in FORWARDING:
            environ.pop(name, None)
        return app(environ, start_response)

    return stripped


def refuse(start_response: StartResponse, detail: str) -> Iterable[bytes]:
    """A 403 in the one error shape of the API."""
    problem: dict[str, Any] = {
        "type": "urn:runcast:problem:forbidden",
        "title": "Forbidden",
        "status": 403,
        "detail": detail,
        "error": detail,
    }
    body = json.dumps(problem).encode()
    headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
    start_response("403 Forbidden", headers)
    return [body]
