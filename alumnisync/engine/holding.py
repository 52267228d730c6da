"""Counting what a plan would do, and holding what the safety limits stop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from alumnisync.engine.context import CHUNK, Context, chunks
from alumnisync.engine.guard import Figures, Hold, judge_creates, judge_fields, judge_gone, limits, same_values
from alumnisync.engine.units import SIDES
from alumnisync.engine.usual import REMEMBERS, History
from alumnisync.models import ChangeRecord, FieldChange, Link, Member, Question, Review, SyncRun
from connectors import bulk
from mappings.models import Sync
from mappings.rules import Side

PLANNED = ChangeRecord.State.PLANNED
Key = tuple[str, Side]


def guard(ctx: Context, lists: Iterable[Hold]) -> list[Hold]:
    """What of the stored plan the safety limits stop; the figures stay with the run. lists: those not believed."""
    own, usual = limits(ctx.sync.guards), history(ctx.sync, before=ctx.run).usual
    people = linked_people(ctx.sync)
    gone, created, figures = _gone(ctx), _creates(ctx.run), _figures(ctx)
    _keep(ctx.run, gone, created, figures)
    holds = [replace(item, usual=usual("list", item.unit), unit="") for item in lists]
    holds += judge_gone(gone, own, people, usual)
    holds += judge_creates(created, own, people, usual)
    return holds + judge_fields(figures, own, people, usual)


def linked_people(sync: Sync) -> int:
    """How many people the shares of the limits are of."""
    return Link.objects.filter(sync=sync).count()


def history(sync: Sync, before: SyncRun | None = None) -> History:
    """The figures of the runs that were let through, the newest first."""
    runs = sync.runs.filter(state__in=(SyncRun.State.DONE, SyncRun.State.PARTIAL), kind=SyncRun.Kind.RUN)
    runs = runs.filter(pk__lt=before.pk) if before else runs
    return History(runs.order_by("-pk").values_list("counts", flat=True)[:REMEMBERS])


def _keep(run: SyncRun, gone: int, created: Mapping[Side, int], figures: Iterable[Figures]) -> None:
    """Keep the figures in the run's counts: what was usual, later ones are told by them."""
    kept: dict[str, Any] = {"changed": {}, "blanked": {}, "same_value": {}, "gone": {"": gone}}
    kept["created"] = {side.value: count for side, count in created.items()}
    kept["list"] = run.counts.get("figures", {}).get("list", {})
    for figure in figures:
        counts = {"changed": figure.changed, "blanked": figure.blanked, "same_value": same_values(figure)}
        for name, count in counts.items():
            if count:
                kept[name][figure.key] = count
    run.counts["figures"] = kept


def hold(run: SyncRun, holds: Iterable[Hold], check: Callable[[], None] = lambda: None) -> None:
    """Set the held part of the plan apart, so that the rest can go through. check: first in each transaction"""
    for item in holds:
        if item.guard == "created":
            creates = run.changes.filter(kind=ChangeRecord.Kind.CREATE, side=item.direction, state=PLANNED)
            with transaction.atomic():
                check()
                creates.update(state=ChangeRecord.State.HELD, guard=item.guard, reason=item.reason)
        elif item.unit:
            _hold_field(run, item, check)


def held_by(item: Hold) -> Q:
    """The changes of its run that a limit set apart. (A removal is a line of the side that lost its value.)"""
    to = Side(item.direction)
    writes = Q(kind__in=(ChangeRecord.Kind.UPDATE, ChangeRecord.Kind.CREATE), side=to)
    removals = Q(kind=ChangeRecord.Kind.SETTLE, side=to.other)
    is_held = Q(state=ChangeRecord.State.HELD, guard=item.guard, reason=item.reason)
    return is_held & (writes | removals)


def reviews_of(run: SyncRun, item: Hold, state: Question.State) -> QuerySet[Review]:
    """The removals of a held field that a person was to be asked about."""
    return Review.objects.filter(run=run, unit=item.unit, side=item.direction, blanks=True, state=state)


def waiting_for(run: SyncRun) -> list[Hold]:
    """What stays on hold though the rest of its run was let through."""
    return [Hold.load(item) for item in run.holds if item.get("waits")]


def _figures(ctx: Context) -> list[Figures]:
    figures: dict[Key, Figures] = {}

    def at(unit: str, side: Side) -> Figures:
        if (unit, side) not in figures:
            pairs = ctx.planner.units[unit]
            label = pairs[0].pair.group or pairs[0].pair.paths[side]
            figures[unit, side] = Figures(unit, label, side, pairs[0].pair.kind)
        return figures[unit, side]

    for (unit, side), count in _changed(ctx.run).items():
        figures[unit, side] = replace(at(unit, side), changed=count)
    for (unit, side), count in _blanked(ctx.run).items():
        figures[unit, side] = replace(at(unit, side), blanked=count)
    for (unit, side), count in _same_values(ctx.run).items():
        figures[unit, side] = replace(at(unit, side), same_value=count)
    return list(figures.values())


def _fields(run: SyncRun) -> QuerySet[FieldChange]:
    """The planned field changes that a limit may hold."""
    return FieldChange.objects.filter(change__run=run, change__state=PLANNED, urgent=False)


def _changed(run: SyncRun) -> dict[Key, int]:
    """(unit, receiving side) → how many people would get another value."""
    rows = _fields(run).filter(change__kind=ChangeRecord.Kind.UPDATE)
    counted = rows.values_list("unit", "change__side").annotate(people=Count("change__link", distinct=True))
    return {(unit, Side(side)): people for unit, side, people in counted.order_by()}


def _blanked(run: SyncRun) -> dict[Key, int]:
    """(unit, side that would follow) → how many people lost the value on the other side."""
    found: dict[Key, int] = defaultdict(int)
    rows = _fields(run).filter(blanks=True)
    counted = rows.values_list("unit", "change__kind", "change__side").annotate(
        people=Count("change__link", distinct=True)
    )
    for unit, kind, side in ((row[0], row[1], row[2:]) for row in counted.order_by()):
        receiver = Side(side[0]).other if kind == ChangeRecord.Kind.SETTLE else Side(side[0])
        found[unit, receiver] += side[1]
    asked = Review.objects.filter(run=run, blanks=True, state=Question.State.OPEN)
    for unit, side, people in asked.values_list("unit", "side").annotate(people=Count("pk")).order_by():
        found[unit, Side(side)] += people
    return found


def _same_values(run: SyncRun) -> dict[Key, int]:
    """(unit, receiving side) → how many people would get the most frequent new value."""
    rows = _fields(run).filter(change__kind=ChangeRecord.Kind.UPDATE, blanks=False).exclude(pair="")
    counted = rows.values_list("unit", "change__side", "pair", "after").annotate(people=Count("pk"))
    found: dict[Key, int] = {}
    for unit, side, _, _, people in counted.filter(people__gt=1).order_by("people"):
        found[unit, Side(side)] = people
    return found


def _creates(run: SyncRun) -> dict[Side, int]:
    creates = run.changes.filter(kind=ChangeRecord.Kind.CREATE, state=PLANNED)
    return {side: creates.filter(side=side).count() for side in SIDES}


def _gone(ctx: Context) -> int:
    """Linked people who disappeared since the last run whose figures were believed."""
    believed = ctx.sync.runs.filter(state__in=(SyncRun.State.DONE, SyncRun.State.PARTIAL), kind=SyncRun.Kind.RUN)
    last = believed.exclude(pk=ctx.run.pk).order_by("-finished_at").first()
    gone = Member.objects.filter(sync=ctx.sync, link__state=Link.State.ACTIVE, record__gone_at__isnull=False)
    return gone.filter(record__gone_at__gt=last.started_at).count() if last and last.started_at else gone.count()


def _hold_field(run: SyncRun, item: Hold, check: Callable[[], None]) -> None:
    side = Side(item.direction)
    with transaction.atomic():
        check()
        reviews_of(run, item, Question.State.OPEN).update(state=Question.State.HELD, reason=item.reason)
    sends = Q(kind=ChangeRecord.Kind.UPDATE, side=side)
    removals = Q(kind=ChangeRecord.Kind.SETTLE, side=side.other)
    affected = run.changes.filter(sends | removals, state=PLANNED, fields__unit=item.unit, fields__urgent=False)
    for ids in chunks(affected.order_by("pk").values_list("pk", flat=True).distinct().iterator(CHUNK)):
        with transaction.atomic():
            check()
            _split(ids, item)


def _split(ids: list[int], item: Hold) -> None:
    """Move the held fields of these changes into changes of their own, which wait for a person."""
    mixed = set(
        FieldChange.objects.filter(change_id__in=ids).exclude(unit=item.unit).values_list("change_id", flat=True)
    )
    held = {"state": ChangeRecord.State.HELD, "guard": item.guard, "reason": item.reason}
    ChangeRecord.objects.filter(pk__in=set(ids) - mixed).update(**held)
    apart = {change.pk: change.line_like(**held) for change in ChangeRecord.objects.filter(pk__in=mixed)}
    bulk.insert(apart.values())
    fields = list(FieldChange.objects.filter(change_id__in=mixed, unit=item.unit))
    for row in fields:
        row.change = apart[row.change_id]
    bulk.update(fields, ["change"])
