"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

Server = Annotated[
    str, typer.Option("--server", "-s", envvar="RUNCAST_SERVER", metavar="URL", help="Address of the server.")
]
Token = Annotated[
    str,
    typer.Option(
        "--token", envvar="RUNCAST_TOKEN", show_default=False, help="Access token, where the server asks for one."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show all there is to an error.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value per line in place of text.")]
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task, or its beginning.")]
Patience = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Give up with exit code 3 after so long without a connection. "
        "Without it: never in a terminal, after 120 s elsewhere.",
    ),
]

DEFAULT_SERVER = "http://localhost:5000"
UNATTENDED_PATIENCE = 120.0
EXITS = "Exit code: 0 completed, 1 failed, 2 cancelled, 3 connection lost, 64 wrong use."


def patience_of(given: float | None, *, attended: bool) -> float | None:
    """How long to wait for a lost connection: in a terminal someone sees it and can press Ctrl-C."""
    return given if given is not None or attended else UNATTENDED_PATIENCE
