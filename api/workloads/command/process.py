"""Running a command: its process, what it prints, and its end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from api.domain.workload import Context
from api.errors import TaskCancelled, TaskFailed
from api.workloads.command.output import Output
from api.workloads.command.progress import Finder, Metrics

LOOK_SECONDS = 0.1
"""How soon a command of ours (pause, cancel) is noticed while the program says nothing."""
TERM_SECONDS = 3.0
"""From SIGTERM to SIGKILL; less than the supervisor waits before it kills all of us."""
LINGER_SECONDS = 0.5
"""How long its output is heard after its end: a process that it left behind may hold it open."""
_READ = 64 * 1024
_LAST_READS = 64
"""More than its pipes can hold after its end, and an end where a process that it left behind still writes."""
_INHERITED = frozenset({"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV"})


def environment(own: Mapping[str, str], passed: Sequence[str], server: Mapping[str, str]) -> dict[str, str]:
    """What the program gets of the server's environment, and what the operator adds."""
    kept = {
        name: value
        for name, value in server.items()
        # What is left of RUNCAST_* in here is the mark by which a task's processes are found.
        if name in _INHERITED or name in passed or name.startswith(("LC_", "RUNCAST_"))
    }
    return {"PYTHONUNBUFFERED": "1", **kept, **own}


class Program:
    """One run, in a process group of its own. Used by one thread."""

    def __init__(
        self, argv: Sequence[str], ctx: Context, *, cwd: Path, env: Mapping[str, str], stdin: Path | None
    ) -> None:
        """`TaskFailed` when it cannot be started."""
        self._ctx = ctx
        self._name = os.path.basename(argv[0])
        try:
            with open(stdin or os.devnull, "rb") as source:
                self._popen = subprocess.Popen(
                    argv,
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=cwd,
                    env=dict(env),
                    process_group=0,
                )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise TaskFailed(f"{self._name} could not be started: {reason}") from None
        self._outputs = {"stdout": Output(), "stderr": Output()}
        self._selector = selectors.DefaultSelector()
        self._watch("stdout", self._popen.stdout)
        self._watch("stderr", self._popen.stderr)
        self._finder, self._metrics = Finder(), Metrics(())
        self._began = time.monotonic()
        self._last_error = ""

    def run(self, finder: Finder, metrics: Metrics, timeout: float | None) -> None:
        """Until it has ended with code 0; `TaskFailed` for every other end, `TaskCancelled` when it was cancelled."""
        self._finder, self._metrics = finder, metrics
        try:
            while self._popen.poll() is None:
                self._listen()
                self._obey()
                if timeout is not None and time.monotonic() - self._began > timeout:
                    self._stop()
                    raise TaskFailed(f"{self._name} did not end within {timeout:g} s")
            self._hear_the_rest()
        except TaskCancelled:
            self._stop()
            raise
        finally:
            self._close()
        if self._popen.returncode:
            raise TaskFailed(self._verdict(self._popen.returncode))

    # -- hearing ---------------------------------------------------------------------------------------

    def _watch(self, name: str, stream: IO[bytes] | None) -> None:
        if stream is not None:
            self._selector.register(stream, selectors.EVENT_READ, name)

    def _listen(self) -> bool:
        """Take what there is, or wait a moment for it; whether there was anything."""
        if not self._selector.get_map():  # it has closed both, as a rule because it ends
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(LOOK_SECONDS)
            return False
        ready = self._selector.select(LOOK_SECONDS)
        for key, _ in ready:
            chunk = os.read(key.fd, _READ)
            output = self._outputs[key.data]
            if not chunk:
                self._selector.unregister(key.fileobj)
            for line in output.feed(chunk) if chunk else output.close():
                self._line(key.data, line)
            if chunk:
                self._look(output.current)
        return bool(ready)

    def _line(self, stream: str, line: str) -> None:
        if not line.strip():
            return
        self._look(line)
        measured = self._metrics.find(line)
        if measured is not None:
            self._ctx.iteration(*measured)
        error = stream == "stderr"
        self._last_error = line.strip() if error else self._last_error
        self._ctx.log(line, "warning" if error else "info", stream)

    def _look(self, text: str) -> None:
        found = self._finder.find(text) if text else None
        if found is not None:
            self._ctx.progress(found.current, found.total, found.message)

    def _hear_the_rest(self) -> None:
        until = time.monotonic() + LINGER_SECONDS
        for _ in range(_LAST_READS):
            if not self._selector.get_map() or not (self._listen() or time.monotonic() < until):
                break
        for name, output in self._outputs.items():
            for line in output.close():
                self._line(name, line)

    # -- obeying ---------------------------------------------------------------------------------------

    def _obey(self) -> None:
        if not self._ctx.pausing:
            self._ctx.checkpoint()
            return
        self._signal(signal.SIGSTOP)
        paused = time.monotonic()
        try:
            self._ctx.checkpoint()
        finally:
            self._began += time.monotonic() - paused
            self._signal(signal.SIGCONT)

    def _stop(self) -> None:
        """SIGTERM to its group, then SIGKILL; its last words are heard."""
        for number, patience in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, TERM_SECONDS)):
            if self._popen.poll() is not None:
                break
            self._ctx.log(f"{number.name} to {self._name} ({self._popen.pid}) and its group", "warning", "runcast")
            self._signal(number)
            until = time.monotonic() + patience
            while self._popen.poll() is None and time.monotonic() < until:
                self._listen()
        self._hear_the_rest()

    def _signal(self, number: signal.Signals) -> None:
        if self._popen.poll() is None:  # not reaped: the number still means this group
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    # -- its end ---------------------------------------------------------------------------------------

    def _close(self) -> None:
        if self._popen.poll() is None:  # a mistake of ours on the way: it must not go on unheard
            self._signal(signal.SIGKILL)
            self._popen.wait()
        self._selector.close()
        for stream in (self._popen.stdout, self._popen.stderr):
            if stream is not None:
                stream.close()

    def _verdict(self, code: int) -> str:
        how = f"ended with exit code {code}" if code > 0 else f"was killed by {_signal_name(-code)}"
        return f"{self._name} {how}" + (f": {self._last_error}" if self._last_error else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
