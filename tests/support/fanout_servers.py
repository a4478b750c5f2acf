"""The app of `fanout_app.py` in processes of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import requests

from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until

FREED_SECONDS = 2.0
"""Far less than the pings of a calm server need, which would free a session in the end as well."""


class FanoutServer(ServerProcess):
    """Serves one variant of the app; tells what it holds and what it has logged of late."""

    def __init__(self, folder: Path, mode: str, *arguments: str) -> None:
        app = str(ROOT / "tests" / "support" / "fanout_app.py")
        super().__init__(
            folder,
            command=lambda port: [sys.executable, app, "--port", str(port), "--mode", mode, *arguments],
            awaits="/state",
        )
        self._read = 0

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = requests.get(f"{self.url}/state", timeout=10).json()
        return state

    def wait_freed(self, sid: str) -> None:
        """Until the server holds nothing of an Engine.IO session any more, at once and not by its pings."""
        wait_until(lambda: sid not in self.state()["sids"], FREED_SECONDS, lambda: "the session is still held")

    def wait_left(self, member: str) -> None:
        """Until the app has heard that a Socket.IO connection is gone."""
        wait_until(lambda: member not in self.state()["members"], FREED_SECONDS, lambda: "the app has not heard it")

    def wait_hanging(self, mark: str) -> None:
        """Until a request with `mark` in its query is being answered."""
        wait_until(lambda: any(mark in query for query in self.state()["requests"]))

    def new_log(self) -> str:
        """What was logged since the last look."""
        text = self.log_text()
        fresh, self._read = text[self._read :], len(text)
        return fresh
