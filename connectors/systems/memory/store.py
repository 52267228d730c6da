"""A system that lives in this process: records, a clock, and switches that make it awkward like real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import RLock
from typing import Any

from connectors.records import Gone, ObjectType, Rejected, Stale, Total, Values, Write

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it stands there. Times are ticks of the store's clock; `former` is what it was before."""

    values: Values
    created: int
    modified: int
    number: int = 1
    times: Mapping[str, int] = field(default_factory=dict)
    deleted: bool = False
    merged_into: str = ""
    former: Row | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a feed: what somebody changed of a person, "" where it doesn't say of whom."""

    id: str
    person: str
    values: Values


@dataclass(slots=True)
class Failure:
    """A failure to come.

    call    the method that fails; each page of a poll and each record of a write is a call by itself
    every   each how many of those calls fails
    times   how often in all; None: for ever
    after   the write happens first, and fails then
    raised  the whole call dies of it, not that one record
    """

    error: Exception
    call: str = "write"
    every: int = 1
    times: int | None = 1
    after: bool = False
    raised: bool = False
    calls: int = 0

    def strikes(self) -> bool:
        if self.times == 0:
            return False
        self.calls += 1
        if self.calls % self.every:
            return False
        self.times = None if self.times is None else self.times - 1
        return True


class Store:
    """A system's records, its clock, and the switches that make it as awkward as real ones.

    page_size           how many records a page of a poll holds
    batch_size          how many writes one call takes
    clock_stands        changes happen at one and the same moment
    repeat_pages        each page of a poll comes twice
    short_lists         a poll ends after that many pages, and says that it was not whole
    read_only           this user may not write
    normalise           what the system makes of values that are written, people's edits among them
    stale_reads         `read` and `find` show records as they were before their last change
    answer_with_record  whether the answer to a write shows the record
    calls               (method, object type, ids) of every call, in order
    effects             how many records were created and updated through connectors
    processed           how often each row of a feed was handled, by its change id
    """

    def __init__(self, *types: ObjectType, page_size: int = 10, batch_size: int = 5) -> None:
        self.types = {kind.name: kind for kind in types}
        self.rows: dict[str, dict[str, Row]] = {kind.name: {} for kind in types}
        self.changes: dict[str, list[Change]] = {kind.name: [] for kind in types}
        self.organisation = "memory"
        self.page_size = page_size
        self.batch_size = batch_size
        self.clock_stands = False
        self.repeat_pages = False
        self.short_lists: int | None = None
        self.read_only = False
        self.normalise: Callable[[Values], Values] = dict
        self.stale_reads = False
        self.answer_with_record = True
        self.failures: list[Failure] = []
        self.calls: list[tuple[str, str, tuple[str, ...]]] = []
        self.effects: Counter[str] = Counter()
        self.processed: Counter[str] = Counter()
        self.tick = 0
        self.made = 0
        self.lock = RLock()

    def fail(self, error: Exception, call: str = "write", **when: Any) -> Failure:
        """Plan a failure (see `Failure`); it may be taken out of `failures` again."""
        failure = Failure(error, call, **when)
        self.failures.append(failure)
        return failure

    def put(self, object_type: str, values: Values, id: str = "") -> str:
        """Make a record; its id."""
        with self.lock:
            self.made += 1
            id = id or f"{object_type}-{self.made:06}"
            now = self._next_tick()
            kept = deepcopy(self.normalise(values))
            self.rows[object_type][id] = Row(kept, now, now, times=dict.fromkeys(kept, now))
            return id

    def alter(self, object_type: str, id: str, values: Values) -> None:
        """Change some fields of a record; its version and times move."""
        with self.lock:
            row, now = self.rows[object_type][id], self._next_tick()
            kept = deepcopy(self.normalise(values))
            times = {**row.times, **dict.fromkeys(kept, now)}
            self._keep(object_type, id, row, values={**row.values, **kept}, times=times, modified=now)

    def remove(self, object_type: str, id: str, merged_into: str = "") -> None:
        """Delete a record so that a poll for changes reports it."""
        with self.lock:
            row, now = self.rows[object_type][id], self._next_tick()
            self._keep(object_type, id, row, deleted=True, merged_into=merged_into, modified=now)

    def lose(self, object_type: str, id: str) -> None:
        """Delete a record without a trace."""
        with self.lock:
            del self.rows[object_type][id]

    def tell(self, object_type: str, person: str, values: Values, change_id: int = 0) -> str:
        """Add a row to a feed, behind those that are there; its change id, the next number where none is given."""
        with self.lock:
            self.made = max(self.made + 1, change_id)
            change = Change(str(change_id or self.made), person, deepcopy(values))
            self.changes[object_type].append(change)
            return change.id

    def process(self, object_type: str, change_ids: Sequence[str]) -> None:
        """Bring these rows no more; one that is processed already is not counted again."""
        with self.lock:
            handled, rows = set(change_ids), self.changes[object_type]
            self.processed.update(change.id for change in rows if change.id in handled)
            self.changes[object_type] = [change for change in rows if change.id not in handled]

    def live(self, object_type: str) -> dict[str, Row]:
        """The records that are not deleted, by id."""
        with self.lock:
            return {id: row for id, row in self.rows[object_type].items() if not row.deleted}

    def values(self, object_type: str, id: str) -> Values:
        """What a record holds now."""
        return deepcopy(self.live(object_type)[id].values)

    def totals(self, object_type: str, by: str, of: str) -> dict[str, Total]:
        """Value of a field → how many records have it, and the exact sum of their amounts."""
        found: dict[str, Total] = {}
        for row in self.live(object_type).values():
            value = row.values.get(by)
            so_far = found.get("" if value is None else str(value), Total(0, Decimal(0)))
            amount = Decimal(str(row.values.get(of) or 0))
            found["" if value is None else str(value)] = Total(so_far.count + 1, so_far.sum + amount)
        return found

    def called(self, method: str, object_type: str = "", ids: Sequence[str] = ()) -> None:
        """Note a call."""
        with self.lock:
            self.calls.append((method, object_type, tuple(ids)))

    def failure(self, call: str) -> Failure | None:
        """The planned failure that strikes this call."""
        with self.lock:
            return next((one for one in self.failures if one.call == call and one.strikes()), None)

    def carry_out(self, object_type: str, write: Write) -> str:
        """One create or update; the record's id. Raises Rejected, Stale or Gone."""
        with self.lock:
            values = {**write.values, **dict([write.key] if write.key else [])}
            kind = self.types[object_type]
            refuse_unwritable(kind, values)
            id = write.id or (self._of_key(kind, write.key) if kind.create_by_key else None)
            if id is None:
                if not kind.can_create:
                    raise Rejected(f"{kind.label} can't be created here.")
                self.effects["created"] += 1
                return self.put(object_type, values)
            self._update(object_type, id, values, write.version)
            return id

    def _update(self, object_type: str, id: str, values: Values, version: str) -> None:
        row = self.live(object_type).get(id)
        if row is None:
            raise Gone(f"The record {id} is no longer there.")
        if version and version != str(row.number):
            raise Stale(f"The record {id} has changed since it was read.")
        self.alter(object_type, id, values)
        self.effects["updated"] += 1

    def _of_key(self, kind: ObjectType, key: tuple[str, str] | None) -> str | None:
        rows = self.live(kind.name) if key else {}
        return next((id for id, row in rows.items() if key and row.values.get(key[0]) == key[1]), None)

    def _keep(self, object_type: str, id: str, row: Row, **changes: Any) -> None:
        former = replace(row, former=None)
        self.rows[object_type][id] = replace(row, number=row.number + 1, former=former, **changes)

    def _next_tick(self) -> int:
        self.tick += 0 if self.clock_stands else 1
        return self.tick


stores: dict[str, Store] = {}
"""The stores of this process by name."""


def moment(tick: int) -> datetime:
    """What the store's clock shows at a tick."""
    return BEGINNING + timedelta(seconds=tick)


def refuse_unwritable(kind: ObjectType, values: Values) -> None:
    """Raises Rejected that names the fields which this object type doesn't have or take."""
    refused = {}
    for name, value in values.items():
        described = kind.field(name)
        if described is None and kind.fields_known:
            refused[name] = "There is no such field."
        elif described and not described.writable:
            refused[name] = "This field can't be written."
        elif described and described.length and isinstance(value, str) and len(value) > described.length:
            refused[name] = f"At most {described.length} characters."
    if refused:
        raise Rejected(f"{kind.label}: {', '.join(sorted(refused))} can't be stored.", refused)
