"""A training on a real server: submitted, watched, paused, killed, and exact all the same."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from api.workloads.training import progress
from api.workloads.training.model import load_model
from tests.support.events import Json, Listener, history, submit, task, wait_for_status
from tests.support.processes import child_pids
from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until

PARAMS = {"epochs": 30, "hidden_layers": [64], "batch_size": 8, "patience": 0, "seed": 7}
"""180 batches in each epoch."""
FILES = ["confusion_matrix.csv", "confusion_matrix.json", "evolution_trace.csv", "model.npz", "summary.json",
         "visualizations/confusion_matrix.png", "visualizations/learning_curves.png"]  # fmt: skip
METRICS = {"train_loss", "val_loss", "train_acc", "val_acc", "learning_rate"}
GOOD = "width,height,target\n" + "1.5,2,cat\n3,4.5,dog\n" * 20


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "good.csv").write_text(GOOD)
    (folder / "bad.csv").write_text(GOOD + "1,wide,cat\n")
    return folder


@pytest.fixture(scope="module")
def server(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(
        tmp_path_factory.mktemp("data"), env={"RUNCAST_INPUT_DIRS": str(inputs), "RUNCAST_TASKS_PER_WORKER": "1"}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def whole(server: ServerProcess) -> tuple[list[Json], Json, dict[str, bytes]]:
    """What a run that nobody disturbs comes to: its epochs, result and files."""
    task_id = submit(server.url, "training", PARAMS)
    wait_for_status(server.url, task_id, "completed")
    return outcome(server.url, task_id)


def epochs(url: str, task_id: str) -> list[Json]:
    return [event["data"] for event in history(url, task_id) if event["event_type"] == "iteration_complete"]


def outcome(url: str, task_id: str) -> tuple[list[Json], Json, dict[str, bytes]]:
    """Epochs, each once; result; and files but for what differs from task to task."""
    metrics: dict[int, Json] = {}
    for data in epochs(url, task_id):
        again = metrics.setdefault(data["iteration"], data["metrics"])
        assert again == data["metrics"], "an epoch that is reported again is the same"
    result = task(url, task_id)["result"] | {"experiment_dir": ""}
    files = {name: artefact(url, task_id, name) for name in FILES if name != "summary.json"}
    assert list(range(1, 31)) == list(metrics)
    return list(metrics.values()), result, files


def artefact(url: str, task_id: str, name: str) -> bytes:
    answer = requests.get(f"{url}/api/tasks/{task_id}/artifacts/{name}", timeout=10)
    assert answer.ok, answer.text
    return answer.content


def listed(url: str, task_id: str) -> list[str]:
    answer = requests.get(f"{url}/api/tasks/{task_id}/artifacts", timeout=10).json()
    return [file["path"] for file in answer["artifacts"]]


def reached(url: str, task_id: str, epoch: int) -> Callable[[], bool]:
    return lambda: task(url, task_id)["current_iteration"] >= epoch


def test_a_training_is_watched_epoch_by_epoch_and_batch_by_batch(server: ServerProcess) -> None:
    with Listener(server.url) as listener:
        task_id = submit(server.url, "training", PARAMS)
        listener.subscribe(task_id, since=0)
        last = listener.wait_for_end(task_id)
        heard = listener.of(task_id)
    assert "completed" == last["data"]["status"], last
    told = [event["data"] for event in heard if event["event_type"] == "iteration_complete"]
    assert list(range(1, 31)) == [data["iteration"] for data in told]
    assert all(METRICS == data["metrics"].keys() for data in told)
    result = last["data"]["result"]
    assert (30, told[-1]["metrics"]) == (result["epochs"], result["metrics"])
    assert told[result["best"]["epoch"] - 1]["metrics"]["val_acc"] == result["best"]["val_acc"] > 0.9
    batches = [
        (data, where)
        for data in (event["data"] for event in heard if event["event_type"] == "progress")
        if (where := progress.read(data))
    ]
    assert len(batches) > 5
    assert {(30, 180)} == {(where.epochs, where.total_batches) for _, where in batches}
    for data, where in batches:
        assert int(where.current) == data["current_iteration"]
        assert data["progress_percent"] == pytest.approx(100 * where.current / 30, abs=0.01)


def test_its_files_are_offered_and_its_model_predicts(server: ServerProcess) -> None:
    task_id = submit(server.url, "training", {"epochs": 3, "hidden_layers": [32]})
    wait_for_status(server.url, task_id, "completed")
    assert FILES == listed(server.url, task_id)
    model = load_model(io.BytesIO(artefact(server.url, task_id, "model.npz")))
    assert ([*"0123456789"], 64) == ([*model.classes], len(model.features))
    answer = requests.get(f"{server.url}/api/tasks/{task_id}/result", timeout=10).json()
    assert answer["result"]["best"] == answer["summary"]["best"]
    assert [1, 2, 3] == [row["iteration"] for row in answer["evolution"]]
    matrix = np.array(json.loads(artefact(server.url, task_id, "confusion_matrix.json"))["matrix"])
    assert matrix.trace() / matrix.sum() == pytest.approx(answer["result"]["best"]["val_acc"])
    for name in ("confusion_matrix.png", "learning_curves.png"):
        picture = requests.get(f"{server.url}/api/tasks/{task_id}/visualizations/{name}", timeout=10)
        assert ("image/png", b"\x89PNG") == (picture.headers["Content-Type"], picture.content[:4])


def test_a_training_that_was_paused_ends_as_one_that_was_not(server: ServerProcess, whole: Any) -> None:
    """Twice, within an epoch as a rule; each time it gives its worker back."""
    task_id = submit(server.url, "training", PARAMS)
    for epoch in (3, 12):
        wait_until(reached(server.url, task_id, epoch), 60)
        assert 202 == requests.post(f"{server.url}/api/tasks/{task_id}/pause", timeout=10).status_code
        wait_until(lambda: task(server.url, task_id)["worker"] is None, 60)
        assert "paused" == task(server.url, task_id)["status"]
        assert 202 == requests.post(f"{server.url}/api/tasks/{task_id}/resume", timeout=10).status_code
    wait_for_status(server.url, task_id, "completed")
    assert whole == outcome(server.url, task_id)
    assert 30 == len(epochs(server.url, task_id)), "no epoch is done again"
    messages = [event["data"].get("message", "") for event in history(server.url, task_id)]
    assert 2 == sum("going on after epoch" in message for message in messages)


def test_a_training_whose_worker_is_killed_ends_as_one_whose_was_not(server: ServerProcess, whole: Any) -> None:
    before = set(child_pids(server.pid))
    task_id = submit(server.url, "training", PARAMS, max_attempts=2)
    wait_until(reached(server.url, task_id, 4), 60)
    (worker,) = set(child_pids(server.pid)) - before
    os.kill(worker, signal.SIGKILL)
    ended = wait_for_status(server.url, task_id, "completed")
    assert 2 == ended["attempt"]
    assert whole == outcome(server.url, task_id)


def test_a_training_whose_server_is_killed_ends_as_one_whose_was_not(
    start_server: Callable[..., ServerProcess], whole: Any
) -> None:
    server = start_server()
    task_id = submit(server.url, "training", PARAMS)
    wait_until(reached(server.url, task_id, 4), 60)
    server.kill()
    server.start()
    wait_for_status(server.url, task_id, "completed")
    assert whole == outcome(server.url, task_id)


def test_a_stopped_training_leaves_its_best_model_and_its_history(server: ServerProcess) -> None:
    task_id = submit(server.url, "training", PARAMS | {"epochs": 10_000})
    wait_until(reached(server.url, task_id, 3), 60)
    requests.post(f"{server.url}/api/tasks/{task_id}/stop", timeout=10)
    wait_for_status(server.url, task_id, "cancelled")
    assert ["evolution_trace.csv", "model.npz"] == listed(server.url, task_id)
    assert 10 == len(load_model(io.BytesIO(artefact(server.url, task_id, "model.npz"))).classes)
    assert len(epochs(server.url, task_id)) == artefact(server.url, task_id, "evolution_trace.csv").count(b"\n") - 1


def test_a_training_that_diverges_says_so_and_goes_on_from_its_checkpoint_with_a_lower_rate(
    server: ServerProcess,
) -> None:
    high = {"epochs": 6, "hidden_layers": [64] * 4, "batch_size": 1437, "optimizer": "sgd", "dropout": 0.0}
    task_id = submit(server.url, "training", high | {"learning_rate": 1000})
    failed = wait_for_status(server.url, task_id, "failed")
    assert "the validation loss is nan in epoch 2: the training has diverged" in failed["error"]
    assert "Traceback" not in failed["error"]
    assert ["evolution_trace.csv", "model.npz"] == listed(server.url, task_id)
    body = {"from_checkpoint": True, "params": high | {"learning_rate": 1e-6, "weight_decay": 0}}
    again = requests.post(f"{server.url}/api/tasks/{task_id}/retry", json=body, timeout=10)
    assert 201 == again.status_code, again.text
    ended = wait_for_status(server.url, again.json()["task_id"], "completed")
    assert 6 == ended["result"]["epochs"]
    assert [2, 3, 4, 5, 6] == [data["iteration"] for data in epochs(server.url, again.json()["task_id"])]


def test_a_csv_of_ones_own_is_learnt_and_a_bad_one_told_with_file_line_and_column(server: ServerProcess) -> None:
    quick = {"epochs": 20, "hidden_layers": [8], "dropout": 0}
    good = submit(server.url, "training", quick | {"csv_file": "good.csv"})
    result = wait_for_status(server.url, good, "completed")["result"]
    assert (["cat", "dog"], 2, 40) == (
        result["classes"],
        result["features"],
        result["train_rows"] + result["val_rows"],
    )
    bad = submit(server.url, "training", quick | {"csv_file": "bad.csv"})
    assert (
        "csv_file: bad.csv, line 42, column 'height': 'wide' is not a number"
        == (wait_for_status(server.url, bad, "failed")["error"])
    )
    body = {"type": "training", "params": {"csv_file": "none.csv"}}
    refused = requests.post(f"{server.url}/api/tasks", json=body, timeout=10)
    assert (422, ["params", "csv_file"]) == (refused.status_code, refused.json()["errors"][0]["loc"])


def test_the_command_line_submits_and_follows_it(server: ServerProcess) -> None:
    params = ("-p", "epochs=2", "-p", "hidden_layers=[16]", "-p", "schedule=step")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from api.cli import main; main()", "submit", "training", *params),
            *("--json", "--server", server.url),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 0 == done.returncode, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert ("completed", 2) == (last["data"]["status"], last["data"]["result"]["epochs"])
