"""Whatever a server does that keeps the protocol, and whatever the network does to it, the promise holds.

Events get lost with their connection, are repeated, skipped with a word, trimmed, restored from an older
copy: nothing is told twice, out of order or with a hole that was not announced, and the end is always told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.cursor import end_of
from api.subscriber.subscriptions import Heard, Subscriptions

Json = dict[str, Any]
TASK = "t"
KINDS = {"status": "status_change", "progress": "progress", "log": "log"}


class Server:
    """One task's journal, and what is on its way on the one connection to it."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.epoch = 1
        self.trimmed = 0
        """Of the events up to here only the latest status and progress are still stored."""
        self.requests: list[Json] = []
        self.wire: list[tuple[str, Json]] = []
        self.live = False
        self.append("status", status="running")

    def append(self, kind: str, **data: Any) -> None:
        self.events.append(
            {"task_id": TASK, "seq": len(self.events) + 1, "event_type": KINDS[kind], "data": data, "epoch": self.epoch}
        )
        if self.live:
            self.wire.append(("task_update", self.events[-1]))

    def latest(self) -> list[Json]:
        found = {event["event_type"]: event for event in self.events}
        return sorted((found[kind] for kind in ("status_change", "progress") if kind in found), key=lambda e: e["seq"])

    def serve(self) -> None:
        if not self.requests:
            return
        since, epoch = (self.requests[0].get(name) for name in ("since", "epoch"))
        self.requests.pop(0)
        known = since is not None and self.trimmed <= since <= len(self.events) and epoch in (None, str(self.epoch))
        self._answer(None if since is None else known, self.events[since:] if known else self.latest())

    def trim_under_the_reader(self) -> None:
        """What the reader has not got is gone: it starts anew, unasked."""
        if self.live:
            del self.wire[self._unread() :]
            self._answer(False, self.latest())

    def skip(self, early: bool) -> None:
        """Superseded progress that has not been read yet is skipped, and that is announced before."""
        start = self._unread()
        waiting = [message for _, message in self.wire[start:]]
        superseded = [event["seq"] for event in waiting if event["event_type"] == "progress"][:-1]
        if superseded:
            first = waiting[0]["seq"] if early else superseded[0]
            notice = {"task_id": TASK, "from_seq": first, "to_seq": superseded[-1], "skipped": len(superseded)}
            kept = [("task_update", event) for event in waiting if event["seq"] not in superseded]
            self.wire[start:] = [("lagged", notice), *kept]

    def restore(self, lost: int) -> None:
        """A copy of the journal from before the last so many events. Only a restart does this."""
        del self.events[max(1, len(self.events) - lost) :]
        self.epoch += 1
        self.events = [{**event, "epoch": self.epoch} for event in self.events]

    def repeat(self) -> None:
        if self.wire and self.wire[0][0] == "task_update":
            self.wire.insert(0, self.wire[0])

    def cut(self) -> None:
        self.wire.clear()
        self.requests.clear()
        self.live = False

    def _answer(self, recovered: bool | None, events: list[Json]) -> None:
        status = [event for event in self.events if event["event_type"] == "status_change"][-1]["data"]["status"]
        answer = {"task_id": TASK, "epoch": str(self.epoch), "last_seq": len(self.events), "task": {"status": status}}
        self.wire.append(("subscribed", answer if recovered is None else {**answer, "recovered": recovered}))
        self.wire += [("task_update", event) for event in events]
        self.live = True

    def _unread(self) -> int:
        """Where the last stretch of events on the wire begins that are new to the reader and in order."""
        start = len(self.wire)
        while start and self.wire[start - 1][0] == "task_update" and self._follows_on(start):
            start -= 1
        return start

    def _follows_on(self, start: int) -> bool:
        return start == len(self.wire) or self.wire[start - 1][1]["seq"] + 1 == self.wire[start][1]["seq"]


@dataclass
class Run:
    """What was told between two resets."""

    begins: int
    latest_first: bool
    told: list[Json] = field(default_factory=list)
    skipped: set[int] = field(default_factory=set)

    def missing(self, last_seq: int) -> set[int]:
        """What is neither told nor announced as skipped of the events up to `last_seq`."""
        return set(range(self.begins + 1, last_seq + 1)) - {event["seq"] for event in self.told} - self.skipped

    def check(self) -> None:
        seqs = [event["seq"] for event in self.told]
        stored = [event for event in self.told if event["seq"] <= self.begins]
        assert sorted(set(seqs)) == seqs, "twice or out of order"
        assert 1 >= len({event["epoch"] for event in self.told}), "two journals in one run"
        assert self.latest_first or all(end_of(event) for event in stored), "told before it was asked for"
        assert set() == self.missing(max(seqs, default=0)), "a hole that was not announced"


class Reader:
    """A client without sockets: the subscriptions, and what they tell."""

    def __init__(self, server: Server, since: int | None) -> None:
        self.server = server
        self.subscriptions = Subscriptions()
        self.runs: list[Run] = []
        self.since = since
        self.follow = self.subscriptions.follow(TASK, since)
        self._ask()

    def hear(self) -> None:
        if not self.server.wire:
            return
        kind, message = self.server.wire.pop(0)
        if kind == "subscribed" and not self.runs:
            self.runs.append(Run(message["last_seq"] if self.since is None else self.since, self.since is None))
        self._do(self.subscriptions.heard(kind, message))

    def reconnect(self) -> None:
        self.server.cut()
        for _ in self.subscriptions.resumed():
            self._ask()

    def drain(self) -> None:
        for _ in range(1000):
            self.server.serve()
            self.hear()
            if not self.server.wire and not self.server.requests:
                return
        raise AssertionError("it asks without end")

    def _ask(self) -> None:
        self.server.requests.append(self.subscriptions.request(self.follow, 0.0))

    def _do(self, heard: Heard) -> None:
        for notice in heard.notices:
            if notice.kind == "reset":
                self.runs.append(Run(notice.data["last_seq"], True))
            elif notice.kind == "lagged":
                self.runs[-1].skipped |= set(range(notice.data["from_seq"], notice.data["to_seq"] + 1))
            else:
                assert None is self.ended
                self.runs[-1].told.append(notice.data)
                self.subscriptions.told(notice.data)
        if heard.ask is not None:
            self._ask()

    @property
    def ended(self) -> str | None:
        return self.subscriptions.ended.get(TASK)


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["status", "progress", "progress", "log", "serve", "serve", *["hear"] * 5]),
        st.sampled_from(["repeat", "cut", "restore", "trim", "reset", "skip", "skip early"]),
    ),
    max_size=80,
)


def play(step: str, server: Server, reader: Reader) -> None:
    match step:
        case "status" | "progress" | "log":
            server.append(step, status="paused")
        case "serve" | "repeat":
            getattr(server, step)()
        case "hear":
            reader.hear()
        case "cut":
            reader.reconnect()
        case "restore":
            server.restore(lost=3)
            reader.reconnect()
        case "trim":
            server.trimmed = len(server.events)
        case "reset":
            server.trimmed = len(server.events)
            server.trim_under_the_reader()
        case _:
            server.skip(early=step == "skip early")


@settings(max_examples=400, deadline=None)
@given(STEPS, st.none() | st.integers(0, 4), st.booleans())
def test_nothing_is_told_twice_or_left_out_and_the_end_is_always_told(
    steps: list[str], since: int | None, cut_at_the_end: bool
) -> None:
    server = Server()
    server.append("progress")
    reader = Reader(server, since)
    for step in steps:
        play(step, server, reader)
    reader.drain()
    assert set() == reader.runs[-1].missing(len(server.events))
    if reader.runs[-1].latest_first:
        assert {event["seq"] for event in server.latest()} <= {event["seq"] for event in reader.runs[-1].told}
    server.append("status", status="completed")
    if cut_at_the_end:
        reader.reconnect()
    reader.drain()
    for run in reader.runs:
        run.check()
    assert "completed" == reader.ended
    assert server.events[-1] == reader.runs[-1].told[-1]


@given(STEPS)
def test_a_reader_from_the_start_has_all_of_a_whole_history(steps: list[str]) -> None:
    """Nothing trimmed, skipped or restored: then it is told every event there ever was."""
    server = Server()
    reader = Reader(server, 0)
    for step in steps:
        if step not in ("restore", "trim", "reset", "skip", "skip early"):
            play(step, server, reader)
    server.append("status", status="completed")
    reader.drain()
    assert [server.events] == [run.told for run in reader.runs]
