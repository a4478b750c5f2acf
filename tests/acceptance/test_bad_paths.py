"""Paths that lead where nobody may read: inputs, artefacts, pictures (guarantee 11)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.main_job import follow, submit
from tests.support.problems import assert_problem, named
from tests.support.servers import ServerProcess

JSON = {"Content-Type": "application/json"}
SECRET = "the content of a file outside"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`inputs/` is the only input folder; the secret lies beside it, and a link inside points to it."""
    root = tmp_path_factory.mktemp("files")
    inputs = root / "inputs"
    inputs.mkdir()
    (root / "secret.json").write_text(json.dumps({"components": [], "name": SECRET}))
    (inputs / "leak.json").symlink_to(root / "secret.json")
    (inputs / "leak").symlink_to(root)
    return root


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_INPUT_DIRS": str(folder / "inputs")}
    with ServerProcess(tmp_path_factory.mktemp("data"), env=env) as running:
        yield running


@pytest.fixture(scope="module")
def ended(server: ServerProcess) -> str:
    """A completed task with a file; in its folder lies a link that leads out."""
    task_id = submit(server.url, {"type": "test-steps", "params": {"n": 1}})
    follow(server.url, task_id, "websocket")
    (files,) = (server.data_dir / "experiments").glob(f"run_*_{task_id[:8]}")
    (files / "leak.txt").symlink_to("/etc/hostname")
    (files / "up").symlink_to("/etc")
    return task_id


@pytest.fixture(autouse=True)
def _goes_on(server: ServerProcess) -> Iterator[None]:
    yield
    assert requests.get(f"{server.url}/api/health", timeout=5).json()["status"] == "ok"


OUTSIDE = [
    "../secret.json",
    "inputs/../secret.json",
    "inputs/../../../../../../etc/passwd",
    "{root}/secret.json",
    "/etc/passwd",
    "leak.json",
    "leak/secret.json",
    "..%2fsecret.json",
    "%2e%2e/secret.json",
    "..\\secret.json",
    "....//secret.json",
    "file://{root}/secret.json",
    "secret.json\0.json",
    "inputs",
    ".",
    "~/secret.json",
    "/dev/zero",
    "/proc/self/environ",
    "x" * 1024,
    "d/" * 500,
    "\u202e/secret",
]


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: repr(name[:30]))
def test_a_bom_file_outside_the_input_folders_is_not_read(server: ServerProcess, folder: Path, name: str) -> None:
    """422 that names the field, the same as for a file that does not exist; nothing of it is told."""
    sent = name.format(root=folder)
    checked = requests.post(f"{server.url}/api/bom/validate", json={"bom_file": sent}, timeout=10)
    assert named(assert_problem(checked, 422)) == ["bom_file"]
    flat = requests.post(f"{server.url}/api/tasks", json={"bom_file": sent}, timeout=10)
    assert "params.bom_file" in named(assert_problem(flat, 422))
    typed = {"type": "optimization", "params": {"bom_file": sent}}
    assert "params.bom_file" in named(
        assert_problem(requests.post(f"{server.url}/api/tasks", json=typed, timeout=10), 422)
    )
    assert SECRET not in checked.text + flat.text


@pytest.mark.parametrize(
    "name", ["", "x" * 100_000, 7, ["a"], {"a": 1}, True, "\ud800"], ids=lambda name: repr(name)[:20]
)
def test_a_bom_file_that_is_no_name_is_refused(server: ServerProcess, name: Any) -> None:
    for path in ("/api/bom/validate", "/api/tasks"):
        answer = requests.post(server.url + path, data=json.dumps({"bom_file": name}), headers=JSON, timeout=10)
        assert any("bom_file" in each for each in named(assert_problem(answer, 422)))
        assert len(answer.content) < 5000


def raw_get(server: ServerProcess, path: str) -> tuple[int, str, bytes]:
    """GET of a path exactly as it is written, which clients would tidy."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


@pytest.mark.parametrize("route", ["artifacts", "visualizations"])
@pytest.mark.parametrize(
    "path",
    [
        "../../../runcast.db",
        "..%2f..%2f..%2fruncast.db",
        "%2e%2e/%2e%2e/%2e%2e/runcast.db",
        "..%5c..%5cruncast.db",
        "%252e%252e%252fruncast.db",
        "%c0%ae%c0%ae/%c0%ae%c0%ae/runcast.db",
        "//etc/passwd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "steps.txt%00.png",
        "%00",
        "leak.txt",
        "up/passwd",
        ".",
        "steps.txt/..",
        "a" * 5000,
        "a/" * 2000,
        "%ff%fe",
    ],
    ids=lambda path: path[:24],
)
def test_a_path_out_of_the_tasks_folder_is_missing(server: ServerProcess, ended: str, route: str, path: str) -> None:
    status, kind, body = raw_get(server, f"/api/tasks/{ended}/{route}/{path}")
    assert (status, kind) == (404, "application/problem+json"), body
    assert b"root:" not in body


def test_a_file_of_the_task_is_sent_as_no_page(server: ServerProcess, ended: str) -> None:
    answer = requests.get(f"{server.url}/api/tasks/{ended}/artifacts/steps.txt", timeout=10)
    assert (answer.status_code, answer.text) == (200, "1")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    listed = requests.get(f"{server.url}/api/tasks/{ended}/artifacts", timeout=10).json()["artifacts"]
    assert [file["path"] for file in listed] == ["steps.txt"]
