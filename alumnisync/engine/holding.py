"""Counting what a plan would do, and holding what the safety limits stop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from alumnisync.engine.context import CHUNK, Context, chunks
from alumnisync.engine.guard import Figures, Hold, judge_creates, judge_fields, judge_gone, limits
from alumnisync.engine.units import SIDES
from alumnisync.models import ChangeRecord, FieldChange, Link, Member, Question, Review, SyncRun
from connectors import bulk
from mappings.rules import Side

PLANNED = ChangeRecord.State.PLANNED
HISTORY = 10
"""How many earlier runs say what is usual."""

Key = tuple[str, Side]


def guard(ctx: Context, verdicts: Iterable[str]) -> list[Hold]:
    """What of the stored plan the safety limits stop. verdicts: why lists are not believed."""
    own = limits(ctx.sync.guards)
    people = Link.objects.filter(sync=ctx.sync).count()
    holds = [Hold("list", "", "", "", 0, 0, verdict) for verdict in verdicts if verdict]
    holds += judge_gone(_gone(ctx), own, people)
    holds += judge_creates(_creates(ctx.run), own, people)
    return holds + judge_fields(_figures(ctx), own, people)


def hold(run: SyncRun, holds: Iterable[Hold]) -> None:
    """Set the held part of the plan apart, so that the rest can go through."""
    for item in holds:
        if item.guard == "created":
            creates = run.changes.filter(kind=ChangeRecord.Kind.CREATE, side=item.direction, state=PLANNED)
            creates.update(state=ChangeRecord.State.HELD, guard=item.guard, reason=item.reason)
        elif item.unit:
            _hold_field(run, item)


def _figures(ctx: Context) -> list[Figures]:
    usual = _usual(ctx)
    figures: dict[Key, Figures] = {}

    def at(unit: str, side: Side) -> Figures:
        if (unit, side) not in figures:
            pairs = ctx.planner.units[unit]
            label = pairs[0].pair.group or pairs[0].pair.paths[side]
            figures[unit, side] = Figures(unit, label, side, pairs[0].pair.kind, usual=usual.get(f"{unit}>{side}"))
        return figures[unit, side]

    for (unit, side), count in changed(ctx.run).items():
        figures[unit, side] = replace(at(unit, side), changed=count)
    for (unit, side), count in _blanked(ctx.run).items():
        figures[unit, side] = replace(at(unit, side), blanked=count)
    for (unit, side), count in _same_values(ctx.run).items():
        figures[unit, side] = replace(at(unit, side), same_value=count)
    return list(figures.values())


def _fields(run: SyncRun) -> QuerySet[FieldChange]:
    """The planned field changes that a limit may hold."""
    return FieldChange.objects.filter(change__run=run, change__state=PLANNED, urgent=False)


def changed(run: SyncRun) -> dict[Key, int]:
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


def _usual(ctx: Context) -> dict[str, int]:
    """What each field and direction came to in the runs before: the median of its counts."""
    runs = ctx.sync.runs.filter(state__in=(SyncRun.State.DONE, SyncRun.State.PARTIAL), kind=SyncRun.Kind.RUN)
    history: dict[str, list[int]] = defaultdict(list)
    for counts in runs.values_list("counts", flat=True)[:HISTORY]:
        for key, count in counts.get("by_field", {}).items():
            history[key].append(count)
    return {key: int(median(counts)) for key, counts in history.items()}


def _hold_field(run: SyncRun, item: Hold) -> None:
    side = Side(item.direction)
    Review.objects.filter(run=run, unit=item.unit, side=side, blanks=True, state=Question.State.OPEN).update(
        state=Question.State.HELD, reason=item.reason
    )
    sends = Q(kind=ChangeRecord.Kind.UPDATE, side=side)
    removals = Q(kind=ChangeRecord.Kind.SETTLE, side=side.other)
    affected = run.changes.filter(sends | removals, state=PLANNED, fields__unit=item.unit, fields__urgent=False)
    for ids in chunks(affected.order_by("pk").values_list("pk", flat=True).distinct().iterator(CHUNK)):
        with transaction.atomic():
            _split(ids, item)


def _split(ids: list[int], item: Hold) -> None:
    """Move the held fields of these changes into changes of their own, which wait for a person."""
    mixed = set(
        FieldChange.objects.filter(change_id__in=ids).exclude(unit=item.unit).values_list("change_id", flat=True)
    )
    held = {"state": ChangeRecord.State.HELD, "guard": item.guard, "reason": item.reason}
    ChangeRecord.objects.filter(pk__in=set(ids) - mixed).update(**held)
    apart = {}
    for change in ChangeRecord.objects.filter(pk__in=mixed):
        apart[change.pk] = ChangeRecord(
            run_id=change.run_id,
            link_id=change.link_id,
            kind=change.kind,
            side=change.side,
            record_id=change.record_id,
            source_id=change.source_id,
            **held,
        )
    bulk.insert(apart.values())
    fields = list(FieldChange.objects.filter(change_id__in=mixed, unit=item.unit))
    for row in fields:
        row.change = apart[row.change_id]
    bulk.update(fields, ["change"])
