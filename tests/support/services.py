"""Programs that some tests need: absent, they skip on a laptop and fail in CI."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL_SECONDS = 100
_ENVIRONMENT = dict(os.environ)
"""As it was before a test had the clients trust its own certificate: npm would trust no other one then."""


def require(program: str) -> str:
    """The path of `program`."""
    path = shutil.which(program)
    if path is not None:
        return path
    return _do_without(f"{program} is not installed: run `make test-deps`")


def node_modules(folder: Path) -> Path:
    """What `package-lock.json` of `folder` asks for; installed by npm when it is not there, or older."""
    modules, lock = folder / "node_modules", folder / "package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # tests in another process may need it too
        done = modules / ".package-lock.json"  # npm writes it last
        if not (done.exists() and done.stat().st_mtime >= lock.stat().st_mtime):
            _install(folder)
    return modules


def _install(folder: Path) -> None:
    command = ["ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    installed = subprocess.run(
        [require("npm"), *command],
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
        env=_ENVIRONMENT,
    )
    if installed.returncode:
        _do_without(f"run `npm {' '.join(command)}`, which failed:\n{installed.stderr[-2000:]}")


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
