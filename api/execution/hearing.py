"""Everything that a child says, by its socket, its stdout and its stderr, as reports."""

from __future__ import annotations

from collections.abc import Container, Iterator

from api.domain.event import Draft, EventType
from api.execution import limits
from api.execution.channel import LineReader, NotAReport
from api.execution.messages import Report, read_report
from api.execution.process import ChildProcess
from api.execution.text import OutputLines


def log_event(message: str, level: str, logger: str) -> Draft:
    """One line of the task's log."""
    return Draft(EventType.LOG, {"level": level, "message": message, "logger": logger})


class Hearing:
    """What was printed before a report comes before it, as far as both were there to read."""

    def __init__(self, child: ChildProcess, attempt: int) -> None:
        self._child = child
        self._attempt = attempt
        self._lines = LineReader(limits.REPORT_LINE)
        self._streams = (
            (child.stdout, "stdout", "info", OutputLines()),
            (child.stderr, "stderr", "warning", OutputLines()),
        )
        self.rubbish = ""
        """What came over the socket and is no report; nothing is read from there after it."""

    def listen(self, descriptors: Container[int] | None = None) -> tuple[bool, list[Report]]:
        """Whether there was anything to read now, from these or from all three, and the reports in it."""
        heard = False
        said: list[Report] = []
        for descriptor, logger, level, lines in self._streams:
            if descriptors is not None and descriptor not in descriptors:
                continue
            chunk = self._child.read(descriptor)
            heard |= bool(chunk)
            said += [log_event(line, level, logger) for line in lines.feed(chunk)]
        if descriptors is not None and self._child.reports not in descriptors:
            return heard, said
        chunk = self._child.read(self._child.reports)
        said += self._reports(chunk)
        return heard or bool(chunk), said

    def last_words(self) -> list[Draft]:
        """Lines that were begun and never ended; call it once, when nothing more can come."""
        return [log_event(line, level, logger) for _, logger, level, lines in self._streams for line in lines.close()]

    def _reports(self, chunk: bytes) -> Iterator[Report]:
        if self.rubbish:
            return
        try:
            for line in self._lines.feed(chunk):
                yield read_report(line, self._attempt)
        except NotAReport as error:
            self.rubbish = str(error)
