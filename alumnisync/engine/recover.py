"""Writes of which nobody knows whether they happened: found out by reading, never by writing again.

An update is read back. A create is looked for by its key; where the system can't look up, a poll that began
after the request's time-out tells, and a person only where neither can.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from alumnisync.engine.context import CHUNK, Context, End, chunks, grouped
from alumnisync.engine.deliver import NOT_WRITTEN, Courier
from alumnisync.engine.faults import is_fault
from alumnisync.engine.orders import Delivery, Fate, Order
from alumnisync.engine.push import order_of
from alumnisync.engine.settle import settle
from alumnisync.models import ChangeRecord, FieldChange, Member
from connectors.models import RemoteRecord
from connectors.records import ConnectorError, NeedsAttention, Record
from mappings import paths

State = ChangeRecord.State
FOUND = "The answer was lost; the record was found again."
CANT_TELL = (
    "The answer was lost, and {} can neither be asked for this record nor shows all of them. "
    "Look there: where the record is missing, create it by hand; the next run then finds it."
)
BATCH = 200
STEP = 1.0
"""Seconds to wait at a time for a request that may still be under way; the lease is prolonged in between."""


def recover(ctx: Context) -> int:
    """Find out about every write of this sync whose answer was lost, as far as reading tells now.

    Returns how many were found to be done. Raises NeedsAttention and LeaseLost.
    """
    done = 0
    for end in ctx.ends.values():
        for changes in chunks(_sending(ctx, end), BATCH):
            orders = _orders(changes, end)
            deliveries = [
                *_read_updates(ctx, end, [order for order in orders if order.remote_id is not None]),
                *_find_creates(end, [order for order in orders if order.remote_id is None]),
            ]
            _store(ctx, end, changes, deliveries)
            done += sum(delivery.fate is Fate.DONE for delivery in deliveries)
            ctx.beat()
    return done


def await_requests(ctx: Context) -> None:
    """Wait until no request that creates can be under way any more, where only a poll begun after it tells.

    Never longer than a request takes: what was sent in the future was sent before the clock was put back, and a
    poll tells of it once the clock is past that.
    """
    waits = [(_over_at(end, change), end) for end in ctx.ends.values() for change in _creates(ctx, end)]
    longest = max((_timeout(end) for _, end in waits), default=timedelta())
    upto = min(max((moment for moment, _ in waits), default=timezone.now()), timezone.now() + longest)
    if upto <= timezone.now():
        return
    ctx.say(f"The answer to a create was lost; waiting up to {_seconds(upto):.0f} s until it can't come any more…")
    while (left := _seconds(upto)) > 0:
        time.sleep(min(left, STEP))
        ctx.beat()


def recognise_creates(ctx: Context) -> None:
    """After polling: records that came, and hold all that a create wanted, are the created ones."""
    for end in ctx.ends.values():
        changes = _creates(ctx, end)
        orders = {order.change_id: order for order in _orders(changes, end)}
        found: dict[int, list[RemoteRecord]] = defaultdict(list)
        for record in _newcomers(ctx, end, changes):
            for order in orders.values():
                if _is_it(ctx, end, order, record):
                    found[order.change_id].append(record)
        settle(ctx, end, list(_recognised(found)))
        end.cursor.refresh_from_db()


def close_creates(ctx: Context, *, is_matched: bool) -> None:
    """After `recognise_creates`: what is left was linked by matching, or was not created.

    is_matched: matching went before. Without it a record nobody knows may be the created one, and nothing
    is decided while there is such a record.
    """
    for end in ctx.ends.values():
        changes = _creates(ctx, end)
        linked = {change.pk for change in changes if is_matched and _note_linked(ctx, change)}
        left = [change for change in changes if change.pk not in linked]
        missing = [change for change in left if _poll_would_show(end, change)]
        if missing and (is_matched or next(_newcomers(ctx, end, missing), None) is None):
            _store(ctx, end, missing, [_not_written(change.pk) for change in missing])
        elif left and end.cursor.narrow:
            _sending_of(ctx, end).filter(kind=ChangeRecord.Kind.CREATE).update(reason=CANT_TELL.format(end.label))


def _sending_of(ctx: Context, end: End) -> QuerySet[ChangeRecord]:
    return ChangeRecord.objects.filter(run__sync=ctx.sync, side=end.side, state=State.SENDING)


def _sending(ctx: Context, end: End) -> list[ChangeRecord]:
    return list(_sending_of(ctx, end).select_related("record", "run").order_by("pk"))


def _creates(ctx: Context, end: End) -> list[ChangeRecord]:
    creates = _sending_of(ctx, end).filter(kind=ChangeRecord.Kind.CREATE)
    return list(creates.select_related("run").order_by("pk"))


def _orders(changes: Iterable[ChangeRecord], end: End) -> list[Order]:
    rows = FieldChange.objects.filter(change__in=[change.pk for change in changes]).order_by("pk")
    fields = grouped(rows, lambda row: row.change_id)
    return [order_of(change, fields[change.pk], end) for change in changes]


def _store(ctx: Context, end: End, changes: Sequence[ChangeRecord], deliveries: Sequence[Delivery]) -> None:
    """Settle; what was not written is planned again: in this very run, where it is the one that was cut short."""
    cut_short = {change.pk for change in changes if _was_cut_short(ctx, change)}
    again = [one.change_id for one in deliveries if one.reason == NOT_WRITTEN and one.change_id in cut_short]
    faults = {change.pk: change.reason for change in changes if is_fault(change.reason)}
    settle(ctx, end, [_named(one, faults) for one in deliveries if one.change_id not in again])
    with transaction.atomic():
        ctx.lease.hold()
        ChangeRecord.objects.filter(pk__in=again).update(state=State.PLANNED, sent_at=None)


def _named(delivery: Delivery, faults: Mapping[int, str]) -> Delivery:
    """A create that a bug kept from being written is set aside with its reference, so that people hear of it."""
    reason = faults.get(delivery.change_id, "")
    if not reason or delivery.reason != NOT_WRITTEN:
        return delivery
    return replace(delivery, fate=Fate.REFUSED, reason=reason)


def _was_cut_short(ctx: Context, change: ChangeRecord) -> bool:
    """Whether it was sent by the process from which this one took the run over."""
    started = ctx.run.started_at
    return change.run_id == ctx.run.pk and bool(started and change.sent_at and change.sent_at < started)


def _read_updates(ctx: Context, end: End, orders: Sequence[Order]) -> list[Delivery]:
    """Done where the record holds what was sent; otherwise planned again from what it holds."""
    if not orders:
        return []
    courier = Courier(end, ctx.planner, end.cursor.fields)
    try:
        return courier.look(orders)
    except NeedsAttention:
        raise
    except ConnectorError:
        return []


def _find_creates(end: End, orders: Sequence[Order]) -> list[Delivery]:
    keyed = {order.key[1]: order for order in orders if order.key}
    path = next((order.key[0] for order in orders if order.key), "")
    if not keyed or not end.described.can_find(path):
        return []
    try:
        hits = end.connector.find(end.cursor.object_type, path, sorted(keyed))
        ids = {str(paths.get(record.values, path)): record.id for record in hits}
        read = end.connector.read(end.cursor.object_type, sorted(ids.values()), end.cursor.fields) if ids else ()
        found = {record.id: record for record in read}
    except NeedsAttention:
        raise
    except ConnectorError:
        return []
    return [
        _found(order.change_id, ids[key], found.get(ids[key])) if key in ids else _not_written(order.change_id)
        for key, order in keyed.items()
    ]


def _found(change_id: int, remote_id: str, record: Record | None) -> Delivery:
    return Delivery(change_id, Fate.DONE, FOUND, remote_id, record, is_create=True)


def _not_written(change_id: int) -> Delivery:
    return Delivery(change_id, Fate.DROPPED, NOT_WRITTEN)


def _newcomers(ctx: Context, end: End, creates: Sequence[ChangeRecord]) -> Iterator[RemoteRecord]:
    """Records of nobody that came, or changed, since the first of these creates was planned."""
    if not creates:
        return iter(())
    planned_to = min(change.run.planned_to.get(end.side.value, 0) for change in creates)
    came = RemoteRecord.objects.filter(cursor=end.cursor, change_no__gt=planned_to, gone_at=None, problem="")
    return came.exclude(memberships__sync=ctx.sync).order_by("pk").iterator(CHUNK)


def _is_it(ctx: Context, end: End, order: Order, record: RemoteRecord) -> bool:
    if order.key:
        named = paths.get(record.values, order.key[0])
        if named and str(named) != order.key[1]:
            return False
    # Constants are not polled.
    mapped = replace(order, lines=tuple(line for line in order.lines if line.pair))
    return Courier(end, ctx.planner, ()).holds(mapped, record.values)


def _recognised(found: dict[int, list[RemoteRecord]]) -> Iterator[Delivery]:
    """Each record once; who might be several is left to matching, which asks."""
    taken: set[int] = set()
    for change_id, records in found.items():
        free = [record for record in records if record.pk not in taken]
        if len(free) == 1:
            (record,) = free
            taken.add(record.pk)
            yield _found(change_id, record.remote_id, Record(record.remote_id, record.values, record.version))


def _note_linked(ctx: Context, change: ChangeRecord) -> bool:
    """Whether matching has found the created record, its source being linked with one; then it is done."""
    links = Member.objects.filter(sync=ctx.sync, record_id=change.source_id).values("link")
    made = Member.objects.filter(link__in=links, side=change.side).first()
    if made is None:
        return False
    with transaction.atomic():
        ctx.lease.hold()
        ChangeRecord.objects.filter(pk=change.pk).update(
            state=State.DONE, reason=FOUND, record=made.record_id, link=made.link_id, finished_at=timezone.now()
        )
    return True


def _poll_would_show(end: End, change: ChangeRecord) -> bool:
    """Whether a poll begun after the request was over has brought the record, had it been made."""
    cursor = end.cursor
    if cursor.narrow or cursor.poll_started_at is None or (end.described.whole_lists and not cursor.poll_was_whole):
        return False
    return cursor.poll_started_at > _over_at(end, change)


def _over_at(end: End, change: ChangeRecord) -> datetime:
    """When the request can't be under way any more: it went out while its run went on, at the latest at its end."""
    sent = [moment for moment in (change.sent_at, change.run.finished_at) if moment is not None]
    return max(sent, default=timezone.now()) + _timeout(end)


def _timeout(end: End) -> timedelta:
    return timedelta(seconds=float(end.connector.settings.get("timeout") or 0))


def _seconds(upto: datetime) -> float:
    return (upto - timezone.now()).total_seconds()
