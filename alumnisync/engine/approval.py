"""Carrying out a plan some time after it was shown: only what is still as it was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from alumnisync.engine.context import Context, chunks, grouped
from alumnisync.engine.holding import held_by, waiting_for
from alumnisync.engine.key_index import index
from alumnisync.engine.keys import identity_rules
from alumnisync.engine.opening import match_reader
from alumnisync.engine.presence import Presence, members_of, presence_of, sides_of
from alumnisync.engine.undone import leave_units
from alumnisync.engine.units import SIDES
from alumnisync.models import ChangeRecord, FieldChange, Link, MatchKey, Member, SyncRun
from connectors.models import RemoteRecord
from connectors.records import MISSING
from mappings import paths
from mappings.rules import Side
from mappings.translate import raw_equal, same

State = ChangeRecord.State
Sides = Mapping[Side, Presence]
CAME = "Somebody with the same match fields is there by now; the next run looks at it again."
MOVED = "It changed after it was shown; the next run looks at it again."


def drop_what_moved(ctx: Context, upto: Mapping[Side, int]) -> None:
    """Let the held part of the approved plan through, and drop changes of people who moved since it was made."""
    held = ctx.run.changes.filter(state=State.HELD)
    for item in waiting_for(ctx.run):
        held = held.exclude(held_by(item))
    with ctx.lease.held():
        held.update(state=State.PLANNED, guard="", reason="")
        # The proposed link is gone: matching has found out something else about these people since.
        ctx.run.changes.filter(link=None, state=State.PLANNED).update(
            state=State.DROPPED, reason=MOVED, finished_at=timezone.now()
        )
    moved: set[int] = set()
    for side in SIDES:
        shown_to = ctx.run.planned_to.get(side.value, 0)
        records = RemoteRecord.objects.filter(
            cursor=ctx.ends[side].cursor, change_no__gt=shown_to, change_no__lte=upto[side]
        )
        moved.update(Member.objects.filter(sync=ctx.sync, record__in=records).values_list("link_id", flat=True))
    for links in chunks(sorted(moved)):
        with ctx.lease.held():
            _drop(ctx, links)
        ctx.beat()


def drop_creates_found(ctx: Context, upto: Mapping[Side, int]) -> None:
    """Creates of people who share a match key with somebody who came over there after the plan was shown."""
    rules = identity_rules(ctx.sync.pk, ctx.rules)
    reader, lease = match_reader(ctx.planner), ctx.lease
    for side in SIDES:
        index(ctx.sync, side, ctx.ends[side].cursor, upto[side], rules, reader, ctx.beat, lease.hold)
    creates = ctx.run.changes.filter(kind=ChangeRecord.Kind.CREATE, state=State.PLANNED)
    for side in SIDES:
        there = MatchKey.objects.filter(sync=ctx.sync, side=side, digest=OuterRef("digest"), rule=OuterRef("rule"))
        shared = MatchKey.objects.filter(
            Exists(there), sync=ctx.sync, side=side.other, record__memberships__link=OuterRef("link")
        )
        known = creates.filter(Exists(shared), side=side)
        with ctx.lease.held():
            known.update(state=State.DROPPED, reason=CAME, finished_at=timezone.now())


def _drop(ctx: Context, links: list[int]) -> None:
    changes = ctx.run.changes.filter(link_id__in=links, state=State.PLANNED).select_related("link")
    members = members_of(links)
    everybody = [(Side(one.side), one.record) for ones in members.values() for one in ones]
    ctx.references.load(everybody, [change.link.bases for change in changes if change.link])
    fields = grouped(FieldChange.objects.filter(change__in=changes), lambda row: row.change_id)
    sides = {pk: _sides(ctx, ones) for pk, ones in members.items()}
    if ctx.run.kind == SyncRun.Kind.UNDO:
        leave_units(changes, fields, _fallen_units(ctx, changes, fields, sides))
        return
    fallen = [
        change for change in changes
        if change.link_id and not _stands(ctx, change, fields[change.pk], sides.get(change.link_id))
    ]  # fmt: skip
    _drop_changes(changes, fallen)


def _drop_changes(changes: Iterable[ChangeRecord], fallen: Iterable[ChangeRecord]) -> None:
    """Drop what fell; with a link that was only proposed, all that hangs on it."""
    unborn = {one.link_id for one in fallen if one.link and one.link.state == Link.State.PROPOSED}
    dropped = [one.pk for one in fallen] + [one.pk for one in changes if one.link_id in unborn]
    ChangeRecord.objects.filter(pk__in=dropped).update(state=State.DROPPED, reason=MOVED, finished_at=timezone.now())


def _fallen_units(
    ctx: Context,
    changes: Iterable[ChangeRecord],
    fields: Mapping[int, list[FieldChange]],
    sides: Mapping[int, Sides | None],
) -> set[tuple[int | None, str]]:
    """(link, unit) of an undo that moved since: of a unit all is put back or nothing, whatever records it is in."""
    fallen = set()
    for change in changes:
        for unit in {row.unit for row in fields[change.pk]}:
            rows = [row for row in fields[change.pk] if row.unit == unit]
            if not _stands(ctx, change, rows, sides.get(change.link_id or 0)):
                fallen.add((change.link_id, unit))
    return fallen


def _sides(ctx: Context, members: Iterable[Member]) -> Sides | None:
    """A person as planned; None where another of their records takes part now than was shown, or no longer does."""
    sides: dict[Side, Presence] = {}
    for side, known in sides_of(members).items():
        there = presence_of(ctx, side, known)
        if there is None or not there.is_as_shown():
            return None
        sides[side] = there
    return sides


def _stands(ctx: Context, change: ChangeRecord, rows: list[FieldChange], sides: Sides | None) -> bool:
    """Whether both sides still hold what the change was planned from."""
    if sides is None:
        return False
    if change.kind == ChangeRecord.Kind.SETTLE:
        return all(
            _holds(ctx, pair, Side(side), sides, raw)
            for pair, entry in change.settles.items()
            for side, raw in entry.items()
            if side in set(SIDES)
        )
    target = Side(change.side)
    if change.kind == ChangeRecord.Kind.CREATE:
        return _is_still_wanted(ctx, target, rows, sides)
    return all(
        (row.before is MISSING or _holds(ctx, row.pair, target, sides, row.before))
        and _holds(ctx, row.pair, target.other, sides, row.source)
        for row in rows
        if row.pair
    ) and not _rest_moved(ctx, rows, sides)


def _is_still_wanted(ctx: Context, to: Side, rows: list[FieldChange], sides: Sides) -> bool:
    """Whether the very same record would be created now: not if its source died or asked to be left alone since."""
    source = sides.get(to.other)
    if source is None or to in sides:
        return False
    creation = ctx.planner.creation(to, source.held, source.newest.remote_id)
    shown = {row.path: row.after for row in rows}
    now = {write.path: write.after for write in creation.writes}
    return not creation.refused and not creation.waits and raw_equal(shown, now)


def _rest_moved(ctx: Context, rows: list[FieldChange], sides: Sides) -> bool:
    """Whether, in a group, a field that was equal on both sides when it was shown no longer is."""
    written = {row.pair for row in rows}
    now = [
        {side: translator.read(side, sides[side].held.of(unit).values) for side in SIDES}
        for unit in {row.unit for row in rows if row.pair}
        for translator in ctx.planner.units[unit]
        if translator.pair.key not in written
    ]
    return any(not (same(one[SIDES[0]], one[SIDES[1]]) or any(one[side].is_missing for side in SIDES)) for one in now)


def _holds(ctx: Context, pair: str, side: Side, sides: Sides, raw: Any) -> bool:
    translator = ctx.planner.translators[pair]
    values = sides[side].held.of(ctx.planner.unit_of(pair)).values
    now = translator.read(side, values)
    if now.is_missing or raw is MISSING:
        return True
    expected = translator.read_raw(side, raw)
    return raw_equal(paths.get(values, translator.pair.paths[side]), raw) or same(now, expected)
