"""How long a client waits before it tries to connect again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.domain.cursor import BACKOFF_MOST, backoff


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_bounded(attempt: int, chance: float) -> None:
    assert 0.25 <= backoff(attempt, chance) <= BACKOFF_MOST


def test_waits_double_until_the_longest() -> None:
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 7.5] == [backoff(attempt, 0.0) for attempt in range(7)]


def test_clients_that_were_lost_together_come_back_apart() -> None:
    assert backoff(3, 0.0) < backoff(3, 0.5) < backoff(3, 0.99)
