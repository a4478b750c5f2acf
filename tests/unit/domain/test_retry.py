"""When a failed attempt is tried again."""

from __future__ import annotations

import pytest

from api.domain.retry import RetryPolicy


@pytest.mark.parametrize(("attempt", "longest"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (100, 60), (10_000, 60)])
def test_the_delay_doubles_up_to_a_limit_and_a_half_of_it_is_chance(attempt, longest):
    policy = RetryPolicy(first_seconds=2, most_seconds=60)
    assert [longest / 2, longest * 0.75, longest] == [
        policy.delay(attempt, chance).total_seconds() for chance in (0, 0.5, 1)
    ]


def test_there_may_be_no_delay_at_all():
    assert 0 == RetryPolicy(first_seconds=0).delay(3, 1).total_seconds()
