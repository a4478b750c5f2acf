"""runcast list"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from api.cli import options
from api.cli.clean import clean
from api.cli.exits import told
from api.cli.picture import STATUS
from api.cli.screen import console
from api.cli.session import api_client


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

      runcast list --status running

      runcast list -q panel --json | jq -r .task_id
    """
    wanted = {"status": status, "type": type, "tag": tag, "q": search, "limit": limit}
    with api_client(server, token) as client:
        answer = client.list_tasks(**{key: value for key, value in wanted.items() if value is not None})
    if as_json:
        for task in answer["tasks"]:
            print(json.dumps(task, separators=(",", ":")))
    elif sys.stdout.isatty():
        _show(answer["tasks"], answer["total"])
    else:
        for task in answer["tasks"]:
            print("\t".join(_cells(task)))


def _show(tasks: list[dict[str, Any]], total: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("task", no_wrap=True, min_width=8, overflow="crop")
    for name in ("status", "done", "type", "created", "name"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for task in tasks:
        cells = [Text(cell) for cell in _cells(task)]
        cells[1].stylize(STATUS.get(task["status"], ("", ""))[1])
        table.add_row(*cells)
    out = console()
    out.print(table)
    if total > len(tasks):
        out.print(f"{len(tasks)} of {total}; --limit shows more", style="dim")


def _cells(task: dict[str, Any]) -> list[str]:
    done = f"{task['progress_percent']:.0f}%"
    created = str(task["created_at"])[:19] + "Z"
    values = (task["task_id"], task["status"], done, task["type"], created, task["name"])
    return [clean(value) for value in values]
