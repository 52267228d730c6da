"""Kinds date and datetime."""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import UTC, date, datetime
from typing import Any

from mappings.kinds.base import Kind, Options, Unreadable

_ISO = re.compile(
    r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/)(\d{1,2})(?:[T ][0-2]\d:[0-5]\d(?:[:.Zz+ -][0-9:.Zz+ -]*)?)?", re.ASCII
)
_DOTS = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", re.ASCII)
_SLASHES = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})\.?[ -]([A-Za-z]+)\.?,?[ -](\d{4})", re.ASCII)
_MONTH_DAY = re.compile(r"([A-Za-z]+)\.? (\d{1,2}),? (\d{4})", re.ASCII)
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NO_DATE = "This is not a whole date; 1982-08-05 would be one."


def _read_date(raw: Any, options: Options) -> Hashable:
    text = raw.strip() if isinstance(raw, str) else ""
    year, month, day = _date_parts(text, options.region)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Unreadable("There is no such day in the calendar.") from error


def _write_date(value: date, raw: Any, options: Options) -> str:
    return value.isoformat()


def _date_parts(text: str, region: str) -> tuple[int, int, int]:
    """Year, month, day. Raises Unreadable where they can't be told apart."""
    if found := _ISO.fullmatch(text):
        return int(found[1]), int(found[2] or found[3]), int(found[4])
    if found := _DOTS.fullmatch(text):
        return int(found[3]), int(found[2]), int(found[1])
    if found := _SLASHES.fullmatch(text):
        return int(found[4]), *_order(int(found[1]), int(found[3]), region)
    if found := _DAY_MONTH.fullmatch(text):
        return int(found[3]), _month(found[2]), int(found[1])
    if found := _MONTH_DAY.fullmatch(text):
        return int(found[3]), _month(found[1]), int(found[2])
    raise Unreadable(_NO_DATE)


def _order(first: int, second: int, region: str) -> tuple[int, int]:
    """Month and day of 08/05: told by a number above 12, else by the habit of the US only."""
    if first > 12:
        return second, first
    if second > 12 or first == second or region == "US":
        return first, second
    raise Unreadable("It can't be told which number is the day and which the month; 1982-08-05 would be clear.")


def _month(name: str) -> int:
    folded = name.lower()
    for number, month in enumerate(_MONTHS, start=1):
        if len(folded) >= 3 and month.startswith(folded):
            return number
    raise Unreadable(_NO_DATE)


def _read_datetime(raw: Any, options: Options) -> Hashable:
    text = raw.strip().upper() if isinstance(raw, str) else ""
    try:
        moment = datetime.fromisoformat(text) if ":" in text or "T" in text else None
        if moment is None:
            raise Unreadable("This is not a date with a time; 2026-05-01T07:25:37Z would be one.")
        # Without a zone it is the system's own clock; of an hour that comes twice, the first is meant.
        local = moment if moment.tzinfo else moment.replace(tzinfo=options.zone, fold=0)
        return local.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise Unreadable("This is not a date with a time; 2026-05-01T07:25:37Z would be one.") from error


def _write_datetime(value: datetime, raw: Any, options: Options) -> str:
    return value.replace(tzinfo=None).isoformat() + "Z"


DATE = Kind("date", _read_date, _write_date)
DATETIME = Kind("datetime", _read_datetime, _write_datetime)
