"""feed_days: after a backup was restored, which days of the systems that hand out changes once must be read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone

from alumnisync.command import Answer, AnsweringCommand, refuse_old_database
from alumnisync.restoring import FeedDays, feed_days

NONE = "No connection has a feed of changes: nothing has to be read again."
ADVICE = (
    "Ask each vendor to mark the changes of these days as not processed; the next run then reads them. "
    "What was applied already changes nothing when it comes again. Ask before the first run: it moves these days on."
)


class Command(AnsweringCommand):
    help = (
        "After a backup was restored, and before anything runs: the days whose changes a system must hand out again, "
        "since they may have been acknowledged after the backup was made."
    )

    def answer(self, **options: Any) -> Answer:
        refuse_old_database()
        found = feed_days(timezone.now())
        return Answer({"feeds": [_data(one) for one in found]}, list(_lines(found)))


def _data(feed: FeedDays) -> dict[str, Any]:
    return {
        "connection": feed.connection,
        "object_type": feed.object_type,
        "label": feed.label,
        "time_zone": feed.time_zone,
        "from": feed.first.isoformat() if feed.first else None,
        "to": feed.last.isoformat(),
    }


def _lines(feeds: Sequence[FeedDays]) -> Iterator[str]:
    for feed in feeds:
        days = (
            f"from {feed.first} to {feed.last}" if feed.first else f"everything up to {feed.last}: none of it is here"
        )
        yield f"{feed.connection}, {feed.label} ({feed.object_type}): {days}; days of {feed.time_zone}"
    yield ADVICE if feeds else NONE
