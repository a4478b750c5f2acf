"""The program of the how-to page runs as written, and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from tests.support.servers import ROOT, ServerProcess

PAGE = (ROOT / "docs" / "how-to" / "share-a-list-between-devices.md").read_text()
[PROGRAM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_program_of_the_page_runs_as_written(server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("http://localhost:5000", server.url))
    ran = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=dict(os.environ), check=True, timeout=60, capture_output=True
    )
    printed = ran.stdout.decode()
    assert "active_tasks {'tasks': []}" in printed
    assert "task_created {'id': 1," in printed
    assert "task_completed {'id': 1, 'result': {'rows': 3}}" in printed
    assert 2 == printed.count("'ok': True, 'id': 1,")
    assert b"" == ran.stderr
    [task] = requests.get(f"{server.url}/api/tasks", timeout=10).json()["tasks"]
    assert ("count rows", "external", "completed") == (task["name"], task["type"], task["status"])
