"""The inner loop in C, where there is a compiler: as fast as plain sockets can send."""

from __future__ import annotations

import ctypes
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.fanout.receiver import Receiver

SOURCE = Path(__file__).parent / "take.c"
FDS, BUFFER, SAMPLES = 65536, 256 * 1024, 256 * 1024
_FAILURES = {-1: "the server closed a subscriber's connection", -2: "a frame is longer than any message"}


class One(ctypes.Structure):
    _fields_ = (("have", ctypes.c_int), ("head", ctypes.c_ubyte * 4), ("missing", ctypes.c_long))


class Shared(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("epoll", "control")),
        *((name, ctypes.c_long) for name in ("count", "every", "next", "samples")),
        ("late", ctypes.c_double * SAMPLES),
        ("ones", One * FDS),
        ("buffer", ctypes.c_ubyte * BUFFER),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled loop; None where nothing compiles it."""
    compiler = shutil.which("cc")
    if not compiler:
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "take.so"
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(SOURCE)]
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
            return None
        loaded = ctypes.CDLL(str(made))
    loaded.take.argtypes = (ctypes.POINTER(Shared), ctypes.c_long, ctypes.c_double)
    loaded.walk.argtypes = (ctypes.POINTER(Shared), ctypes.POINTER(One), ctypes.c_char_p, ctypes.c_long)
    return loaded


class NativeReceiver(Receiver):
    def __init__(self, subscribers: Sequence[socket.socket], control: int) -> None:
        super().__init__(subscribers, control)
        self._shared = Shared(epoll=self.epoll.fileno(), control=control)

    def start(self, every: int) -> None:
        shared = self._shared
        shared.count = shared.next = shared.samples = 0
        shared.every = every

    @property
    def count(self) -> int:
        return int(self._shared.count)

    @property
    def late(self) -> list[float]:
        return list(self._shared.late[: self._shared.samples])

    def take(self, mark: int, seconds: float) -> None:
        failed = library().take(self._shared, mark, seconds)
        if failed:
            raise ConnectionError(_FAILURES[failed])
