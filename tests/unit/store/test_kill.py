"""`kill -9` in the middle of a storm of writes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from api.runtime.threads import ThreadRuntime
from api.store.process import this_process
from api.store.sql import SqlStore
from tests.support.stores import task_id

TASKS = 4
STORM = [sys.executable, "-m", "tests.unit.store.processes.storm"]


def acknowledged_before_the_kill(url: str, lines: int) -> tuple[dict[str, list[int]], str]:
    """Run the storm, kill it after some acknowledgements; these, by task, and the epoch that it saw."""
    with subprocess.Popen([*STORM, url, str(TASKS)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        epoch = process.stdout.readline().strip()
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    seqs = defaultdict(list)
    for line in said:
        task, seq = line.split()
        seqs[task].append(int(seq))
    return seqs, epoch


def test_what_was_acknowledged_is_there_and_the_seqs_have_no_hole(url: str, path: Path) -> None:
    acknowledged, epoch = acknowledged_before_the_kill(url, 400)
    with closing(SqlStore(url, ThreadRuntime())) as store:
        for number in range(TASKS):
            events = store.read(lambda tx, number=number: tx.events(task_id(number), 0, limit=100_000))
            task = store.read(lambda tx, number=number: tx.task(task_id(number)))
            assert task is not None
            assert [event.seq for event in events] == list(range(1, task.last_seq + 1))
            assert acknowledged[task_id(number)] == list(range(1, len(acknowledged[task_id(number)]) + 1))
            assert len(acknowledged[task_id(number)]) <= task.last_seq
        assert store.read(lambda tx: tx.epoch()) == epoch, "the end of a process loses nothing"
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("SELECT process FROM openings").fetchall() == [(this_process(),)]
