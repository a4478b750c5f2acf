"""runcast search"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.text import Text

from api.cli import options
from api.cli.clean import clean
from api.cli.exits import told
from api.cli.screen import console
from api.cli.session import api_client, full_id


@told
def search(
    task: options.TaskId,
    words: Annotated[list[str], typer.Argument(metavar="WORDS…", help="All of them are to be found.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 10,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Look for words in what a task has left, such as the index of an `indexing` task.

    Examples:

    \b
      runcast search 3f0c9e0a battery voltage
      runcast search 3f0c9e0a thermal --json | jq -r .path
    """
    with api_client(server, token) as client:
        answer = client.search(full_id(client, task), " ".join(words), limit=limit)
    if as_json:
        for hit in answer["hits"]:
            print(json.dumps(hit, separators=(",", ":")))
    elif sys.stdout.isatty():
        _show(answer)
    else:
        for hit in answer["hits"]:
            print("\t".join(clean(value) for value in (hit["path"], hit["title"], hit["snippet"])))


def _show(answer: dict[str, Any]) -> None:
    out = console()
    for hit in answer["hits"]:
        out.print(Text(clean(hit["path"]), style="bold"), Text(clean(hit["title"]), style="dim"))
        out.print(_marked(hit["snippet"], hit["marks"]))
    shown = len(answer["hits"])
    out.print(f"{shown} of {answer['total']} found in {answer['took_ms']:.1f} ms", style="dim")


def _marked(snippet: str, marks: list[list[int]]) -> Text:
    text, at = Text("  "), 0
    for start, end in marks:
        text.append(clean(snippet[at:start]))
        text.append(clean(snippet[start:end]), style="bold underline")
        at = end
    return text.append(clean(snippet[at:]))
