"""Whether an event makes a rule fire. Pure: the same events from the same mark always fire the same.

A rule fires when its condition becomes true of a task, and again only after it was false. Within its cooldown it
does not fire; when the condition is still true at the first report after it, it fires then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.rule import FIRINGS_MAX, Condition, Firing, Kind, Mark, Memory, Mode, Op, Rule

REASON_MAX = 500
_NONFINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
Verdict = tuple[Memory, str | None]
"""The sentence that the condition is true with, "" where it is false, None where the event says nothing about it."""


def looked(rule: Rule, mark: Mark, events: Sequence[Event]) -> tuple[Mark, list[tuple[Firing, Event]]]:
    """The mark after these events, which are in order, and what fired. Those up to the mark are passed over."""
    fired: list[tuple[Firing, Event]] = []
    for event in events:
        if event.seq <= mark.seq:
            continue
        memory, reason = checked(rule, mark.memory, event)
        mark = replace(mark, seq=event.seq, memory=memory)
        if reason is not None:
            fired.append((Firing(rule.id, event.task_id, event.seq, reason, event.at), event))
    return mark, fired


def checked(rule: Rule, memory: Memory, event: Event) -> tuple[Memory, str | None]:
    """What the rule remembers after `event`, and the sentence that it fires with, if it does."""
    condition = rule.condition
    if event.type not in condition.event_types:
        return memory, None
    memory, said = _JUDGES[condition.type](condition, memory, event)
    if said is None:
        return memory, None
    if not said:
        return replace(memory, holds=False), None
    if memory.holds or memory.fired >= FIRINGS_MAX or _cools(rule, memory, event):
        return memory, None
    fired = replace(memory, holds=True, fired=memory.fired + 1, fired_at=event.at)
    return fired, said if len(said) <= REASON_MAX else said[: REASON_MAX - 1] + "…"


def _cools(rule: Rule, memory: Memory, event: Event) -> bool:
    if memory.fired_at is None:
        return False
    return 0 <= (event.at - memory.fired_at).total_seconds() < rule.cooldown_seconds  # < 0: the clock was set back


def _failed(condition: Condition, memory: Memory, event: Event) -> Verdict:
    return memory, f"failed: {_first_line(event.data.get('error'))}"


def _ended(condition: Condition, memory: Memory, event: Event) -> Verdict:
    if not event.terminal:
        return memory, None
    status = Status.FAILED if event.type is EventType.ERROR else Status(event.data["status"])
    if condition.statuses and status not in condition.statuses:
        return memory, None
    if status is Status.FAILED:
        return _failed(condition, memory, event)
    return memory, "completed" if status is Status.COMPLETED else "was cancelled"


def _stalled(condition: Condition, memory: Memory, event: Event) -> Verdict:
    stalled = event.data.get("stalled")
    if stalled is True:
        return memory, _first_line(event.data.get("message")) or "stalled"
    if stalled is False or event.data.get("status") != Status.RUNNING:
        return memory, ""
    return memory, None


def _metric(condition: Condition, memory: Memory, event: Event) -> Verdict:
    value = _value(event.data, condition.metric or "")
    if value is None or math.isnan(value):
        return memory, None
    beyond = value > condition.bound if condition.op is Op.ABOVE else value < condition.bound
    return memory, f"{condition.metric} is {value:g}, {condition.op} {condition.bound:g}" if beyond else ""


def _nonfinite(condition: Condition, memory: Memory, event: Event) -> Verdict:
    marked = event.data.get("nonfinite") or {}
    names = marked if condition.metric is None else [name for name in marked if name == condition.metric]
    if names:
        return memory, ", ".join(f"{name} is {marked[name]}" for name in sorted(names))
    reported = event.data.get("metrics") or {}
    return memory, "" if (condition.metric in reported if condition.metric else reported) else None


def _plateau(condition: Condition, memory: Memory, event: Event) -> Verdict:
    """Another attempt starts anew. An iteration that is reported again, after a crash, is not counted again."""
    value = _value(event.data, condition.metric or "")
    if value is None:
        return memory, None
    attempt, iteration = _whole(event.data.get("attempt")), _whole(event.data.get("iteration"))
    if attempt != memory.attempt:
        memory = replace(memory, holds=False, best=None, idle=0, attempt=attempt, iteration=0)
    if 0 < iteration <= memory.iteration:
        return memory, None
    memory = replace(memory, iteration=iteration)
    if math.isfinite(value) and _better(condition, value, memory.best):
        return replace(memory, best=value, idle=0), ""
    memory = replace(memory, idle=memory.idle + 1)
    if memory.idle < condition.window:
        return memory, None
    best = "" if memory.best is None else f" (best: {memory.best:g})"
    return memory, f"{condition.metric} has not improved for {memory.idle} reports{best}"


def _better(condition: Condition, value: float, best: float | None) -> bool:
    if best is None:
        return True
    gain = best - value if condition.mode is Mode.MIN else value - best
    return gain > condition.min_delta


def _value(data: Mapping[str, Any], name: str) -> float | None:
    """The metric as it was reported, None where it was not."""
    marked = (data.get("nonfinite") or {}).get(name)
    if marked is not None:
        return _NONFINITE.get(str(marked), math.nan)
    value = (data.get("metrics") or {}).get(name)
    return None if value is None else float(value)


def _whole(value: Any) -> int:
    """Whoever reports an external task may put anything there."""
    return value if isinstance(value, int) else 0


def _first_line(text: Any) -> str:
    return next(iter(str(text or "").strip().splitlines()), "")


_JUDGES: Mapping[Kind, Callable[[Condition, Memory, Event], Verdict]] = {
    Kind.FAILED: _failed,
    Kind.ENDED: _ended,
    Kind.STALLED: _stalled,
    Kind.METRIC: _metric,
    Kind.NONFINITE: _nonfinite,
    Kind.PLATEAU: _plateau,
}
