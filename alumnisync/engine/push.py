"""Push: write the plan to the systems, many batches side by side.

Threads do HTTP only; this thread owns the database. A change is committed as `sending` before its request
goes out, and its outcome in one transaction after the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from alumnisync.engine import points
from alumnisync.engine.context import Context, End, grouped
from alumnisync.engine.deliver import Courier
from alumnisync.engine.duplicates import said_new
from alumnisync.engine.faults import FAULTS_IN_A_ROW, FaultyRun
from alumnisync.engine.lease import StopAsked
from alumnisync.engine.orders import Delivery, Line, Order
from alumnisync.engine.plan import KEY
from alumnisync.engine.settle import settle
from alumnisync.engine.units import SIDES
from alumnisync.models import ChangeRecord, FieldChange
from connectors.erased import erased_digests
from connectors.records import NeedsAttention

State = ChangeRecord.State
BEAT_SECONDS = 5


def push(ctx: Context) -> None:
    """Carry out every planned write of the run: creates first, then updates, then ids.

    Raises NeedsAttention when a system lets nothing more be written, FaultyRun after several bugs in a row,
    LeaseLost; what was not sent stays planned.
    """
    for kind in (ChangeRecord.Kind.CREATE, ChangeRecord.Kind.UPDATE, ChangeRecord.Kind.STAMP):
        for side in SIDES:
            _Push(ctx, ctx.ends[side], kind).run()


class _Push:
    """All writes of one kind to one end."""

    def __init__(self, ctx: Context, end: End, kind: ChangeRecord.Kind) -> None:
        self.ctx, self.end, self.kind = ctx, end, kind
        self.erased = erased_digests(end.connection.pk) if kind == ChangeRecord.Kind.CREATE else frozenset[bytes]()
        self.courier = Courier(end, ctx.planner, end.cursor.fields, ctx.lease.check, self.erased)
        self.faults = 0
        self.under_way: dict[Future[list[Delivery]], list[Order]] = {}

    def run(self) -> None:
        batches = self._batches()
        first = next(batches, None)
        if first is None:
            return
        with ThreadPoolExecutor(self.end.connector.concurrency) as pool:
            for batch in self._all(first, batches):
                self._send(pool, batch)
                while len(self.under_way) >= self.end.connector.concurrency:
                    self._gather()
            while self.under_way:
                self._gather()

    def _all(self, first: list[Order], rest: Iterator[list[Order]]) -> Iterator[list[Order]]:
        yield first
        yield from rest

    def _send(self, pool: ThreadPoolExecutor, batch: list[Order]) -> None:
        with transaction.atomic():
            self.ctx.lease.hold()
            _changes(batch).update(state=State.SENDING, sent_at=timezone.now())
        points.reached(points.SENDING)
        self.under_way[pool.submit(self.courier.deliver, batch)] = batch

    def _gather(self) -> None:
        """Store the answers that are there; where they stop the run, first those still to come."""
        done, _ = wait(self.under_way, timeout=BEAT_SECONDS, return_when=FIRST_COMPLETED)
        stop = self._stop_asked()
        trouble: list[Exception] = [error for future in done if (error := self._store(future))]
        trouble += [stop] if stop else []
        if trouble:
            for future in list(self.under_way):
                self._store(future)
            raise trouble[0]

    def _stop_asked(self) -> StopAsked | None:
        """Prolong the lease; whether somebody wants the run to stop. What is on its way is still waited for."""
        try:
            self.ctx.beat()
        except StopAsked as asked:
            return asked
        return None

    def _store(self, future: Future[list[Delivery]]) -> Exception | None:
        """Store what became of a batch; why nothing more may be sent, or None."""
        batch = self.under_way.pop(future)
        try:
            deliveries = future.result()
        except NeedsAttention as error:
            self._take_back(batch)
            return error
        points.reached(points.SENT)
        settle(self.ctx, self.end, deliveries)
        points.reached(points.SETTLED)
        return self._faulty(deliveries)

    def _take_back(self, batch: Sequence[Order]) -> None:
        """Nothing of this batch went out."""
        with transaction.atomic():
            self.ctx.lease.hold()
            _changes(batch).update(state=State.PLANNED, sent_at=None)

    def _faulty(self, deliveries: Sequence[Delivery]) -> FaultyRun | None:
        for delivery in deliveries:
            self.faults = self.faults + 1 if delivery.is_fault else 0
            if self.faults >= FAULTS_IN_A_ROW:
                return FaultyRun(f"{self.faults} records in a row could not be sent. {delivery.reason}")
        return None

    def _batches(self) -> Iterator[list[Order]]:
        """The planned changes in order, `batch_size` at a time, no record twice in a batch."""
        size = self.end.connector.batch_size
        after = 0
        while True:
            planned = self.ctx.run.changes.filter(
                kind=self.kind, side=self.end.side, state=State.PLANNED, pk__gt=after
            ).order_by("pk")
            rows = list(planned.select_related("record")[:size])
            if not rows:
                return
            rows = _once_each(rows)
            after = rows[-1].pk
            yield self._orders(rows)

    def _orders(self, rows: Sequence[ChangeRecord]) -> list[Order]:
        written = FieldChange.objects.filter(change__in=rows).order_by("pk")
        fields = grouped(written, lambda row: row.change_id)
        orders = [order_of(change, fields[change.pk], self.end) for change in rows]
        if not self.erased:
            return orders
        new = said_new(self.ctx.sync, [row.source_id for row in rows])
        return [replace(one, is_new=row.source_id in new) for one, row in zip(orders, rows, strict=True)]


def _changes(batch: Sequence[Order]) -> QuerySet[ChangeRecord]:
    return ChangeRecord.objects.filter(pk__in=[order.change_id for order in batch])


def _once_each(rows: list[ChangeRecord]) -> list[ChangeRecord]:
    """Up to the first record that comes a second time: it goes into the next batch."""
    seen: set[int] = set()
    for index, change in enumerate(rows):
        if change.record_id is not None:
            if change.record_id in seen:
                return rows[:index]
            seen.add(change.record_id)
    return rows


def order_of(change: ChangeRecord, fields: Sequence[FieldChange], end: End) -> Order:
    """A change as a value that a thread can work on."""
    lines = tuple(Line(row.pair, row.unit, row.path, row.before, row.after) for row in fields)
    key = next(((row.path, str(row.after)) for row in fields if row.rule == KEY and not row.pair), None)
    record = change.record
    if record is None:
        return Order(change.pk, None, lines, key)
    return Order(change.pk, record.remote_id, lines, None, record.values)
