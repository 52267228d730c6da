"""Rows of a feed that name nobody, once a person has said whose they are: they become rows of that person."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction
from django.utils import timezone

from alumnisync.engine.context import Context, End
from alumnisync.engine.feeds import is_unnamed, lay
from alumnisync.models import Link, Match, Member
from connectors import bulk
from connectors.erased import erased_among
from connectors.models import Cursor, FeedRow
from connectors.records import MISSING
from mappings import paths

WAIT = (
    "{count:,} of the changes that people laid to somebody wait until that person's record holds the id "
    "by which {feed} names people."
)


def give_rows(ctx: Context) -> None:
    """Lay the rows that a person gave to somebody into that person's record, where its id is known by now.

    Raises LeaseLost.
    """
    for end in ctx.ends.values():
        if not end.described.feed:
            continue
        decided = Match.objects.filter(
            sync=ctx.sync, record__cursor=end.cursor, record__unnamed=True, state=Match.State.DECIDED, choice="link"
        )
        matches = list(decided.select_related("record", "chosen").order_by("pk"))
        names = _names(ctx, end, matches)
        if names:
            _give(ctx, end, names)
        if len(names) < len(matches):
            ctx.say(WAIT.format(count=len(matches) - len(names), feed=end.label))


def _names(ctx: Context, end: End, matches: Collection[Match]) -> dict[Match, str]:
    """Match → the id by which the feed names whoever was chosen: it is linked there, or its key field says so."""
    chosen = [match.chosen_id for match in matches if match.chosen_id]
    links = dict(
        Member.objects.filter(sync=ctx.sync, record__in=chosen, link__state=Link.State.ACTIVE)
        .order_by()
        .values_list("record", "link")
    )
    mates = dict(
        Member.objects.filter(link__in=links.values(), side=end.side)
        .order_by()
        .values_list("link", "record__remote_id")
    )
    names = {match: mates.get(links.get(match.chosen_id or 0, 0)) or _key(ctx, end, match) for match in matches}
    erased = erased_among(end.connection.pk, end.cursor.object_type, filter(None, names.values()))
    return {match: name for match, name in names.items() if name and name not in erased and not is_unnamed(name)}


def _key(ctx: Context, end: End, match: Match) -> str:
    path = ctx.rules.sides[end.side.other].key_field
    held = paths.get(match.chosen.values, path) if path and match.chosen else MISSING
    return "" if held is MISSING or held is None else str(held).strip()


def _give(ctx: Context, end: End, names: Mapping[Match, str]) -> None:
    whose = {match.record.remote_id: name for match, name in names.items()}
    with transaction.atomic():
        ctx.lease.hold()
        Cursor.objects.select_for_update().get(pk=end.cursor.pk)
        rows = list(FeedRow.objects.filter(cursor=end.cursor, remote_id__in=list(whose)))
        for row in rows:
            row.remote_id = whose[row.remote_id]
        bulk.update(rows, ["remote_id"])
        lay(end.cursor, {*whose, *whose.values()}, end.described.volatile, timezone.now())
        Match.objects.filter(pk__in=[match.pk for match in names]).update(state=Match.State.CLOSED)
    end.cursor.refresh_from_db()
