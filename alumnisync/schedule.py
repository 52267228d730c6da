"""When a sync is due, by its cron line and in its own time zone. Pure: no Django, no clock of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
SHORT_DAYS = {name[:3].lower(): number for number, name in enumerate(DAYS)}
NIGHT_ENDS, NIGHT_BEGINS = 6, 20
MINUTE = timedelta(minutes=1)
BY_HAND = "only when somebody starts it"


def next_due(cron: str, zone: str, after: datetime) -> datetime:
    """The first moment after `after` (aware) at which a cron line is due on the wall clock of `zone`, in UTC.

    A time that doesn't exist there is due at the next that does; one that exists twice, the first time only.
    Raises ValueError for a line that is never due, and KeyError (ZoneInfoNotFoundError) for an unknown zone.
    """
    place = ZoneInfo(zone)
    wall_times = croniter(cron, after.astimezone(place).replace(tzinfo=None), ret_type=datetime)
    while True:
        due = _moment(wall_times.get_next(), place)
        # The wall clock was put back: the first of the two is over already.
        if due > after:
            return due


def in_words(cron: str) -> str:
    """A cron line for people: "every night at 1:00", "every Monday at 6:00", "by the cron line …"."""
    if not cron.strip():
        return BY_HAND
    fields = cron.split()
    found = (say(*fields) for say in _SAYINGS) if len(fields) == 5 else iter(())
    return next((words for words in found if words), f"by the cron line {cron}")


def _moment(wall: datetime, place: ZoneInfo) -> datetime:
    """A time on the wall clock as a moment; the first of two, the next where there is none."""
    while True:
        moment = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
        if moment.astimezone(place).replace(tzinfo=None) == wall:
            return moment
        wall += MINUTE


def _hourly(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    if {day, month, weekday} != {"*"}:
        return ""
    if minute == "*" and hour == "*":
        return "every minute"
    if hour == "*" and (step := _step(minute)):
        return f"every {step} minutes" if 60 % step == 0 else ""
    if minute == "0" and hour == "*":
        return "every hour"
    if minute == "0" and (step := _step(hour)):
        return f"every {step} hours" if 24 % step == 0 else ""
    return ""


def _daily(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    if not _is_time(minute, hour) or month != "*":
        return ""
    at = f"at {int(hour)}:{int(minute):02}"
    if (day, weekday) == ("*", "*"):
        is_night = not NIGHT_ENDS <= int(hour) < NIGHT_BEGINS
        return f"every {'night' if is_night else 'day'} {at}"
    if day == "*":
        days = _days(weekday)
        return f"every {days} {at}" if days else ""
    return f"on day {int(day)} of every month {at}" if weekday == "*" and day.isdecimal() else ""


_SAYINGS: tuple[Callable[[str, str, str, str, str], str], ...] = (_hourly, _daily)


def _step(field: str) -> int:
    found = re.fullmatch(r"\*/(\d+)", field)
    return int(found[1]) if found and int(found[1]) > 1 else 0


def _is_time(minute: str, hour: str) -> bool:
    return minute.isdecimal() and hour.isdecimal()


def _days(field: str) -> str:
    """ "Monday", "Monday and Thursday", "weekday"; "" for what is said otherwise."""
    if field.lower() in ("1-5", "mon-fri"):
        return "weekday"
    numbers = [SHORT_DAYS.get(part.lower(), int(part) % 7 if part.isdecimal() else -1) for part in field.split(",")]
    if -1 in numbers:
        return ""
    *first, last = [DAYS[number] for number in numbers]
    return f"{', '.join(first)} and {last}" if first else last
