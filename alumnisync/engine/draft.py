"""The plan of a run, drafted from the database: who has to be looked at again.

Everybody with a change number above what was planned, and everybody with something unfinished; what was
unfinished is closed and written anew from present values, in the transaction that stores the new lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from alumnisync.engine import points
from alumnisync.engine.chunk import Chunk
from alumnisync.engine.context import CHUNK, Context, chunks
from alumnisync.engine.match import unmatched
from alumnisync.engine.units import SIDES
from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Member, Progress, Question, Review, SyncRun
from connectors import bulk
from connectors.models import RemoteRecord
from connectors.records import NeedsAttention
from mappings.models import MappingVersion, Sync
from mappings.rules import Create, Side


def draft(ctx: Context, upto: Mapping[Side, int]) -> None:
    """Store the plan of `ctx.run` for all changes up to these change numbers."""
    _propose_creates(ctx, upto)
    _set_aside_loose(ctx, upto)
    people = sorted(_links_to_plan(ctx, upto))
    for ids in chunks(people):
        with ctx.lease.held():
            Chunk(ctx, ids).plan()
        points.reached(points.CHUNK_PLANNED)
        ctx.beat()
    if len(people) > CHUNK:
        bulk.recount(ChangeRecord, FieldChange, Link, Member)
    with ctx.lease.held():
        _refuse_replaced_rules(ctx)
        for side in SIDES:
            Progress.objects.update_or_create(sync=ctx.sync, side=side, defaults={"planned_to": upto[side]})
        ctx.run.planned_to = {side.value: upto[side] for side in SIDES}
        ctx.run.save(update_fields=["planned_to"])


def _refuse_replaced_rules(ctx: Context) -> None:
    """Other rules put in force meanwhile reach everybody from the start: that must not be overwritten."""
    Sync.objects.select_for_update().get(pk=ctx.sync.pk)
    if MappingVersion.objects.filter(pk=ctx.run.version_id, state=MappingVersion.State.RETIRED).exists():
        raise NeedsAttention("Other rules were put in force while this run was under way. Run the sync again.")


def planned_to(ctx: Context) -> dict[Side, int]:
    """Up to which change number each side was planned before."""
    rows = dict(Progress.objects.filter(sync=ctx.sync).values_list("side", "planned_to"))
    return {side: rows.get(side.value, 0) for side in SIDES}


def _links_to_plan(ctx: Context, upto: Mapping[Side, int]) -> set[int]:
    links = set(Link.objects.filter(sync=ctx.sync, state=Link.State.PROPOSED).values_list("pk", flat=True))
    links.update(Member.objects.filter(sync=ctx.sync, state__in=Member.PENDING).values_list("link_id", flat=True))
    for side, low in planned_to(ctx).items():
        changed = RemoteRecord.objects.filter(
            cursor=ctx.ends[side].cursor, change_no__gt=low, change_no__lte=upto[side]
        )
        links.update(
            Member.objects.filter(sync=ctx.sync, side=side, record__in=changed)
            .order_by()
            .values_list("link_id", flat=True)
        )
    unfinished = ChangeRecord.objects.filter(run__sync=ctx.sync, state__in=ChangeRecord.UNFINISHED)
    links.update(unfinished.exclude(link=None).exclude(run=ctx.run).order_by().values_list("link_id", flat=True))
    for model in (Conflict, Review):
        waiting = model.objects.filter(link__sync=ctx.sync).exclude(state=Question.State.CLOSED)
        links.update(waiting.order_by().values_list("link_id", flat=True))
    return links


def _set_aside_loose(ctx: Context, upto: Mapping[Side, int]) -> None:
    """Records without a link that could not be read or judged are set aside alone, with what was said of them."""
    loose = ChangeRecord.objects.filter(run__sync=ctx.sync, link=None, state__in=ChangeRecord.UNFINISHED)
    loose = loose.exclude(run=ctx.run).exclude(run__kind=SyncRun.Kind.UNDO).exclude(state=ChangeRecord.State.SENDING)
    former = set(loose.exclude(record=None).values_list("record", flat=True))
    loose.update(state=ChangeRecord.State.CLOSED)
    for side in SIDES:
        there = RemoteRecord.objects.filter(cursor=ctx.ends[side].cursor, gone_at=None)
        unreadable = there.exclude(problem="").iterator(CHUNK)
        _set_aside(ctx, side, ((record, record.problem) for record in unreadable))
        if ctx.rules.sides[side].scope:
            _set_aside(ctx, side, _unjudged(ctx, side, there, former, upto))


def _unjudged(
    ctx: Context, side: Side, there: QuerySet[RemoteRecord], former: set[int], upto: Mapping[Side, int]
) -> Iterator[tuple[RemoteRecord, str]]:
    """Records of which can't be told whether they take part; linked ones are looked at with their link."""
    changed = Q(change_no__gt=planned_to(ctx)[side], change_no__lte=upto[side])
    members = Member.objects.filter(sync=ctx.sync, side=side, record=OuterRef("pk"))
    records = there.filter(changed | Q(pk__in=former), problem="").exclude(Exists(members))
    for record in records.order_by("pk").iterator(CHUNK):
        if problem := ctx.scope_problem(side, record):
            yield record, problem


def _set_aside(ctx: Context, side: Side, found: Iterable[tuple[RemoteRecord, str]]) -> None:
    for rows in chunks(found):
        ChangeRecord.objects.bulk_create(
            ChangeRecord(
                run=ctx.run,
                kind=ChangeRecord.Kind.UPDATE,
                side=side,
                record=record,
                state=ChangeRecord.State.SET_ASIDE,
                reason=reason,
            )
            for record, reason in rows
        )
        ctx.beat()


def _propose_creates(ctx: Context, upto: Mapping[Side, int]) -> None:
    """A person found on one side only is proposed with that one record; the other is to be created."""
    for side in SIDES:
        if ctx.rules.sides[side.other].create is Create.OFF:
            continue
        cursor = ctx.ends[side].cursor
        for wanted in unmatched(ctx.sync, side, ctx.rules, cursor, upto[side], in_scope=ctx.takes_part):
            with ctx.lease.held():
                links = [Link(sync=ctx.sync, rule="created", created_at=timezone.now()) for _ in wanted]
                bulk.insert(links)
                bulk.insert(
                    Member(link=link, sync=ctx.sync, side=side, record=record)
                    for link, record in zip(links, wanted, strict=True)
                )
            ctx.beat()
