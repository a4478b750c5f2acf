"""Uploads: files sent to a real server, used by tasks, listed, deleted, and refused where they must be."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from api.client import APIClient
from api.errors import APIError
from tests.support.events import submit, wait_for_status
from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until

MIB = 1024 * 1024
BOM = ROOT / "config" / "bom_example.json"
MODES = ["eventlet", "gevent", "threading"]


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_ASYNC_MODE": request.param, "RUNCAST_UPLOAD_MB": "8", "RUNCAST_UPLOADS_MB": "12"}
    with ServerProcess(tmp_path_factory.mktemp("files"), env=env) as running:
        yield running


@pytest.fixture(autouse=True)
def emptied(server: ServerProcess) -> Iterator[None]:
    yield
    with APIClient(server.url) as client:
        for each in client.uploads()["uploads"]:
            client.delete_upload(each["id"])


def send(server: ServerProcess, *files: tuple[str, bytes], **options: Any) -> requests.Response:
    parts = [("file", (name, content)) for name, content in files]
    return requests.post(f"{server.url}/api/files", files=parts, timeout=30, **options)


def left_over(server: ServerProcess) -> list[Path]:
    """What uploads that came to nothing left on the disk."""
    return list((server.data_dir / "files").glob("*/uploads/.incoming-*"))


def test_a_bill_of_materials_is_sent_checked_and_used(server: ServerProcess) -> None:
    with APIClient(server.url) as client:
        made = client.upload(BOM)
        assert ("bom_example.json", BOM.stat().st_size) == (made["files"][0]["name"], made["files"][0]["bytes"])
        assert client.validate_bom(made["file"])["valid"]
        task = client.create_task(made["file"], max_iterations=2)["task_id"]
    assert wait_for_status(server.url, task, "completed")
    assert [] == left_over(server)


def test_documents_are_sent_together_indexed_and_found(server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "über.md").write_text("# Batteries\n\nThe voltage of a battery.")
    (tmp_path / "b.txt").write_text("Solar panels")
    with APIClient(server.url) as client:
        made = client.upload(*tmp_path.iterdir())
        task = client.create_task(type="indexing", params={"folder": made["folder"]})["task_id"]
        wait_for_status(server.url, task, "completed")
        assert ["über.md"] == [hit["path"] for hit in client.search(task, "voltage")["hits"]]


def test_the_command_line_sends_and_searches(server: ServerProcess, tmp_path: Path) -> None:
    def runcast(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from api.cli import main; main()", *arguments, "--server", server.url]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    (tmp_path / "a.md").write_text("# Radiators\n\nHeat is led away.")
    sent = runcast("upload", str(tmp_path))
    assert (0, "uploads/") == (sent.returncode, sent.stdout[:8])
    task = submit(server.url, "indexing", {"folder": sent.stdout.strip()})
    wait_for_status(server.url, task, "completed")
    found = runcast("search", task[:8], "heat", "led")
    assert (0, "a.md\tRadiators") == (found.returncode, found.stdout.rpartition("\t")[0])
    missing = runcast("upload", str(tmp_path / "none"))
    assert (64, 1) == (missing.returncode, len(missing.stderr.splitlines()))


def test_uploads_are_listed_and_deleted(server: ServerProcess) -> None:
    first, second = (send(server, (name, b"x")).json() for name in ("a", "b"))
    with APIClient(server.url) as client:
        assert {first["id"], second["id"]} == {each["id"] for each in client.uploads()["uploads"]}
        client.delete_upload(first["id"])
        assert [second["id"]] == [each["id"] for each in client.uploads()["uploads"]]
        for id_ in (first["id"], "..", ".", "%2e%2e", second["id"].upper(), "x" * 300):
            with pytest.raises(APIError) as refused:
                client.delete_upload(id_)
            assert refused.value.status in (404, 405)
        assert [second["id"]] == [each["id"] for each in client.uploads()["uploads"]]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\\\files\\\\bom.json", "bom.json"),
        ("/abs/olute", "olute"),
        ("a b;c'd.json", "a b;c'd.json"),
        (".hidden", ".hidden"),
        ("parts", "parts"),
        ("0", "0"),
    ],
)
def test_only_the_last_part_of_a_name_counts(server: ServerProcess, sent: str, stored: str) -> None:
    made = send(server, (sent, b"{}")).json()
    assert [stored] == [each["name"] for each in made["files"]]
    assert [stored] == [path.name for path in (server.data_dir / "files").glob(f"*/uploads/{made['id']}/*")]


@pytest.mark.parametrize("name", ["..", "a/..", " ", "x" * 201, "a\x01b"])
def test_a_name_that_cannot_be_used_is_told(server: ServerProcess, name: str) -> None:
    answer = send(server, ("good.txt", b"1"), (name, b"2"))
    assert (422, ["file", 1]) == (answer.status_code, answer.json()["errors"][0]["loc"])
    assert [] == left_over(server)


def test_what_is_no_upload_is_told(server: ServerProcess) -> None:
    url = f"{server.url}/api/files"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    cases: list[tuple[int, dict[str, Any]]] = [
        (415, {"json": {}}),
        (422, {"files": {"field": (None, "no file")}}),
        (422, {"data": b"no multipart at all", "headers": kind}),
        (422, {"data": b"", "headers": {"Content-Type": "multipart/form-data"}}),
        (422, {"files": [("file", ("same", b"1")), ("file", ("same", b"2"))]}),
        (413, {"files": [("file", (str(n), b"")) for n in range(1001)]}),
    ]
    for status, request in cases:
        answer = requests.post(url, timeout=30, **request)
        assert (status, "application/problem+json") == (answer.status_code, answer.headers["Content-Type"]), request
    assert [] == left_over(server)


def test_too_large_is_refused_said_or_not(server: ServerProcess) -> None:
    assert 413 == send(server, ("big", b"x" * (8 * MIB + 1))).status_code

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n'
        for _ in range(9 * 16):
            yield b"y" * (MIB // 16)
        yield b"\r\n--x--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        status = requests.post(f"{server.url}/api/files", data=chunks(), headers=kind, timeout=30).status_code
    except requests.ConnectionError:  # the server had seen enough, and closed before all was sent
        status = 413
    assert 413 == status
    wait_until(lambda: not left_over(server))
    assert 201 == send(server, ("fits", b"x" * (7 * MIB))).status_code
    refused = send(server, ("one too many", b"x" * (7 * MIB)))
    assert (413, True) == (refused.status_code, "delete some" in refused.json()["detail"])


def test_an_upload_that_breaks_off_leaves_nothing(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        head = f"POST /api/files HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Length: 100000\r\n"
        sock.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode())
        sock.sendall(b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"z" * 1000)
        wait_until(lambda: len(left_over(server)) == 1)
    wait_until(lambda: not left_over(server), 20)
    with APIClient(server.url) as client:
        assert [] == client.uploads()["uploads"]


def test_others_are_served_while_a_file_comes(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/api/files")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(MIB))
    connection.endheaders(b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n')
    try:
        assert requests.get(f"{server.url}/api/health", timeout=10).ok
    finally:
        connection.close()


def test_a_full_disk_is_told(server: ServerProcess) -> None:
    folder = server.data_dir / "files"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    try:
        assert 503 == send(server, ("a", b"x")).status_code
    finally:
        folder.unlink()
    assert 201 == send(server, ("a", b"x")).status_code
