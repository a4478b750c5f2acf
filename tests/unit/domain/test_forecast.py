"""The queue played through: when who waits will start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.domain.forecast import Places, Running, Waiting, starts


def runs(name: str, left: float | None, type: str = "x", owner: str = "ada") -> Running:
    return Running(name, type, owner, left)


def waits(name: str, length: float | None = 10.0, type: str = "x", owner: str = "ada", **more: Any) -> Waiting:
    return Waiting(name, type, owner, length, **more)


def test_a_free_place_is_taken_at_once_and_the_others_as_they_become_free() -> None:
    queue = [waits("a", 5.0), waits("b", 1.0), waits("c"), waits("d")]
    assert starts(Places(2), [runs("r", 3.0)], queue) == {"a": 0.0, "b": 3.0, "c": 4.0, "d": 5.0}


def test_whoever_could_only_start_in_the_place_of_one_of_unknown_length_has_no_known_start() -> None:
    assert starts(Places(1), [runs("r", None)], [waits("a")]) == {}
    assert starts(Places(1), [], [waits("a", None), waits("b")]) == {"a": 0.0}
    assert starts(Places(2), [runs("r", None)], [waits("a", 4.0), waits("b")]) == {"a": 0.0, "b": 4.0}


def test_a_type_or_owner_at_its_limit_lets_others_pass() -> None:
    queue = [waits("a"), waits("b", type="y"), waits("c", type="y", owner="bob")]
    assert starts(Places(3, {"x": 1}), [runs("r", 7.0)], queue) == {"a": 7.0, "b": 0.0, "c": 0.0}
    assert starts(Places(3, per_owner=1), [runs("r", 7.0)], queue) == {"a": 7.0, "b": 17.0, "c": 0.0}


def test_whoever_waits_for_its_time_comes_by_its_urgency_when_it_is_due() -> None:
    queue = [waits("a", due_in=4.0), waits("b"), waits("c")]
    assert starts(Places(1), [], queue) == {"b": 0.0, "a": 10.0, "c": 20.0}
    assert starts(Places(2), [], [waits("a", due_in=4.0)]) == {"a": 4.0}


def test_whoever_waits_for_others_comes_when_they_have_ended() -> None:
    queue = [waits("a", after=("r", "b")), waits("b"), waits("c", after=("elsewhere",)), waits("d", after=("c",))]
    assert starts(Places(9), [runs("r", 3.0)], queue) == {"b": 0.0, "a": 10.0}
    assert starts(Places(9), [runs("r", 30.0)], queue) == {"b": 0.0, "a": 30.0}


def test_nobody_starts_where_more_run_than_there_are_places() -> None:
    """Those that a server with more places has begun."""
    assert starts(Places(1), [runs("r", 3.0), runs("s", 5.0)], [waits("a")]) == {"a": 5.0}


def by_hand(places: Places, running: Sequence[Running], queue: Sequence[Waiting]) -> dict[str, float]:
    """The same without any cleverness: at each moment everyone is looked at, the most urgent first."""
    held: list[tuple[float | None, Running | Waiting]] = [(each.left, each) for each in running]
    ended: set[str] = set()
    found: dict[str, float] = {}
    now = 0.0
    while True:
        for each in queue:
            types = sum(task.type == each.type for _, task in held)
            owners = sum(task.owner == each.owner for _, task in held)
            if (
                each.task_id not in found
                and each.due_in <= now
                and set(each.after) <= ended
                and len(held) < places.slots
                and types < places.per_type.get(each.type, 99)
                and owners < (99 if places.per_owner is None else places.per_owner)
            ):
                found[each.task_id] = now
                held.append((None if each.length is None else now + each.length, each))
        moments = [at for at, _ in held if at is not None]
        moments += [each.due_in for each in queue if each.due_in > now]
        if not moments:
            return found
        now = min(moments)
        ended |= {task.task_id for at, task in held if at is not None and at <= now}
        held = [(at, task) for at, task in held if at is None or at > now]


NAMES = st.sampled_from("xyz")
LENGTHS = st.one_of(st.none(), st.integers(1, 9).map(float))
PLACES = st.builds(
    Places, st.integers(1, 4), st.dictionaries(NAMES, st.integers(1, 2)), st.one_of(st.none(), st.integers(1, 3))
)


@st.composite
def queues(draw: st.DrawFn) -> list[Waiting]:
    names = [f"w{number}" for number in range(draw(st.integers(0, 14)))]
    return [
        Waiting(
            name,
            draw(NAMES),
            draw(NAMES),
            draw(LENGTHS),
            float(draw(st.sampled_from([0, 0, 0, 3, 8]))),
            tuple(draw(st.lists(st.sampled_from([*names, "r0", "gone"]), max_size=1))),
        )
        for name in names
    ]


RUNNING = st.lists(st.tuples(NAMES, NAMES, LENGTHS), max_size=5).map(
    lambda made: [Running(f"r{number}", *each) for number, each in enumerate(made)]
)


@given(PLACES, RUNNING, queues())
def test_it_is_what_comes_of_looking_at_everyone_each_time(
    places: Places, running: list[Running], queue: list[Waiting]
) -> None:
    assert starts(places, running, queue) == by_hand(places, running, queue)
