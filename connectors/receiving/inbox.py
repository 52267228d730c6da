"""What a system sent us: stored before it is answered, and read by a poll in the order it was stored.

A record's id here is its primary key. Saving what is there already changes nothing; each change gets the next
number of its connection, under a lock, so that whoever reads by number misses none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection as database
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from connectors import bulk
from connectors.erased import erased_among, sent_as
from connectors.models import Connection, ReceivedRecord
from connectors.packing import pack
from connectors.records import ConnectorError, Gone, Record, Rejected, Stale, Values

LARGEST = 100_000
"""Bytes of JSON that a record may hold."""
MOST_DIGITS = 18
OURS = ("id", "external_id", "place", "stage")
"""Fields of a record that are columns here, besides what was sent."""
KEPT = ("place", "sender_id", "stage", "values", "number", "changed_at", "removed_at")
NOT_THERE = "There is no record {} here. Use the id that was answered when it was saved."
MOVED = "The record {} has changed since it was read."
TAKEN = "The record {} has this id already."
TOO_LARGE = "The record would hold more than {:,} bytes. Send fewer or shorter fields."
ERASED = (
    "Nothing was kept: this person was erased here. Remove them from what is sent, "
    "or ask whoever looks after AlumniSync."
)
UNSTORABLE = "It holds a number or a broken character that can't be stored."


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to save.

    values     fields to set; all others stay
    id         of the record that is meant; None: the one with the sender's id, else a new one
    sender_id  "" leaves the one it has
    place      where it belongs; None: wherever it is, and a new one everywhere
    stages     what the stage becomes, by what it was; a stage that isn't named stays
    version    the number it had when it was read; "" for whichever
    create     False: only one that is there is saved
    """

    values: Values = field(repr=False)
    id: str | None = None
    sender_id: str = ""
    place: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    create: bool = True


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of an entry. row: None where it failed."""

    row: ReceivedRecord | None = None
    is_new: bool = False
    error: ConnectorError | None = None


def save(connection_id: int, object_type: str, entries: Sequence[Entry]) -> list[Saved]:
    """Store entries in their order, in one transaction, whose end is waited for."""
    with transaction.atomic():
        # Numbers have to commit in order, and the same id must not become two records.
        Connection.objects.select_for_update().only("pk").get(pk=connection_id)
        saving = _Saving(connection_id, object_type, entries)
        done = [saving.take(entry) for entry in entries]
        saving.store()
    return done


def remove(rows: QuerySet[ReceivedRecord], connection_id: int) -> None:
    """Report rows as deleted, and list them no longer."""
    with transaction.atomic():
        Connection.objects.select_for_update().only("pk").get(pk=connection_id)
        gone, now = list(rows.filter(connection_id=connection_id, removed_at=None)), timezone.now()
        for row, number in zip(gone, _numbers(connection_id, len(gone)), strict=True):
            row.removed_at, row.number, row.changed_at = now, number, now
        bulk.update(gone, KEPT)


def there(connection_id: int, object_type: str, place: str | None = None) -> QuerySet[ReceivedRecord]:
    """The records of a kind that are there, of a place and of all places; None: of every place."""
    rows = ReceivedRecord.objects.filter(connection_id=connection_id, object_type=object_type, removed_at=None)
    return rows if place is None else rows.filter(place__in=[place, ""])


def changed(rows: QuerySet[ReceivedRecord], after: int, size: int) -> Iterator[tuple[list[ReceivedRecord], int]]:
    """Rows numbered above `after`, in order, `size` at once, each time with the last number."""
    while found := list(rows.filter(number__gt=after).order_by("number")[:size]):
        after = found[-1].number
        yield found, after


def record_of(row: ReceivedRecord) -> Record:
    """A row as any other system's record."""
    if row.removed_at:
        return Record(str(row.pk), modified=row.changed_at, deleted=True)
    own = {"id": str(row.pk), "external_id": row.sender_id, "place": row.place, "stage": row.stage}
    return Record(
        str(row.pk),
        {**row.values, **own},
        version=str(row.number),
        created=row.received_at,
        modified=row.changed_at,
    )


def keys(ids: Sequence[str]) -> list[int]:
    """The primary keys that these ids can be; what can be none is left out."""
    return [int(id) for id in ids if _is_key(id)]


@contextmanager
def giving_back() -> Iterator[None]:
    """Closes the database's connection afterwards if it was not open: a thread of the push has none of its own."""
    was_open = database.connection is not None
    try:
        yield
    finally:
        if not was_open:
            database.close()


class Erased(Rejected):
    """The record of somebody who was erased here: nothing of it is kept, not even its id."""

    def __init__(self) -> None:
        super().__init__(ERASED)


class _Saving:
    """The rows of one call, by their ids, as they become."""

    def __init__(self, connection_id: int, object_type: str, entries: Sequence[Entry]) -> None:
        self.connection_id, self.object_type = connection_id, object_type
        self.now = timezone.now()
        meant = Q(pk__in=keys([entry.id for entry in entries if entry.id])) | Q(
            sender_id__in=[entry.sender_id for entry in entries if entry.sender_id]
        )
        found = ReceivedRecord.objects.filter(meant, connection_id=connection_id, object_type=object_type)
        self.rows = list(found)
        self.erased = self._erased(entries)
        self.added: list[ReceivedRecord] = []
        self.altered: list[ReceivedRecord] = []

    def take(self, entry: Entry) -> Saved:
        try:
            return self._take(entry)
        except ConnectorError as error:
            return Saved(error=error)

    def store(self) -> None:
        numbers = iter(_numbers(self.connection_id, len(self.added) + len(self.altered)))
        for row in (*self.added, *self.altered):
            row.number = next(numbers)
        bulk.insert(self.added)
        bulk.update(self.altered, KEPT)

    def _erased(self, entries: Sequence[Entry]) -> set[tuple[str, str]]:
        """(place, sender's id) of those who were erased."""
        sent: dict[str, set[str]] = defaultdict(set)
        for entry in entries:
            for place in {entry.place or "", ""} if entry.sender_id else ():
                sent[place].add(entry.sender_id)
        return {
            (place, id)
            for place, ids in sent.items()
            for id in erased_among(self.connection_id, sent_as(self.object_type, place), ids)
        }

    def _take(self, entry: Entry) -> Saved:
        if {(entry.place or "", entry.sender_id), ("", entry.sender_id)} & self.erased:
            raise Erased
        row = self._meant(entry)
        is_new = row is None
        if row is None:
            row = self._begun(entry)
        elif entry.version and entry.version != str(row.number):
            raise Stale(MOVED.format(row.pk))
        before = None if is_new else (row.values, row.sender_id, row.stage, row.removed_at)
        values = _laid_over(row.values, entry.values)
        row.values, row.sender_id, row.removed_at = values, entry.sender_id or row.sender_id, None
        row.stage = entry.stages.get(row.stage, row.stage)
        if is_new:
            self.rows.append(row)
            self.added.append(row)
        elif before != (row.values, row.sender_id, row.stage, row.removed_at) and row not in self.altered + self.added:
            row.changed_at = self.now
            self.altered.append(row)
        return Saved(row, is_new)

    def _meant(self, entry: Entry) -> ReceivedRecord | None:
        """The row that an entry is about; None: a new one. Raises Gone, Rejected."""
        by_sender = next((row for row in self.rows if entry.sender_id and self._is_of(row, entry)), None)
        if entry.id is None:
            if by_sender is None and not entry.create:
                raise Gone(NOT_THERE.format(entry.sender_id))
            return by_sender
        row = next((row for row in self.rows if str(row.pk) == entry.id and _is_at(row, entry.place)), None)
        if row is None or row.removed_at:
            raise Gone(NOT_THERE.format(entry.id))
        if by_sender not in (None, row):
            taken = TAKEN.format(by_sender.pk if by_sender else "")
            raise Rejected(taken, {"external_id": taken})
        return row

    def _is_of(self, row: ReceivedRecord, entry: Entry) -> bool:
        return row.sender_id == entry.sender_id and _is_at(row, entry.place)

    def _begun(self, entry: Entry) -> ReceivedRecord:
        return ReceivedRecord(
            connection_id=self.connection_id,
            object_type=self.object_type,
            place=entry.place or "",
            received_at=self.now,
            changed_at=self.now,
        )


def _is_at(row: ReceivedRecord, place: str | None) -> bool:
    return place is None or row.place in (place, "")


def _is_key(id: str) -> bool:
    return id.isascii() and id.isdecimal() and len(id) <= MOST_DIGITS and str(int(id)) == id


def _numbers(connection_id: int, count: int) -> range:
    """The next numbers of a connection, whose row is locked."""
    rows = ReceivedRecord.objects.filter(connection_id=connection_id)
    last = rows.aggregate(last=Max("number"))["last"] or 0
    return range(last + 1, last + count + 1)


def _laid_over(before: Values, values: Values) -> Values:
    """The fields as they become. Raises Rejected with those that can't be stored."""
    unstorable = {name: UNSTORABLE for name, value in values.items() if not _is_storable(name, value)}
    if unstorable:
        raise Rejected(f"Not stored: {', '.join(unstorable)} can't be.", unstorable)
    after = {**before, **values}
    if len(orjson.dumps(after)) > LARGEST:
        raise Rejected(TOO_LARGE.format(LARGEST))
    return after


def _is_storable(name: str, value: Any) -> bool:
    with suppress(TypeError):
        return bool(pack({name: value}))
    return False
