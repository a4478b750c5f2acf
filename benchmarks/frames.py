"""What the load generator has taken, put apart after the run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.sockets import NAMESPACE, Subscriber

UPDATE = f'42{NAMESPACE},["task_update",'.encode()
LAGGED = f'42{NAMESPACE},["lagged",'.encode()


def frames(member: Subscriber) -> Iterator[tuple[float, bytes]]:
    """(arrival, payload) of each whole frame, in order: it has arrived when its last byte was there."""
    data, turn = member.data, 0
    at = data.index(b"\r\n\r\n", 0, member.size) + 4
    while at + 2 <= member.size:
        length, start = data[at + 1] & 0x7F, at + 2
        if length >= 126:
            start += 2 if length == 126 else 8
            length = int.from_bytes(data[at + 2 : start], "big")
        at = start + length
        if at > member.size:
            return
        while member.ends[turn] < at:
            turn += 1
        yield member.times[turn], bytes(data[start:at])


def updates(member: Subscriber) -> Iterator[tuple[float, bytes]]:
    """(arrival, text of the envelope) of each `task_update`; `Known` decodes it."""
    for at, payload in frames(member):
        if payload.startswith(UPDATE):
            yield at, payload[len(UPDATE) : -1]


def envelopes(member: Subscriber) -> list[tuple[float, dict[str, Any]]]:
    return [(at, json.loads(text)) for at, text in updates(member)]


def count(member: Subscriber, prefix: bytes) -> int:
    """How many packets begin so."""
    return sum(payload.startswith(prefix) for _at, payload in frames(member))


def deliveries(members: Iterable[Subscriber]) -> Iterator[tuple[float, float]]:
    """(made, arrived) of each report at each subscriber, in monotonic seconds.

    The reports carry `metrics.sent`, on the clock that all processes of a machine share.
    """
    known = Known()
    for member in members:
        for at, text in updates(member):
            made = known[text].made
            if made is not None:
                yield made, at


@dataclass(frozen=True, slots=True)
class Brief:
    """What counts of an envelope."""

    seq: int
    progress: bool
    made: float | None
    """When it was reported, where it says so."""


class Known(dict[bytes, Brief]):
    """Envelopes by their text: every subscriber gets the same, so each is decoded once."""

    def __missing__(self, text: bytes) -> Brief:
        envelope = json.loads(text)
        made = envelope["data"].get("metrics", {}).get("sent")
        self[text] = brief = Brief(envelope["seq"], envelope["event_type"] == "progress", made)
        return brief


def faults(got: Sequence[int], wanted: Iterable[int]) -> int:
    """How far the seqs that came are from those wanted, each once and in order: missing, repeated, misplaced."""
    misplaced = sum(after <= before for before, after in pairwise(got))
    return misplaced + len(set(wanted) ^ set(got)) + len(got) - len(set(got))
