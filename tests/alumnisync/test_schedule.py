"""Due times on the wall clock, also in the nights when it is put forward or back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.schedule import in_words, next_due

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe")
# Around nights in which one of the zones puts its clock forward or back.
NIGHTS = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 8), (3, 29), (4, 4), (10, 3), (10, 25), (11, 1))]
LINES = ("30 1 * * *", "30 2 * * *", "15 2 * * *", "0 3 * * *", "*/15 * * * *", "0 * * * *", "45 1 * * 0", "* 2 * * *")
moments = st.builds(
    lambda night, seconds: night + timedelta(seconds=seconds),
    st.sampled_from(NIGHTS),
    st.integers(-2 * 86_400, 2 * 86_400),
)


def due(cron: str, zone: str, after: str) -> str:
    """The next due time on the wall clock there, with its distance from UTC."""
    moment = next_due(cron, zone, datetime.fromisoformat(after))
    assert moment.tzinfo is UTC
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("cron", "zone", "after", "then"),
    [
        ("0 1 * * *", "America/New_York", "2026-06-01T05:00:00+00:00", "2026-06-02T01:00-04:00"),
        ("0 1 * * *", "America/New_York", "2026-06-01T04:59:59+00:00", "2026-06-01T01:00-04:00"),
        # 2:30 does not exist: 3:00 is the next time that does.
        ("30 2 * * *", "America/New_York", "2026-03-08T06:00:00+00:00", "2026-03-08T03:00-04:00"),
        ("30 2 * * *", "America/New_York", "2026-03-08T07:00:00+00:00", "2026-03-09T02:30-04:00"),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00+00:00", "2026-10-04T02:30+11:00"),
        # 1:30 and 2:30 exist twice: the first counts, the second is passed over.
        ("30 1 * * *", "America/New_York", "2026-11-01T05:00:00+00:00", "2026-11-01T01:30-04:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01T05:30:00+00:00", "2026-11-02T01:30-05:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01T06:10:00+00:00", "2026-11-02T01:30-05:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00+00:00", "2026-10-25T02:30+02:00"),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:50:00+00:00", "2026-04-06T01:45+10:30"),
    ],
)
def test_nights_when_the_clock_is_moved(cron: str, zone: str, after: str, then: str) -> None:
    assert due(cron, zone, after) == then


@given(st.sampled_from(LINES), st.sampled_from(ZONES), moments)
def test_it_is_later_and_nothing_is_due_in_between(cron: str, zone: str, after: datetime) -> None:
    found = next_due(cron, zone, after)
    assert after < found
    between = after + (found - after) / 2
    assert next_due(cron, zone, between) == found


@given(st.sampled_from(ZONES), st.sampled_from(NIGHTS), st.integers(0, 23), st.integers(0, 59))
def test_a_daily_time_comes_once_on_each_day(zone: str, night: datetime, hour: int, minute: int) -> None:
    moment = night - timedelta(days=3)
    days: list[date] = []
    while len(days) < 6:
        moment = next_due(f"{minute} {hour} * * *", zone, moment)
        days.append(moment.astimezone(ZoneInfo(zone)).date())
    assert days == [days[0] + timedelta(days=passed) for passed in range(6)]


@given(st.sampled_from(ZONES), moments)
def test_a_time_that_exists_twice_is_due_the_first_time_only(zone: str, after: datetime) -> None:
    assert next_due("* * * * *", zone, after).astimezone(ZoneInfo(zone)).fold == 0


def test_a_line_that_is_never_due_and_an_unknown_zone_are_errors() -> None:
    with pytest.raises(ValueError, match=r".+"):
        next_due("0 0 31 2 *", "UTC", NIGHTS[0])
    with pytest.raises(KeyError):
        next_due("0 0 * * *", "Mars/Base", NIGHTS[0])


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 1 * * *", "every night at 1:00"),
        ("30 13 * * *", "every day at 13:30"),
        ("0 6 * * *", "every day at 6:00"),
        ("5 22 * * *", "every night at 22:05"),
        ("0 * * * *", "every hour"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 */6 * * *", "every 6 hours"),
        ("0 6 * * 1", "every Monday at 6:00"),
        ("0 6 * * 7", "every Sunday at 6:00"),
        ("0 6 * * mon,THU", "every Monday and Thursday at 6:00"),
        ("0 6 * * 1-5", "every weekday at 6:00"),
        ("0 6 1 * *", "on day 1 of every month at 6:00"),
        ("", "only when somebody starts it"),
        # Not what it seems: 7 minutes don't make up an hour.
        ("*/7 * * * *", "by the cron line */7 * * * *"),
        ("0 6 1 * 1", "by the cron line 0 6 1 * 1"),
        ("0 6 * 3 *", "by the cron line 0 6 * 3 *"),
        ("0 6 * * 1-3", "by the cron line 0 6 * * 1-3"),
        ("0 6-8 * * *", "by the cron line 0 6-8 * * *"),
    ],
)
def test_in_words(cron: str, words: str) -> None:
    assert in_words(cron) == words
