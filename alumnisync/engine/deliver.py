"""Taking a batch of planned writes to a system: read what is there now, write what still holds.

Runs in worker threads and touches no database: orders go in, deliveries come out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from alumnisync.engine import points
from alumnisync.engine.context import End
from alumnisync.engine.faults import FAULTS_IN_A_ROW, report
from alumnisync.engine.lease import LeaseLost
from alumnisync.engine.orders import Delivery, Fate, Line, Order, delivery_of, unplaceable
from alumnisync.engine.plan import Planner, lay_over
from connectors.erased import erased_by
from connectors.lastly import checked_by
from connectors.records import (
    MISSING,
    ConnectorError,
    NeedsAttention,
    Outcome,
    Record,
    Values,
    Write,
)
from mappings import paths
from mappings.rules import Side
from mappings.translate import Translator, raw_equal, same

MOVED = "It was changed over there in the meantime; the next run looks at it again."
NOT_WRITTEN = "The answer was lost and it was not written; the next run plans it again."
NOT_SHOWN = "The system does not show what this field is a part of, so writing it could erase the rest."
IS_THERE = "A record with the same id or match fields is there by now; the next run looks at it again."
LIKE_ERASED = "Somebody who was erased here, and is still there, has the same id or match fields. Say who this is."
SENDING = "while a record was sent"


class Courier:
    """Delivers to one end of a run.

    check_lease: raises LeaseLost; asked before each request that changes anything
    erased: digests of the end's erased records, whose people may still be there
    """

    def __init__(
        self,
        end: End,
        planner: Planner,
        wanted: Sequence[str],
        check_lease: Callable[[], None] = lambda: None,
        erased: Set[bytes] = frozenset(),
    ) -> None:
        self.end = end
        self.planner = planner
        self.wanted = wanted
        self.check_lease = check_lease
        self.erased = erased

    def deliver(self, orders: Sequence[Order]) -> list[Delivery]:
        """One delivery for each order. Raises NeedsAttention when nothing was sent because of it; LeaseLost."""
        deliveries: list[Delivery] = []
        for batch in (
            [order for order in orders if order.remote_id is None],
            [order for order in orders if order.remote_id is not None],
        ):
            settled, fresh = self._look_first(batch)
            told = {delivery.change_id for delivery in settled}
            written = self._write([order for order in batch if order.change_id not in told], fresh)
            deliveries += settled + self._read_back(written)
        return deliveries

    def look(self, orders: Sequence[Order]) -> list[Delivery]:
        """What became of updates whose answer was lost, by reading: nothing is written.

        One that was not written is dropped with the reason NOT_WRITTEN. Raises ConnectorError.
        """
        fresh = self._read([order.remote_id or "" for order in orders])
        return [
            self._settled_before(order, fresh.get(order.remote_id or ""))
            or Delivery(order.change_id, Fate.DROPPED, NOT_WRITTEN)
            for order in orders
        ]

    def holds(self, order: Order, values: Values) -> bool:
        """Whether a record says of every field of the order what the order wanted."""
        return all(self._holds(line, values) for line in order.lines)

    def _look_first(self, orders: Sequence[Order]) -> tuple[list[Delivery], dict[str, Record]]:
        """What is to be said without writing, and the records as they are now."""
        if not orders:
            return [], {}
        try:
            return self._looked(orders)
        except NeedsAttention:
            raise
        except ConnectorError as error:
            return [Delivery(order.change_id, Fate.TEMPORARY, error.message) for order in orders], {}
        except Exception as error:
            if len(orders) == 1:
                reason = report(error, SENDING)
                return [Delivery(orders[0].change_id, Fate.REFUSED, reason, is_fault=True)], {}
        # Nothing was written yet: each by itself, so that the one that can't be sent stops no other.
        looked = [self._look_first([order]) for order in orders]
        return [d for settled, _ in looked for d in settled], {k: v for _, fresh in looked for k, v in fresh.items()}

    def _looked(self, orders: Sequence[Order]) -> tuple[list[Delivery], dict[str, Record]]:
        if orders[0].remote_id is None:
            return self._already_there(orders), {}
        fresh = self._read([order.remote_id or "" for order in orders])
        settled = [self._settled_before(order, fresh.get(order.remote_id or "")) for order in orders]
        return [delivery for delivery in settled if delivery], fresh

    def _settled_before(self, order: Order, fresh: Record | None) -> Delivery | None:
        """What is to be said of an order without writing it; None: it is to be written."""
        if fresh is None or fresh.deleted:
            return Delivery(order.change_id, Fate.GONE, "The record is no longer there.", order.remote_id or "")
        if self.holds(order, fresh.values):
            return Delivery(order.change_id, Fate.DONE, remote_id=fresh.id, record=fresh)
        if self._has_moved(order, fresh.values):
            return Delivery(order.change_id, Fate.DROPPED, MOVED)
        if any(_lacks_siblings(line, fresh.values) for line in order.lines):
            return Delivery(order.change_id, Fate.TEMPORARY, NOT_SHOWN)
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

    def _holds(self, line: Line, values: Values) -> bool:
        # What a record doesn't say is unknown: only for the comparison with `before` is that no difference.
        is_said = paths.get(values, line.path) is not MISSING
        return (is_said or _text(line.after) == "") and self._is(line, values, line.after)

    def _is(self, line: Line, values: Values, raw: Any) -> bool:
        """Whether the field holds this value, by kind; as it is where the rules no longer have such a pair."""
        now = paths.get(values, line.path)
        translator = self.planner.translators.get(line.pair)
        if translator:
            return _equal(translator, self.end.side, now, raw)
        return _text(now) == _text(raw)

    def _read(self, ids: Sequence[str]) -> dict[str, Record]:
        records = self.end.connector.read(self.end.cursor.object_type, ids, self.wanted)
        return {record.id: record for record in records}

    def _already_there(self, orders: Sequence[Order]) -> list[Delivery]:
        """What is to be said of creates whose key, or whose match fields, the system finds by now."""
        found = self._found(orders)
        erased = erased_by(self.erased, self.end.cursor.object_type, {id for _, id in found})
        there = {change for change, id in found if id not in erased}
        # Whoever was erased here may be there still: that shuts nobody out, and lets nobody in unseen.
        doubtful = {change for change, _ in found} - there - {order.change_id for order in orders if order.is_new}
        return [
            *(Delivery(change, Fate.DROPPED, IS_THERE) for change in there),
            *(Delivery(change, Fate.DUPLICATE, LIKE_ERASED) for change in doubtful),
        ]

    def _found(self, orders: Sequence[Order]) -> set[tuple[int, str]]:
        """(change, id of a record that has its key or its match fields)"""
        found: set[tuple[int, str]] = set()
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

    def _hits(
        self, path: str, wanted: Mapping[int, tuple[str, ...]], rule_paths: Sequence[str]
    ) -> set[tuple[int, str]]:
        connector, object_type = self.end.connector, self.end.cursor.object_type
        if not wanted or not self.end.described.can_find(path):
            return set()
        hits = [record.id for record in connector.find(object_type, path, sorted({row[0] for row in wanted.values()}))]
        if not hits:
            return set()
        there: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for record in connector.read(object_type, hits, rule_paths):
            there[tuple(_folded(paths.get(record.values, path)) for path in rule_paths)].append(record.id)
        return {(change, id) for change, row in wanted.items() for id in there.get(tuple(map(_folded, row)), ())}

    def _read_back(self, deliveries: list[Delivery]) -> list[Delivery]:
        """With the created records as the system holds them, so that the next poll finds nothing new."""
        ids = [one.remote_id for one in deliveries if one.fate is Fate.DONE and one.is_create]
        if not ids:
            return deliveries
        try:
            records = self._read(ids)
        except ConnectorError:
            return deliveries
        except Exception as error:
            report(error, "while a created record was read")
            return deliveries
        return [replace(one, record=records.get(one.remote_id, one.record)) for one in deliveries]

    def _write(self, orders: Sequence[Order], fresh: Mapping[str, Record]) -> list[Delivery]:
        there = {order.change_id: fresh.get(order.remote_id or "") for order in orders}
        barred = {
            order.change_id: words for order in orders
            if (words := unplaceable(order, record.values if (record := there[order.change_id]) else {}))
        }  # fmt: skip
        stuck = {
            order.change_id for order in orders
            if order.change_id in barred and not self._may_lack(order, barred[order.change_id])
        }  # fmt: skip
        told = [Delivery(change, Fate.REFUSED, "; ".join(sorted({*barred[change].values()}))) for change in stuck]
        return told + self._write_the_rest([order for order in orders if order.change_id not in stuck], fresh, barred)

    def _write_the_rest(
        self, orders: Sequence[Order], fresh: Mapping[str, Record], barred: Mapping[int, Mapping[str, str]]
    ) -> list[Delivery]:
        if not orders:
            return []
        deliveries = self._send(orders, fresh, barred)
        again = {
            d.change_id: {**barred.get(d.change_id, {}), **d.refused}
            for d in deliveries
            if d.fate is Fate.REFUSED and d.refused
        }
        partly = [
            order for order in orders
            if order.change_id in again and self._may_lack(order, again[order.change_id])
        ]  # fmt: skip
        if not partly:
            return deliveries
        try:
            second = {d.change_id: d for d in self._send(partly, fresh, again) if d.fate is not Fate.REFUSED}
        except NeedsAttention:
            # What was written must be told; the trouble shows itself again with the next call.
            second = {}
        return [second.get(delivery.change_id, delivery) for delivery in deliveries]

    def _may_lack(self, order: Order, refused: Mapping[str, str]) -> bool:
        """Whether something is left to write without the refused units, and may be written without them."""
        lines = [line for line in order.lines if line.unit in refused]
        if "" in refused:
            return False
        if order.remote_id is None and any(self._must_have(line) for line in lines):
            return False
        return len(lines) < len(order.lines)

    def _must_have(self, line: Line) -> bool:
        translator = self.planner.translators.get(line.pair)
        return translator is not None and self.planner.must_have(translator.pair, self.end.side)

    def _send(
        self, orders: Sequence[Order], fresh: Mapping[str, Record], without: Mapping[int, Mapping[str, str]]
    ) -> list[Delivery]:
        """Write once; fields of the units in `without` (change → unit → words) are left out and stay refused."""
        deliveries: list[Delivery] = []
        self.check_lease()
        points.reached(points.REQUESTING)
        try:
            writes = [self._as_write(order, fresh, without.get(order.change_id, {})) for order in orders]
            with checked_by(self.check_lease):
                outcomes = self.end.connector.write(self.end.cursor.object_type, writes)
                for order, outcome in zip(orders, outcomes, strict=False):
                    deliveries.append(delivery_of(order, outcome, without.get(order.change_id, {})))
        except LeaseLost:
            raise
        except NeedsAttention:
            if not deliveries:
                raise
        except ConnectorError as error:
            deliveries += [delivery_of(order, Outcome(error=error), {}) for order in orders[len(deliveries) :]]
        except Exception as error:
            reason = report(error, SENDING)
            deliveries += self._after_fault(orders[len(deliveries) :], fresh, without, reason)
        points.reached(points.ANSWERED)
        missing = orders[len(deliveries) :]
        return deliveries + [Delivery(order.change_id, Fate.UNKNOWN, "No answer came for it.") for order in missing]

    def _after_fault(
        self,
        orders: Sequence[Order],
        fresh: Mapping[str, Record],
        without: Mapping[int, Mapping[str, str]],
        reason: str,
    ) -> list[Delivery]:
        """A bug struck somewhere in these orders: updates go once more, each by itself; creates never again."""
        deliveries: list[Delivery] = []
        faults = 0
        for order in orders:
            if order.remote_id is None:
                deliveries.append(Delivery(order.change_id, Fate.UNKNOWN, reason, is_fault=True))
            elif len(orders) == 1 or faults >= FAULTS_IN_A_ROW:
                deliveries.append(Delivery(order.change_id, Fate.REFUSED, reason, is_fault=True))
            else:
                deliveries += self._send([order], fresh, without)
                faults = faults + 1 if deliveries[-1].is_fault else 0
        return deliveries

    def _as_write(self, order: Order, fresh: Mapping[str, Record], without: Mapping[str, str]) -> Write:
        lines = {line.path: line.after for line in order.lines if line.unit not in without or not line.unit}
        record = fresh.get(order.remote_id or "")
        laid = lay_over(record.values if record else {}, lines)
        values = {root: laid[root] for root in map(paths.root, lines)}
        return Write(order.remote_id, values, order.key, record.version if record else "")


def _lacks_siblings(line: Line, fresh: Values) -> bool:
    """Whether the field is a part of something that the record does not show: writing it would erase the rest."""
    root = paths.root(line.path)
    return root != line.path and root not in fresh


def _equal(translator: Translator, side: Side, one: Any, other: Any) -> bool:
    """The same by kind; what a record doesn't say is no difference."""
    if one is MISSING or other is MISSING or raw_equal(one, other):
        return True
    return same(translator.read_raw(side, one), translator.read_raw(side, other))


def _values_of(order: Order, wanted: Iterable[str]) -> tuple[str, ...]:
    after = {line.path: line.after for line in order.lines}
    return tuple(_text(after.get(path)) for path in wanted)


def _text(raw: Any) -> str:
    return "" if raw is None or raw is MISSING else str(raw).strip()


def _folded(raw: Any) -> str:
    return _text(raw).casefold()
