"""How a webhook is signed, so that its receiver knows who calls."""

from __future__ import annotations

import hashlib
import hmac


def signed(secret: str, timestamp: int, body: bytes) -> str:
    """`sha256=` and the HMAC of `<timestamp>.<body>`, in hexadecimal digits. `timestamp`: seconds since 1970."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"
