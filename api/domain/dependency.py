"""Dependencies: what a task waits for, what becomes of it, and a parent's result as one of its params.

A param whose value is `{"$result": <task>, "path": "a.b"}` takes, when all parents have completed, the
place `a.b` of that task's result, or without `path` the whole of it. A path is text, its parts divided by
dots, or a list of keys and indices, for keys with a dot in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.errors import Flaw, InvalidInput

PARENTS_MAX = 1000
REFERENCES_MAX = 100
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a task is called by others: its id, or its `ref` within a batch."""
_INDEX = re.compile(r"[0-9]{1,9}")
MARK = "$result"
_PATH = "path"


class OnParentFailure(StrEnum):
    """What becomes of a waiting task when one that it depends on fails or is cancelled."""

    CANCEL = "cancel"
    WAIT = "wait"
    """It goes on waiting: for a retry of that task, which takes the old one's place."""


class Follow(StrEnum):
    """Kinds of `Continuation`."""

    SETTLE = "settle"
    """Tell the dependants of `subject` that it has ended."""
    REPLACE = "replace"
    """Have the dependants of `subject` wait for `other`, its retry, instead."""
    RESOLVE = "resolve"
    """Put the parents' results into the params of `subject`, and release it."""
    CANCEL_BATCH = "cancel_batch"
    """Cancel what has not ended of the batch `subject`."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a transaction has left to be done: it is stored, so that nothing stops half-way."""

    kind: Follow
    subject: str
    other: str = ""
    after: str = ""
    """It is done up to here."""
    id: int = 0
    """Set by the store; they are done in this order."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in the params that takes a part of a parent's result."""

    loc: tuple[str | int, ...]
    target: str | int
    path: tuple[str | int, ...]

    def flaw(self, message: str) -> Flaw:
        return Flaw(("params", *self.loc), message)


def references(params: Mapping[str, Any]) -> list[Reference]:
    """Every reference in `params`; `InvalidInput` for one that is malformed, or for too many."""
    found = [_reference(loc, value) for loc, value in _marked(params)]
    if len(found) > REFERENCES_MAX:
        raise InvalidInput(flaws=[Flaw(("params",), f"has more than {REFERENCES_MAX} references to results")])
    return found


def refers(params: Mapping[str, Any]) -> bool:
    return next(_marked(params), None) is not None


def substituted(value: Any, put: Callable[[dict[str, Any]], Any]) -> Any:
    """`value` with `put(reference)` in the place of each reference."""
    if isinstance(value, Mapping):
        return put(dict(value)) if MARK in value else {key: substituted(each, put) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [substituted(each, put) for each in value]
    return value


def resolved(params: Mapping[str, Any], results: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """`params` with what they refer to; `InvalidInput` names what is not there. `results` by task id."""
    flaws = []
    values = []
    for reference in references(params):
        try:
            values.append(_dig(results[str(reference.target)], reference.path))
        except KeyError:
            flaws.append(reference.flaw(f"the task {reference.target} is gone, and its result with it"))
        except IndexError as error:
            flaws.append(reference.flaw(f"the result of task {reference.target} {error}"))
    if flaws:
        raise InvalidInput(flaws=flaws)
    places = iter(values)
    filled: dict[str, Any] = substituted(params, lambda reference: next(places))
    return filled


def redirected(params: Mapping[str, Any], old_id: str, new_id: str) -> dict[str, Any]:
    """`params` with what refers to one task referring to another."""
    moved: dict[str, Any] = substituted(params, lambda each: each | {MARK: new_id} if each[MARK] == old_id else each)
    return moved


def _marked(params: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """In the order in which `substituted` meets them."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), params)]
    while stack:
        loc, value = stack.pop()
        if isinstance(value, Mapping):
            if MARK in value:
                yield loc, value
                continue
            stack.extend(((*loc, key), each) for key, each in reversed(list(value.items())))
        elif isinstance(value, (list, tuple)):
            stack.extend(((*loc, index), value[index]) for index in range(len(value) - 1, -1, -1))


def _reference(loc: tuple[str | int, ...], value: Mapping[str, Any]) -> Reference:
    target = value[MARK]
    if not loc:
        raise _malformed(loc, "params must be an object, in which a value may be a reference")
    if set(value) - {MARK, _PATH}:
        raise _malformed(loc, f"a reference to a result has {MARK!r} and {_PATH!r} alone")
    if type(target) is not int and not (isinstance(target, str) and NAME.fullmatch(target)):
        raise _malformed((*loc, MARK), "must name a task: by its id, or within a batch by its ref or number")
    return Reference(loc, target, _path_of(loc, value.get(_PATH, ())))


def _path_of(loc: tuple[str | int, ...], path: Any) -> tuple[str | int, ...]:
    if isinstance(path, str):
        return tuple(path.split(".")) if path else ()
    if isinstance(path, (list, tuple)) and all(type(part) in (str, int) for part in path):
        return tuple(path)
    raise _malformed((*loc, _PATH), "must be text such as 'a.b', or a list of keys and indices")


def _malformed(loc: tuple[str | int, ...], message: str) -> InvalidInput:
    return InvalidInput(flaws=[Flaw(("params", *loc), message)])


def _dig(value: Any, path: Sequence[str | int]) -> Any:
    """`IndexError` says what is missing."""
    for depth, part in enumerate(path):
        if isinstance(value, Mapping) and str(part) in value:
            value = value[str(part)]
        elif isinstance(value, (list, tuple)) and _INDEX.fullmatch(str(part)) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise IndexError(f"has no {'.'.join(str(each) for each in path[: depth + 1])!r:.200}")
    return value


def cycle(parents: Sequence[Sequence[int]]) -> list[int]:
    """Numbers that lead back to the first of them, each depending on the next; empty when there is no cycle."""
    waiting = [len(set(each)) for each in parents]
    children: list[list[int]] = [[] for _ in parents]
    for number, each in enumerate(parents):
        for parent in set(each):
            children[parent].append(number)
    free = [number for number, count in enumerate(waiting) if not count]
    while free:
        for child in children[free.pop()]:
            waiting[child] -= 1
            if not waiting[child]:
                free.append(child)
    return _round(parents, waiting)


def _round(parents: Sequence[Sequence[int]], waiting: Sequence[int]) -> list[int]:
    at = next((number for number, count in enumerate(waiting) if count), None)
    way: dict[int, None] = {}
    while at is not None and at not in way:
        way[at] = None
        at = next(parent for parent in parents[at] if waiting[parent])
    return [] if at is None else list(way)[list(way).index(at) :]
