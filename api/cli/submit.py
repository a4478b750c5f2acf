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
    """
    params = read_params(params_file, param or ())
    with api_client(server, token) as client:
        task = client.create_task(type=type, params=params, **_options(name, tag))
    announce(task, server, as_json=as_json)
    if wait:
        with detaching(server, task["task_id"]):
            view = follow_task(server, token, task["task_id"], since=0, patience=patience, as_json=as_json)
        finish(view, verbose=verbose)


def _options(name: str, tags: list[str] | None) -> dict[str, Any]:
    return {key: value for key, value in (("name", name), ("tags", tags)) if value}
