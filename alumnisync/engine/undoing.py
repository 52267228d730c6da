"""The plan of an undo: what a finished run wrote and can be put back, and why the rest is left as it is.

It is stored as any plan is and held until a person approves it. Nothing is written for it, and what other runs
plan or ask stays as it is; neither does any other run take over the lines of an undo that waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from alumnisync.engine import points
from alumnisync.engine.context import Context, chunks, grouped
from alumnisync.engine.created import Made
from alumnisync.engine.guard import Hold
from alumnisync.engine.mergers import frozen
from alumnisync.engine.plan import Person
from alumnisync.engine.presence import Presence, members_of, presence_of, sides_of
from alumnisync.engine.reverting import Stand, Written, revert
from alumnisync.engine.sheet import Sheet, field_change
from alumnisync.engine.undone import line_left
from alumnisync.engine.units import SIDES, UNDONE, Base
from alumnisync.models import ChangeRecord, FieldChange, Link, Question, Review, SyncRun
from connectors.records import MISSING
from mappings import paths
from mappings.rules import Side

State, Kind = ChangeRecord.State, ChangeRecord.Kind
GUARD = "undo"
NOT_YET = "Nothing is put back until somebody has looked at it and approves it."
NOT_LINKED = "The person is no longer linked, or what is kept of them was erased."
NOT_THERE = "One of the two records does not take part any more."
MOVING = "Which records of this person count is about to change. Run the sync first."
WAITS = "Two records of this person were merged; somebody says first who it is."
DEATH_WAITS = "It waits until the report of a death is decided."
UNDER_WAY = "Whether the last write to this person arrived is not known yet. Run the sync first: it finds out."
GONE = "The record is no longer found there."
IDS_LEFT = "ids_left"
"""Among a run's counts: ids that the run had written, and that stay."""
IDS_STAY = "Ids stay: they only say who is who."
OLD_KEPT = "old value kept"


def to_undo(run: SyncRun, only: Mapping[str, Any]) -> QuerySet[ChangeRecord]:
    """What a run wrote. only: "links" and "units" that it is narrowed to."""
    rows = run.changes.filter(state=State.DONE, kind__in=(Kind.CREATE, Kind.UPDATE, Kind.STAMP))
    if only.get("links"):
        rows = rows.filter(link__in=only["links"])
    if only.get("units"):
        wanted = FieldChange.objects.filter(change=OuterRef("pk"), unit__in=only["units"])
        rows = rows.filter(Exists(wanted), kind=Kind.UPDATE)
    return rows


def draft_undo(ctx: Context, upto: Mapping[Side, int]) -> None:
    """Store the plan of `ctx.run`, as both systems were at these change numbers."""
    assert ctx.run.undoes is not None  # noqa: S101 - refused before it began
    _close_former(ctx)
    written = to_undo(ctx.run.undoes, ctx.run.only)
    # They may be as many as people are: counted, not listed one by one.
    ctx.run.counts[IDS_LEFT] = written.filter(kind=Kind.STAMP).count()
    changes = written.exclude(kind=Kind.STAMP).order_by("pk")
    for loose in chunks(changes.filter(link=None).select_related("record")):
        with ctx.lease.held():
            _leave_all(ctx, loose)
    links = changes.exclude(link=None).order_by().values_list("link_id", flat=True)
    for ids in chunks(sorted(set(links))):
        with transaction.atomic():
            ctx.lease.hold()
            _Chunk(ctx, ids, changes.filter(link__in=ids)).plan()
        points.reached(points.CHUNK_PLANNED)
        ctx.beat()
    _hold(ctx.run, upto)
    points.reached(points.PLANNED)


def _close_former(ctx: Context) -> None:
    """What earlier undos of the same run left unfinished is looked at anew."""
    former = ctx.sync.runs.filter(undoes=ctx.run.undoes).exclude(pk=ctx.run.pk)
    with transaction.atomic():
        ctx.lease.hold()
        lines = ChangeRecord.objects.filter(run__in=former, state__in=ChangeRecord.UNFINISHED)
        lines.exclude(state=State.SENDING).update(state=State.CLOSED, finished_at=timezone.now())
        Review.objects.filter(run__in=former, state=Question.State.HELD).update(state=Question.State.CLOSED)


def _hold(run: SyncRun, upto: Mapping[Side, int]) -> None:
    planned = run.changes.filter(state=State.PLANNED).count()
    asked = Review.objects.filter(run=run, state=Question.State.HELD).count()
    run.holds = [Hold(GUARD, "", "", "", planned + asked, 0, NOT_YET).as_json()] if planned or asked else []
    run.planned_to = {side.value: number for side, number in upto.items()}
    run.save(update_fields=["holds", "planned_to", "counts"])


def _leave_all(ctx: Context, changes: Sequence[ChangeRecord]) -> None:
    sheet = Sheet(ctx.run)
    for change in changes:
        sheet.changes.append((line_left(change, ctx.run.pk, NOT_LINKED), []))
    sheet.store()


class _Chunk:
    """What a run wrote to a few hundred people. To be made and planned in one transaction."""

    def __init__(self, ctx: Context, ids: Sequence[int], changes: QuerySet[ChangeRecord]) -> None:
        self.ctx, self.sheet = ctx, Sheet(ctx.run)
        self.links = Link.objects.in_bulk(ids)
        self.changes = grouped(changes.select_related("record"), lambda change: change.link_id or 0)
        self.fields = _fields(changes, ctx.run.only.get("units", ()))
        self.members = members_of(ids)
        everybody = [(Side(one.side), one.record) for members in self.members.values() for one in members]
        ctx.references.load(everybody, (link.bases for link in self.links.values()))
        self.merging = frozen(ctx.sync, ids)
        sending = ChangeRecord.objects.filter(link_id__in=ids, state=State.SENDING)
        self.under_way = set(sending.values_list("link_id", flat=True))
        self.since = _since(ctx, ids, self.changes)
        self.made = Made(ctx, ids)
        self.left: dict[tuple[int, int | None, str, str], list[FieldChange]] = {}

    def plan(self) -> None:
        for pk, link in self.links.items():
            self._plan_person(link, self.changes[pk])
        self.sheet.store()
        self.made.store()

    def _plan_person(self, link: Link, changes: Sequence[ChangeRecord]) -> None:
        sides = {side: there for side, ones in sides_of(self.members[link.pk]).items()
                 if (there := presence_of(self.ctx, side, ones))}  # fmt: skip
        for change in changes:
            if change.kind == Kind.CREATE:
                held = {side: there.held for side, there in sides.items()}
                self._leave(change, self.made.ask(link, change, held))
        why = self._stays(link, sides)
        for unit, rows in self._units(changes).items():
            if why:
                for change, row in rows:
                    self._leave(change, why, row)
            else:
                self._revert(link, unit, rows, sides)

    def _stays(self, link: Link, sides: Mapping[Side, Presence]) -> str:
        """Why nothing at all is put back for a person; "" where something may be."""
        if link.pk in self.under_way:
            return UNDER_WAY
        if link.pk in self.merging:
            return WAITS
        if len(sides) < len(SIDES):
            return NOT_THERE
        if not all(there.is_as_shown() for there in sides.values()):
            return MOVING
        bases = {key: Base.load(entry) for key, entry in link.bases.items()}
        person = Person({side: there.held for side, there in sides.items()}, bases)
        return DEATH_WAITS if self.ctx.planner.is_frozen(person) else ""

    def _units(self, changes: Iterable[ChangeRecord]) -> dict[str, list[tuple[ChangeRecord, FieldChange]]]:
        units: dict[str, list[tuple[ChangeRecord, FieldChange]]] = defaultdict(list)
        for change in changes:
            for row in self.fields[change.pk] if change.kind == Kind.UPDATE else ():
                units[row.unit].append((change, row))
        return units

    def _revert(
        self,
        link: Link,
        unit: str,
        rows: Sequence[tuple[ChangeRecord, FieldChange]],
        sides: Mapping[Side, Presence],
    ) -> None:
        if any(change.record is None or change.record.gone_at for change, _ in rows):
            for change, row in rows:
                self._leave(change, GONE, row)
            return
        stand = Stand(
            {side: there.held for side, there in sides.items()},
            {side: there.speaker(unit).pk for side, there in sides.items()},
            self.since.get((link.pk, unit), {}),
        )
        reverted = revert(self.ctx.planner, unit, _written(rows), stand)
        for one, write in reverted.writes:
            record, source = rows[one.place][0].record, sides[one.side.other].newest
            assert record is not None  # noqa: S101 - looked at above
            self.sheet.write(Kind.UPDATE, link, one.side, record, source).append(field_change(write, unit))
        for one, why in reverted.left:
            change, row = rows[one.place]
            self._leave(change, why, row)

    def _leave(self, change: ChangeRecord, why: str, row: FieldChange | None = None) -> None:
        """List it with why; fields of a record that stay for one reason are one line."""
        place = (change.link_id or 0, change.record_id, change.kind, why)
        if place not in self.left:
            self.left[place] = []
            self.sheet.changes.append((line_left(change, self.ctx.run.pk, why), self.left[place]))
        if row is not None:
            self.left[place].append(_as_it_is(change, row))


def _fields(changes: QuerySet[ChangeRecord], units: Sequence[str]) -> dict[int, list[FieldChange]]:
    rows = FieldChange.objects.filter(change__in=changes, change__kind=Kind.UPDATE).order_by("pk")
    return grouped(rows.filter(unit__in=units) if units else rows, lambda row: row.change_id)


def _now(change: ChangeRecord, path: str) -> object:
    return paths.get(change.record.values, path) if change.record else MISSING


def _written(rows: Iterable[tuple[ChangeRecord, FieldChange]]) -> list[Written]:
    return [
        Written(
            place,
            Side(change.side),
            change.record_id or 0,
            row.pair,
            row.path,
            row.before,
            row.after,
            row.source,
            _now(change, row.path),
            is_kept=row.rule == OLD_KEPT,
        )
        for place, (change, row) in enumerate(rows)
    ]


def _as_it_is(change: ChangeRecord, row: FieldChange) -> FieldChange:
    now = _now(change, row.path)
    return FieldChange(
        pair=row.pair, unit=row.unit, path=row.path, before=now, after=row.before, source=row.source, rule=UNDONE
    )


def _since(
    ctx: Context, ids: Sequence[int], changes: Mapping[int, Sequence[ChangeRecord]]
) -> dict[tuple[int, str], dict[str, tuple[Side, object]]]:
    """(link, group) → pair that was written or settled later → a side, and what it held before that."""
    groups = {unit for unit, pairs in ctx.planner.units.items() if len(pairs) > 1}
    ended = {pk: max(one.finished_at for one in ones if one.finished_at) for pk, ones in changes.items()}
    if not groups or not ended:
        return {}
    later = ChangeRecord.objects.filter(
        link_id__in=ids, state=State.DONE, finished_at__gt=min(ended.values()), kind__in=(Kind.UPDATE, Kind.SETTLE)
    ).exclude(run=ctx.run.undoes)
    found: dict[tuple[int, str], dict[str, tuple[Side, object]]] = defaultdict(dict)
    for change in later.order_by("finished_at", "pk").prefetch_related("fields"):
        link = change.link_id or 0
        if change.finished_at is None or change.finished_at <= ended[link]:
            continue
        for pair, side, before in _touched(change):
            unit = ctx.planner.unit_of(pair) if pair in ctx.planner.translators else ""
            if unit in groups:
                found[link, unit].setdefault(pair, (side, before))
    return found


def _touched(change: ChangeRecord) -> list[tuple[str, Side, object]]:
    """Pair, side and what was there before; where both sides came to agree by themselves that is not known."""
    if change.kind == Kind.SETTLE:
        return [(pair, SIDES[0], MISSING) for pair in change.settles]
    return [(row.pair, Side(change.side), row.before) for row in change.fields.all() if row.pair]
