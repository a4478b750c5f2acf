"""The wall clock may be set; engineio measures its pings with it all the same."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

JUMP_SECONDS = 0.5
"""What the two clocks may drift apart between two looks without one of them having been set."""


class WallClock:
    """Sees by the monotonic clock that the wall clock was set, and moves the pings that are out along with it.

    Set back, a reader that is gone would be kept for as long as that; set forward, one that is there closed.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def follow(self, sockets: Iterable[Any]) -> None:
        """`sockets`: engineio's, all of them."""
        offset = time.time() - time.monotonic()
        jump, self._offset = offset - self._offset, offset
        if abs(jump) < JUMP_SECONDS:
            return
        for socket in sockets:
            if socket.last_ping:
                socket.last_ping += jump
