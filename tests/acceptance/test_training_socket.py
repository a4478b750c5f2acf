"""`/ws/training/<id>`, `/ws/training/all` and `/api/training/jobs` with plain clients, in every async mode."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.support.events import submit, wait_for_status
from tests.support.servers import ServerProcess

MODES = ["eventlet", "gevent", "threading"]
SHORT = {"epochs": 3, "hidden_layers": [16], "batch_size": 64, "patience": 0, "seed": 1}
LONG = SHORT | {"epochs": 500, "batch_size": 16}
SECONDS = 60
UPDATE = {"type", "job_id", "status", "progress", "epoch", "loss", "accuracy"}
EPOCH = {"type", "job_id", "epoch", "train_loss", "val_loss", "train_acc", "val_acc", "learning_rate"}


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_ASYNC_MODE": request.param, "RUNCAST_WARM_WORKERS": "1"}
    with ServerProcess(tmp_path_factory.mktemp("training"), env=env) as running:
        yield running


@contextmanager
def socket(server: ServerProcess, name: str) -> Iterator[ClientConnection]:
    with connect(f"{server.url.replace('http', 'ws')}/ws/training/{name}", open_timeout=SECONDS) as opened:
        yield opened


def until(opened: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Every message up to the one that is wanted."""
    messages: list[dict[str, Any]] = []
    while not messages or not wanted(messages[-1]):
        messages.append(json.loads(opened.recv(SECONDS)))
    return messages


def kind(name: str, **fields: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda message: {"type": name, **fields}.items() <= message.items()


def jobs(server: ServerProcess) -> dict[str, dict[str, Any]]:
    listed = requests.get(f"{server.url}/api/training/jobs", timeout=SECONDS).json()
    return {job["id"]: job for job in listed}


def control(opened: ClientConnection, job: Any, action: Any) -> None:
    opened.send(json.dumps({"type": "control", "job_id": job, "action": action}))


def test_a_training_is_followed_from_its_start_to_its_end(server: ServerProcess) -> None:
    """By who knows its id, and by who waits for any."""
    with socket(server, "all") as every:
        every.send('{"type": "heartbeat"}')
        until(every, kind("heartbeat"))
        job = submit(server.url, "training", SHORT)
        with socket(server, job) as one:
            alone = until(one, kind("training_complete"))
        among_all = [each for each in until(every, kind("training_complete", job_id=job)) if each["job_id"] == job]
    assert ("status_update", UPDATE) == (alone[0]["type"], set(alone[0]))
    for messages in (alone, among_all):
        epochs = [each for each in messages if each["type"] == "epoch_complete"]
        assert [1, 2, 3][-len(epochs) :] == [each["epoch"] for each in epochs]
        assert all(set(each) == EPOCH for each in epochs)
        batches = [each for each in messages if each["type"] == "batch_progress"]
        assert all(1 <= each["batch"] <= each["total_batches"] for each in batches)
    assert 3 == sum(each["type"] == "epoch_complete" for each in among_all)
    assert "pending" == among_all[0]["status"]
    end = alone[-1]
    assert end == among_all[-1]
    assert (job, "completed", 100, 3) == tuple(end[name] for name in ("job_id", "status", "progress", "epochs"))
    assert EPOCH - {"type", "job_id", "epoch"} == set(end["metrics"])
    assert 1 <= end["best"]["epoch"] <= 3
    assert 0 < end["best"]["val_acc"] <= 1
    with socket(server, job) as late:
        assert end == until(late, kind("training_complete"))[-1]
    assert {"status": "completed", "progress": 100.0, "epoch": 3, "totalEpochs": 3}.items() <= jobs(server)[job].items()
    with socket(server, f"{job}?since=0") as again:
        replayed = until(again, kind("training_complete"))
    assert [1, 2, 3] == [each["epoch"] for each in replayed if each["type"] == "epoch_complete"]
    last_seq = requests.get(f"{server.url}/api/tasks/{job}", timeout=SECONDS).json()["last_seq"]
    for since in range(1, last_seq):  # from wherever: word for word what the whole has there
        with socket(server, f"{job}?since={since}") as again:
            _, *rest = until(again, kind("training_complete"))
        assert rest == replayed[-len(rest) :], since


def test_a_training_is_paused_resumed_and_stopped(server: ServerProcess) -> None:
    """By its socket; what repeats a state is acknowledged; and by the REST routes."""
    job = submit(server.url, "training", LONG)
    with socket(server, job) as opened:
        until(opened, kind("epoch_complete"))
        for action, status in (("pause", "paused"), ("pause", "paused"), ("resume", "running")):
            control(opened, job, action)
            acknowledged = kind("control_ack", job_id=job, action=action, ok=True)
            until(opened, acknowledged)
            if jobs(server)[job]["status"] != status:
                until(opened, kind("status_update", status=status))
        until(opened, kind("batch_progress"))
        assert 202 == requests.post(f"{server.url}/api/training/jobs/{job}/pause", timeout=SECONDS).status_code
        until(opened, kind("status_update", status="paused"))
        control(opened, job, "stop")
        messages = until(opened, kind("training_complete"))
        assert any(kind("control_ack", action="stop", ok=True)(each) for each in messages)
        assert ("stopped", 100) == (messages[-1]["status"], messages[-1]["progress"])
        control(opened, job, "resume")
        [refused] = until(opened, kind("control_ack"))
        assert (False, "stopped") == (refused["ok"], refused["status"])
        assert refused["message"]
    assert "stopped" == jobs(server)[job]["status"]
    answer = requests.post(f"{server.url}/api/training/jobs/{job}/resume", timeout=SECONDS)
    assert 409 == answer.status_code


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("ping", "a message is a JSON object of the type `control` or `heartbeat`"),
        ("[1, 2]", "a message is a JSON object of the type `control` or `heartbeat`"),
        ('{"type": "control"}', "action must be one of pause, resume, stop"),
        ('{"type": "control", "action": "stop", "job_id": 7}', "job_id must be the id of a job of this connection"),
        ('{"type": "control", "action": ["stop"], "job_id": "x"}', "action must be one of pause, resume, stop"),
        ('{"type": "control", "action": "stop", "job_id": "no-such-job"}', "There is no such task."),
        ('{"type": "heartbeat", "n": NaN}', "a message is a JSON object of the type `control` or `heartbeat`"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_and_the_connection_stays(server: ServerProcess, message: str, said: str) -> None:
    with socket(server, "all") as opened:
        opened.send(message)
        assert said == until(opened, kind("error"))[-1]["message"]
        opened.send('{"type": "heartbeat"}')
        until(opened, kind("heartbeat"))


def test_a_task_that_is_no_training_is_no_job(server: ServerProcess) -> None:
    task = submit(server.url, "test-noop", {})
    wait_for_status(server.url, task, "completed")
    assert task not in jobs(server)
    assert 404 == requests.get(f"{server.url}/api/training/jobs/{task}", timeout=SECONDS).status_code
    assert 404 == requests.post(f"{server.url}/api/training/jobs/{task}/stop", timeout=SECONDS).status_code
    with socket(server, "all") as opened:
        control(opened, task, "stop")
        assert "There is no such task." == until(opened, kind("error"))[-1]["message"]
