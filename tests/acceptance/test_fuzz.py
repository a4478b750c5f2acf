"""A fuzzer driven by /openapi.json, with all of its checks, finds nothing (guarantee 20).

`FUZZ_EXAMPLES` sets how many requests it tries for each operation and phase.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.acceptance.main_job import follow, submit
from tests.support.servers import ServerProcess

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
SEED = os.environ.get("FUZZ_SEED", "1")
"""The same requests each time; `make fuzz` takes others."""
SECONDS = 60 + 20 * EXAMPLES

# Every check is on by default; `--checks all` would undo the exceptions that are made here.
# A schema cannot say which files exist or which states a command fits: a refusal that is documented is one
# of the answers to valid input. The operations below get a task that has ended: its files are there, and
# its stream ends. It is not the one that was just created, and may have been deleted. A task that was just
# created has no picture of whatever name yet, and is as a rule of a type that cannot be searched.
SETTINGS = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409, 413, 416, 422]

[[operations]]
include-path = "/api/tasks/{{task_id}}/stream"
parameters = {{ "path.task_id" = "{ended}" }}
checks.ensure_resource_availability.enabled = false

[[operations]]
include-path = "/api/tasks/{{task_id}}/artifacts/{{path}}"
parameters = {{ "path.task_id" = "{ended}", "path.path" = "steps.txt" }}
checks.ensure_resource_availability.enabled = false

[[operations]]
include-path = "/api/tasks/{{task_id}}/search"
checks.ensure_resource_availability.enabled = false

[[operations]]
include-path = "/api/tasks/{{task_id}}/visualizations/{{file}}"
checks.ensure_resource_availability.enabled = false
"""


@pytest.mark.timeout(SECONDS + 60)
def test_a_fuzzer_finds_no_undocumented_answer(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server(env={"RUNCAST_MAX_WORKERS": "1"})
    ended = submit(server.url, {"type": "test-steps", "params": {"n": 1}})
    follow(server.url, ended, "websocket")
    (tmp_path / "schemathesis.toml").write_text(SETTINGS.format(ended=ended))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml")),
            *("run", f"{server.url}/openapi.json", "--max-examples", str(EXAMPLES)),
            *("--seed", SEED, "--continue-on-failure", "--no-color", "--request-timeout", "20"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
    assert "request_failed" not in server.log_text()
    assert requests.get(f"{server.url}/api/ready", timeout=5).ok
