"""Store the keys of records that changed, so that others can be found by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Q

from alumnisync.engine.keys import IdentityRule, Reader, keys
from alumnisync.models import MatchKey, Progress
from connectors import bulk
from connectors.models import Cursor, RemoteRecord
from mappings.models import Sync
from mappings.rules import Side

CHUNK = 500


def index(
    sync: Sync,
    side: Side,
    cursor: Cursor,
    upto: int,
    rules: Sequence[IdentityRule],
    canonical: Callable[[Side, str], Reader],
    beat: Callable[[], None],
    hold: Callable[[], None] = lambda: None,
) -> int:
    """Store the keys of what changed; also of who is linked, gone or out of scope, for they block.

    beat: called after each chunk; hold: first in each transaction
    Gives how many records that were.
    """
    readers = {path: canonical(side, path) for rule in rules if not rule.holder for path in rule.paths[side]}
    records_changed = RemoteRecord.objects.filter(changed(sync, side, upto), cursor=cursor).order_by("change_no", "pk")
    last, count = (0, 0), 0
    while records := list(
        # The first condition goes by the index, the second tells equal numbers apart.
        records_changed.filter(change_no__gte=last[0])
        .filter(Q(change_no__gt=last[0]) | Q(pk__gt=last[1]))
        .only("remote_id", "values", "change_no", "gone_at")[:CHUNK]
    ):
        with transaction.atomic():
            hold()
            _store_keys(sync, side, [one for one in records if one.values or not one.gone_at], rules, readers)
        beat()
        last = (records[-1].change_no, records[-1].pk)
        count += len(records)
    return count


def changed(sync: Sync, side: Side, upto: int) -> Q:
    """What of a side changed since it was last planned."""
    progress = Progress.objects.filter(sync=sync, side=side).first()
    return Q(change_no__gt=progress.planned_to if progress else 0, change_no__lte=upto)


def _store_keys(
    sync: Sync,
    side: Side,
    records: Iterable[RemoteRecord],
    rules: Sequence[IdentityRule],
    readers: Mapping[str, Reader],
) -> None:
    wanted = {
        (record.pk, rule.name, digest)
        for record in records
        for rule in rules
        for digest in keys(rule, side, record.remote_id, record.values, readers)
    }
    stored = {
        (record, rule, bytes(digest)): pk
        for pk, record, rule, digest in MatchKey.objects.filter(
            sync=sync, side=side, record__in=[record.pk for record in records]
        ).values_list("pk", "record_id", "rule", "digest")
    }
    if stale := [pk for key, pk in stored.items() if key not in wanted]:
        MatchKey.objects.filter(pk__in=stale).delete()
    bulk.insert(
        MatchKey(sync_id=sync.pk, side=side, record_id=record, rule=rule, digest=digest)
        for record, rule, digest in sorted(wanted - stored.keys())
    )
