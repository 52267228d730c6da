"""After a backup is restored: which days of a feed must be read again, since it brings nothing twice by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Max

from connectors.described import restore
from connectors.models import Cursor, FeedRow, KnownObjectType


@dataclass(frozen=True)
class FeedDays:
    """A feed, and the days whose changes may have been acknowledged after the backup was made.

    first: None where the backup knows of no row of it, so that everything must be read again
    """

    connection: str
    object_type: str
    label: str
    time_zone: str
    first: date | None
    last: date


def feed_days(now: datetime) -> list[FeedDays]:
    """Of each feed that a connection is known to have; to be asked before the first run after a restore."""
    kinds = KnownObjectType.objects.select_related("connection").defer("connection__secrets")
    feeds = [kind for kind in kinds if kind.described and restore(kind.described).feed]
    reached = dict(_reached({kind.connection_id for kind in feeds}))
    return [_days(kind, reached.get((kind.connection_id, kind.name)), now) for kind in feeds]


def _reached(connections: set[int]) -> Iterator[tuple[tuple[int, str], datetime]]:
    """(connection, object type) → until when everything that it brought is in the backup."""
    landed = dict(
        FeedRow.objects.filter(cursor__connection__in=connections)
        .order_by()
        .values_list("cursor")
        .annotate(at=Max("landed_at"))
    )
    for cursor in Cursor.objects.filter(connection__in=connections):
        # What came while a poll was under way may lack rows of that very day.
        if at := cursor.poll_started_at or landed.get(cursor.pk):
            yield (cursor.connection_id, cursor.object_type), at


def _days(kind: KnownObjectType, reached: datetime | None, now: datetime) -> FeedDays:
    name = kind.connection.settings.get("time_zone") or "UTC"
    zone = ZoneInfo(name)
    first = reached.astimezone(zone).date() if reached else None
    last = now.astimezone(zone).date()
    return FeedDays(kind.connection.name, kind.name, kind.label or kind.name, name, first, last)
