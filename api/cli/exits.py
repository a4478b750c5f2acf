"""Exit codes, and how an error is told: one line with what to do; the rest with `-v`."""

from __future__ import annotations

import functools
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec

import typer

from api.cli.clean import clean
from api.errors import APIError, ClientError, ConnectionLost

COMPLETED = 0
FAILED = 1
CANCELLED = 2
LOST = 3
USAGE = 64
DETACHED = 130
"""Left by Ctrl-C while the task goes on: the shell's own number for it."""

P = ParamSpec("P")

OF_STATUS = {"completed": COMPLETED, "failed": FAILED, "cancelled": CANCELLED}


def told(verb: Callable[P, None]) -> Callable[P, None]:
    """Wrap a verb so that a client's error becomes one line on stderr and an exit code."""

    @functools.wraps(verb)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except ClientError as error:
            complain(error, verbose=bool(kwargs.get("verbose")))
            raise typer.Exit(code_of(error)) from None

    return wrapped


def code_of(error: ClientError) -> int:
    if isinstance(error, ConnectionLost):
        return LOST
    if isinstance(error, APIError) and 400 <= error.status < 500:
        return USAGE
    return FAILED


def complain(error: ClientError, *, verbose: bool) -> None:
    print(f"runcast: {clean(one_line(error))}", file=sys.stderr)
    if not verbose:
        return
    if isinstance(error, APIError):
        print(json.dumps(error.problem, indent=2), file=sys.stderr)
    traceback.print_exception(error, file=sys.stderr)


def one_line(error: ClientError) -> str:
    """The error's sentence, with each wrong value that the server named."""
    if not isinstance(error, APIError):
        return error.message
    flaws = [flaw for flaw in error.problem.get("errors") or () if isinstance(flaw, dict)]
    if not flaws:
        return error.detail
    return "; ".join(f"{_place(flaw)}{flaw.get('msg')}" for flaw in flaws)


def _place(flaw: dict[str, Any]) -> str:
    loc = [str(part) for part in flaw.get("loc") or ()]
    return f"{'.'.join(loc)}: " if loc else ""
