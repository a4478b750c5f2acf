"""Announcements from real OS threads, in processes patched for each async mode."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from api.runtime.patch import MODES
from tests.support.servers import ROOT

FROM_THREADS = """
import sys
from api.runtime.patch import patch
patch(sys.argv[1])
import time
from datetime import UTC, datetime
from api.delivery.topics.hub import Topics
from api.delivery.topics.membership import Membership
from api.domain.announcement import Severity, Topic, alert, log
from api.domain.permission import LOCAL
from api.runtime.choose import current_runtime
from api.services.announce import Announcements
from api.store.sql import SqlStore

THREADS, EACH = 4, 200
utc_now = lambda: datetime.now(UTC)
runtime = current_runtime()
store = SqlStore(sys.argv[2], runtime)
topics = Topics(runtime, utc_now)
announcements = Announcements(store, utc_now, runtime, topics)

class Wire:
    here = True
    got = []
    def send(self, message): pass
    def pass_on(self, telling): self.got.append(telling.message)
    def has_room(self): return True

membership = Membership(topics, LOCAL, utc_now, Wire())
for topic in (Topic.LOGS, Topic.ALERTS):
    membership.subscribe(topic)

def native(done):
    def run():
        for number in range(EACH):
            announcements.announce(log("info", str(number), "native"))
            announcements.announce(alert("native", str(number), "", Severity.INFO))
        done.set()
    return run

waiters = [runtime.waiter() for _ in range(THREADS)]
for each in waiters:
    runtime.start_native(native(each), "native")
assert all(each.wait(30) for each in waiters)

def heard(topic):
    return sum(each.get("count", 1) for each in Wire.got if each["topic"] == topic)

def stored(topic):
    found = store.read(lambda tx: tx.parcels(after=0, without="", limit=100_000))
    return sum(parcel.count for _, parcel in found if parcel.topic == topic)

deadline = time.monotonic() + 30
counts = ()
while counts != (THREADS * EACH,) * 4 and time.monotonic() < deadline:
    runtime.sleep(0.05)
    counts = (heard("logs"), heard("alerts"), stored("logs"), stored("alerts"))
assert counts == (THREADS * EACH,) * 4, counts
assert len([each for each in Wire.got if each["topic"] == "logs"]) < 300
store.close()
"""


@pytest.mark.parametrize("mode", MODES)
def test_all_are_told_and_written_and_counted(mode: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runcast.db'}"
    done = subprocess.run(
        [sys.executable, "-c", FROM_THREADS, mode, url], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert 0 == done.returncode, done.stderr[-3000:]
