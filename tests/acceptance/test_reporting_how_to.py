"""The programs of the how-to page run as written, and their tasks show what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import requests

from tests.support.events import history
from tests.support.servers import ROOT

PAGE = (ROOT / "docs" / "how-to" / "report-from-a-script.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NAME = r'(?:report\(|name=)"([^"]+)"'
SHOWN = {
    "nightly build": ({"artefact": "build.tar"}, {"progress", "iteration_complete", "log"}),
    "with a bar": (None, {"progress", "iteration_complete"}),
    "grid search": ({"best_score", "max_depth"}, {"progress"}),
    "search": ({"best_value"}, {"progress", "iteration_complete"}),
    "talkative": (None, {"log"}),
    "scan": ({"pages"}, {"progress"}),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=re.findall(NAME, "".join(PROGRAMS)))
def test_a_program_of_the_page_runs_as_written(server, program, tmp_path):
    (tmp_path / "program.py").write_text(
        program.replace("APIClient()", f"APIClient({server.url!r})").replace("http://localhost:5000", server.url)
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=environment, check=True, timeout=60)
    name = re.search(NAME, program)[1]
    (shown,) = find(server.url, name)
    result, kinds = SHOWN[name]
    assert ("completed", 100.0) == (shown["status"], shown["progress_percent"])
    assert set(result or ()) == set(shown["result"] or ())
    assert kinds <= {event["event_type"] for event in history(server.url, shown["id"])}


def find(url, name):
    tasks = requests.get(f"{url}/api/tasks", params={"limit": 200}, timeout=10).json()["tasks"]
    return [each for each in tasks if each["name"] == name]
