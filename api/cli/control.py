"""runcast pause, resume, cancel"""

from __future__ import annotations

import json

from api.cli import options
from api.cli.exits import told
from api.cli.session import api_client, command, full_id

_REACHED = {"pause": "paused", "resume": "running", "cancel": "cancelled"}


@told
def pause(
    task: options.TaskId,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Ask a task to pause. It takes effect at the task's next checkpoint.

    Examples:

    \b
      runcast pause 3f0c9e0a-…
    """
    _ask("pause", task, server, token, as_json=as_json)


@told
def resume(
    task: options.TaskId,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Let a paused task go on.

    Examples:

    \b
      runcast resume 3f0c9e0a-…
    """
    _ask("resume", task, server, token, as_json=as_json)


@told
def cancel(
    task: options.TaskId,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Ask a task to stop. It takes effect at the task's next checkpoint; one that does not stop is ended.

    Examples:

    \b
      runcast cancel 3f0c9e0a-…
    """
    _ask("cancel", task, server, token, as_json=as_json)


def _ask(verb: str, task: str, server: str, token: str, *, as_json: bool) -> None:
    with api_client(server, token) as client:
        resource = getattr(client, verb)(full_id(client, task))
    if as_json:
        print(json.dumps(resource, separators=(",", ":")))
    elif resource["status"] == _REACHED[verb]:
        print(resource["status"])
    else:
        print(f"{verb} asked for. See it take effect: {command('watch', resource['task_id'], server)}")
