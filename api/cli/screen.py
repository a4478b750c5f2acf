"""The live screen of a terminal, and which screen fits the place where the output goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from api.cli.picture import above, picture
from api.cli.plain import JsonScreen, PlainScreen
from api.cli.view import View

REDRAWS_PER_SECOND = 10


class Screen(Protocol):
    """Where following a task shows."""

    def __enter__(self) -> Screen: ...

    def __exit__(self, *exc: object) -> None: ...

    def start(self, view: View) -> None:
        """This is how things stand before the first event."""

    def event(self, view: View, envelope: Mapping[str, Any]) -> None:
        """An event came; `view` is what it led to."""

    def state(self, view: View) -> None:
        """The connection has changed."""

    def outlook(self, view: View) -> None:
        """What can be expected of the task has changed: `view.expected`."""

    def note(self, text: str) -> None:
        """Something to know that is no event."""

    def idle(self) -> None:
        """All that has been heard has been told: show it."""


class RichScreen:
    """A picture that is redrawn in place, log lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view: View | None = None
        self._since = time.monotonic()
        self._lines: list[Text] = []
        self._printed_at = 0.0
        self._live = Live(
            console=console, get_renderable=self._picture, refresh_per_second=REDRAWS_PER_SECOND, transient=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.idle()
        self._live.stop()

    def start(self, view: View) -> None:
        self._view = view

    def event(self, view: View, envelope: Mapping[str, Any]) -> None:
        self._view, self._since = view, time.monotonic()
        line = above(envelope)
        if line is not None:
            self._lines.append(line)
        if self._since - self._printed_at > 1 / REDRAWS_PER_SECOND:
            self.idle()

    def state(self, view: View) -> None:
        self._view = view

    def outlook(self, view: View) -> None:
        self._view = view

    def note(self, text: str) -> None:
        self._console.print(text, style="yellow", markup=False)

    def idle(self) -> None:
        """Print the lines above the picture, together: each print draws the picture anew, which takes 3 ms."""
        if self._lines:
            self._console.print(Text("\n").join(self._lines), no_wrap=True, overflow="ellipsis")
            self._lines.clear()
        self._printed_at = time.monotonic()

    def _picture(self) -> Any:
        if self._view is None:
            return ""
        return picture(self._view, time.monotonic() - self._since, self._console.width)


def console() -> Console:
    """Standard output; nothing in a text is taken for markup."""
    return Console(markup=False, highlight=False, emoji=False)


def screen_for(*, as_json: bool = False) -> Screen:
    """JSON when asked for, a live picture in a terminal that can show it, else plain lines."""
    if as_json:
        return JsonScreen()
    out = console()
    if out.is_terminal and not out.is_dumb_terminal and (sys.stdout.encoding or "").lower().startswith("utf"):
        return RichScreen(out)
    return PlainScreen()
