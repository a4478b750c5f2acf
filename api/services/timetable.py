"""Timetable: the moments at which a schedule runs.

Cron is read on the wall clock of its zone, and follows cron(8) where that clock is set. At a fixed hour, a
time that does not exist is taken at the next one that does, and one that comes twice is taken once, the
first time. With `*` as its hour, it goes on by the time that passes: both of the hours that bear the same
name count, and the one that is left out does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from api.domain.schedule import Timing
from api.errors import Flaw, InvalidInput

FIELDS = 5
YEARS_MAX = 10
"""To look ahead: leap days are at most eight years apart."""
_SECOND = timedelta(seconds=1)


def checked(timing: Timing) -> Timing:
    """`timing` again, or `InvalidInput`."""
    try:
        _zone(timing.timezone)
    except (LookupError, ValueError, OSError):
        raise _wrong("timezone", f"{timing.timezone!r:.80} is no IANA time zone, such as Europe/Berlin") from None
    if timing.cron is not None:
        if len(timing.cron.split()) != FIELDS:
            raise _wrong("cron", "must have five fields: minute, hour, day of month, month, day of week")
        try:
            croniter(timing.cron, datetime(2000, 1, 1), max_years_between_matches=YEARS_MAX).get_next(datetime)
        except (CroniterError, ValueError, LookupError, TypeError) as error:
            raise _wrong("cron", f"{timing.cron!r:.80} is no cron expression that ever comes: {error!s:.200}") from None
    return timing


def next_run(timing: Timing, after: datetime) -> datetime | None:
    """The first run later than `after`, in UTC; None when there is none in `YEARS_MAX` years."""
    if timing.every_seconds is not None:
        interval = timedelta(seconds=timing.every_seconds)
        return timing.start + max(1, (after - timing.start) // interval + 1) * interval
    cron, zone = timing.cron or "", _zone(timing.timezone)
    try:
        by_passing = cron.split()[1].startswith("*")
        return _by_passing(cron, zone, after) if by_passing else _by_the_clock(cron, zone, after)
    except CroniterError:
        return None


def runs(timing: Timing, first: datetime, until: datetime, *, limit: int) -> list[datetime]:
    """The run at `first` and those that follow it up to `until`, `limit` at most."""
    found: list[datetime] = []
    at: datetime | None = first
    while at is not None and at <= until and len(found) < limit:
        found.append(at)
        at = next_run(timing, at)
    return found


def _by_the_clock(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    return next(at for wall in _walls(cron, _wall(after, zone)) if (at := _shifted(wall, zone)) > after)


def _by_passing(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    start = _wall(after, zone)
    ahead = (at for wall in _walls(cron, start) for at in _moments(wall, zone) if at > after)
    found = next(ahead)
    set_back = _offset(after, zone) - _offset(found, zone)
    if set_back <= timedelta():
        return found
    end = _wall(found, zone)
    for wall in _walls(cron, start - set_back):  # the clock shows again what it has shown before
        if wall >= end:
            break
        again = [at for at in _moments(wall, zone)[1:] if after < at < found]
        if again:
            return again[0]
    return found


def _walls(cron: str, start: datetime) -> Iterator[datetime]:
    """What a clock that is never set shows at each run after `start`."""
    times = croniter(cron, start, max_years_between_matches=YEARS_MAX)
    while True:
        yield times.get_next(datetime)


def _moments(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """When the clock of the zone shows `wall`: once, twice or never."""
    twice = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in twice if _wall(at, zone) == wall)


def _shifted(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first time that the clock shows `wall`, or when it leaps over that."""
    moments = _moments(wall, zone)
    if moments:
        return moments[0]
    late, early = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        early, late = (early, middle) if _wall(middle, zone) > wall else (middle, late)
    return late.replace(microsecond=0)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput(flaws=[Flaw((field,), message)])
