"""What was tried for people before: when a refused change is due again, and what our own writes flip to and fro."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from alumnisync.engine.units import UNDONE, FieldWrite
from alumnisync.models import ChangeRecord, FieldChange, SyncRun
from connectors.models import RemoteRecord
from mappings.rules import Side
from mappings.translate import raw_equal

CREATE_UNIT = "create"
"""The unit of a Review that asks whether a record may be created."""
FLIP_WINDOW = timedelta(days=7)
FLIPS = 2
REFUSED_AGAIN = (timedelta(0), timedelta(days=1), timedelta(days=2), timedelta(days=4), timedelta(days=8))
"""How long a refused change waits after each try; after the last, a week each time."""
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Retry:
    """Where a change that was set aside stands: how often it was tried, when it is due again, and why."""

    attempts: int = 0
    next_try_at: datetime | None = None
    reason: str = ""
    waits: bool = False


class Tries:
    """What was tried for a chunk of people. To be made before their unfinished changes are closed."""

    def __init__(self, run: SyncRun, links: Sequence[int], records: Iterable[int]) -> None:
        self.run, self.now = run, timezone.now()
        self.tried = _tried(links)
        self.sent = _sent(records, self.now - FLIP_WINDOW)

    def retry(self, link: int, side: Side, unit: str, writes: Sequence[FieldWrite]) -> Retry:
        """Where these very values stand, if they were tried before under the same rules."""
        rows = self.tried.get((link, side.value, unit), [])
        if not rows or not _same_values(rows, writes) or rows[0].change.run.version_id != self.run.version_id:
            return Retry()
        change = rows[0].change
        waits = change.next_try_at is not None and change.next_try_at > self.now
        return Retry(change.attempts, change.next_try_at, change.reason if waits else "", waits)

    def flips(self, record: RemoteRecord, writes: Iterable[FieldWrite]) -> bool:
        """Whether writing this would once more put back what we ourselves wrote over."""
        return any(_flips(self.sent.get((record.pk, write.path), []), write.after) for write in writes)


def next_try(now: datetime, attempts: int, *, refused: bool) -> datetime:
    """When a set-aside change is due again: what was temporary at every run, what was refused ever more rarely."""
    if not refused:
        return now
    return now + (REFUSED_AGAIN[attempts - 1] if attempts <= len(REFUSED_AGAIN) else WEEK)


def _tried(links: Sequence[int]) -> Mapping[tuple[int, str, str], list[FieldChange]]:
    """(link, side, unit) → the fields of it that were set aside last, planned again since or not."""
    found: dict[tuple[int, str, str], list[FieldChange]] = defaultdict(list)
    rows = FieldChange.objects.filter(
        change__link_id__in=links, change__state__in=ChangeRecord.UNFINISHED, change__attempts__gt=0
    )
    for row in rows.select_related("change__run"):
        unit = CREATE_UNIT if row.change.kind == ChangeRecord.Kind.CREATE else row.unit
        found[row.change.link_id or 0, row.change.side, unit].append(row)
    return found


def _same_values(rows: Sequence[FieldChange], writes: Sequence[FieldWrite]) -> bool:
    tried = {row.path: row.after for row in rows}
    return set(tried) == {write.path for write in writes} and all(
        raw_equal(tried[write.path], write.after) for write in writes
    )


def _sent(records: Iterable[int], since: datetime) -> Mapping[tuple[int, str], list[Any]]:
    """(record, path) → what we wrote there lately, oldest first, with what was there before the first."""
    rows = FieldChange.objects.filter(
        change__record_id__in=list(records),
        change__state=ChangeRecord.State.DONE,
        change__kind=ChangeRecord.Kind.UPDATE,
        change__finished_at__gt=since,
    ).exclude(rule=UNDONE)
    rows = rows.order_by("change__finished_at", "pk")
    found: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for record, path, before, after in rows.values_list("change__record_id", "path", "before", "after"):
        found[record, path] += [after] if found[record, path] else [before, after]
    return found


def _flips(sent: Sequence[Any], after: Any) -> bool:
    values = [*sent, after]
    back = [
        first for first, second, third in zip(values, values[1:], values[2:], strict=False)
        if raw_equal(first, third) and not raw_equal(first, second)
    ]  # fmt: skip
    return len(back) > FLIPS
