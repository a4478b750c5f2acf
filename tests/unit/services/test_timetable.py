"""When schedules run, above all where clocks are set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.schedule import Timing
from api.errors import InvalidInput
from api.services.timetable import checked, next_run, runs

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
START = datetime(2026, 1, 1, tzinfo=UTC)


def timing(cron=None, zone="UTC", every=None):
    return Timing(cron, every, zone, START)


def walls(cron, zone, start, count):
    """The next runs after the local time `start`, as the zone's clock shows them, with its offset in hours."""
    at = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    shown = []
    for _ in range(count):
        at = next_run(timing(cron, zone), at)
        local = at.astimezone(ZoneInfo(zone))
        shown.append(f"{local:%d %H:%M} {local.utcoffset() // timedelta(hours=1):+}")
    return shown


@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        # Clocks go forward: 02:00 to 03:00.
        ("30 2 * * *", BERLIN, "2026-03-28T00:00", ["28 02:30 +1", "29 03:00 +2", "30 02:30 +2"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T00:00", ["07 02:30 -5", "08 03:00 -4", "09 02:30 -4"]),
        ("*/20 2 * * *", BERLIN, "2026-03-29T00:00", ["29 03:00 +2", "30 02:00 +2"]),
        ("0 2,3 * * *", BERLIN, "2026-03-29T00:00", ["29 03:00 +2", "30 02:00 +2"]),
        ("30 * * * *", BERLIN, "2026-03-29T00:40", ["29 01:30 +1", "29 03:30 +2", "29 04:30 +2"]),
        ("*/30 * * * *", NEW_YORK, "2026-03-08T01:00", ["08 01:30 -5", "08 03:00 -4", "08 03:30 -4"]),
        # Clocks go back: 03:00 to 02:00, in New York 02:00 to 01:00.
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 02:30 +2", "26 02:30 +1"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["01 01:30 -4", "02 01:30 -5"]),
        ("*/30 2,3 * * *", BERLIN, "2026-10-25T01:00", ["25 02:00 +2", "25 02:30 +2", "25 03:00 +1"]),
        ("0 * * * *", BERLIN, "2026-10-25T00:30", ["25 01:00 +2", "25 02:00 +2", "25 02:00 +1", "25 03:00 +1"]),
        ("*/30 */1 * * *", NEW_YORK, "2026-11-01T00:30", ["01 01:00 -4", "01 01:30 -4", "01 01:00 -5", "01 01:30 -5"]),
        # A day that is left out altogether, and a clock that is set by half an hour.
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", ["29 12:00 -10", "31 00:00 +14", "31 12:00 +14"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["04 02:30 +11", "05 02:15 +11"]),
    ],
)
def test_where_clocks_are_set_each_run_comes_once(cron, zone, start, expected):
    assert expected == walls(cron, zone, start, len(expected))


ZONES = st.sampled_from([BERLIN, NEW_YORK, "UTC", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"])
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


@settings(deadline=None)  # a busy machine is no failure
@given(ZONES, MOMENTS, st.sampled_from([1, 5, 15, 30]))
def test_by_the_minute_it_runs_as_time_passes_whatever_the_clock_does(zone, after, step):
    """The offset of every zone is a multiple of 30 minutes from the next."""
    at = next_run(timing(f"*/{step} * * * *", zone), after)
    minutes = after.replace(second=0, microsecond=0)
    assert at == minutes + timedelta(minutes=step - minutes.minute % step)


@settings(deadline=None)  # a busy machine is no failure
@given(ZONES, MOMENTS, st.integers(0, 23), st.integers(0, 59))
def test_a_daily_run_comes_on_every_day_and_once(zone, after, hour, minute):
    daily = timing(f"{minute} {hour} * * *", zone)
    found = runs(daily, next_run(daily, after), datetime(2036, 1, 1, tzinfo=UTC), limit=20)
    days = [at.astimezone(ZoneInfo(zone)).date() for at in found]
    assert [days[0] + timedelta(days=number) for number in range(20)] == days


@settings(deadline=None)  # a busy machine is no failure
@given(MOMENTS, st.integers(1, 100_000))
def test_an_interval_is_counted_from_its_start(after, seconds):
    at = next_run(timing(every=seconds), after)
    assert at > after or after < START
    assert timedelta() == (at - START) % timedelta(seconds=seconds)
    assert at - max(after, START) <= timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "60 * * * *",
        "*/0 * * * *",
        "0 0 30 2 *",
        "H * * * *",
        "a b c d e",
        "- - - - -",
    ],
)
def test_what_is_no_cron_expression_is_refused(cron):
    with pytest.raises(InvalidInput) as caught:
        checked(timing(cron))
    assert ("cron",) == caught.value.flaws[0].loc


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "America", "/etc/passwd", "../UTC", "CET\0", "Europe"])
def test_what_is_no_time_zone_is_refused(zone):
    with pytest.raises(InvalidInput) as caught:
        checked(timing("* * * * *", zone))
    assert ("timezone",) == caught.value.flaws[0].loc


@settings(deadline=None)  # a busy machine is no failure
@given(st.text("0123456789*/-,LWH# ", max_size=30))
def test_nothing_that_is_taken_for_cron_breaks(cron):
    try:
        checked(timing(cron))
    except InvalidInput:
        return
    assert next_run(timing(cron, BERLIN), START) > START
