"""The command line: what each verb says, and the code it leaves with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from werkzeug.wrappers import Request

from api.cli import main
from tests.support.ports import free_port
from tests.support.scripted_server import ScriptedServer, problem, reply
from tests.support.servers import ROOT

RUNNING = ("status_change", {"status": "running"})
COMPLETED = ("status_change", {"status": "completed"})


VERBS = ("serve", "demo", "submit", "run", "watch", "list", "show", "logs", "pause", "resume", "cancel", "retry")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def runcast(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command against the scripted server."""

    def run(*arguments: str) -> Outcome:
        monkeypatch.setenv("RUNCAST_SERVER", server.url)
        monkeypatch.setattr(sys, "argv", ["runcast", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        return Outcome(int(exit_.value.code or 0), *capsys.readouterr())

    return run


def resource(task_id: str, **more: Any) -> dict[str, Any]:
    return {
        "task_id": task_id, "id": task_id, "type": "optimization", "name": "panel B", "status": "running",
        "tags": ["lab", "night"], "owner": "local", "message": "", "error": None, "attempt": 1, "worker": None,
        "progress_percent": 40.0, "current_iteration": 8, "max_iterations": 20, "metrics": {"max_temp": 41.23456},
        "params": {"bom_file": "config/b.json"}, "result": None, "created_at": "2026-01-01T00:00:00.000000Z",
        "started_at": None, "completed_at": None, "links": {"page": f"/tasks/{task_id}"}, **more,
    }  # fmt: skip


def accept_submits(server: ScriptedServer, *events: tuple[str, dict[str, Any]]) -> tuple[str, list[Any]]:
    """The server takes tasks; the id they get, and the bodies it received."""
    task, bodies = server.task(*events), []

    def create(request: Request) -> Any:
        bodies.append(json.loads(request.get_data()))
        return reply({"task_id": task, "id": task, "status": "pending", "links": {"page": f"/tasks/{task}"}}, 201)

    server.rest["POST", "/api/tasks"] = create
    return task, bodies


def test_submit_sends_when_and_how_urgently_and_how_often(server: ScriptedServer, runcast: Command) -> None:
    _, bodies = accept_submits(server)
    at = "2026-12-24T18:00:00Z"
    runcast("submit", "t", "--priority", "-3", "--at", at, "--max-attempts", "2", "--tag", "a", "--no-wait")
    assert [{"type": "t", "params": {}, "tags": ["a"], "priority": -3, "run_at": at, "max_attempts": 2}] == bodies


def test_submit_says_id_page_and_next_commands_then_follows(server: ScriptedServer, runcast: Command) -> None:
    task, bodies = accept_submits(server, RUNNING, COMPLETED)
    done = runcast("submit", "optimization", "-p", "bom_file=b.json", "-p", "max_iterations=40", "--name", "panel")
    assert [{"type": "optimization", "params": {"bom_file": "b.json", "max_iterations": 40}, "name": "panel"}] == bodies
    head, events = done.out.splitlines()[:4], done.out.splitlines()[4:]
    assert [
        f"task    {task}",
        f"page    {server.url}/tasks/{task}",
        f"watch   runcast watch {task} --server {server.url}",
        f"cancel  runcast cancel {task} --server {server.url}",
    ] == head
    assert ["#1 status_change running", "#2 status_change completed"] == [text.split(" ", 1)[1] for text in events]
    assert 0 == done.code


def test_submit_with_no_wait_detaches(server: ScriptedServer, runcast: Command) -> None:
    accept_submits(server, RUNNING)
    done = runcast("submit", "optimization", "--no-wait", "--tag", "a", "--tag", "b")
    assert (0, 4) == (done.code, len(done.out.splitlines()))


def test_submit_as_json_prints_the_task_and_then_its_envelopes(server: ScriptedServer, runcast: Command) -> None:
    task, _ = accept_submits(server, RUNNING, COMPLETED)
    done = runcast("submit", "optimization", "--json")
    lines = [json.loads(text) for text in done.out.splitlines()]
    assert [task, 1, 2] == [lines[0]["task_id"], lines[1]["seq"], lines[2]["seq"]]


def test_params_come_from_a_file_and_the_command_line_overrides_it(
    server: ScriptedServer, runcast: Command, tmp_path: Path
) -> None:
    _, bodies = accept_submits(server)
    file = tmp_path / "job.json"
    file.write_text('{"epochs": 3, "rate": 0.1}')
    runcast("submit", "training", "--params-file", str(file), "-p", "rate=0.5", "-p", "note=a=b", "--no-wait")
    assert {"epochs": 3, "rate": 0.5, "note": "a=b"} == bodies[0]["params"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("b.json", "b.json"),
        ("", ""),
        ("NaN", "NaN"),
    ],
)
def test_a_value_is_json_where_it_can_be(server: ScriptedServer, runcast: Command, text: str, value: Any) -> None:
    _, bodies = accept_submits(server)
    runcast("submit", "training", "-p", f"key={text}", "--no-wait")
    assert {"key": value} == bodies[0]["params"]


def test_watch_follows_to_the_end(server: ScriptedServer, runcast: Command) -> None:
    task = server.task(RUNNING, ("error", {"status": "failed", "error": "no such part\x1b[2J"}))
    done = runcast("watch", task, "--since", "1")
    assert 1 == done.code
    assert ["#2 error no such part\\x1b[2J"] == [text.split(" ", 1)[1] for text in done.out.splitlines()]
    assert "runcast: the task failed: no such part\\x1b[2J\n" == done.err


def test_verbose_shows_the_tasks_traceback(server: ScriptedServer, runcast: Command) -> None:
    failure = {"status": "failed", "error": "boom", "traceback": "Traceback:\n  line\x1b[2J"}
    task = server.task(RUNNING, ("error", failure))
    assert "runcast: the task failed: boom\n" == runcast("watch", task).err
    assert "runcast: the task failed: boom\nTraceback:\n  line\\x1b[2J\n" == runcast("watch", task, "-v").err


def test_watch_as_json_gives_nothing_but_envelopes(server: ScriptedServer, runcast: Command) -> None:
    task = server.task(RUNNING, ("log", {"level": "info", "message": "x"}), COMPLETED)
    done = runcast("watch", task, "--since", "0", "--json")
    assert server.events[task] == [json.loads(text) for text in done.out.splitlines()]
    assert ("", 0) == (done.err, done.code)


def test_list_gives_one_line_per_task(server: ScriptedServer, runcast: Command) -> None:
    tasks = [resource("a" * 36, name="evil\nname\x1b[2J"), resource("b" * 36, status="completed")]
    server.rest["GET", "/api/tasks"] = lambda request: reply({"tasks": tasks, "total": 2, "next_cursor": None})
    done = runcast("list")
    assert [
        f"{'a' * 36}\trunning\t40%\toptimization\t2026-01-01T00:00:00Z\tevil\\nname\\x1b[2J",
        f"{'b' * 36}\tcompleted\t40%\toptimization\t2026-01-01T00:00:00Z\tpanel B",
    ] == done.out.splitlines()
    assert tasks == [json.loads(text) for text in runcast("list", "--json").out.splitlines()]


WAITING = {
    "status": "pending", "queue_position": 2, "estimated_start_at": "2026-01-01T12:03:00Z", "expected_seconds": None,
}  # fmt: skip


def test_list_and_show_say_when_a_task_starts_by_the_clock_of_the_server(
    server: ScriptedServer, runcast: Command
) -> None:
    """In a cell behind the others, where there is something to say."""
    tasks = [resource("a" * 36, **WAITING), resource("b" * 36)]
    server.rest["GET", "/api/tasks"] = lambda request: reply({"tasks": tasks, "total": 2, "next_cursor": None})
    server.rest["GET", f"/api/tasks/{'a' * 36}"] = lambda request: reply(tasks[0])
    server.rest["GET", "/api/health"] = lambda request: reply({"status": "ok", "timestamp": "2026-01-01T12:00:00Z"})
    said = "2nd in the queue, starts in about 3 min"
    first, second = (text.split("\t") for text in runcast("list").out.splitlines())
    assert (said, 7, 6) == (first[-1], len(first), len(second))
    assert f"expected\t{said}" in runcast("show", "a" * 36).out.splitlines()


def test_filters_of_list_reach_the_server(server: ScriptedServer, runcast: Command) -> None:
    asked: list[dict[str, str]] = []

    def answer(request: Request) -> Any:
        asked.append(dict(request.args))
        return reply({"tasks": [], "total": 0, "next_cursor": None})

    server.rest["GET", "/api/tasks"] = answer
    runcast("list", "--status", "running", "--type", "training", "--tag", "lab", "-q", "panel", "--limit", "5")
    assert [{"status": "running", "type": "training", "tag": "lab", "q": "panel", "limit": "5"}] == asked


def test_show_tells_all_of_a_task(server: ScriptedServer, runcast: Command) -> None:
    task = resource("a" * 36, result={"final_iteration": 16})
    server.rest["GET", f"/api/tasks/{'a' * 36}"] = lambda request: reply(task)
    rows = dict(text.split("\t", 1) for text in runcast("show", "a" * 36).out.splitlines())
    expected = {
        "status": "running", "name": "panel B", "tags": "lab, night", "progress": "40 % (8/20)",
        "params.bom_file": "config/b.json", "metrics.max_temp": "41.235 °C", "result.final_iteration": "16",
    }  # fmt: skip
    assert expected == {key: rows[key] for key in expected}
    assert task == json.loads(runcast("show", "a" * 36, "--json").out)


def test_the_beginning_of_an_id_is_enough(server: ScriptedServer, runcast: Command) -> None:
    tasks = [resource("abcd" + "0" * 32), resource("abce" + "0" * 32), resource("f" * 36, name="abcd")]
    server.rest["GET", "/api/tasks"] = lambda request: reply({"tasks": tasks, "total": 3, "next_cursor": None})
    server.rest["GET", f"/api/tasks/{tasks[0]['task_id']}"] = lambda request: reply(tasks[0])
    assert tasks[0] == json.loads(runcast("show", "abcd", "--json").out)
    several, none = runcast("show", "abc"), runcast("watch", "xyz")
    assert (64, "runcast: 2 tasks begin with 'abc': see `runcast list`\n") == (several.code, several.err)
    assert (64, "runcast: no task begins with 'xyz': see `runcast list`\n") == (none.code, none.err)


@pytest.mark.parametrize(
    ("verb", "before", "reached"),
    [("pause", "running", "paused"), ("resume", "paused", "running"), ("cancel", "running", "cancelled")],
)
def test_a_command_says_whether_it_has_taken_effect(
    server: ScriptedServer, runcast: Command, verb: str, before: str, reached: str
) -> None:
    path = f"/api/tasks/{'a' * 36}/{verb}"
    server.rest["POST", path] = lambda request: reply(resource("a" * 36, status=before), 202)
    asked = runcast(verb, "a" * 36)
    assert 0 == asked.code
    assert asked.out.startswith(f"{verb} asked for. See it take effect: runcast watch aaaa")
    server.rest["POST", path] = lambda request: reply(resource("a" * 36, status=reached), 202)
    assert f"{reached}\n" == runcast(verb, "a" * 36).out
    assert reached == json.loads(runcast(verb, "a" * 36, "--json").out)["status"]


def test_retry_sends_what_is_to_be_different_and_follows_the_new_task(server: ScriptedServer, runcast: Command) -> None:
    again, bodies = server.task(RUNNING, COMPLETED), []

    def retry(request: Request) -> Any:
        bodies.append(json.loads(request.get_data()))
        return reply({"task_id": again, "id": again, "status": "pending", "links": {"page": f"/tasks/{again}"}}, 201)

    server.rest["POST", f"/api/tasks/{'a' * 36}/retry"] = retry
    done = runcast("retry", "a" * 36, "-p", "n=3", "-p", "seed=null", "--name", "again", "--from-checkpoint")
    bare = runcast("retry", "a" * 36, "--no-wait", "--json")
    assert [
        {"from_checkpoint": True, "params": {"n": 3, "seed": None}, "name": "again"},
        {"from_checkpoint": False},
    ] == bodies
    assert (0, f"task    {again}") == (done.code, done.out.splitlines()[0])
    assert "status_change completed" in done.out
    assert again == json.loads(bare.out)["task_id"]


def test_a_refusal_is_one_line_naming_each_wrong_value(server: ScriptedServer, runcast: Command) -> None:
    flaws = [{"loc": ["params", "n"], "msg": "too small"}, {"loc": [], "msg": "odd"}]
    server.rest["POST", "/api/tasks"] = lambda request: problem(422, "Invalid", "wrong", errors=flaws)
    done = runcast("submit", "optimization")
    assert (64, "runcast: params.n: too small; odd\n") == (done.code, done.err)


def test_verbose_shows_the_rest(server: ScriptedServer, runcast: Command) -> None:
    server.rest["POST", "/api/tasks"] = lambda request: problem(409, "Conflict", "the key is taken", trace="abc")
    done = runcast("submit", "optimization", "-v")
    assert done.err.startswith("runcast: the key is taken\n")
    assert '"trace": "abc"' in done.err
    assert "Traceback" in done.err


@pytest.mark.parametrize(("status", "code"), [(404, 64), (409, 64), (500, 1), (503, 1)])
def test_whose_fault_it_is_decides_the_code(server: ScriptedServer, runcast: Command, status: int, code: int) -> None:
    server.rest["POST", f"/api/tasks/{'a' * 36}/cancel"] = lambda request: problem(status, "Title", "the reason")
    done = runcast("cancel", "a" * 36)
    assert (code, "runcast: the reason\n") == (done.code, done.err)


@pytest.mark.parametrize(
    "verb", [["show", "x"], ["list"], ["cancel", "x"], ["logs", "x"], ["retry", "x"], ["submit", "t"]]
)
def test_an_unreachable_server_leaves_with_3_and_advice(runcast: Command, verb: list[str]) -> None:
    done = runcast(*verb, "--server", f"http://127.0.0.1:{free_port()}")
    assert (3, "", 1) == (done.code, done.out, len(done.err.splitlines()))
    assert "runcast serve" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["watch"], "Missing argument"),
        (["fly"], "No such command"),
        (["list", "--limit", "0"], "--limit"),
        (["list", "--colour"], "No such option"),
        (["watch", "x", "--since", "soon"], "--since"),
        (["submit", "t", "-p", "novalue"], "write key=value"),
        (["submit", "t", "-p", "=5"], "write key=value"),
        (["submit", "t", "--params-file", "/nowhere/job.json"], "No such file"),
    ],
)
def test_wrong_use_is_one_line_and_64(runcast: Command, arguments: list[str], said: str) -> None:
    done = runcast(*arguments)
    assert (64, "", 1) == (done.code, done.out, len(done.err.splitlines()))
    assert said in done.err


@pytest.mark.parametrize(("text", "said"), [("[1]", "no JSON object"), ("{", "is not JSON"), ('{"a": NaN}', "NaN")])
def test_a_params_file_that_is_no_object_is_wrong_use(runcast: Command, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "job.json"
    file.write_text(text)
    done = runcast("submit", "t", "--params-file", str(file))
    assert 64 == done.code
    assert said in done.err


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_has_examples(runcast: Command, verb: str) -> None:
    done = runcast(verb, "--help")
    assert 0 == done.code
    assert f"runcast {verb}" in done.out.split("Examples:")[1]


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_command_alone_shows_what_there_is(runcast: Command, arguments: list[str]) -> None:
    text = runcast(*arguments).out
    assert all(verb in text for verb in VERBS)
    assert "3 connection lost" in text


def test_starting_the_command_loads_neither_server_nor_clients() -> None:
    """Help and shell completion come at once."""
    program = (
        "import sys, api.cli; heavy = {'flask', 'eventlet', 'gevent', 'requests', 'socketio', 'pydantic', "
        "'sqlalchemy', 'numpy', 'ssl', 'api.client', 'api.websocket_client', 'api.server'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ("[]\n", "") == (done.stdout, done.stderr)
