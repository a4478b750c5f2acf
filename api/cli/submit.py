"""runcast submit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import options
from api.cli.exits import told
from api.cli.params import read_params
from api.cli.session import announce, api_client, detaching, finish, follow_task


@told
def submit(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="Kind of task, such as `optimization`.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="KEY=VALUE", help="One parameter; may be given again."),
    ] = None,
    params_file: Annotated[
        Path | None, typer.Option("--params-file", metavar="FILE", help="Parameters as a JSON object.")
    ] = None,
    name: Annotated[str, typer.Option(help="A name to know it by.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given again.")] = None,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Each step is worth a minute of waiting.")] = 0,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Not before then, such as 2026-12-24T18:00:00Z.")
    ] = None,
    max_attempts: Annotated[
        int | None, typer.Option(min=1, max=100, metavar="N", help="How often it is tried, if it fails. Default: once.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it until it ends.")] = True,
    as_json: options.AsJson = False,
    patience: options.Patience = None,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Submit a task and follow it.

    Examples:

    \b
      runcast submit optimization -p bom_file=config/bom_example.json -p max_iterations=40
      runcast submit optimization --params-file job.json --name "panel B" --tag lab --no-wait
      runcast submit optimization -p bom_file=config/bom_example.json --at 2026-12-24T18:00:00Z --priority 5
    """
    params = read_params(params_file, param or ())
    with api_client(server, token) as client:
        task = client.create_task(
            type=type,
            params=params,
            **_given(name=name, tags=tag, priority=priority, run_at=at, max_attempts=max_attempts),
        )
    announce(task, server, as_json=as_json)
    if wait:
        with detaching(server, task["task_id"]):
            view = follow_task(server, token, task["task_id"], since=0, patience=patience, as_json=as_json)
        finish(view, verbose=verbose)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}
