"""Writes of which nobody knows whether they happened: found out by reading, never by writing again.

An update is read back. A create is looked for by its key; where the system can't look up, the next poll that
began after the request's time-out tells, and a person only where neither can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from alumnisync.engine.context import Context, End, chunks
from alumnisync.engine.deliver import NOT_WRITTEN, Courier, Delivery, Fate, Order
from alumnisync.engine.push import order_of
from alumnisync.engine.settle import settle
from alumnisync.engine.units import SIDES
from alumnisync.models import ChangeRecord, FieldChange, Link, Member
from connectors.records import ConnectorError, NeedsAttention
from mappings import paths

State = ChangeRecord.State
FOUND = "The answer was lost; the record was found again."
BATCH = 200


def recover(ctx: Context) -> None:
    """Find out about every write of this sync whose answer was lost, as far as reading tells now."""
    for side in SIDES:
        end = ctx.ends[side]
        for ids in chunks(list(_sending(ctx, end).values_list("pk", flat=True)), BATCH):
            changes = list(ChangeRecord.objects.filter(pk__in=ids).select_related("record").order_by("pk"))
            orders = _orders(changes, end)
            deliveries = [
                *_read_updates(ctx, end, [order for order in orders if order.remote_id is not None]),
                *_find_creates(end, [order for order in orders if order.remote_id is None]),
            ]
            settle(ctx, end, deliveries)
            ctx.beat()


def recover_creates(ctx: Context) -> None:
    """After polling and matching: creates that no look-up could tell about."""
    for side in SIDES:
        end = ctx.ends[side]
        for change in _sending(ctx, end).filter(kind=ChangeRecord.Kind.CREATE):
            if _was_linked(change):
                _close(change, State.CLOSED, FOUND)
            elif _poll_would_show(ctx, end, change):
                _close(change, State.DROPPED, NOT_WRITTEN)


def _sending(ctx: Context, end: End) -> QuerySet[ChangeRecord]:
    return ChangeRecord.objects.filter(run__sync=ctx.sync, side=end.side, state=State.SENDING)


def _orders(changes: Iterable[ChangeRecord], end: End) -> list[Order]:
    fields: dict[int, list[FieldChange]] = defaultdict(list)
    for row in FieldChange.objects.filter(change__in=[change.pk for change in changes]).order_by("pk"):
        fields[row.change_id].append(row)
    return [order_of(change, fields[change.pk], end) for change in changes]


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
        ids = {}
        for record in end.connector.find(end.cursor.object_type, path, sorted(keyed)):
            ids[str(paths.get(record.values, path))] = record.id
        found = {
            record.id: record
            for record in end.connector.read(end.cursor.object_type, sorted(ids.values()), end.cursor.fields)
        }
    except NeedsAttention:
        raise
    except ConnectorError:
        return []
    return [
        Delivery(order.change_id, Fate.DONE, FOUND, ids[value], found.get(ids[value]))
        if value in ids
        else Delivery(order.change_id, Fate.DROPPED, NOT_WRITTEN)
        for value, order in keyed.items()
    ]


def _was_linked(change: ChangeRecord) -> bool:
    """Whether matching has found the created record: its source is now linked with another one."""
    link = Member.objects.filter(record_id=change.source_id).values("link")
    return Link.objects.filter(pk__in=link, members__side=change.side).exists()


def _poll_would_show(ctx: Context, end: End, change: ChangeRecord) -> bool:
    """Whether a poll begun after the request could last no longer has brought the record, had it been made."""
    started, sent = end.cursor.poll_started_at, change.sent_at
    if started is None or sent is None:
        return False
    timeout = timedelta(seconds=float(end.connector.settings.get("timeout") or 0))
    return started > sent + timeout


def _close(change: ChangeRecord, state: ChangeRecord.State, reason: str) -> None:
    ChangeRecord.objects.filter(pk=change.pk).update(state=state, reason=reason, finished_at=timezone.now())
