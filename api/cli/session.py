"""What the verbs do with a server, loaded only when one of them runs: the command itself starts light."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import typer

from api.cli.clean import clean
from api.cli.exits import DETACHED
from api.cli.follow import exit_code, follow
from api.cli.options import DEFAULT_SERVER, patience_of
from api.cli.outlook import outlook, server_time
from api.cli.screen import Screen, screen_for
from api.cli.view import View
from api.errors import APIError

if TYPE_CHECKING:
    from api.client import APIClient

ID_LENGTH = 36


def api_client(server: str, token: str) -> APIClient:
    from api.client import APIClient

    return APIClient(server, token or None)


def full_id(client: APIClient, given: str) -> str:
    """The id that begins with `given`, as `runcast list` shows it; a whole id is returned as it is."""
    if len(given) >= ID_LENGTH:
        return given
    found = [task["task_id"] for task in client.list_tasks(q=given, limit=200)["tasks"]]
    matching = [task_id for task_id in found if task_id.startswith(given)]
    if len(matching) == 1:
        return str(matching[0])
    problem = f"{len(matching)} tasks begin" if matching else "no task begins"
    raise APIError(404, "Not found", f"{problem} with {given!r}: see `runcast list`")


def follow_task(
    server: str,
    token: str,
    task_id: str,
    *,
    since: int | None = None,
    patience: float | None = None,
    as_json: bool = False,
    screen: Screen | None = None,
) -> View:
    """Follow on `screen`; None: on the one that fits the place where the output goes."""
    from api.websocket_client import TaskWebSocketClient

    attended = sys.stdout.isatty() and not as_json
    client = TaskWebSocketClient(server, token or None)
    screen = screen or screen_for(as_json=as_json)

    def look() -> tuple[str, str]:
        with api_client(server, token) as asking:
            task = asking.get_task(task_id)
            return str(task["status"]), outlook(task, server_time(asking, task))

    return follow(
        client,
        task_id,
        screen,
        since=since,
        patience=patience_of(patience, attended=attended),
        look=None if as_json else look,
    )


@contextmanager
def detaching(server: str, task_id: str) -> Iterator[None]:
    """Ctrl-C leaves the task alone, says how to come back, and ends with 130."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\ndetached, the task goes on. Come back: {command('watch', task_id, server)}", file=sys.stderr)
        raise typer.Exit(DETACHED) from None


def finish(view: View, *, verbose: bool) -> None:
    """Say why it failed, if so, and leave with the code of its end."""
    if view.status == "failed":
        print(f"runcast: the task failed: {clean(view.error)}", file=sys.stderr)
        for line in view.traceback.splitlines() if verbose else ():
            print(clean(line), file=sys.stderr)
    raise typer.Exit(exit_code(view))


def announce(task: dict[str, Any], server: str, *, as_json: bool) -> None:
    """Say that there is a new task, where to see it and what to do with it."""
    if as_json:
        print(json.dumps(task, separators=(",", ":")), flush=True)
        return
    task_id = task["task_id"]
    print(f"task    {task_id}")
    print(f"page    {page_url(server, task)}")
    print(f"watch   {command('watch', task_id, server)}")
    print(f"cancel  {command('cancel', task_id, server)}", flush=True)


def page_url(server: str, task: dict[str, Any]) -> str:
    return urljoin(server.rstrip("/") + "/", str(task["links"]["page"]))


def command(verb: str, task_id: str, server: str) -> str:
    """The command line that does `verb` to a task of this server."""
    where = "" if server == DEFAULT_SERVER else f" --server {shlex.quote(server)}"
    return f"runcast {verb} {task_id}{where}"
