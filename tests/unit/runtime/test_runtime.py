"""The runtimes: the same promises on eventlet, gevent and threads, each in a process patched for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from api.runtime.lockfile import LockFile
from api.runtime.offload import offload
from api.runtime.threads import ThreadRuntime
from tests.support.servers import ROOT

MODES = ("eventlet", "gevent", "threading")

PROMISES = """
import sys
from api.runtime.patch import patch
patch(sys.argv[1])
import os, socket, time
from api.runtime.choose import current_runtime
from api.runtime.offload import offload

runtime = current_runtime()
assert runtime.name == sys.argv[1]

# A native thread posts to the hub and wakes who waits there, and waits itself for the hub.
order, done = [], runtime.waiter()
def native():
    for number in range(100):
        runtime.post(order.append, number)
    answer = runtime.waiter()
    runtime.post(answer.set)
    assert answer.wait(5)
    done.set()
runtime.start_native(native, "native")
assert done.wait(5)
assert order == list(range(100))

# A waiter gives up at its time-out, and what fails elsewhere is raised here.
assert not runtime.waiter().wait(0.05)
try:
    offload(runtime, lambda: 1 / 0)
except ZeroDivisionError:
    pass
else:
    raise AssertionError("the error was swallowed")

# One thread of the hub wakes another, which waits or will; twice is once.
early, late = runtime.waiter(), runtime.waiter()
early.set()
early.set()
runtime.spawn(late.set)
assert early.wait(5) and late.wait(5)

# Blocking work elsewhere does not hold the hub.
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        runtime.sleep(0.01)
runtime.spawn(tick)
pair = socket.socketpair()
raw = os.dup(pair[0].fileno())
os.set_blocking(raw, True)
def block():
    pair[1].send(b"x")
    return time.monotonic()
offload(runtime, block)
runtime.sleep(0.2)
assert len(ticks) >= 5, ticks

# Several descriptors ready at once wake the thread once, not once each.
pairs = [socket.socketpair() for _ in range(4)]
selector = runtime.selector()
for ours, theirs in pairs:
    selector.register(ours, 1)
    theirs.send(b"x")
assert len(selector.select(5)) == 4
begin = time.monotonic()
runtime.sleep(0.1)
assert time.monotonic() - begin >= 0.1, "the sleep was cut short by a second wake-up"
assert runtime.waiter().wait(0.1) is False
print("kept")
"""


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_keeps_the_promises_of_a_runtime(mode):
    ran = subprocess.run([sys.executable, "-c", PROMISES, mode], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (0, "kept\n") == (ran.returncode, ran.stdout), ran.stderr


def test_importing_the_package_patches_nothing():
    program = "import api.server, api.app, socket; print(socket.socket.__module__)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "socket" == ran.stdout.strip(), ran.stderr


def test_a_posted_call_that_fails_does_not_end_the_mailbox():
    runtime = ThreadRuntime()
    done = runtime.waiter()
    runtime.post(lambda: 1 / 0)
    runtime.post(done.set)
    assert done.wait(5)


def test_offload_returns_what_the_work_returns():
    assert 42 == offload(ThreadRuntime(), lambda: 42)


def test_a_lock_file_has_one_holder_at_a_time(tmp_path):
    first, second = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
