"""Creates that a system refused, since it takes the person for somebody it has: a person says who it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alumnisync.engine.context import Context, End
from alumnisync.engine.identity import DUPLICATE
from alumnisync.engine.orders import Delivery
from alumnisync.models import ChangeRecord, Link, Match
from connectors import bulk
from connectors.models import RemoteRecord
from mappings.models import Sync

Refused = tuple[ChangeRecord, Delivery]
ANSWERED = "create", "never"
"""What a person says of somebody who is to be created all the same: it is not asked about again."""


def ask_about(ctx: Context, end: End, refused: Sequence[Refused]) -> list[Refused]:
    """Make possible matches of them; those that stay refused because a person has decided already.

    A proposed link goes: its source is proposed anew once it is known who it is. Inside a transaction.
    """
    if not refused:
        return []
    questions = _standing(ctx, refused)
    stay = [one for one in refused if one[0].source_id is None or one[0].source_id in questions]
    asked = {change.source_id: (change, delivery) for change, delivery in refused if (change, delivery) not in stay}
    for change, _ in asked.values():
        change.state = ChangeRecord.State.CLOSED
    _ask(ctx, end, list(asked.values()))
    links = [change.link_id for change, _ in asked.values() if change.link_id]
    Link.objects.filter(pk__in=links, state=Link.State.PROPOSED).delete()
    for change, _ in asked.values():
        change.link = None
    return stay


def said_new(sync: Sync, sources: Iterable[int | None]) -> set[int]:
    """Those of these records whom a person said to be nobody that is there already."""
    rows = Match.objects.filter(sync=sync, record__in=[pk for pk in sources if pk], choice__in=ANSWERED)
    return set(rows.exclude(state=Match.State.CLOSED).values_list("record_id", flat=True))


def _standing(ctx: Context, refused: Iterable[Refused]) -> set[int]:
    """The sources about whom something is asked or was decided; what no longer matters is closed."""
    sources = [change.source_id for change, _ in refused]
    rows = Match.objects.filter(sync=ctx.sync, record__in=sources).exclude(state=Match.State.CLOSED)
    stands = said_new(ctx.sync, sources)
    rows.exclude(record__in=stands).update(state=Match.State.CLOSED)
    return stands


def _ask(ctx: Context, end: End, refused: Sequence[Refused]) -> None:
    ids = {id for _, delivery in refused for id in delivery.others}
    known: dict[str, Any] = {}
    if ids:
        known = dict(RemoteRecord.objects.filter(cursor=end.cursor, remote_id__in=ids).values_list("remote_id", "pk"))
    rows = [
        Match(
            run=ctx.run,
            sync=ctx.sync,
            side=end.side.other,
            record=change.source,
            rule=DUPLICATE,
            reason=delivery.reason,
        )
        for change, delivery in refused
    ]
    bulk.insert(rows)
    bulk.insert(
        Match.candidates.through(match=row, remoterecord_id=known[id])
        for row, (_, delivery) in zip(rows, refused, strict=True)
        for id in delivery.others
        if id in known
    )
