"""runcast show"""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.table import Table
from rich.text import Text

from api.cli import options
from api.cli.clean import clean
from api.cli.exits import told
from api.cli.outlook import outlook, server_time
from api.cli.screen import console
from api.cli.session import api_client, command, full_id, page_url
from api.cli.words import UNITS, number

_SHOWN = (
    "task_id", "name", "type", "status", "message", "error", "tags", "owner", "attempt", "worker",
    "created_at", "started_at", "completed_at",
)  # fmt: skip


@told
def show(
    task: options.TaskId,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Show one task: its state, parameters, latest metrics and result.

    Examples:

    \b
      runcast show 3f0c9e0a-…
      runcast show 3f0c9e0a-… --json | jq .metrics
    """
    with api_client(server, token) as client:
        resource = client.get_task(full_id(client, task))
        expected = "" if as_json else outlook(resource, server_time(client, resource))
    if as_json:
        print(json.dumps(resource, separators=(",", ":")))
        return
    rows = [(clean(name), clean(value)) for name, value in _rows(resource, expected, server)]
    if sys.stdout.isatty():
        _draw(rows)
    else:
        for name, value in rows:
            print(f"{name}\t{value}")


def _draw(rows: list[tuple[str, str]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    console().print(table)


def _rows(task: dict[str, Any], expected: str, server: str) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [(name, _words(task.get(name))) for name in _SHOWN if task.get(name)]
    if expected:
        rows.append(("expected", expected))
    total = task.get("max_iterations")
    rows.append(("progress", f"{task['progress_percent']:.0f} % ({task['current_iteration']}/{total or '?'})"))
    rows += [(f"params.{name}", _words(value)) for name, value in (task.get("params") or {}).items()]
    for name, value in (task.get("metrics") or {}).items():
        rows.append((f"metrics.{name}", f"{number(value)} {UNITS.get(name, '')}".rstrip()))
    rows += [(f"result.{name}", _words(value)) for name, value in (task.get("result") or {}).items()]
    return [*rows, ("page", page_url(server, task)), ("watch", command("watch", task["task_id"], server))]


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
