"""What the documentation promises a stranger: their own workload and their own bill of materials."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import requests

from tests.support.events import history, submit, wait_for_status
from tests.support.servers import ROOT

HOW_TO = ROOT / "docs" / "how-to" / "write-a-workload.md"
FILE = re.compile(r"`([\w.]+)`\n\n```\w+\n(.*?)```", re.DOTALL)


def test_the_workload_of_the_how_to_installs_and_runs_as_written(start_server, tmp_path):
    """The two files are taken from the page itself."""
    files = dict(FILE.findall(HOW_TO.read_text()))
    assert {"squares.py", "pyproject.toml"} == set(files)
    source, site = tmp_path / "squares", tmp_path / "site"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps"]
    subprocess.run([*install, "--target", str(site), str(source)], check=True, timeout=100)
    server = start_server(env={"PYTHONPATH": str(site)})

    listed = requests.get(f"{server.url}/api/workloads", timeout=10).json()
    (squares,) = [workload for workload in listed["workloads"] if workload["type"] == "squares"]
    assert "Square the numbers from 1 to this one" == squares["params_schema"]["properties"]["upto"]["description"]
    task_id = submit(server.url, "squares", {"upto": 25})
    assert {"last": 625} == wait_for_status(server.url, task_id, "completed")["result"]
    metrics = [e["data"]["metrics"] for e in history(server.url, task_id) if e["event_type"] == "iteration_complete"]
    assert [{"square": number**2} for number in range(1, 26)] == metrics
    refused = requests.post(f"{server.url}/api/tasks", json={"type": "squares", "params": {"up_to": 3}}, timeout=10)
    assert (422, ["params", "up_to"]) == (refused.status_code, refused.json()["errors"][0]["loc"])


def test_a_bill_of_materials_of_ones_own_is_checked_and_optimised(start_server, tmp_path):
    folder = tmp_path / "boms"
    folder.mkdir()
    part = {"dimensions": {"x": 60, "y": 50, "z": 20}, "mass": 0.2, "power": 1.0, "category": "board"}
    parts = [part | {"id": f"part{number}", "name": f"Part {number}"} for number in range(4)]
    (folder / "mine.json").write_text(json.dumps({"components": parts, "envelope": {"x": 150, "y": 150, "z": 100}}))
    server = start_server(env={"RUNCAST_INPUT_DIRS": str(folder)})

    report = requests.post(f"{server.url}/api/bom/validate", json={"bom_file": "mine.json"}, timeout=10).json()
    assert (True, 4, []) == (report["valid"], report["num_components"], report["errors"])
    params = {"bom_file": "mine.json", "max_iterations": 3, "convergence_threshold": 0}
    task_id = submit(server.url, "optimization", params)
    ended = wait_for_status(server.url, task_id, "completed")
    assert (3, 4) == (ended["result"]["final_iteration"], ended["result"]["num_components"])
    layout = requests.get(f"{server.url}/api/tasks/{task_id}/artifacts/layout.json", timeout=10).json()
    assert {"part0", "part1", "part2", "part3"} == {component["id"] for component in layout["components"]}
    refused = requests.post(
        f"{server.url}/api/tasks", json={"bom_file": "config/bom_example.json", "max_iterations": 3}, timeout=10
    )
    assert (422, ["params", "bom_file"]) == (refused.status_code, refused.json()["errors"][0]["loc"])
