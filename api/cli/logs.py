"""runcast logs"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from api.cli import options
from api.cli.exits import told
from api.cli.picture import above
from api.cli.plain import JsonScreen, PlainScreen, line
from api.cli.screen import console
from api.cli.session import api_client, detaching, finish, follow_task, full_id
from api.cli.view import View

Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS = ("debug", "info", "warning", "error", "critical")


@told
def logs(
    task: options.TaskId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the task ends.")] = False,
    level: Annotated[Level, typer.Option(help="Only lines of this level and above.")] = "debug",
    since: Annotated[int, typer.Option(min=0, metavar="N", help="Begin after event N.")] = 0,
    as_json: options.AsJson = False,
    patience: options.Patience = None,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Print the log of a task: what it has said so far, with `-f` until it ends. Ctrl-C never cancels it.

    Examples:

    \b
      runcast logs 3f0c9e0a-…
      runcast logs 3f0c9e0a-… -f --level warning
      runcast logs 3f0c9e0a-… --json | jq -r .data.message
    """
    screen = _LogScreen(level, _json if as_json else _coloured if sys.stdout.isatty() else _plain)
    with api_client(server, token) as client:
        task_id = full_id(client, task)
        if not follow:
            client.get_task(task_id)  # one that is not there has no empty log
            for envelope in client.events(task_id, since, event_type="log"):
                screen.show(envelope)
            return
    with detaching(server, task_id):
        view = follow_task(server, token, task_id, since=since, patience=patience, as_json=as_json, screen=screen)
    finish(view, verbose=verbose)


class _LogScreen(PlainScreen):
    """Log lines from `level` on."""

    def __init__(self, level: Level, show: Any) -> None:
        self._shown = frozenset(LEVELS[LEVELS.index(level) :])
        self._show = show

    def event(self, view: View, envelope: Mapping[str, Any]) -> None:
        if envelope["event_type"] == "log":
            self.show(envelope)

    def show(self, envelope: Mapping[str, Any]) -> None:
        if envelope["data"].get("level", "info") in self._shown:
            self._show(envelope)


def _json(envelope: Mapping[str, Any]) -> None:
    JsonScreen.tell(envelope)


def _plain(envelope: Mapping[str, Any]) -> None:
    print(line(envelope), flush=True)


def _coloured(envelope: Mapping[str, Any]) -> None:
    console().print(above(envelope), overflow="fold", no_wrap=False, soft_wrap=True)
