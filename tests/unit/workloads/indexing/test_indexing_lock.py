"""One writer of an index at a time, however the one before ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.workloads.indexing.lock import only_writer

HOLD = """
import sys
from pathlib import Path
from api.workloads.indexing.lock import only_writer
with only_writer(Path(sys.argv[1]), lambda: None, lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""
ADD = """
import sys
from pathlib import Path
from api.workloads.indexing.lock import only_writer
file = Path(sys.argv[1])
for _ in range(20):
    with only_writer(file, lambda: None, lambda: None):
        count = int(file.read_text())
        file.write_text(str(count + 1))
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "index.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "held\n" == process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("end", ["kill", "close"])
def test_who_waits_says_so_once_and_goes_on_when_the_other_has_ended(
    tmp_path: Path, holder: subprocess.Popen[str], end: str
) -> None:
    said: list[str] = []

    def checkpoint() -> None:
        said.append("checkpoint")
        if len(said) == 3:
            assert holder.stdin is not None
            holder.kill() if end == "kill" else holder.stdin.close()

    with only_writer(tmp_path / "index.db", lambda: said.append("waits"), checkpoint):
        assert ["waits", "checkpoint", "checkpoint"] == said[:3]
        assert "waits" not in said[3:]


def test_who_waits_may_be_stopped(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), only_writer(tmp_path / "index.db", lambda: None, stop):
        pytest.fail("it has the lock too")
    assert holder.poll() is None


def test_nobody_writes_between_what_another_reads_and_writes(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    file.write_text("0")
    writers = [subprocess.Popen([sys.executable, "-c", ADD, str(file)]) for _ in range(4)]
    assert [0] * 4 == [writer.wait(60) for writer in writers]
    assert "80" == file.read_text()
