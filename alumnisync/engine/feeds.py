"""Feeds: rows of changes, landed as they come and laid over each other into one record a person.

A row says something about a few fields of one person. The record is that person's rows in the order of their
change ids, whatever order they came in; what no row mentioned stays unknown. A row that names nobody is kept in a
record of its own, until the system or a person says whose it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from alumnisync.engine.landing import Landing, differs, find_known, fingerprint_of, row_id, store
from connectors import bulk
from connectors.models import Cursor, FeedRow, RemoteRecord
from connectors.records import Page, Record

UNNAMED = "change-"
"""How the record of a row that names nobody begins its id; no person's id does."""
LONGEST_CHANGE_ID = 100
NO_CHANGE_ID = "This row's change id is not a number, so it can't be told what is older. Ask the vendor about it."
TAKEN_ID = "The person's id in this row looks like one that we made up for a row without. Correct it there."
ROW = ["remote_id", "values", "field_times", "outcome", "acknowledged_at"]


class FeedLanding(Landing):
    """What one poll of a feed lands: `read` and `changed` count rows."""

    def land(self, page: Page) -> None:
        """Store a page's rows, the people they speak of, and the cursor, in one transaction. Raises as Landing does."""
        now = timezone.now()
        taken = [(record, self._row(record, now)) for record in page.records]
        rows = {record.change_id: row for record, row in taken if not row.problem}
        unreadable = {row.remote_id: row for _, row in taken if row.problem}
        with transaction.atomic():
            self._lock()
            changed = self._store_rows(rows, now)
            changed += self._store_unreadable(unreadable)
            if page.cursor is not None:
                Cursor.objects.filter(pk=self.cursor.pk).update(position=page.cursor)
        self.read += len(page.records)
        self.changed += changed

    def _row(self, record: Record, now: datetime) -> RemoteRecord:
        """What the row says, as a record; one that can't be read is a record of its own, so that it spoils no other."""
        own_id = f"{UNNAMED}{record.change_id}"
        problem = record.problem or _problem(record)
        row = super()._row(replace(record, id=record.id or own_id, problem=problem), now)
        if row.problem:
            row.remote_id = row_id(replace(record, id=own_id if record.change_id else ""))
        return row

    def _store_rows(self, rows: Mapping[str, RemoteRecord], now: datetime) -> int:
        stored = FeedRow.objects.filter(cursor=self.cursor, change_id__in=list(rows)).order_by()
        known = {row.change_id: row for row in stored}
        came = [self._laid(change_id, row, known.get(change_id)) for change_id, row in rows.items()]
        bulk.upsert([row for row, _ in came if row.pk is None or row.acknowledged_at], by=["cursor", "change_id"], fields=ROW)
