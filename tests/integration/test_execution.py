"""The runner with real child processes: what arrives, how each of them ends, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.domain.event import Draft, EventType
from api.errors import StaleLease, Unavailable
from api.execution.process import ChildProcess
from api.execution.remains import remains
from api.execution.spawn import spawn_worker
from api.execution.supervisor import Deadlines, LocalRunner
from api.ports import Assignment, Control, Ending, Outcome
from api.runtime.choose import current_runtime
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
SHORT = Deadlines(cooperative=0.5, terminate=0.3, kill=2, exit=1, shutdown=0.2)
GREEN = ["eventlet", "gevent"]


class Core:
    """A reporter that keeps what it is told, and raises what a test wants it to."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.batches: list[int] = []
        self.effects: list[str] = []
        self.trouble: Callable[[], Exception | None] = lambda: None

    def report(self, drafts: Sequence[Draft]) -> None:
        self._raise()
        self.drafts += drafts
        self.batches.append(len(drafts))

    def took_effect(self, command: str) -> None:
        self._raise()
        self.effects.append(command)

    def _raise(self) -> None:
        if (error := self.trouble()) is not None:
            raise error

    def of(self, kind: EventType) -> list[dict[str, Any]]:
        return [dict(draft.data) for draft in self.drafts if draft.type is kind]

    def lines(self, logger: str | None = None) -> list[str]:
        return [data["message"] for data in self.of(EventType.LOG) if logger in (None, data.get("logger"))]

    def steps(self) -> list[int]:
        return [data["current_iteration"] for data in self.of(EventType.PROGRESS)]


class Running:
    """One attempt under way in a thread of its own."""

    def __init__(self, folder: Path, kind: str, params: dict[str, Any], **options: Any) -> None:
        self.core: Core = options.pop("core", None) or Core()
        self.control = Control()
        self.children: list[ChildProcess] = []
        attempt = options.pop("attempt", 1)
        deadlines = options.pop("deadlines", SHORT)
        self.runner = LocalRunner(current_runtime(), self._spawn, deadlines=deadlines)
        self.assignment = assignment(folder, kind, params, attempt, **options)
        self._outcome: list[Outcome | Exception] = []
        self._thread = threading.Thread(target=self._run, name=f"attempt-{kind}", daemon=True)
        self._thread.start()

    def _spawn(self) -> ChildProcess:
        self.children.append(spawn_worker(current_runtime().selector))
        return self.children[-1]

    def _run(self) -> None:
        try:
            self._outcome.append(self.runner.run(self.assignment, self.core, self.control))
        except Exception as error:  # noqa: BLE001 - the test is told
            self._outcome.append(error)

    def outcome(self, timeout: float = 20.0) -> Outcome:
        self._thread.join(timeout)
        assert self._outcome, f"still running; so far: {self.core.lines()}"
        [outcome] = self._outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def until(self, condition: Callable[[Core], object]) -> None:
        wait_until(lambda: condition(self.core), explain=lambda: f"events: {self.core.drafts[-5:]}")

    def left(self) -> list[str]:
        """Processes of this attempt that live."""
        return [process.name for child in self.children for process in remains(child.pid, child.mark)]


def assignment(folder: Path, kind: str, params: dict[str, Any], attempt: int = 1, **options: Any) -> Assignment:
    artifacts = folder / f"artifacts-{time.monotonic_ns()}"
    artifacts.mkdir(parents=True)
    return Assignment(
        task_id="task-1",
        lease_id="lease-1",
        type=kind,
        params=params,
        attempt=attempt,
        artifact_dir=artifacts,
        result_dir="experiments/run_1",
        checkpoint_file=folder / "checkpoint",
        **options,
    )


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts attempts; afterwards none of their processes may live."""
    started: list[Running] = []

    def begin(kind: str, params: dict[str, Any] | None = None, **options: Any) -> Running:
        started.append(Running(tmp_path, kind, params or {}, **options))
        return started[-1]

    yield begin
    for running in started:
        running.runner.close()
        assert not running.left()


# -- work ----------------------------------------------------------------------------------------------


def test_a_task_reports_in_order_and_completes(start: Start) -> None:
    """Log, progress and iteration of each step, with the attempt; then the result."""
    running = start("test-steps", {"n": 2})
    outcome = running.outcome()
    assert outcome == Outcome(Ending.COMPLETED, {"steps": 2, "result_dir": "experiments/run_1", "input_size": None})
    assert [str(draft.type) for draft in running.core.drafts] == ["log", "progress", "iteration_complete"] * 2
    assert running.core.of(EventType.ITERATION_COMPLETE) == [
        {"attempt": 1, "iteration": 1, "metrics": {"loss": 1.0, "step": 1}},
        {"attempt": 1, "iteration": 2, "metrics": {"loss": 0.5, "step": 2}},
    ]
    assert (running.assignment.artifact_dir / "steps.txt").read_text() == "2"


def test_everything_that_is_said_becomes_a_line_of_the_log(start: Start) -> None:
    """print, stderr, logging, warnings, progress bars, endless lines, colours, binary, a line without an end."""
    running = start("test-print")
    assert running.outcome().ending is Ending.COMPLETED
    stdout = running.core.lines("stdout")
    assert stdout[:2] == ["from print", "100% done"]
    assert re.fullmatch(r"x{61000,65536} … \[.* cut\].*", stdout[2])
    assert stdout[3:] == ["red and bell", "\ufffd\ufffd binary  rubbish", "the last line has no end"]
    assert running.core.lines("stderr") == ["from stderr"]
    assert running.core.lines("workload.part") == ["from logging"]
    assert running.core.lines("root") == ["first line", "second line"]
    assert "UserWarning: from warnings" in running.core.lines("py.warnings")[0]
    assert all(len(json.dumps(dict(draft.data), ensure_ascii=False)) <= 65536 for draft in running.core.drafts)


def test_lines_arrive_while_the_work_goes_on(start: Start) -> None:
    """Not at its end."""
    running = start("test-steps", {"n": 1000, "delay": 0.05})
    running.until(lambda core: core.lines())
    running.control.send("cancel")
    assert running.outcome().ending is Ending.CANCELLED


def test_a_flood_of_progress_is_coalesced_and_its_last_is_delivered(start: Start) -> None:
    """100,000 reports: at most one in 50 ms leaves the child."""
    running = start("test-flood", {"n": 100_000})
    outcome = running.outcome(60)
    assert outcome.result is not None
    assert running.core.steps()[-1] == 100_000
    assert len(running.core.steps()) <= outcome.result["seconds"] / 0.05 + 2


def test_metrics_without_a_number_are_null_and_named(start: Start) -> None:
    """NaN and both infinities."""
    running = start("test-result", {"kind": "metrics"})
    running.outcome()
    assert running.core.of(EventType.ITERATION_COMPLETE) == [
        {
            "attempt": 1,
            "iteration": 1,
            "metrics": {"loss": None, "best": None, "worst": None, "fine": 1.5},
            "nonfinite": {"loss": "nan", "best": "inf", "worst": "-inf"},
        }
    ]


def test_the_next_attempt_goes_on_from_the_checkpoint(start: Start) -> None:
    """The first one dies at 4; the second starts after 4."""
    params = {"upto": 6, "fail_at": 4}
    assert start("test-counter", params).outcome().ending is Ending.FAILED
    again = start("test-counter", params, attempt=2)
    outcome = again.outcome()
    assert outcome.result == {"started_after": 4, "at": 6, "folder": again.assignment.artifact_dir.name}
    assert {data["attempt"] for data in again.core.of(EventType.PROGRESS)} == {2}


def test_input_files_are_read_from_the_input_folders(start: Start, tmp_path: Path) -> None:
    """As the server checked them, the child finds them."""
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a.txt").write_text("12345")
    running = start("test-steps", {"n": 0, "input": "a.txt"}, input_dirs=(tmp_path / "input",))
    assert dict(running.outcome().result or {})["input_size"] == 5


def test_params_of_a_megabyte_reach_the_child(start: Start) -> None:
    """More than a socket holds at once."""
    running = start("test-steps", {"n": 0, "label": "x" * 1_000_000})
    assert running.outcome().ending is Ending.COMPLETED


# -- failures ------------------------------------------------------------------------------------------

FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("test-raise", {}, "the workload raised ValueError: no such luck"),
    ("test-raise", {"kind": "InvalidInput"}, "no such luck"),
    ("test-raise", {"kind": "MemoryError"}, r"the workload ran out of memory \(MemoryError\): no such luck"),
    ("test-raise", {"kind": "SystemExit", "message": "4"}, r"the workload called sys\.exit\(4\) before it finished"),
    ("test-raise", {"kind": "TaskCancelled"}, "the workload raised TaskCancelled although nobody .*"),
    ("test-raise", {"kind": "recursion"}, "the workload raised RecursionError: .*"),
    ("test-raise", {"kind": "long"}, r"the workload raised ValueError: z+ … \[.* characters cut\]"),
    ("test-exit", {}, "the worker process exited with code 3 before it finished"),
    ("test-exit", {"code": 0}, "the worker process exited with code 0 before it finished"),
    ("test-kill", {}, r"the worker process was killed by SIGKILL \(out of memory\?\)"),
    ("test-segfault", {}, "the worker process crashed with SIGSEGV"),
    ("test-rubbish", {}, r"the worker sent something that is not a report: 'GET / HTTP/1\.1\\r' is not JSON"),
    ("test-rubbish", {"kind": "long"}, "the worker sent something that is not a report: a line of more than .*"),
    ("test-rubbish", {"kind": "event"}, "the worker sent something that is not a report: .*status_change.*"),
    ("test-rubbish", {"kind": "nan"}, "the worker sent something that is not a report: .* is not JSON"),
    ("test-result", {"kind": "object"}, r"the workload returned a result that is not JSON: result\.model is an object"),
    ("test-result", {"kind": "list"}, "the workload returned a list; a result is a mapping or None"),
    ("test-result", {"kind": "bad-metric"}, r"ctx\.iteration: the metric 'loss' must be a number, not a str"),
    ("test-steps", {"n": "many"}, r"params\.n: Input should be a valid integer.*"),
    ("no-such-type", {}, "no workload of the type 'no-such-type' is installed"),
]


@pytest.mark.parametrize(("kind", "params", "sentence"), FAILURES)
def test_every_failure_has_its_clear_sentence(start: Start, kind: str, params: dict[str, Any], sentence: str) -> None:
    """One line for people, whatever the child did; within 5 s."""
    began = time.monotonic()
    outcome = start(kind, params).outcome()
    assert outcome.ending is Ending.FAILED
    assert re.fullmatch(sentence, outcome.error)
    assert time.monotonic() - began < 5


def test_the_traceback_begins_in_the_workload(start: Start) -> None:
    """And is cut to what an event carries."""
    traceback = start("test-raise").outcome().traceback
    assert traceback is not None
    assert traceback.splitlines()[0] == "Traceback (most recent call last):"
    assert "run_raise" in traceback.splitlines()[1]
    long = start("test-raise", {"kind": "long"}).outcome().traceback
    assert long is not None
    assert len(long) < 65536


def test_the_last_words_before_a_crash_are_heard(start: Start) -> None:
    """What was printed, and the Python stack of the crash."""
    running = start("test-segfault")
    running.outcome()
    assert running.core.lines("stdout") == ["before the crash"]
    assert "Fatal Python error: Segmentation fault" in running.core.lines("stderr")
    assert any("run_segfault" in line for line in running.core.lines("stderr"))


def test_a_large_result_becomes_a_file(start: Start) -> None:
    """Among the artefacts; the result says where."""
    running = start("test-result", {"kind": "huge"})
    result = running.outcome().result
    assert result == {"result_file": "experiments/run_1/runcast-result.json", "bytes": 208_010}
    assert (running.assignment.artifact_dir / "runcast-result.json").stat().st_size == 208_010


def test_a_machine_without_room_for_a_process_fails_the_task_clearly(tmp_path: Path) -> None:
    """Nothing is left open."""
    core, control = Core(), Control()
    runner = LocalRunner(current_runtime(), python=str(tmp_path / "no-python"))
    outcome = runner.run(assignment(tmp_path, "test-noop", {}), core, control)
    assert outcome == Outcome(Ending.FAILED, error="the worker process could not be started: No such file or directory")


def test_a_worker_that_does_not_start_is_given_up(tmp_path: Path) -> None:
    """Its Python hangs, or ends before it has said a word."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 1000\n")
    python.chmod(0o755)
    runner = LocalRunner(current_runtime(), python=str(python), deadlines=Deadlines(start=0.2))
    outcome = runner.run(assignment(tmp_path, "test-noop", {}), Core(), Control())
    assert outcome.error == "the worker process did not start within 0.2 s"
    python.write_text("#!/bin/sh\nexit 7\n")
    outcome = runner.run(assignment(tmp_path, "test-noop", {}), Core(), Control())
    assert outcome.error == "the worker process exited with code 7 before it started"


# -- control -------------------------------------------------------------------------------------------


def test_pause_and_resume_take_effect_and_say_so(start: Start) -> None:
    """Nothing is reported in between; then the work goes on to its end."""
    running = start("test-steps", {"n": 30, "delay": 0.02})
    running.until(lambda core: core.steps())
    running.control.send("pause")
    running.until(lambda core: core.effects == ["paused"])
    count = len(running.core.drafts)
    running.control.send("pause")
    with pytest.raises(AssertionError):
        wait_until(lambda: len(running.core.drafts) > count, 0.3)
    running.control.send("resume")
    assert running.outcome().ending is Ending.COMPLETED
    assert running.core.effects == ["paused", "running"]


def test_a_task_is_cancelled_at_its_next_checkpoint(start: Start) -> None:
    """Without a signal."""
    running = start("test-steps", {"n": 1000, "delay": 0.02}, deadlines=Deadlines())
    running.until(lambda core: core.lines())
    running.control.send("cancel")
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)
    assert running.core.lines("runcast") == ["cancel: the task has 5 s to stop by itself"]


def test_a_paused_task_can_be_cancelled(start: Start) -> None:
    """It wakes up to stop."""
    running = start("test-steps", {"n": 1000, "delay": 0.02}, deadlines=Deadlines())
    running.control.send("pause")
    running.until(lambda core: core.effects == ["paused"])
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)


def test_a_task_cancelled_before_its_process_starts_needs_none(tmp_path: Path) -> None:
    """Nor does one of a runner that is stopped."""
    control = Control()
    control.send("cancel")
    runner = LocalRunner(current_runtime(), lambda: pytest.fail("a process was started"))
    task = assignment(tmp_path, "test-noop", {})
    assert runner.run(task, Core(), control) == Outcome(Ending.CANCELLED)
    runner.close()
    assert runner.run(task, Core(), Control()).ending is Ending.LOST


@pytest.mark.parametrize("sleep", [False, True])
def test_a_deaf_child_is_killed_and_every_step_is_told(start: Start, sleep: bool) -> None:
    """One that burns CPU, one that sleeps; both ignore checkpoint and SIGTERM."""
    running = start("test-stubborn", {"sleep": sleep})
    running.until(lambda core: "deaf" in core.lines())
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)
    assert running.core.lines("runcast") == [
        "cancel: the task has 0.5 s to stop by itself",
        "the worker process has not ended by itself: SIGTERM to its processes",
        "the worker process has to be killed: SIGKILL to its processes",
    ]
    assert {data["level"] for data in running.core.of(EventType.LOG) if data.get("logger") == "runcast"} == {"warning"}


@pytest.mark.long
def test_a_deaf_child_is_gone_within_fifteen_seconds_by_default(start: Start) -> None:
    """With the deadlines that ship."""
    running = start("test-stubborn", deadlines=Deadlines())
    running.until(lambda core: "deaf" in core.lines())
    began = time.monotonic()
    running.control.send("cancel")
    assert running.outcome(20) == Outcome(Ending.CANCELLED)
    assert time.monotonic() - began < 15
    assert not running.left()


def test_a_stopped_process_is_killed_too(start: Start) -> None:
    """SIGSTOP keeps it from hearing anything else."""
    running = start("test-stubborn")
    running.until(lambda core: "deaf" in core.lines())
    os.kill(running.children[0].pid, signal.SIGSTOP)
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)


def test_a_time_limit_fails_the_task(start: Start) -> None:
    """By the same steps as a cancel."""
    outcome = start("test-burn", {"seconds": 60}, timeout_seconds=0.2).outcome()
    assert outcome == Outcome(Ending.FAILED, error="timed out after 0.2 s")


def test_a_runner_that_stops_loses_its_attempts_fast(start: Start) -> None:
    """The attempt does not count."""
    running = start("test-stubborn", deadlines=Deadlines(shutdown=0.3))
    running.until(lambda core: "deaf" in core.lines())
    began = time.monotonic()
    running.runner.close()
    assert running.outcome().ending is Ending.LOST
    assert time.monotonic() - began < 3


def test_a_shutdown_by_control_does_the_same(start: Start) -> None:
    """A workload that listens is gone at once."""
    running = start("test-steps", {"n": 1000, "delay": 0.02})
    running.until(lambda core: core.steps())
    running.control.send("shutdown")
    assert running.outcome().ending is Ending.LOST


# -- the core in trouble -------------------------------------------------------------------------------


def test_a_lost_lease_stops_the_work(start: Start) -> None:
    """Quickly, and nothing more is reported."""
    core = Core()
    core.trouble = lambda: StaleLease() if len(core.drafts) > 3 else None
    running = start("test-steps", {"n": 1000, "delay": 0.01}, core=core)
    assert running.outcome().ending is Ending.LOST
    assert len(core.lines("runcast")) == 0


def test_an_unavailable_core_holds_the_child_back_and_loses_nothing(start: Start) -> None:
    """Every second report fails: the order holds, nothing is missing and nothing comes twice."""
    core = Core()
    turns = iter(range(10**9))
    core.trouble = lambda: Unavailable() if next(turns) % 2 else None
    running = start("test-steps", {"n": 300}, core=core)
    assert running.outcome(60).ending is Ending.COMPLETED
    iterations = [data["iteration"] for data in core.of(EventType.ITERATION_COMPLETE)]
    assert iterations == list(range(1, 301))


def test_a_runner_can_be_stopped_while_the_core_is_unavailable(start: Start) -> None:
    """What could not be committed is lost with the attempt."""
    core = Core()
    core.trouble = lambda: Unavailable()
    running = start("test-steps", {"n": 100_000}, core=core)
    wait_until(lambda: running.children)
    running.control.send("shutdown")
    assert running.outcome().ending is Ending.LOST


def test_a_core_that_breaks_leaves_no_child(start: Start) -> None:
    """Its exception is raised where the attempt was started."""
    core = Core()
    core.trouble = lambda: RuntimeError("a mistake of ours")
    running = start("test-steps", {"n": 1000, "delay": 0.01}, core=core)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        running.outcome()
    wait_until(lambda: not running.left())


# -- what is left --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["group", "session"])
@pytest.mark.parametrize("command", ["nothing", "cancel"])
def test_children_of_the_task_go_with_it(start: Start, kind: str, command: str) -> None:
    """Those that ignore SIGTERM, and those that have made a session of their own; at its end and when cancelled."""
    running = start("test-children", {"kind": kind, "wait": command != "nothing"})
    running.until(lambda core: any(line.startswith("pids") for line in core.lines()))
    if command != "nothing":
        assert len(running.left()) == 3
        running.control.send(command)
    expected = Ending.COMPLETED if command == "nothing" else Ending.CANCELLED
    assert running.outcome().ending is expected
    assert not running.left()
    if command == "nothing":
        assert "killed 2 processes that the task had left running" in running.core.lines("runcast")[0]


def test_twenty_attempts_leave_no_descriptor_thread_or_zombie(start: Start) -> None:
    """Of several kinds of ending."""
    start("test-noop").outcome()
    before = open_descriptors(), threading.active_count()
    for _ in range(5):
        for kind in ("test-noop", "test-raise", "test-kill", "test-rubbish"):
            start(kind).outcome()
    wait_until(lambda: (open_descriptors(), threading.active_count()) <= before, 5)
    assert not zombies()


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def zombies() -> list[int]:
    """Dead children of this process that nobody has asked for."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == os.getpid():
            found.append(int(name))
    return found


def test_the_child_imports_no_server_library_and_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither eventlet nor Flask, SQLAlchemy or Socket.IO; none of the server's settings."""
    monkeypatch.setenv("RUNCAST_SECRET_KEY", "very secret")
    code = """
        import sys
        import api.worker, api.workloads.registry, api.workloads.inputs
        heavy = {"eventlet", "gevent", "flask", "sqlalchemy", "socketio", "engineio", "structlog", "prometheus_client"}
        print(sorted(heavy & sys.modules.keys()))
    """
    assert python(code).stdout.strip() == "[]"
    child = spawn_worker(current_runtime().selector)
    try:
        wait_until(lambda: child.read(child.reports))  # before that it may still be on its way into Python
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        assert b"very secret" not in environment
        assert child.mark.encode() in environment
    finally:
        child.close()
        wait_until(lambda: child.exit_code() is not None)


def test_a_warm_worker_ends_when_its_server_lets_go(tmp_path: Path) -> None:
    """One that never got an assignment."""
    child = spawn_worker(current_runtime().selector)
    child.wait(10)
    assert child.read(child.reports).startswith(b'{"say":"ready"')
    child.close()
    wait_until(lambda: child.exit_code() is not None)


SERVER = """
    import pathlib, signal, sys, threading
    from api.execution.spawn import spawn_worker
    from api.execution.supervisor import LocalRunner
    from api.ports import Control
    from api.runtime.choose import current_runtime
    from tests.integration.test_execution import Core, assignment

    folder, children = pathlib.Path(sys.argv[1]), []

    def spawn():
        children.append(spawn_worker(current_runtime().selector))
        return children[-1]

    runner = LocalRunner(current_runtime(), spawn)
    work = [
        ("test-burn", {"seconds": 3600}), ("test-stubborn", {"sleep": True}),
        ("test-children", {"kind": "session", "wait": True}), ("test-children", {"wait": True}),
    ]
    cores = []
    for kind, params in work:
        cores.append(Core())
        task = assignment(folder, kind, params)
        threading.Thread(target=runner.run, args=(task, cores[-1], Control()), daemon=True).start()
    ready = threading.Event()
    while sum(line.startswith(("deaf", "pids")) for core in cores for line in core.lines()) < 3:
        ready.wait(0.02)
    for child in children:
        print(child.pid, child.mark, flush=True)
    signal.pause()
"""


def test_a_server_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """`kill -9`: its children end themselves and what they have started, also those that compute or are deaf."""
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert server.stdout is not None
    with server.stdout:
        marks = [server.stdout.readline().split() for _ in range(4)]
        sessions = [(int(pid), mark) for pid, mark in marks]
        assert all(remains(*session) for session in sessions)
        server.kill()
        server.wait(5)
    wait_until(lambda: not any(remains(*session) for session in sessions), 5)


# -- under a hub ---------------------------------------------------------------------------------------

HUB = """
    import sys
    from api.runtime.patch import patch
    patch(sys.argv[1])
    import json, pathlib, subprocess, time
    from api.execution.supervisor import Deadlines, LocalRunner
    from api.ports import Control
    from api.runtime.choose import current_runtime
    from tests.integration.test_execution import SHORT, Core, assignment

    folder, runtime = pathlib.Path(sys.argv[2]), current_runtime()
    runner, gaps, over = LocalRunner(runtime, deadlines=SHORT), [], False

    def tick():
        while not over:
            before = time.perf_counter()
            runtime.sleep(0.01)
            gaps.append(time.perf_counter() - before - 0.01)

    def ticks(work):
        global gaps, over
        gaps, over = [], False
        runtime.spawn(tick)
        work()
        over = True
        runtime.sleep(0.05)
        return {"p99": sorted(gaps)[int(len(gaps) * 0.99)], "max": max(gaps), "ticks": len(gaps)}

    def go(kind, params, command="", **options):
        core, control, done, outcome = Core(), Control(), runtime.waiter(), []
        def run():
            outcome.append(runner.run(assignment(folder, kind, params, **options), core, control))
            done.set()
        runtime.spawn(run)
        if command:
            while not core.drafts:
                runtime.sleep(0.01)
            control.send(command)
        assert done.wait(30), kind
        return [str(outcome[0].ending), outcome[0].error, len(core.drafts)]

    def unsupervised():
        burn = "import time; end = time.monotonic() + 2\\nwhile time.monotonic() < end: pass"
        process = subprocess.Popen([sys.executable, "-c", burn])
        while process.poll() is None:
            runtime.sleep(0.05)

    go("test-noop", {})
    found = {"alone": ticks(unsupervised)}
    found["supervised"] = ticks(lambda: found.update(burn=go("test-burn", {"seconds": 2})))
    found["steps"] = go("test-steps", {"n": 50})
    found["flood"] = go("test-flood", {"n": 100000})
    found["megabyte"] = go("test-steps", {"n": 0, "label": "x" * 1000000})
    found["exit"] = go("test-exit", {})
    found["segfault"] = go("test-segfault", {})
    found["rubbish"] = go("test-rubbish", {})
    found["cancel"] = go("test-stubborn", {}, "cancel")
    found["shutdown"] = go("test-steps", {"n": 1000, "delay": 0.02}, "shutdown")
    found["children"] = go("test-children", {"kind": "session"})
    found["timeout"] = go("test-burn", {"seconds": 60}, timeout_seconds=0.2)
    runner.close()
    print(json.dumps(found))
"""


@pytest.mark.parametrize("mode", GREEN)
def test_the_hub_goes_on_while_children_compute_and_die(mode: str, tmp_path: Path) -> None:
    """All in one thread. Ticks of 10 ms are beside a control: a process that burns as much without a supervisor.

    Tolerance: twice the control's p99 and 10 ms, for the machine may be busy; inline the gap would be 2 s.
    """
    pytest.importorskip(mode)
    answer = python(HUB, mode, str(tmp_path))
    found = json.loads(answer.stdout)
    alone, supervised = found.pop("alone"), found.pop("supervised")
    print(mode, alone, supervised)
    assert supervised["p99"] <= 2 * alone["p99"] + 0.01
    assert supervised["max"] < 0.5 + alone["max"]
    assert supervised["ticks"] > 0.7 * alone["ticks"]
    assert 1 <= found.pop("flood")[2] < 100
    assert {name: (ending, error) for name, (ending, error, _) in found.items()} == {
        "burn": ("completed", ""),
        "steps": ("completed", ""),
        "megabyte": ("completed", ""),
        "exit": ("failed", "the worker process exited with code 3 before it finished"),
        "segfault": ("failed", "the worker process crashed with SIGSEGV"),
        "rubbish": ("failed", "the worker sent something that is not a report: 'GET / HTTP/1.1\\r' is not JSON"),
        "cancel": ("cancelled", ""),
        "shutdown": ("lost", "the runner was stopped"),
        "children": ("completed", ""),
        "timeout": ("failed", "timed out after 0.2 s"),
    }


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter; its errors are this test's."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done
