"""runcast retry"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli import options
from api.cli.exits import told
from api.cli.params import read_params
from api.cli.session import announce, api_client, detaching, finish, follow_task, full_id


@told
def retry(
    task: options.TaskId,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="KEY=VALUE",
            help="A parameter that is to be different; may be given again. `KEY=null` leaves it out.",
        ),
    ] = None,
    params_file: Annotated[
        Path | None, typer.Option("--params-file", metavar="FILE", help="What is to be different, as a JSON object.")
    ] = None,
    from_checkpoint: Annotated[
        bool, typer.Option("--from-checkpoint", help="Start from the old task's last checkpoint.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it until it ends.")] = True,
    as_json: options.AsJson = False,
    patience: options.Patience = None,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Run an ended task again, as a new one, with other parameters if you like.

    Examples:

    \b
      runcast retry 3f0c9e0a-…
      runcast retry 3f0c9e0a-… -p max_iterations=40 --name "twice as long"
      runcast retry 3f0c9e0a-… --from-checkpoint --no-wait
    """
    changes = read_params(params_file, param or ())
    edits = {"params": changes or None, "name": name}
    with api_client(server, token) as client:
        again = client.retry(
            full_id(client, task),
            from_checkpoint=from_checkpoint,
            **{key: value for key, value in edits.items() if value is not None},
        )
    announce(again, server, as_json=as_json)
    if wait:
        with detaching(server, again["task_id"]):
            view = follow_task(server, token, again["task_id"], since=0, patience=patience, as_json=as_json)
        finish(view, verbose=verbose)
