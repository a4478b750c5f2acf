"""Times and JSON in columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.store.values import from_json, micros, moment, to_json


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_moment_comes_back_exactly(at: datetime) -> None:
    assert moment(micros(at)) == at


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_the_order_of_moments_is_that_of_their_numbers(one: datetime, other: datetime) -> None:
    assert (micros(one) < micros(other)) == (one < other)


def test_the_zone_does_not_change_the_moment() -> None:
    at = datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-7)))
    assert micros(at) == micros(at.astimezone(UTC))


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()))
def test_json_comes_back_as_it_was_or_is_refused(value: dict[str, object]) -> None:
    if any(isinstance(item, float) and item in (float("inf"), float("-inf")) for item in value.values()):
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_json(value)
    else:
        assert from_json(to_json(value)) == value


def test_json_keeps_words_of_any_language_readable() -> None:
    assert to_json({"a": "Größe"}) == '{"a":"Größe"}'


def test_half_a_surrogate_pair_is_escaped_so_that_the_text_is_utf8() -> None:
    assert to_json({"a": "\ud800"}).encode() == b'{"a":"\\ud800"}'
