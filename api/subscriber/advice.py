"""What the clients say when they cannot reach a server: one line, with what to do."""

from __future__ import annotations


def unreachable(url: str, reason: str) -> str:
    return f"cannot reach {url} ({reason}): start the server with `runcast serve` or give the right address"


def no_address(url: str) -> str:
    return f"{url!r} is no address: it reads like http://localhost:5000"


_REASONS = {
    "Connection refused": "connection refused",
    "Failed to resolve": "no such host",
    "timed out": "no answer",
    "Remote end closed": "the connection broke off",
    "Connection reset": "the connection broke off",
}
"""What stands in the long-winded texts of the HTTP library, and what it means."""


def reason_of(problem: object) -> str:
    """An exception of the network, or what a server said, in a few words."""
    text = " ".join(str(problem).split())
    known = (reason for sign, reason in _REASONS.items() if sign in text)
    return next(known, text[:120] or type(problem).__name__)
