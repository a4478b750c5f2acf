"""The control of the journal: the same rows by the bare driver, so many in a commit; prints the rate as JSON.

python -m benchmarks.peers.rows FOLDER bare NORMAL|FULL ROWS_PER_COMMIT
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

SECONDS = 1.0
WARM_UP = 0.2
TABLE = """CREATE TABLE events (task_id TEXT, seq INTEGER, type TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (task_id, seq)) WITHOUT ROWID"""
INDEX = "CREATE INDEX ix_events_type ON events (task_id, type, seq)"
TASK = "00000000-0000-4000-8000-000000000001"
DATA = json.dumps({"level": "info", "message": "m" * 94}, separators=(",", ":"))


def measure(path: Path, synchronous: str, group: int) -> dict[str, float]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute(TABLE)
        connection.execute(INDEX)
        seq, counted, begin = 0, 0, time.perf_counter() + WARM_UP
        while (spent := time.perf_counter() - begin) < SECONDS:
            if spent < 0:
                counted = seq + group
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(group):
                seq += 1
                connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (TASK, seq, "log", DATA, seq))
            connection.execute("COMMIT")
    return {"rate": (seq - counted) / spent}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]) / "bare.db", sys.argv[3], int(sys.argv[4]))))
