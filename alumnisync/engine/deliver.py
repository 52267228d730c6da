"""Taking a batch of planned writes to a system: read what is there now, write what still holds.

Runs in worker threads and touches no database: orders go in, deliveries come out.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from alumnisync.engine.context import End
from alumnisync.engine.plan import Planner, lay_over
from connectors.records import (
    MISSING,
    ConnectorError,
    Gone,
    NeedsAttention,
    Outcome,
    Record,
    Rejected,
    Stale,
    Temporary,
    Unknown,
    Values,
    Write,
)
from mappings import paths
from mappings.rules import Side
from mappings.translate import Translator, raw_equal, same

logger = logging.getLogger(__name__)

MOVED = "It was changed over there in the meantime; the next run looks at it again."
NOT_WRITTEN = "The answer was lost and it was not written; the next run plans it again."
IS_THERE = "A record with the same id or match fields is there by now; the next run looks at it again."


class Fate(Enum):
    """What became of an order."""

    DONE = "done"
    DROPPED = "dropped"
    REFUSED = "refused"
    TEMPORARY = "temporary"
    UNKNOWN = "unknown"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Line:
    """One field of an order, as its FieldChange says."""

    pair: str
    unit: str
    path: str
    before: Any = field(repr=False)
    after: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """One change to deliver. remote_id None: a create. known: the record as last seen."""

    change_id: int
    remote_id: str | None
    lines: tuple[Line, ...]
    key: tuple[str, str] | None = None
    known: Values = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an order. refused: unit → the system's words, for the fields left out of what was written."""

    change_id: int
    fate: Fate
    reason: str = ""
    remote_id: str = ""
    record: Record | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    written: bool = True


class Courier:
    """Delivers to one end of a run."""

    def __init__(self, end: End, planner: Planner, wanted: Sequence[str]) -> None:
        self.end = end
        self.planner = planner
        self.wanted = wanted

    def deliver(self, orders: Sequence[Order]) -> list[Delivery]:
        """One delivery for each order. Raises NeedsAttention when nothing of the batch was sent because of it."""
        creates = [order for order in orders if order.remote_id is None]
        updates = [order for order in orders if order.remote_id is not None]
        return [*self._create(creates), *self._update(updates)]

    def look(self, orders: Sequence[Order]) -> list[Delivery]:
        """What became of updates whose answer was lost, by reading: nothing is written."""
        fresh = {record.id: record for record in self._read([order.remote_id or "" for order in orders])}
        return [
            self._settled_before(order, fresh.get(order.remote_id or ""))
            or Delivery(order.change_id, Fate.DROPPED, NOT_WRITTEN)
            for order in orders
        ]

    def _update(self, orders: Sequence[Order]) -> list[Delivery]:
        if not orders:
            return []
        try:
            fresh = {record.id: record for record in self._read([order.remote_id or "" for order in orders])}
        except (Temporary, Unknown) as error:
            return [Delivery(order.change_id, Fate.TEMPORARY, error.message) for order in orders]
        deliveries, writes = [], {}
        for order in orders:
            settled = self._settled_before(order, fresh.get(order.remote_id or ""))
            if settled is not None:
                deliveries.append(settled)
            else:
                writes[order.change_id] = (order, fresh[order.remote_id or ""])
        return deliveries + self._write([order for order, _ in writes.values()], fresh)

    def _settled_before(self, order: Order, fresh: Record | None) -> Delivery | None:
        """What is to be said of an order without writing it; None: it is to be written."""
        if fresh is None or fresh.deleted:
            return Delivery(order.change_id, Fate.GONE, "The record is no longer there.", order.remote_id or "")
        if all(self._is(line, fresh.values, line.after) for line in order.lines):
            return Delivery(order.change_id, Fate.DONE, remote_id=fresh.id, record=fresh, written=False)
        if self._has_moved(order, fresh.values):
            return Delivery(order.change_id, Fate.DROPPED, MOVED)
        return None

    def _has_moved(self, order: Order, fresh: Values) -> bool:
        if any(not self._is(line, fresh, line.before) for line in order.lines if line.before is not MISSING):
            return True
        touched = {line.pair for line in order.lines}
        others = (
            translator
            for unit in {line.unit for line in order.lines if line.unit in self.planner.units}
            for translator in self.planner.units[unit]
            if translator.pair.key not in touched
        )
        side = self.end.side
        return any(
            not _equal(translator, side, translator.read(side, fresh).raw, translator.read(side, order.known).raw)
            for translator in others
        )

    def _is(self, line: Line, values: Values, raw: Any) -> bool:
        """Whether the field holds this value, by kind."""
        now = paths.get(values, line.path)
        if line.pair:
            return _equal(self.planner.translators[line.pair], self.end.side, now, raw)
        return _text(now) == _text(raw)

    def _read(self, ids: Sequence[str]) -> Iterator[Record]:
        return self.end.connector.read(self.end.cursor.object_type, ids, self.wanted)

    def _create(self, orders: Sequence[Order]) -> list[Delivery]:
        if not orders:
            return []
        try:
            there = self._already_there(orders)
        except (Temporary, Unknown) as error:
            return [Delivery(order.change_id, Fate.TEMPORARY, error.message) for order in orders]
        dropped = [Delivery(order.change_id, Fate.DROPPED, IS_THERE) for order in orders if order.change_id in there]
        deliveries = self._write([order for order in orders if order.change_id not in there], {})
        return dropped + self._read_back(deliveries)

    def _already_there(self, orders: Sequence[Order]) -> set[int]:
        """The orders whose key, or whose match fields, the system finds by now."""
        found: set[int] = set()
        keys = {order.change_id: order.key for order in orders if order.key}
        if keys:
            path = next(iter(keys.values()))[0]
            found |= self._hits(path, {change: (key[1],) for change, key in keys.items()}, (path,))
        for rule in self.planner.rules.match:
            rule_paths = rule.paths[self.end.side]
            values = {order.change_id: _values_of(order, rule_paths) for order in orders}
            complete = {change: row for change, row in values.items() if all(row)}
            found |= self._hits(rule_paths[0], complete, rule_paths)
        return found

    def _hits(self, path: str, wanted: Mapping[int, tuple[str, ...]], rule_paths: Sequence[str]) -> set[int]:
        connector, object_type = self.end.connector, self.end.cursor.object_type
        if not wanted or not self.end.described.can_find(path):
            return set()
        hits = [record.id for record in connector.find(object_type, path, sorted({row[0] for row in wanted.values()}))]
        if not hits:
            return set()
        there = {
            tuple(_folded(paths.get(record.values, path)) for path in rule_paths)
            for record in connector.read(object_type, hits, rule_paths)
        }
        return {change for change, row in wanted.items() if tuple(map(_folded, row)) in there}

    def _read_back(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """With the created records as the system holds them, so that the next poll finds nothing new."""
        ids = [delivery.remote_id for delivery in deliveries if delivery.fate is Fate.DONE]
        try:
            records = {record.id: record for record in self._read(ids)} if ids else {}
        except ConnectorError:
            records = {}
        return [
            Delivery(d.change_id, d.fate, d.reason, d.remote_id, records.get(d.remote_id, d.record), d.refused)
            for d in deliveries
        ]

    def _write(self, orders: Sequence[Order], fresh: Mapping[str, Record]) -> list[Delivery]:
        if not orders:
            return []
        deliveries = self._send(orders, fresh, {})
        again = {d.change_id: d.refused for d in deliveries if d.fate is Fate.REFUSED and d.refused}
        partly = [
            order for order in orders
            if order.change_id in again and any(line.unit not in again[order.change_id] for line in order.lines)
        ]  # fmt: skip
        if not partly:
            return deliveries
        second = {d.change_id: d for d in self._send(partly, fresh, again) if d.fate is not Fate.REFUSED}
        return [second.get(delivery.change_id, delivery) for delivery in deliveries]

    def _send(
        self, orders: Sequence[Order], fresh: Mapping[str, Record], without: Mapping[int, Mapping[str, str]]
    ) -> list[Delivery]:
        """Write once; fields of the units in `without` (change → unit → words) are left out and stay refused."""
        writes = [self._as_write(order, fresh, without.get(order.change_id, {})) for order in orders]
        deliveries: list[Delivery] = []
        try:
            for order, outcome in zip(
                orders, self.end.connector.write(self.end.cursor.object_type, writes), strict=False
            ):
                deliveries.append(self._delivery(order, outcome, without.get(order.change_id, {})))
        except NeedsAttention:
            if not deliveries:
                raise
        except ConnectorError as error:
            rest = orders[len(deliveries) :]
            deliveries += [self._delivery(order, Outcome(error=error), {}) for order in rest]
        except Exception:
            reference = _log_bug()
            rest = orders[len(deliveries) :]
            deliveries += [Delivery(order.change_id, Fate.UNKNOWN, reference) for order in rest]
        missing = orders[len(deliveries) :]
        return deliveries + [Delivery(order.change_id, Fate.UNKNOWN, "No answer came for it.") for order in missing]

    def _as_write(self, order: Order, fresh: Mapping[str, Record], without: Mapping[str, str]) -> Write:
        lines = {line.path: line.after for line in order.lines if line.unit not in without or not line.unit}
        record = fresh.get(order.remote_id or "")
        laid = lay_over(record.values if record else {}, lines)
        values = {root: laid[root] for root in map(paths.root, lines)}
        return Write(order.remote_id, values, order.key, record.version if record else "")

    def _delivery(self, order: Order, outcome: Outcome, without: Mapping[str, str]) -> Delivery:
        error = outcome.error
        if error is None:
            return Delivery(
                order.change_id,
                Fate.DONE,
                remote_id=outcome.id or order.remote_id or "",
                record=outcome.record,
                refused=without,
            )
        if isinstance(error, Rejected):
            return Delivery(order.change_id, Fate.REFUSED, error.message, refused=_refused(order, error))
        if isinstance(error, NeedsAttention):
            return Delivery(order.change_id, Fate.REFUSED, error.message)
        fates = {Stale: Fate.DROPPED, Gone: Fate.GONE, Unknown: Fate.UNKNOWN, Temporary: Fate.TEMPORARY}
        return Delivery(order.change_id, fates[type(error)], error.message, order.remote_id or "")


def _equal(translator: Translator, side: Side, one: Any, other: Any) -> bool:
    """The same by kind; what a record doesn't say is no difference."""
    if one is MISSING or other is MISSING or raw_equal(one, other):
        return True
    return same(translator.read_raw(side, one), translator.read_raw(side, other))


def _refused(order: Order, error: Rejected) -> dict[str, str]:
    """The units that hold a field the system named, with its words."""
    return {
        line.unit: words
        for line in order.lines
        for name, words in error.fields.items()
        if line.unit and name in (line.path, paths.root(line.path))
    }


def _values_of(order: Order, wanted: Iterable[str]) -> tuple[str, ...]:
    after = {line.path: line.after for line in order.lines}
    return tuple(_text(after.get(path)) for path in wanted)


def _text(raw: Any) -> str:
    return "" if raw is None or raw is MISSING else str(raw).strip()


def _folded(raw: Any) -> str:
    return _text(raw).casefold()


def _log_bug() -> str:
    """Log the exception under way; what people see is a reference to it."""
    reference = uuid.uuid4().hex[:8]
    logger.exception("Unexpected error while sending, reference %s", reference)
    return f"Something unexpected went wrong. Tell whoever looks after AlumniSync: reference {reference}."
