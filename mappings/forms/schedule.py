"""When a sync runs, in words and as the cron line that is stored. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

NEVER, HOURLY, DAILY, WEEKDAYS, WEEKLY, CRON = "never", "hourly", "daily", "weekdays", "weekly", "cron"
RHYTHMS = [
    (NEVER, "never by itself"),
    (HOURLY, "every hour"),
    (DAILY, "every night or day, at"),
    (WEEKDAYS, "every weekday, at"),
    (WEEKLY, "once a week, at"),
    (CRON, "as the cron line under Advanced says"),
]
WEEKDAY_NAMES = [
    *(("1", "Monday"), ("2", "Tuesday"), ("3", "Wednesday"), ("4", "Thursday")),
    *(("5", "Friday"), ("6", "Saturday"), ("0", "Sunday")),
]
_DAYS = {"*": DAILY, "1-5": WEEKDAYS}
_LINE = re.compile(r"(\d{1,2}) (\*|\d{1,2}) \* \* (\*|1-5|[0-6])")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?")


class Rhythm(NamedTuple):
    """A schedule as people choose it. at: "01:30", of `hourly` only the minutes count; day: a weekday's number."""

    name: str
    at: str = ""
    day: str = ""


def rhythm_of(cron: str) -> Rhythm:
    """A cron line in the page's words, where they can say exactly that line."""
    found = _LINE.fullmatch(cron)
    rhythm = Rhythm(CRON) if cron else Rhythm(NEVER)
    if found:
        minute, hour, day = found.groups()
        name = HOURLY if hour == "*" else _DAYS.get(day, WEEKLY)
        shown_hour = 0 if hour == "*" else int(hour)
        rhythm = Rhythm(name, f"{shown_hour:02}:{int(minute):02}", day if name == WEEKLY else "")
    return rhythm if cron_of(rhythm, cron) == cron else Rhythm(CRON)


def cron_of(rhythm: Rhythm, cron: str) -> str:
    """The cron line of what somebody chose; cron: the line that they wrote themselves."""
    if rhythm.name == NEVER:
        return ""
    found = _TIME.fullmatch(rhythm.at.strip() or "01:00")
    if rhythm.name == CRON or rhythm.name not in dict(RHYTHMS):
        return cron
    if not found:
        return rhythm.at
    hour, minute = (int(part) for part in found.groups())
    days = {WEEKDAYS: "1-5", WEEKLY: rhythm.day or "1"}
    return f"{minute} {'*' if rhythm.name == HOURLY else hour} * * {days.get(rhythm.name, '*')}"
