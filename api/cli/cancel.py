"""runcast cancel"""

from __future__ import annotations

import json

from api.cli import options
from api.cli.exits import told
from api.cli.session import api_client, command, full_id


@told
def cancel(
    task: options.TaskId,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Ask a task to stop. It takes effect at the task's next checkpoint.

    Examples:

    \b
      runcast cancel 3f0c9e0a-…
    """
    with api_client(server, token) as client:
        resource = client.cancel(full_id(client, task))
    if as_json:
        print(json.dumps(resource, separators=(",", ":")))
    elif resource["status"] == "cancelled":
        print("cancelled")
    else:
        print(f"cancel asked for. See it take effect: {command('watch', resource['task_id'], server)}")
