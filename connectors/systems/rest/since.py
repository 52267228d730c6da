"""Where polling by changes got to: the largest time or mark of change that records had, as they write it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

OVERLAP = timedelta(minutes=10)
"""How far back from the largest time the next poll asks: a record may be stored later than its stamp says."""
DAY = timedelta(days=1)
"""The overlap where only days are told; and how far ahead of us a system's clock is believed."""


class Since:
    """Reads, compares and writes the values of one field. format: as ObjectForm names them."""

    def __init__(self, format: str, zone: ZoneInfo) -> None:
        self._format, self._zone = format, zone

    def moment(self, value: Any) -> datetime | None:
        """The time that a value tells; None where it tells none."""
        if self._format == "raw" or isinstance(value, bool):
            return None
        try:
            if isinstance(value, int | float) or str(value).isdecimal():
                return datetime.fromtimestamp(self._seconds(value), UTC)
            moment = datetime.fromisoformat(str(value).strip())
        except (ValueError, OverflowError, OSError):
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)

    def later(self, best: Any, value: Any) -> Any:
        """The later of two values; one that can't be read, or lies in the future, never counts."""
        place = self._place(value)
        if place is None:
            return best
        before = self._place(best)
        return value if before is None or place > before else best

    def asked(self, value: Any) -> str:
        """What a request says to get everything from this value on, with the overlap."""
        if self._format == "raw":
            return str(value)
        moment = self.moment(value)
        if moment is None:
            return str(value)
        if self._format == "date":
            return (moment - DAY).date().isoformat()
        early = moment - OVERLAP
        if self._format == "iso":
            return _like(str(value), early)
        factor = 1000 if self._format == "epoch_ms" else 1
        return str(int(early.timestamp() * factor))

    def _seconds(self, value: Any) -> float:
        # Where the format doesn't say, milliseconds are told by their size: in seconds they'd be in the year 5138.
        number = float(value)
        is_fine = self._format == "epoch_ms" or (self._format != "epoch" and number >= 1e11)
        return number / 1000 if is_fine else number

    def _place(self, value: Any) -> Any:
        """What a value is compared by; None where it can't be."""
        if self._format == "raw":
            return _mark(value)
        moment = self.moment(value)
        # Somebody's typing error in the year 2062 would hide every change until then.
        return None if moment is None or moment > datetime.now(UTC) + DAY else moment


def _mark(value: Any) -> tuple[int, Decimal, str] | None:
    if value is None or isinstance(value, bool | list | dict) or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return (1, Decimal(0), str(value))
    return (0, number, "") if number.is_finite() else None


def _like(sample: str, moment: datetime) -> str:
    """A moment written as the system writes its own: some compare such texts letter by letter."""
    sample = sample.strip()
    if sample[4:5] != "-" or len(sample) < 10:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if len(sample) == 10:
        return date.isoformat(moment.date())
    given = datetime.fromisoformat(sample)
    local = moment.astimezone(given.tzinfo) if given.tzinfo else moment.replace(tzinfo=None)
    fine = len(sample.partition(".")[2].rstrip("Z").split("+")[0].split("-")[0]) if "." in sample else 0
    text = local.isoformat(sample[10], "microseconds" if fine > 3 else "milliseconds" if fine else "seconds")
    return text.replace("+00:00", "Z") if sample.endswith("Z") else text
