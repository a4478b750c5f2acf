"""The headers of every response: no script but ours, no framing, no guessing of types."""

from __future__ import annotations

from flask import Response

CSP = "Content-Security-Policy"

# The demo page talks to whatever server a person enters, so connections and pictures may go anywhere.
POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self' http: https: ws: wss:",
    "img-src": "'self' data: http: https:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def _text(policy: dict[str, str]) -> str:
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


HEADERS = {
    CSP: _text(POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


def secure_headers(response: Response) -> Response:
    """Set what is missing: a response that needs another policy sets its own first."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def styled_inline(response: Response) -> Response:
    """Allow inline style, which Swagger UI writes into its elements; scripts stay as strict as elsewhere."""
    response.headers[CSP] = _text(POLICY | {"style-src": "'self' 'unsafe-inline'"})
    return response
