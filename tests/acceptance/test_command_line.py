"""`runcast`, and the client run as a script, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli.plain import line as line_of
from tests.support.events import Json, history, submit, wait_for_status
from tests.support.events import task as task_of
from tests.support.servers import ROOT, ServerProcess
from tests.support.wire import Wire

DEADLINE = 60.0
SCRIPT = ROOT / "api" / "websocket_client.py"


def script(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, timeout=DEADLINE
    )


def test_the_script_shows_a_live_example(server: ServerProcess, tmp_path: Path) -> None:
    """From any folder: its own must not come first in the path."""
    done = script("--server", server.url, folder=tmp_path)
    lines = done.stdout.splitlines()
    assert (0, "", "ended      completed") == (done.returncode, done.stderr, lines[-1])
    assert {"status", "progress", "iteration", "log", "ended"} == {line.split()[0] for line in lines}


def test_the_script_follows_a_given_task(server: ServerProcess, tmp_path: Path) -> None:
    done = script("--server", server.url, "--task", submit(server.url, "test-raise"), folder=tmp_path)
    assert (1, "ended      failed") == (done.returncode, done.stdout.splitlines()[-1])


def test_the_script_tells_an_unknown_task_in_one_line(server: ServerProcess, tmp_path: Path) -> None:
    done = script("--server", server.url, "--task", "3f0c9e0a-1111-4222-8333-444455556666", folder=tmp_path)
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))


def runcast(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *arguments, "--server", server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def test_submit_follows_to_the_end(server: ServerProcess) -> None:
    done = runcast(server, "submit", "test-steps", "-p", "n=3", "--name", "three", "--json")
    task, *envelopes = [json.loads(line) for line in done.stdout.splitlines()]
    assert (0, "") == (done.returncode, done.stderr)
    assert history(server.url, task["task_id"]) == envelopes


@pytest.mark.parametrize(("type", "code"), [("test-noop", 0), ("test-raise", 1)])
def test_the_end_of_a_task_is_the_exit_code(server: ServerProcess, type: str, code: int) -> None:
    assert code == runcast(server, "submit", type).returncode


def test_a_cancelled_task_leaves_watch_with_2(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 1000, "delay": 0.05})
    assert 0 == runcast(server, "cancel", task).returncode
    assert 2 == runcast(server, "watch", task).returncode
    assert "cancelled" in runcast(server, "show", task).stdout
    assert task in runcast(server, "list", "--status", "cancelled").stdout


def test_a_task_is_paused_and_resumed(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 1000, "delay": 0.02})
    wait_for_status(server.url, task, "running")
    assert 0 == runcast(server, "pause", task).returncode
    wait_for_status(server.url, task, "paused")
    assert "paused\n" == runcast(server, "pause", task).stdout
    assert 0 == runcast(server, "resume", task).returncode
    wait_for_status(server.url, task, "running")
    assert 0 == runcast(server, "cancel", task).returncode
    wait_for_status(server.url, task, "cancelled")
    refused = runcast(server, "pause", task)
    assert (64, "runcast: a cancelled task cannot be paused\n") == (refused.returncode, refused.stderr)


def test_an_ended_task_is_run_again_with_other_params(server: ServerProcess) -> None:
    old = submit(server.url, "test-steps", {"n": 2, "label": "lap"})
    assert 0 == runcast(server, "watch", old).returncode
    done = runcast(server, "retry", old, "-p", "n=3", "-p", "label=null", "--json")
    again, *envelopes = [json.loads(line) for line in done.stdout.splitlines()]
    assert (0, history(server.url, again["task_id"])) == (done.returncode, envelopes)
    resource = task_of(server.url, again["task_id"])
    assert (old, 3) == (resource["retry_of"], resource["params"]["n"])
    assert "lap" != resource["params"]["label"]
    wrong = runcast(server, "retry", old, "-p", "n=-1")
    assert (64, 1) == (wrong.returncode, len(wrong.stderr.splitlines()))


def test_logs_prints_what_a_task_has_said_and_follows_it(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 3, "delay": 0.1})
    followed = runcast(server, "logs", task, "--follow")
    said = [event for event in history(server.url, task) if event["event_type"] == "log"]
    assert (0, [line_of(event) for event in said]) == (followed.returncode, followed.stdout.splitlines())
    assert followed.stdout == runcast(server, "logs", task).stdout
    as_json = runcast(server, "logs", task, "--json", "--since", str(said[0]["seq"]))
    assert said[1:] == [json.loads(line) for line in as_json.stdout.splitlines()]
    assert "" == runcast(server, "logs", task, "--level", "error").stdout
    failed = submit(server.url, "test-raise")
    assert 1 == runcast(server, "logs", failed, "-f").returncode
    assert 64 == runcast(server, "logs", "3f0c9e0a-1111-4222-8333-444455556666").returncode


def test_wrong_params_are_named_in_one_line(server: ServerProcess) -> None:
    done = runcast(server, "submit", "test-steps", "-p", "n=-1", "-p", "colour=red")
    assert (64, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "n" in done.stderr
    assert "colour" in done.stderr


class Watching:
    """`runcast watch --json` of a task, in a process of its own."""

    def __init__(self, url: str, task: str) -> None:
        command = [sys.executable, "-c", "from api.cli import main; main()", "watch", task, "--server", url]
        self.process = subprocess.Popen(
            [*command, "--json", "--since", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def lines(self, n: int) -> list[Json]:
        """The next n lines."""
        assert self.process.stdout is not None
        return [json.loads(self.process.stdout.readline()) for _ in range(n)]

    def rest(self) -> tuple[int, list[Json]]:
        """The exit code, and the lines up to the end."""
        assert self.process.stdout is not None
        rest = [json.loads(line) for line in self.process.stdout]
        return self.process.wait(DEADLINE), rest


def test_watch_survives_cut_connections(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        task = submit(server.url, "test-steps", {"n": 100, "delay": 0.02})
        with Watching(wire.url, task) as watching:
            seen = watching.lines(20)
            wire.cut()
            seen += watching.lines(60)
            wire.cut()
            code, rest = watching.rest()
    assert (0, history(server.url, task)) == (code, seen + rest)


def test_watch_survives_a_killed_server(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    task = submit(server.url, "test-steps", {"n": 60, "delay": 0.03})
    with Watching(server.url, task) as watching:
        seen = watching.lines(20)
        server.kill()
        server.start()
        code, rest = watching.rest()
    assert (0, history(server.url, task)) == (code, seen + rest)
