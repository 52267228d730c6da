"""Storing what a poll brings, page by page: only what is new or different costs a write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from alumnisync.engine.faults import FAULTS_IN_A_ROW, reference_of
from alumnisync.engine.seen import SeenIds
from connectors import bulk
from connectors.erased import erased_by, erased_digests
from connectors.models import Cursor, RemoteRecord
from connectors.packing import fingerprint, packable
from connectors.records import Page, Record, Temporary, Values
from mappings.paths import PathError, folded, root

LONGEST_TEXT = 255
BLANKS: tuple[Any, ...] = (None, "", [], {})
# What a deletion or a record that can't be read says nothing about.
FORMER = ("values", "fingerprint", "version", "created_there", "modified_there", "field_times")
WHOLE = 16
"""Bytes of the fingerprint of a record that could be stored; the part of one that never could has a shorter one."""
LANDED = [*FORMER, "change_no", "problem", "missed", "gone_at", "merged_into", "landed_at"]
UNSTORABLE_ID = "The system gave this record an id that is empty, too long or not text. Correct it there."
UNSTORABLE_VALUES = "A field of this record holds characters or a number that can't be stored. Correct it there."
UNSTORABLE_VERSION = "The system gave a version or the id of another record in a form that can't be stored."
FAULT = "This record could not be taken in because of a fault in AlumniSync (reference {}). Report it, please."
ASKED_ANEW = "Another run asked for more fields of {} meanwhile. The next run reads these records again."


class Known(NamedTuple):
    """What tells whether a record that arrives differs from its row."""

    remote_id: str
    fingerprint: bytes
    missed: int
    gone_at: datetime | None
    problem: str
    merged_into: str


class Landing:
    """What one poll of a cursor lands.

    read          records that came, repeated ones too
    changed       records that were new, different, or seen again after they had been missed or gone
    gone          records that the system reported as deleted
    left_out      records of people who were erased: nothing of them is stored
    erased_rows   of a feed, the change ids of such: whoever brought them has to be told that they are handled
    hold          called first in each transaction
    seen          the ids that came and are not deleted
    names, filled field → in how many records it was, and was not blank
    """

    def __init__(self, cursor: Cursor, volatile: frozenset[str]) -> None:
        self.cursor = cursor
        self.roots = frozenset(root(path) for path in cursor.fields)
        self.places = {folded(path): path for path in cursor.fields}
        self.volatile = volatile
        self.read = self.changed = self.gone = self.left_out = 0
        self.hold: Callable[[], None] = lambda: None
        # Nobody is erased while a run is under way.
        self.erased = erased_digests(cursor.connection_id)
        self.erased_rows: list[str] = []
        self.seen = SeenIds()
        self.names: Counter[str] = Counter()
        self.filled: Counter[str] = Counter()
        self._faults = 0

    def land(self, page: Page) -> None:
        """Store a page and move the cursor, in one transaction.

        Raises Temporary if another poll asks for other fields by now; what a bug raised, if several in a row.
        """
        now = timezone.now()
        rows = {row.remote_id: row for row in (self._row(record, now) for record in page.records)}
        with transaction.atomic():
            self._lock()
            erased = self._erased(rows)
            known = find_known(self.cursor, rows)
            told = [row for id, row in rows.items() if id not in erased]
            changed = [row for row in told if row.remote_id not in known or differs(row, known[row.remote_id])]
            store(self.cursor, changed)
            if page.cursor is not None:
                Cursor.objects.filter(pk=self.cursor.pk).update(position=page.cursor)
        self._count(page, rows, changed, known)

    def _row(self, record: Record, now: datetime) -> RemoteRecord:
        row = RemoteRecord(cursor=self.cursor, remote_id=row_id(record), landed_at=now)
        try:
            row.problem = self._fill(row, record)
            self._faults = 0
        except Exception as error:
            self._faults += 1
            if self._faults >= FAULTS_IN_A_ROW:
                raise
            row.problem = FAULT.format(reference_of(error, "while a record was taken in"))
        if row.problem:
            self._fill_part(row, record)
        return row

    def _fill(self, row: RemoteRecord, record: Record) -> str:
        """Lay the record into its row; why it can't be, in words, or ""."""
        if not (is_storable(record.version) and is_storable(record.merged_into)):
            return UNSTORABLE_VERSION
        row.merged_into = record.merged_into
        if record.deleted:
            row.gone_at = row.landed_at
            return ""
        if record.problem or row.remote_id != record.id:
            return printable(record.problem) or UNSTORABLE_ID
        self._tally(record.values)
        values = prune(record.values, self.roots)
        try:
            row.fingerprint = fingerprint_of(values, self.volatile)
        except TypeError:
            return UNSTORABLE_VALUES
        row.values, row.version = values, record.version
        row.created_there, row.modified_there = in_utc(record.created), in_utc(record.modified)
        row.field_times = dict(times_at(record.field_times, self.places))
        return ""

    def _fill_part(self, row: RemoteRecord, record: Record) -> None:
        """What can be stored of a record that can't be as a whole, so that it is found by its keys."""
        part = packable(record.values)
        row.values = prune(part, self.roots) if isinstance(part, dict) else {}
        row.fingerprint = fingerprint_of(row.values, self.volatile)[: WHOLE - 1] if row.values else b""

    def _tally(self, values: Values) -> None:
        # Before pruning, so that a field nobody asked for yet can be offered.
        self.names.update(values.keys())
        self.filled.update([name for name, value in values.items() if value not in BLANKS])

    def _erased(self, ids: Iterable[str]) -> set[str]:
        """Those of a page's ids whose people were erased, counted."""
        found = erased_by(self.erased, self.cursor.object_type, ids)
        self.left_out += len(found)
        return found

    def _lock(self) -> None:
        """Take the cursor, so that what is compared here is not changed by others before it is stored."""
        self.hold()
        now = Cursor.objects.select_for_update().get(pk=self.cursor.pk)
        if (now.fields, now.narrow) != (self.cursor.fields, self.cursor.narrow):
            raise Temporary(ASKED_ANEW.format(self.cursor.object_type))

    def _count(
        self,
        page: Page,
        rows: Mapping[str, RemoteRecord],
        changed: Iterable[RemoteRecord],
        known: Mapping[str, Known],
    ) -> None:
        self.read += len(page.records)
        for row in changed:
            if row.gone_at is None:
                self.changed += 1
            elif row.remote_id not in known or known[row.remote_id].gone_at is None:
                self.gone += 1
        for id, row in rows.items():
            if row.gone_at is None:
                self.seen.add(id)
            else:
                self.seen.discard(id)


def renumber(cursor_id: int, count: int) -> range:
    """The next `count` change numbers of a cursor, which stays locked until the transaction ends.

    Raises TransactionManagementError outside a transaction: numbers have to commit in order.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("Change numbers are taken inside a transaction.")
    last = Cursor.objects.select_for_update().values_list("change_no", flat=True).get(pk=cursor_id)
    Cursor.objects.filter(pk=cursor_id).update(change_no=last + count)
    return range(last + 1, last + count + 1)


def prune(values: Mapping[str, Any], roots: frozenset[str]) -> Values:
    """Only the fields asked for; one that is absent stays absent."""
    return {name: value for name, value in values.items() if name in roots}


def times_at(times: Mapping[str, datetime], places: Mapping[str, str]) -> Iterator[tuple[str, datetime]]:
    """Path as the rules write it → when the field there was changed. places: folded path → as the rules write it."""
    for name, time in times.items():
        with suppress(PathError):
            if path := places.get(folded(name)):
                yield path, time


def fingerprint_of(values: Values, volatile: frozenset[str]) -> bytes:
    """What tells whether pruned values differ: all but the fields that move by themselves.

    Raises TypeError if any value, volatile or not, can't be stored.
    """
    steady = {name: value for name, value in values.items() if name not in volatile}
    if len(steady) < len(values):
        fingerprint(values)
    return fingerprint(steady)


def find_known(cursor: Cursor, ids: Iterable[str]) -> dict[str, Known]:
    """What is stored of these ids."""
    stored = RemoteRecord.objects.filter(cursor=cursor, remote_id__in=list(ids)).order_by()
    return {row[0]: Known(*row) for row in stored.values_list(*Known._fields)}


def differs(row: RemoteRecord, known: Known) -> bool:
    """Whether what arrived says anything new."""
    if known.merged_into != row.merged_into:
        return True
    if row.gone_at:
        return known.gone_at is None
    if known.missed or known.gone_at or known.problem != row.problem:
        return True
    if row.problem and is_whole(known.fingerprint):
        return False
    return bytes(known.fingerprint) != row.fingerprint


def store(cursor: Cursor, rows: list[RemoteRecord]) -> None:
    """Write rows with the next change numbers, in their order; inside a transaction."""
    if not rows:
        return
    keep_former(cursor, [row for row in rows if row.gone_at or row.problem])
    for row, number in zip(rows, renumber(cursor.pk, len(rows)), strict=True):
        row.change_no = number
    bulk.upsert(rows, by=["cursor", "remote_id"], fields=LANDED)


def keep_former(cursor: Cursor, rows: list[RemoteRecord]) -> None:
    """A row keeps the values it had where its record is gone or can't be stored; parts of it give way to newer ones."""
    if not rows:
        return
    stored = RemoteRecord.objects.filter(cursor=cursor, remote_id__in=[row.remote_id for row in rows])
    formers = {former.remote_id: former for former in stored.order_by()}
    for row in rows:
        former = formers.get(row.remote_id, RemoteRecord(fingerprint=b""))
        if row.problem and not is_whole(former.fingerprint):
            former = RemoteRecord(values=row.values, fingerprint=row.fingerprint)
        for name in FORMER:
            setattr(row, name, getattr(former, name))


def is_whole(fingerprint: bytes | memoryview) -> bool:
    """Whether a row's values are all of its record."""
    return len(fingerprint) == WHOLE


def row_id(record: Record) -> str:
    """The record's id, or a stand-in that stays the same where the id itself can't be stored."""
    if record.id and is_storable(record.id):
        return record.id
    what = repr(record.id or record.values).encode("utf-8", "backslashreplace")
    return f"unreadable-{blake2b(what, digest_size=16).hexdigest()}"


def is_storable(text: str) -> bool:
    """Whether a text column of every database takes it."""
    return isinstance(text, str) and len(text) <= LONGEST_TEXT and text == printable(text)


def printable(text: str) -> str:
    """The text without what no database stores: NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def in_utc(time: datetime | None) -> datetime | None:
    """Raises ValueError for a time without a zone: a connector has to know its system's clock."""
    if time is not None and time.tzinfo is None:
        raise ValueError("A record's time has no zone.")
    return None if time is None else time.astimezone(UTC)
