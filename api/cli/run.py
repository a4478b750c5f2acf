"""runcast run"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Annotated, NoReturn

import typer

from api.cli import options
from api.cli.clean import clean
from api.cli.exits import CANCELLED, told
from api.cli.session import api_client, command

if TYPE_CHECKING:
    from api.subscriber.report import Report

NAME_LENGTH = 200
READ = 64 * 1024
LOOK_SECONDS = 0.1
TERM_SECONDS = 10.0
"""From SIGTERM to SIGKILL, after a cancel."""
LINGER_SECONDS = 0.5
"""How long the output is heard after the command's end: what it has left behind may hold it open."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a command."""


@told
def run(
    line: Annotated[list[str], typer.Argument(metavar="-- COMMAND [ARGUMENT]...", help="What to run.")],
    name: Annotated[str, typer.Option(help="A name to know it by; without it: the command.")] = "",
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = "",
    verbose: options.Verbose = False,
) -> None:
    """Run a command here, and have everyone watch it there: lines as logs, bars and percentages as progress.

    The command goes on whatever becomes of the server. Its exit code is the one of this verb; 2 when somebody
    cancelled the task, which ends the command.

    Examples:

    \b
      runcast run -- python train.py --epochs 20
      runcast run --name nightly -- rsync -a --info=progress2 data/ backup/
    """
    with api_client(server, token) as client:
        client.health_check()  # with a wrong address nothing is begun
        job = client.report(name or shlex.join(line)[:NAME_LENGTH], params=_about(line))
    print(f"runcast: task {job.task_id}, {command('watch', str(job.task_id), server)}", file=sys.stderr)
    Running(line, job).to_its_end()


def _about(line: Sequence[str]) -> dict[str, object]:
    return {"command": list(line), "host": socket.gethostname(), "cwd": os.getcwd()}


class Running:
    """The command's process; what it prints goes on to where it would have gone, and to the report."""

    def __init__(self, line: Sequence[str], job: Report) -> None:
        from api.workloads.command.output import Output
        from api.workloads.command.progress import Finder

        self._line = list(line)
        self._job = job
        self._finder = Finder()
        self._outputs = {"stdout": Output(), "stderr": Output()}
        self._interrupted = False

    def to_its_end(self) -> NoReturn:
        """Raises `typer.Exit` with the command's code."""
        from api.errors import TaskCancelled, TaskFailed

        code = CANCELLED
        try:
            with self._job:
                code = self._run()
                if code and self._interrupted:
                    raise TaskCancelled
                if code:
                    raise TaskFailed(f"{self._line[0]} {_verdict(code)}")
                self._job.complete({"exit_code": 0})
        except TaskCancelled:
            if not self._interrupted:
                print("runcast: the task was cancelled", file=sys.stderr)
        except TaskFailed:
            """Its exit code says so here."""
        raise typer.Exit(code)

    def _run(self) -> int:
        try:
            process = subprocess.Popen(self._line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            print(f"runcast: {clean(self._line[0])}: {error.strerror}", file=sys.stderr)
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        try:
            self._hear(process)
        except BaseException:
            _end(process)
            raise
        code = process.wait()
        return SIGNALLED - code if code < 0 else code

    def _hear(self, process: subprocess.Popen[bytes]) -> None:
        """Until the process has ended and its output is read; `TaskCancelled` when somebody wants its end."""
        with selectors.DefaultSelector() as selector:
            for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
                selector.register(stream, selectors.EVENT_READ, name)  # type: ignore[arg-type]  # both are pipes
            until: float | None = None
            while selector.get_map() and (until is None or time.monotonic() < until):
                try:
                    for key, _ in selector.select(LOOK_SECONDS):
                        if not self._take(key.data, key.fd):
                            selector.unregister(key.fileobj)
                    self._job.checkpoint()
                except KeyboardInterrupt:  # the terminal has sent it to the command too: it decides
                    self._interrupted = True
                    self._job.log("interrupted by Ctrl-C", "warning", "runcast")
                if until is None and process.poll() is not None:
                    until = time.monotonic() + LINGER_SECONDS

    def _take(self, name: str, descriptor: int) -> bool:
        """Pass on what there is to read; False at the end."""
        chunk = os.read(descriptor, READ)
        if chunk:
            _pass_on(sys.stdout if name == "stdout" else sys.stderr, chunk)
        output = self._outputs[name]
        for text in output.feed(chunk) if chunk else output.close():
            self._say(name, text)
        if chunk:
            self._look(output.current)
        return bool(chunk)

    def _say(self, name: str, text: str) -> None:
        from api.execution.text import clean_line

        self._look(text)
        plain = clean_line(text)
        if plain:
            self._job.log(plain, "warning" if name == "stderr" else "info", name)

    def _look(self, text: str) -> None:
        found = self._finder.find(text) if text else None
        if found is not None:
            self._job.progress(found.current, found.message, total=found.total)


def _pass_on(stream: IO[str], chunk: bytes) -> None:
    """To where it would have gone. Who reads it may have gone away: the command is not to suffer from that."""
    try:
        stream.buffer.write(chunk)  # type: ignore[attr-defined]  # both are text over bytes
        stream.flush()
    except OSError:
        stream.close()
    except ValueError:
        """Closed before."""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(TERM_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _verdict(code: int) -> str:
    if code > SIGNALLED:
        try:
            return f"was ended by {signal.Signals(code - SIGNALLED).name}"
        except ValueError:
            return f"ended with code {code}"
    return f"ended with code {code}"
