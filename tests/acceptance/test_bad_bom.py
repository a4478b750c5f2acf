"""Bills of materials that cannot be used: told by the check, and by the task (guarantee 22)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.main_job import follow
from tests.support.servers import ServerProcess

JSON = {"Content-Type": "application/json"}


def part(**changes: Any) -> dict[str, Any]:
    size = {"x": 50, "y": 50, "z": 50}
    return {"id": "a", "name": "A", "dimensions": size, "mass": 1, "power": 1, "category": "payload"} | changes


def bom(*parts: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"components": list(parts), **more}).encode()


ENVELOPE = {"x": 100, "y": 100, "z": 100}
BAD: dict[str, tuple[bytes, str]] = {
    "empty.json": (b"", "JSON"),
    "no-parts.json": (bom(), "component"),
    "no-object.json": (b"7", "component"),
    "broken.json": (b'{"components": [', "JSON"),
    "nan.json": (b'{"components": [{"id": "a", "mass": NaN}]}', "finite"),
    "twice.json": (bom(part(), part()), "a"),
    "zero.json": (bom(part(dimensions={"x": 0, "y": 1, "z": 1})), "dimensions"),
    "negative.json": (bom(part(dimensions={"x": -5, "y": 1, "z": 1})), "dimensions"),
    "weightless.json": (bom(part(mass=-1)), "mass"),
    "too-large.json": (bom(part(dimensions={"x": 500, "y": 1, "z": 1}), envelope=ENVELOPE), "envelope"),
    "contact.json": (bom(part(thermal_contacts={"ghost": 1})), "ghost"),
    "no-id.json": (json.dumps([{"name": "A"}]).encode(), "id"),
    "deep.json": (b"[" * 100_000, "deep"),
    "not-utf-8.json": (bom(part()).replace(b'"A"', b'"\xff\xfe"'), "UTF-8"),
    "not-utf-8.csv": (b"id,name\n\xff\xfe,\xff", "UTF-8"),
    "broken.yaml": (b"components: [", "YAML"),
    "bomb.yaml": (b"a: &a [x, x]\n" + b"b: &b [*a, *a]\n" * 3 + b"components: *b\n", ""),
    "object.yaml": (b"components: !!python/object/apply:os.system ['true']\n", ""),
    "no-header.csv": (b"1,2,3\n", ""),
    "kind.txt": (b"components", ""),
}
HUGE = 100 * 1024 * 1024


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    for name, (content, _word) in BAD.items():
        (folder / name).write_bytes(content)
    for kind in ("json", "yaml", "csv"):
        with (folder / f"huge.{kind}").open("wb") as huge:
            huge.truncate(HUGE)
    return folder


@pytest.fixture(scope="module")
def server(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("data"), env={"RUNCAST_INPUT_DIRS": str(inputs)}) as running:
        yield running


@pytest.fixture(scope="module")
def run(server: ServerProcess) -> Callable[[dict[str, Any]], str]:
    """Submits an optimisation; the sentence with which it is refused or fails."""

    def sentence(params: dict[str, Any]) -> str:
        answer = requests.post(f"{server.url}/api/tasks", json={"type": "optimization", "params": params}, timeout=20)
        if answer.status_code == 422:
            return str(answer.json()["detail"])
        assert answer.status_code == 201, answer.text
        last = follow(server.url, answer.json()["task_id"], "websocket")[-1]
        assert last["event_type"] == "error", last
        return str(last["data"]["error"])

    return sentence


@pytest.mark.parametrize("name", [*BAD, "huge.json", "huge.yaml", "huge.csv"])
def test_a_bad_file_is_told_by_the_check_in_a_sentence(server: ServerProcess, name: str) -> None:
    answer = requests.post(f"{server.url}/api/bom/validate", json={"bom_file": name}, timeout=20)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["valid"] is False
    assert report["errors"]
    assert BAD.get(name, (b"", "larger than"))[1].lower() in json.dumps(report["errors"]).lower()
    assert "Traceback" not in answer.text
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(
    "name", ["empty.json", "twice.json", "too-large.json", "not-utf-8.csv", "huge.json", "bomb.yaml"]
)
def test_a_task_with_a_bad_file_fails_with_a_sentence(run: Callable[[dict[str, Any]], str], name: str) -> None:
    said = run({"bom_file": name})
    assert BAD.get(name, (b"", "larger than"))[1].lower() in said.lower()
    assert "Traceback" not in said
    assert len(said) > 10


INLINE = ["no-parts.json", "twice.json", "zero.json", "negative.json", "too-large.json", "contact.json", "no-id.json"]


@pytest.mark.parametrize("name", INLINE)
def test_a_bad_inline_bom_is_refused_or_fails_with_a_sentence(
    server: ServerProcess, run: Callable[[dict[str, Any]], str], name: str
) -> None:
    content, word = BAD[name]
    answer = requests.post(f"{server.url}/api/bom/validate", json={"bom": json.loads(content)}, timeout=20)
    assert answer.json()["valid"] is False
    assert word.lower() in run({"bom": json.loads(content)}).lower()


def test_numbers_out_of_all_bounds_are_no_error_of_the_server(server: ServerProcess) -> None:
    """1e400 reads as infinite, and 10**400 as no float: each is told, none breaks the check."""
    for number in ("1e400", "-1e400", "1" + "0" * 400, "1e308", "0.0000000000000000001", '"NaN"', "true", "null"):
        text = json.dumps({"bom": [part(mass=12345.5)]}).replace("12345.5", number)
        answer = requests.post(f"{server.url}/api/bom/validate", data=text, headers=JSON, timeout=20)
        assert answer.status_code in (200, 422), (number, answer.text)
        assert answer.status_code == 422 or isinstance(answer.json()["valid"], bool)


def test_the_server_goes_on(server: ServerProcess) -> None:
    assert requests.get(f"{server.url}/api/ready", timeout=5).ok
    assert "request_failed" not in server.log_text()
