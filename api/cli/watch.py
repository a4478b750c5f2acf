"""runcast watch"""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import options
from api.cli.exits import told
from api.cli.session import api_client, detaching, finish, follow_task, full_id


@told
def watch(
    task: options.TaskId,
    since: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Begin after event N, 0 shows all. Without it: now."),
    ] = None,
    as_json: options.AsJson = False,
    patience: options.Patience = None,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Follow a task until it ends. Ctrl-C detaches, it never cancels.

    Examples:

    \b
      runcast watch 3f0c9e0a-…
      runcast watch 3f0c9e0a-… --since 0 | grep iteration_complete
      runcast watch 3f0c9e0a-… --json | jq .data
    """
    with api_client(server, token) as client:
        task_id = full_id(client, task)
    with detaching(server, task_id):
        view = follow_task(server, token, task_id, since=since, patience=patience, as_json=as_json)
    finish(view, verbose=verbose)
