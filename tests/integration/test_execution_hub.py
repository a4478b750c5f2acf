"""The hub of a green runtime goes on while real child processes compute and die."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.attempts import python

GREEN = ["eventlet", "gevent"]

HUB = """
    import sys
    from api.runtime.patch import patch
    patch(sys.argv[1])
    import json, pathlib, subprocess, time
    from api.execution.supervisor import Deadlines, LocalRunner
    from api.ports import Control
    from api.runtime.choose import current_runtime
    from tests.integration.attempts import SHORT, Core, assignment

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


@pytest.mark.alone
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
