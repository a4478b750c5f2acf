"""runcast list"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from api.cli import options
from api.cli.clean import clean
from api.cli.exits import told
from api.cli.outlook import outlook, server_time
from api.cli.picture import STATUS
from api.cli.screen import console
from api.cli.session import api_client
from api.cli.words import instant

SHORT_ID = 8


@told
def list_tasks(
    status: Annotated[str | None, typer.Option(help="Only tasks in this status.")] = None,
    type: Annotated[str | None, typer.Option(help="Only tasks of this type.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only tasks with this tag.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-q", help="Text in name or parameters, or an id's beginning.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """List tasks, newest first.

    Examples:

    \b
      runcast list --status running
      runcast list -q panel --json | jq -r .task_id
    """
    wanted = {"status": status, "type": type, "tag": tag, "q": search, "limit": limit}
    with api_client(server, token) as client:
        answer = client.list_tasks(**{key: value for key, value in wanted.items() if value is not None})
        now = None if as_json else server_time(client, *answer["tasks"])
    if as_json:
        for task in answer["tasks"]:
            print(json.dumps(task, separators=(",", ":")))
    elif sys.stdout.isatty():
        _show(answer["tasks"], answer["total"], now)
    else:
        for task in answer["tasks"]:
            expected = outlook(task, now)
            print("\t".join([*_cells(task), expected] if expected else _cells(task)))


def _show(tasks: list[dict[str, Any]], total: int, now: datetime | None) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("task", "status", "done", "created"):
        table.add_column(name, no_wrap=True)
    for name in ("type", "name"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    expected = [outlook(task, now) for task in tasks]
    if any(expected):
        table.add_column("expected", no_wrap=True, overflow="ellipsis", style="dim")
    for task, words in zip(tasks, expected, strict=True):
        task_id, status, done, type_, created, name = _cells(task)
        style = STATUS.get(status, ("", ""))[1]
        more = [words] if any(expected) else []
        table.add_row(
            task_id[:SHORT_ID], Text(status, style=style), done, _when(created), Text(type_), Text(name), *more
        )
    out = console()
    out.print(table)
    if total > len(tasks):
        out.print(f"{len(tasks)} of {total}; --limit shows more", style="dim")


def _when(created: str) -> str:
    at = instant(created)
    return f"{at.astimezone():%b %d %H:%M}" if at else "-"


def _cells(task: dict[str, Any]) -> list[str]:
    done = f"{task['progress_percent']:.0f}%"
    created = str(task["created_at"])[:19] + "Z"
    values = (task["task_id"], task["status"], done, task["type"], created, task["name"])
    return [clean(value) for value in values]
