"""runcast upload"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from api.cli import options
from api.cli.clean import clean
from api.cli.exits import told
from api.cli.session import api_client


@told
def upload(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files of this machine, or folders of files.")],
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Send files to the server, and print what tasks call them. Of a folder its own files, not those further below.

    Examples:

    \b
      runcast upload bom.json
      runcast submit optimization -p bom_file=$(runcast upload bom.json)
      runcast submit indexing -p folder=$(runcast upload notes/)
    """
    with api_client(server, token) as client:
        made = client.upload(*_flat(files))
    if as_json:
        print(json.dumps(made, separators=(",", ":")))
    else:
        one = len(files) == 1 and not files[0].is_dir()
        print(clean(made["file"] if one else made["folder"]))


def _flat(given: list[Path]) -> list[Path]:
    """Each file, and of each folder the files in it."""
    found = []
    for path in given:
        if path.is_dir():
            found += sorted(each for each in path.iterdir() if each.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise typer.BadParameter(f"{path}: there is no such file", param_hint="FILE")
    if not found:
        raise typer.BadParameter("there are no files in it", param_hint="FILE")
    return found
