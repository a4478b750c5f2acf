"""The `runcast` command: one file per verb. Importing it loads neither the server nor the clients."""

from __future__ import annotations

import sys

import typer

from api.cli.clean import clean
from api.cli.control import cancel, pause, resume
from api.cli.demo import demo
from api.cli.exits import USAGE
from api.cli.listing import list_tasks
from api.cli.logs import logs
from api.cli.options import EXITS
from api.cli.retry import retry
from api.cli.run import run
from api.cli.search import search
from api.cli.serve import serve
from api.cli.show import show
from api.cli.submit import submit
from api.cli.upload import upload
from api.cli.watch import watch

__all__ = ["app", "main"]

app = typer.Typer(
    name="runcast",
    help=f"Submit long-running work, watch it live, control it.\n\n{EXITS}",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve)
app.command("demo")(demo)
app.command("submit")(submit)
app.command("run")(run)
app.command("watch")(watch)
app.command("list")(list_tasks)
app.command("show")(show)
app.command("logs")(logs)
app.command("search")(search)
app.command("upload")(upload)
app.command("pause")(pause)
app.command("resume")(resume)
app.command("cancel")(cancel)
app.command("retry")(retry)


def main() -> None:
    """The console script. Wrong use gives one line and exit code 64."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.TyperException as error:
        print(f"runcast: {clean(error.format_message())} (runcast --help)", file=sys.stderr)
        code = USAGE
    sys.exit(code)
