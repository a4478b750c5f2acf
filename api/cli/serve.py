"""runcast serve"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from api.cli.server_process import SCRIPT


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: RUNCAST_HOST, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on. Default: RUNCAST_PORT, else 5000.")
    ] = None,
) -> None:
    """Run the server until Ctrl-C. Every other setting is an environment variable, see docs/reference/settings.md.

    Examples:

    \b
      runcast serve
      RUNCAST_MAX_WORKERS=4 runcast serve --port 8080
    """
    if host is not None:
        os.environ["RUNCAST_HOST"] = host
    if port is not None:
        os.environ["RUNCAST_PORT"] = str(port)
    # It patches the standard library before anything else is loaded, and this process has loaded much of it.
    os.execv(sys.executable, [sys.executable, str(SCRIPT)])
