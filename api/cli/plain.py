"""Screens for pipes and files: one line per event, flushed at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from api.cli.clean import clean
from api.cli.view import View
from api.cli.words import duration, number

Json = Mapping[str, Any]


class PlainScreen:
    """`<time> #<seq> <event_type> <what happened>`; words about the connection go to stderr."""

    _told = ""
    """The status of which was said what can be expected."""

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left open."""

    def start(self, view: View) -> None:
        """The events tell all there is."""

    def event(self, view: View, envelope: Json) -> None:
        print(line(envelope), flush=True)

    def state(self, view: View) -> None:
        note = f"# connection {view.connection} {view.connection_detail}".rstrip()
        print(clean(note), file=sys.stderr, flush=True)

    def outlook(self, view: View) -> None:
        """Once per status: each time that the words change would be every few seconds."""
        if view.expected and self._told != view.status:
            self._told = view.status
            self.note(view.expected)

    def note(self, text: str) -> None:
        print(f"# {clean(text)}", file=sys.stderr, flush=True)

    def idle(self) -> None:
        """Each line was shown at once."""


class JsonScreen(PlainScreen):
    """One envelope per line, as it came."""

    def event(self, view: View, envelope: Json) -> None:
        self.tell(envelope)

    def outlook(self, view: View) -> None:
        """A program asks the server itself."""

    @staticmethod
    def tell(envelope: Json) -> None:
        print(json.dumps(envelope, separators=(",", ":")), flush=True)


def line(envelope: Json) -> str:
    """One event as one line of text, stable to grep."""
    kind = str(envelope.get("event_type"))
    describe = _DESCRIBE.get(kind, _anything)
    said = describe(envelope.get("data") or {})
    return clean(f"{envelope.get('timestamp')} #{envelope.get('seq', '-')} {kind} {said}".rstrip())


def _status(data: Json) -> str:
    said = dict.fromkeys(str(data.get(key) or "") for key in ("status", "message", "error"))
    return " ".join(part for part in said if part)


def _progress(data: Json) -> str:
    total = data.get("max_iterations")
    parts = [f"{data.get('current_iteration')}/{'?' if total is None else total}"]
    if data.get("progress_percent") is not None:
        parts.append(f"{data['progress_percent']:.1f}%")
    if data.get("eta_seconds") is not None:
        parts.append(f"eta={duration(data['eta_seconds'])}")
    return " ".join([*parts, str(data.get("message") or "")])


def _iteration(data: Json) -> str:
    values = {**(data.get("metrics") or {}), **(data.get("nonfinite") or {})}
    return " ".join([f"iteration={data.get('iteration')}", *(f"{k}={number(v)}" for k, v in values.items())])


def _log(data: Json) -> str:
    return f"{data.get('level')}: {data.get('message')}"


def _error(data: Json) -> str:
    return str(data.get("error"))


def _anything(data: Json) -> str:
    return json.dumps(data)


_DESCRIBE = {
    "status_change": _status,
    "progress": _progress,
    "iteration_complete": _iteration,
    "log": _log,
    "error": _error,
}
