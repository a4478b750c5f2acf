"""runcast demo"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import typer
from rich.text import Text

import api
from api.cli import exits, options
from api.cli.clean import clean
from api.cli.exits import told
from api.cli.picture import metrics_table
from api.cli.screen import console
from api.cli.server_process import ServerProcess, free_port
from api.cli.session import api_client, follow_task, page_url
from api.cli.view import View
from api.errors import ConnectionLost

EXAMPLE = Path("config/bom_example.json")
PATIENCE = 20.0
"""Seconds: the server is our own child on this machine, a longer silence means that it is gone."""


@told
def demo(verbose: options.Verbose = False) -> None:
    """Start a server, run the example optimisation on it and watch.

    In a terminal the server stays up until Ctrl-C; into a pipe the command ends with the task.
    RUNCAST_HOST, RUNCAST_PORT and RUNCAST_DATA_DIR are respected; a port that is taken is passed over.

    Examples:

    \b
      runcast demo
      RUNCAST_PORT=8080 runcast demo | grep iteration_complete
    """
    data_dir = Path(os.environ.get("RUNCAST_DATA_DIR") or "var").resolve()
    server = _server(data_dir)
    _leave_on_signals()
    print(f"starting the server (log: {server.log})", flush=True)
    code = exits.DETACHED
    with suppress(KeyboardInterrupt), server:
        with suppress(KeyboardInterrupt):
            code = _run(server, data_dir)
            if sys.stdout.isatty():
                _stay(server)
        print("stopping the server …", flush=True)
    print("server stopped", flush=True)
    raise typer.Exit(code)


def _leave_on_signals() -> None:
    """End as by Ctrl-C when told to go or when the terminal is closed: the server must not be left behind."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def _server(data_dir: Path) -> ServerProcess:
    host = os.environ.get("RUNCAST_HOST") or "127.0.0.1"
    wanted = os.environ.get("RUNCAST_PORT") or "5000"
    if not wanted.isdecimal() or int(wanted) > 65535:
        raise typer.BadParameter(f"RUNCAST_PORT is {wanted!r}: give a number up to 65535")
    port = free_port(host, int(wanted))
    if port != int(wanted) != 0:
        print(f"port {wanted} is taken, using {port}", flush=True)
    return ServerProcess(host, port, data_dir, _folder_with_example())


def _folder_with_example() -> Path:
    """Where the server runs: it reads input files from `config/` there."""
    here = Path.cwd()
    return here if (here / EXAMPLE).is_file() else Path(api.__path__[0]).resolve().parent


def _run(server: ServerProcess, data_dir: Path) -> int:
    with api_client(server.url, "") as client:
        task = client.create_task(type="optimization", params={"bom_file": str(EXAMPLE)}, name="demo")
    url = page_url(server.url, task)
    print(f"task {task['task_id']}")
    print(f"page {url}", flush=True)
    try:
        view = follow_task(server.url, "", task["task_id"], since=0, patience=PATIENCE)
    except ConnectionLost as lost:
        raise ConnectionLost(f"{lost.message}; the server's last words:\n{server.last_words()}") from None
    _report(view, data_dir, url)
    return exits.OF_STATUS[view.status]


def _report(view: View, data_dir: Path, url: str) -> None:
    """Why it failed, or the final metrics and where the pictures lie."""
    out = console()
    if view.status == "failed":
        out.print(Text(f"failed: {clean(view.error)}", style="bold red"))
    elif view.status == "completed":
        if not out.is_terminal:  # there, the last picture stays and shows them
            out.print(f"completed after {view.current} iterations")
            out.print(metrics_table(view, out.width))
        folder = (view.result or {}).get("experiment_dir")
        if folder:
            print(f"pictures {data_dir / str(folder) / 'visualizations'}")
    print(f"page     {url}", flush=True)


def _stay(server: ServerProcess) -> None:
    print(f"the server is up at {server.url} until you press Ctrl-C", flush=True)
    code = server.wait()
    raise ConnectionLost(f"the server ended of itself (code {code}); its last words:\n{server.last_words()}")
