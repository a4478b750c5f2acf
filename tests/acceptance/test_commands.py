"""Commands: existing programs that the operator lists, run without a change and watched like any task."""

from __future__ import annotations

import sys

import pytest
import requests

from tests.support.events import history, submit, task, wait_for_status
from tests.support.processes import child_pids, gone, state
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

FILE = rf"""
[commands.count-lines]
title = "Count lines"
argv = ["{sys.executable}", "-m", "tqdm", "--total={{total}}", "--mininterval=0", "--miniters=1", "--desc=lines"]
stdin = "{{text}}"
params.total = {{type = "integer", min = 1}}
params.text = {{type = "file"}}

[commands.fail]
argv = ["sh", "-c", "echo working; echo no more paper >&2; exit 3"]

[commands.crash]
argv = ["sh", "-c", "kill -SEGV $$"]

[commands.train]
argv = ["sh", "-c", "for n in 1 2 3; do printf 'epoch %d/3 loss=0.%d\n' $n $n; done"]
metrics = ['epoch (?P<epoch>\d+)/\d+ loss=(?P<loss>\S+)']

[commands.family]
argv = ["sh", "-c", "trap 'echo leaving >&2; exit 0' TERM; sleep 300 & echo $!; setsid sleep 300 & echo $!; wait"]

[commands.stubborn]
argv = ["sh", "-c", "trap '' TERM; echo started; while :; do sleep 0.1; done"]

[commands.slow]
argv = ["sh", "-c", "n=0; while :; do n=$((n+1)); echo $n/100000; sleep 0.02; done"]

[commands.late]
argv = ["sleep", "300"]
timeout_seconds = 0.5

[commands.show]
argv = ["sh", "-c", "printf '%s|' \"$@\"; echo; pwd; env", "sh", "{{text}}", "{{text}}"]
env = {{OWN = "mine"}}
pass_env = ["ALLOWED"]
params.text = {{type = "string"}}

[commands.write]
argv = ["sh", "-c", "echo hello > made.txt"]

[commands.absent]
argv = ["no-such-program"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    (folder / "commands.toml").write_text(FILE)
    (folder / "input").mkdir()
    (folder / "input" / "lines.txt").write_text("x\n" * 50)
    env = {
        "RUNCAST_COMMANDS_FILE": str(folder / "commands.toml"),
        "RUNCAST_INPUT_DIRS": str(folder / "input"),
        "ALLOWED": "yes",
        "SECRET": "no",
    }
    with ServerProcess(folder / "data", env=env) as running:
        yield running


def logs(url, task_id):
    return [
        (event["data"]["logger"], event["data"]["message"])
        for event in history(url, task_id)
        if event["event_type"] == "log"
    ]


def control(url, task_id, action):
    assert 202 == requests.post(f"{url}/api/tasks/{task_id}/{action}", timeout=10).status_code


def test_an_existing_program_with_a_bar_gets_a_live_page_without_a_change(server):
    offered = requests.get(f"{server.url}/api/workloads", timeout=10).json()
    (offer,) = [each for each in offered["workloads"] if each["type"] == "count-lines"]
    assert ("Count lines", {"total", "text"}) == (offer["title"], set(offer["params_schema"]["required"]))
    assert "no-such-program" in offered["broken"]["absent"]

    task_id = submit(server.url, "count-lines", {"total": 50, "text": "lines.txt"})
    ended = wait_for_status(server.url, task_id, "completed", "failed")
    assert ("completed", {"exit_code": 0}, 100.0) == (ended["status"], ended["result"], ended["progress_percent"])
    progress = [e["data"] for e in history(server.url, task_id) if e["event_type"] == "progress"]
    assert (50, 50, "lines") == tuple(progress[-1][name] for name in ("current_iteration", "max_iterations", "message"))
    bars = [message for _, message in logs(server.url, task_id) if "%|" in message]
    assert 1 == len(bars), bars
    assert "50/50" in bars[0]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("fail", "sh ended with exit code 3: no more paper"),
        ("crash", "sh was killed by SIGSEGV"),
        ("late", "sleep did not end within 0.5 s"),
    ],
)
def test_every_other_end_fails_the_task_and_says_how(server, command, error):
    task_id = submit(server.url, command)
    assert error == wait_for_status(server.url, task_id, "failed", "completed")["error"]
    assert "traceback" not in history(server.url, task_id)[-1]["data"]


def test_output_is_the_log_and_expressions_become_metrics(server):
    task_id = submit(server.url, "train")
    ended = wait_for_status(server.url, task_id, "completed", "failed")
    assert (3, 3) == (ended["current_iteration"], ended["max_iterations"])
    assert [("stdout", f"epoch {n}/3 loss=0.{n}") for n in (1, 2, 3)] == logs(server.url, task_id)
    measured = [e["data"] for e in history(server.url, task_id) if e["event_type"] == "iteration_complete"]
    assert [(n, {"loss": n / 10}) for n in (1, 2, 3)] == [(each["iteration"], each["metrics"]) for each in measured]


def test_a_cancel_is_a_sigterm_to_the_program_with_all_that_it_started(server):
    task_id = submit(server.url, "family")
    wait_until(lambda: len(logs(server.url, task_id)) == 2)
    grandchildren = [int(message) for _, message in logs(server.url, task_id)]
    assert [False, False] == list(map(gone, grandchildren))
    control(server.url, task_id, "cancel")
    wait_for_status(server.url, task_id, "cancelled")
    assert [True, True] == list(map(gone, grandchildren))
    assert ("stderr", "leaving") in logs(server.url, task_id)


def test_one_that_ignores_sigterm_is_killed(server):
    task_id = submit(server.url, "stubborn")
    wait_until(lambda: ("stdout", "started") in logs(server.url, task_id))
    control(server.url, task_id, "cancel")
    wait_for_status(server.url, task_id, "cancelled", timeout=15)
    told = [message.split()[0] for logger, message in logs(server.url, task_id) if logger == "runcast"]
    assert ["SIGTERM", "SIGKILL"] == [word for word in told if word.startswith("SIG")]


def test_a_paused_program_stands_still_and_goes_on(server):
    task_id = submit(server.url, "slow")
    wait_until(lambda: task(server.url, task_id)["current_iteration"] > 3)
    control(server.url, task_id, "pause")
    wait_for_status(server.url, task_id, "paused")
    settled = len(logs(server.url, task_id))
    assert "T" in [state(pid) for pid in child_pids(server.pid)]
    control(server.url, task_id, "resume")
    wait_until(lambda: len(logs(server.url, task_id)) > settled + 3)
    control(server.url, task_id, "pause")
    wait_for_status(server.url, task_id, "paused")
    control(server.url, task_id, "cancel")
    wait_for_status(server.url, task_id, "cancelled", timeout=15)


def test_nothing_of_the_server_reaches_the_program_but_what_the_operator_lets_through(server):
    text = "$(touch /tmp/x); `id` 'a\" *"
    task_id = submit(server.url, "show", {"text": text})
    wait_for_status(server.url, task_id, "completed")
    arguments, folder, *lines = [message for _, message in logs(server.url, task_id)]
    assert f"{text}|{text}|" == arguments
    assert str(server.data_dir) in folder
    assert {"OWN=mine", "ALLOWED=yes"} <= set(lines)
    assert not any(line.startswith(("SECRET=", "RUNCAST_DATA", "RUNCAST_COMMANDS")) for line in lines)
    refused = requests.post(f"{server.url}/api/tasks", json={"type": "show", "params": {"text": "--help"}}, timeout=10)
    assert (422, ["params", "text"]) == (refused.status_code, refused.json()["errors"][0]["loc"])


def test_what_it_writes_is_an_artefact(server):
    task_id = submit(server.url, "write")
    wait_for_status(server.url, task_id, "completed")
    assert "hello\n" == requests.get(f"{server.url}/api/tasks/{task_id}/artifacts/made.txt", timeout=10).text


def test_a_mistake_in_the_file_stops_the_start_and_is_named(tmp_path):
    file = tmp_path / "commands.toml"
    file.write_text("[commands.x]\nargv = ['sh', '{p}']")
    server = ServerProcess(tmp_path / "data", env={"RUNCAST_COMMANDS_FILE": str(file)})
    assert 0 != server.launch().wait(30)
    assert f"{file}: commands.x: argv: there is no param 'p'" in server.log_text()
