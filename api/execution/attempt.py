"""One attempt, from the assignment to the outcome: a loop that waits, listens, delivers and, if need be, stops it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Container, Iterable

from api.domain.announcement import Announcement
from api.domain.event import Draft
from api.errors import StaleLease
from api.execution.capture import STACKS_SIGNAL
from api.execution.hearing import Hearing, log_event
from api.execution.ladder import Deadlines, Ladder, Plan, Step, TimeLimit, at_once, departing, gentle, hasty
from api.execution.messages import LEAVE, STORED, Effect, End, Mark, Ready, Report, Warm, run_message
from api.execution.outbox import Outbox
from api.execution.output import OutputLimit
from api.execution.process import ChildProcess
from api.execution.remains import Process
from api.execution.sweep import sweep
from api.execution.verdict import Facts, Reason, outcome
from api.ports import Assignment, Control, Ending, Outcome, Reporter
from api.runtime.base import Runtime

LOGGER = "runcast"
LAST_READS = 64
"""Looks at what a dead child has left unread: more than its pipes hold, and an end where a stranger still writes."""

_PLANS: dict[Reason, Callable[[Deadlines], Plan]] = {
    Reason.CANCEL: gentle,
    Reason.TIMEOUT: gentle,
    Reason.SHUTDOWN: hasty,
    Reason.STALE: hasty,
    Reason.RUBBISH: at_once,
    Reason.NO_START: at_once,
    Reason.DEPARTING: departing,
}
_ANNOUNCED = {
    Reason.CANCEL: "cancel: the task has {0.cooperative:g} s to stop by itself",
    Reason.TIMEOUT: "the time limit is over: the task has {0.cooperative:g} s to stop by itself",
    Reason.SHUTDOWN: "the server is stopping: the task has {0.shutdown:g} s to stop by itself",
}
_STEPS = {
    Step.TERMINATE: "the worker process has not ended by itself: SIGTERM to its processes",
    Step.KILL: "the worker process has to be killed: SIGKILL to its processes",
    Step.GIVE_UP: "the worker process hangs in the kernel and cannot be killed",
}
_STOPS = {"cancel": Reason.CANCEL, "shutdown": Reason.SHUTDOWN}
_SIGNALS = {Step.TERMINATE: signal.SIGTERM, Step.KILL: signal.SIGKILL}


class Attempt:
    """All of it happens in the thread that calls `run`; other threads only ring `control`."""

    def __init__(
        self,
        child: ChildProcess,
        assignment: Assignment,
        reporter: Reporter,
        control: Control,
        *,
        runtime: Runtime,
        deadlines: Deadlines,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`child` is used up by it, but for one that is `idle` when `run` has returned."""
        self._child = child
        self._assignment = assignment
        self._control = control
        self._runtime = runtime
        self._deadlines = deadlines
        self._clock = clock
        self._hearing = Hearing(child, assignment.attempt)
        self._reporter = reporter
        self._outbox = Outbox(reporter, self._answer_mark)
        self._ladder = Ladder()
        self._limit = TimeLimit(assignment.timeout_seconds, clock())
        self._start_by: float | None = clock() + deadlines.start
        self._facts = Facts(time_limit=assignment.timeout_seconds, start_limit=deadlines.start)
        self._output = OutputLimit(assignment.output_bytes)
        self._obeyed = 0
        self._given_up = False
        self.idle = False
        """Whether the child has done its task in good order, has been heard to the end and could have another."""

    @property
    def started(self) -> bool:
        """Whether the child has heard its assignment."""
        return self._facts.started

    def run(self) -> Outcome:
        """Blocks until everything that the child said is delivered, and it is idle or nothing is left of it."""
        self._control.notify = lambda command: self._child.wake()
        try:
            self._child.send(run_message(self._assignment))
            self._obey()  # what was asked before anybody listened
            while not (self.idle or self._child.exited or self._given_up):
                self._turn()
            if self.idle:
                self._part()
            else:
                self._bury()
            return outcome(self._facts)
        except Exception:  # a mistake on our side or the core's: the child must not outlive it
            self._child.signal_group(signal.SIGKILL)
            sweep(self._child, self._runtime)
            self._reap()
            self.idle = False
            raise
        finally:
            self._control.notify = lambda command: None
            if not self.idle:
                self._child.close()

    # -- one turn --------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._child.wait(self._until_due(), listen=not self._outbox)
        self._obey()
        self._listen(self._child.ready)
        self._deliver()
        self._watch_time()
        self._climb()

    def _until_due(self) -> float | None:
        """Seconds until something has to be done even if nobody says a word."""
        retry = self._outbox.due if self._outbox else None
        times = [at for at in (retry, self._ladder.next, self._limit.due, self._start_by) if at is not None]
        return max(min(times) - self._clock(), 0) if times else None

    def _obey(self) -> None:
        """Do what was asked since the last turn, in order. After the child's last word only haste has a meaning."""
        while self._obeyed < len(self._control.asked):
            command = self._control.asked[self._obeyed]
            self._obeyed += 1
            if self._facts.end is None:
                self._command(command)
            elif command == "shutdown":
                self._ladder.begin(hasty(self._deadlines), self._clock())

    def _command(self, command: str) -> None:
        if command in _STOPS:
            self._stop(_STOPS[command])
        elif command == "stacks":
            if self._facts.started:  # before it would end the process
                self._child.signal(STACKS_SIGNAL)
        else:
            self._child.send({"do": command})

    def _listen(self, descriptors: Container[int] | None = None) -> bool:
        """Take what the child has said; whether there was anything. While the core lags it has to wait."""
        if self._outbox:
            return False
        heard, said = self._hearing.listen(descriptors)
        for report in said:
            self._take(report)
        if self._hearing.rubbish and self._facts.end is None:
            self._facts.rubbish = self._hearing.rubbish
            self._stop(Reason.RUBBISH)
        if not self._child.connected:
            self._stop(Reason.DEPARTING)
        return heard

    def _take(self, report: Report) -> None:
        if isinstance(report, Ready):
            self._facts.started, self._start_by = True, None
        elif isinstance(report, Warm):
            pass  # it had been told to import while it was waiting for this task
        elif isinstance(report, End):
            self._ended(report)
        elif isinstance(report, Mark):
            self._tell([report])
        elif isinstance(report, Announcement):
            self._reporter.announce(report)
        elif isinstance(report, Effect):
            self._tell([report])
            (self._limit.pause if report.command == "paused" else self._limit.resume)(self._clock())
        else:
            self._hear(report)

    def _ended(self, end: End) -> None:
        if self._facts.end is not None:
            return
        self._facts.end = end
        self._limit.lift()
        if Reason.CANCEL in self._facts.reasons and end.ending is Ending.FAILED:
            self._log(f"while it was being cancelled: {end.error}")
        if end.idle and not self._facts.reasons:
            self.idle = True
            return
        if end.idle:
            self._child.send({"do": LEAVE})
        self._stop(Reason.DEPARTING)

    def _deliver(self) -> None:
        try:
            self._outbox.deliver(self._clock())
        except StaleLease:
            self._outbox.clear()
            self._stop(Reason.STALE)

    def _answer_mark(self, number: int) -> None:
        self._child.send({"do": STORED, "number": number})

    def _watch_time(self) -> None:
        now = self._clock()
        if self._start_by is not None and self._start_by <= now:
            self._stop(Reason.NO_START)
        if self._limit.due is not None and self._limit.due <= now:
            self._stop(Reason.TIMEOUT)

    # -- stopping --------------------------------------------------------------------------------------

    def _stop(self, reason: Reason) -> None:
        """Begin to stop the child; for a second reason it only goes faster."""
        if reason in self._facts.reasons:
            return
        self._facts.reasons.add(reason)
        self._limit.lift()
        self._start_by = None
        if reason in _ANNOUNCED:
            self._log(_ANNOUNCED[reason].format(self._deadlines))
        self._ladder.begin(_PLANS[reason](self._deadlines), self._clock())
        self._climb()

    def _climb(self) -> None:
        for step in self._ladder.climb(self._clock()):
            if step is Step.ASK:
                self._child.send({"do": "cancel" if Reason.CANCEL in self._facts.reasons else "shutdown"})
                continue
            self._log(_STEPS[step])
            self._facts.signalled = True
            self._given_up = step is Step.GIVE_UP
            if step in _SIGNALS:
                self._child.signal_group(_SIGNALS[step])

    # -- the end ---------------------------------------------------------------------------------------

    def _part(self) -> None:
        """The child lives on: what it had printed before its last word is in the pipes, and nothing comes after."""
        for _ in range(LAST_READS):
            self._deliver_all()
            if not self._listen():
                break
        self._hear_last_words()
        self._deliver_all()
        if self._hearing.rubbish or not self._child.connected or self._facts.undelivered:
            self.idle = False
            self._child.signal_group(signal.SIGKILL)
            sweep(self._child, self._runtime)
            self._reap()

    def _bury(self) -> None:
        """The process is dead: take its children along, hear its last words, deliver all of it."""
        left = sweep(self._child, self._runtime)
        for _ in range(LAST_READS):
            self._deliver_all()
            if not self._listen():
                break
        self._hear_last_words()
        self._facts.exit_code = self._reap()
        self._remark(left)
        self._deliver_all()

    def _hear_last_words(self) -> None:
        for line in self._hearing.last_words():
            self._hear(line)
        if self._output.left_out:
            self._log(f"{self._output.left_out:,} lines of the log were left out")

    def _reap(self) -> int | None:
        deadline = self._clock() + 1
        while (code := self._child.exit_code()) is None and not self._given_up and self._clock() < deadline:
            self._runtime.sleep(0.005)  # gevent learns of it a turn later
        return code

    def _remark(self, left: list[Process]) -> None:
        if left:
            names = ", ".join(f"{process.name} ({process.pid})" for process in left[:10])
            self._log(f"killed {len(left)} processes that the task had left running: {names}")
        if self._facts.end is not None and self._facts.exit_code and not self._facts.signalled:
            self._log(f"the worker process ended with code {self._facts.exit_code} after its work was done")

    def _deliver_all(self) -> None:
        while self._outbox:
            self._deliver()
            if self._outbox.stuck and "shutdown" in self._control.asked:
                self._facts.undelivered = True
                self._outbox.clear()
            if self._outbox.stuck:
                self._child.wait(max(self._outbox.due - self._clock(), 0), listen=False)

    def _tell(self, said: Iterable[Draft | Effect | Mark]) -> None:
        if Reason.STALE not in self._facts.reasons:
            self._outbox.add(said)

    def _hear(self, said: Draft) -> None:
        """Pass on what the child has said, as far as its log may be that long."""
        if self._output.admits(said):
            self._tell([said])
        elif self._output.left_out == 1:
            self._log(f"the log has reached its limit of {self._assignment.output_bytes:,} bytes: the rest is left out")

    def _log(self, message: str) -> None:
        self._tell([log_event(message, "warning", LOGGER)])
