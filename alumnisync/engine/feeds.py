"""Feeds: rows of changes, landed as they come and laid over each other into one record a person.

A row says something about a few fields of one person. The record is that person's rows in the order of their
change ids, whatever order they came in; what no row mentioned stays unknown. A row that names nobody is kept in a
record of its own, until the system or a person says whose it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from alumnisync.engine.landing import Landing, differs, find_known, fingerprint_of, row_id, store
from connectors import bulk
from connectors.models import Cursor, FeedRow, RemoteRecord
from connectors.records import ObjectType, Page, Record, Values

UNNAMED = "change-"
"""How the id of a record begins that one row alone has, since it names nobody; no person's id does."""
LONGEST_CHANGE_ID = 100
NO_CHANGE_ID = "This row's change id is not a number, so nobody can tell what is older. Ask the vendor about it."
TAKEN_ID = f"An id that begins with “{UNNAMED}” is what we call rows that name nobody. Correct it there."
ROW = ["remote_id", "values", "field_times", "outcome", "acknowledged_at"]


class FeedLanding(Landing):
    """What one poll of a feed lands; `read` and `changed` count its rows."""

    def __init__(self, cursor: Cursor, described: ObjectType) -> None:
        super().__init__(cursor, described.volatile)
        self.repeats = described.repeats

    def land(self, page: Page) -> None:
        """Store a page's rows, what they make of people's records, and the cursor, in one transaction.

        Raises as its parent does.
        """
        now = timezone.now()
        came = [(record.change_id, self._row(record, now)) for record in page.records]
        with transaction.atomic():
            self._lock()
            taken = self._without_erased(came)
            rows = {change_id: row for change_id, row in taken if not row.problem}
            unreadable = {change_id: row for change_id, row in taken if row.problem}
            known = _known_rows(self.cursor, [change_id for change_id, _ in taken if is_number(change_id)])
            self.changed += self._store_rows(rows, known, now)
            # Of a row that could be read before, what it said is kept.
            self.changed += self._store_unreadable([row for key, row in unreadable.items() if key not in known])
            if page.cursor is not None:
                Cursor.objects.filter(pk=self.cursor.pk).update(position=page.cursor)
        self.read += len(page.records)

    def _without_erased(self, came: Sequence[tuple[str, RemoteRecord]]) -> list[tuple[str, RemoteRecord]]:
        """(change id, row) of people who were not erased; the others are noted."""
        ids = [{row.remote_id, f"{UNNAMED}{change_id}"} for change_id, row in came]
        erased = self._erased(set().union(*ids))
        pairs = list(zip(came, ids, strict=True))
        self.erased_rows += [one[0] for one, its in pairs if its & erased and is_number(one[0])]
        return [one for one, its in pairs if not its & erased]

    def _row(self, record: Record, now: datetime) -> RemoteRecord:
        """What a row says; one that can't be read gets a record of its own, so that it spoils nobody else's."""
        own_id = f"{UNNAMED}{record.change_id}" if is_number(record.change_id) else ""
        named = replace(record, id=record.id or own_id, problem=record.problem or _problem(record))
        row = super()._row(named, now)
        if row.problem:
            row.remote_id = row_id(replace(record, id=own_id))
            # A change is no person: it stands in nobody's way.
            row.values, row.fingerprint = {}, b""
        return row

    def _store_rows(self, rows: Mapping[str, RemoteRecord], known: Mapping[str, FeedRow], now: datetime) -> int:
        """How many rows were new or say something else than before."""
        came = [self._feed_row(change_id, row, known.get(change_id)) for change_id, row in rows.items()]
        news = [row for row in came if row.change_id not in known or _says_more(row, known[row.change_id])]
        told = {row.change_id for row in news}
        # What is brought although it was acknowledged has to be acknowledged again, unless that is this feed's way.
        again = [
            row
            for row in came
            if row.change_id not in told and known[row.change_id].acknowledged_at and not row.acknowledged_at
        ]
        bulk.upsert([*news, *again], by=["cursor", "change_id"], fields=ROW)
        touched = {row.remote_id for row in news} | {f"{UNNAMED}{row.change_id}" for row in news}
        touched |= {known[row.change_id].remote_id for row in news if row.change_id in known}
        lay(self.cursor, touched, self.volatile, now)
        return len(news)

    def _feed_row(self, change_id: str, row: RemoteRecord, before: FeedRow | None) -> FeedRow:
        came = FeedRow(
            cursor=self.cursor,
            change_id=change_id,
            remote_id=row.remote_id,
            values=row.values,
            field_times=row.field_times,
            landed_at=row.landed_at,
        )
        if before is not None:
            # What it said once stands; it says more where more fields are asked for by now.
            came.values = {**row.values, **before.values}
            came.field_times = {**row.field_times, **before.field_times}
            if is_unnamed(row.remote_id):
                came.remote_id = before.remote_id
            if self.repeats:
                came.outcome, came.acknowledged_at = before.outcome, before.acknowledged_at
        return came

    def _store_unreadable(self, rows: Sequence[RemoteRecord]) -> int:
        known = find_known(self.cursor, [row.remote_id for row in rows]) if rows else {}
        changed = [row for row in rows if row.remote_id not in known or differs(row, known[row.remote_id])]
        store(self.cursor, changed)
        return len(changed)


def lay(cursor: Cursor, ids: Set[str], volatile: frozenset[str], now: datetime) -> None:
    """Make these records what their rows say by now; inside a transaction that holds the cursor.

    One without rows is no longer there: they turned out to be somebody else's.
    """
    if not ids:
        return
    rows: dict[str, list[FeedRow]] = defaultdict(list)
    for row in FeedRow.objects.filter(cursor=cursor, remote_id__in=list(ids)).order_by():
        rows[row.remote_id].append(row)
    known = find_known(cursor, ids)
    records = [_record(cursor, remote_id, rows[remote_id], volatile, now) for remote_id in sorted(rows)]
    records += [
        RemoteRecord(cursor=cursor, remote_id=remote_id, landed_at=now, gone_at=now)
        for remote_id in sorted(known.keys() - rows.keys())
    ]
    store(cursor, [one for one in records if one.remote_id not in known or differs(one, known[one.remote_id])])


def is_unnamed(remote_id: str) -> bool:
    """Whether an id of a feed's record is one that we made up for a row that names nobody."""
    return remote_id.startswith(UNNAMED)


def is_number(change_id: str) -> bool:
    return (
        isinstance(change_id, str)
        and change_id.isascii()
        and change_id.isdigit()
        and len(change_id) <= LONGEST_CHANGE_ID
    )


def _problem(record: Record) -> str:
    if not is_number(record.change_id):
        return NO_CHANGE_ID
    return TAKEN_ID if is_unnamed(str(record.id)) else ""


def _known_rows(cursor: Cursor, change_ids: Iterable[str]) -> dict[str, FeedRow]:
    stored = FeedRow.objects.filter(cursor=cursor, change_id__in=list(change_ids)).order_by()
    return {row.change_id: row for row in stored}


def _says_more(came: FeedRow, before: FeedRow) -> bool:
    return came.remote_id != before.remote_id or came.values.keys() != before.values.keys()


def _record(
    cursor: Cursor, remote_id: str, rows: Iterable[FeedRow], volatile: frozenset[str], now: datetime
) -> RemoteRecord:
    values: Values = {}
    times: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: int(row.change_id)):
        values |= row.values
        # A field's time is of the row that said it last, and that one may not know it.
        times = {name: time for name, time in times.items() if name not in row.values} | row.field_times
    return RemoteRecord(
        cursor=cursor,
        remote_id=remote_id,
        values=values,
        field_times=times,
        fingerprint=fingerprint_of(values, volatile),
        unnamed=is_unnamed(remote_id),
        landed_at=now,
    )
