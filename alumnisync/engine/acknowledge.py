"""Acknowledge: tell a feed which of its rows it need not bring again, once what became of them is stored.

A row is acknowledged when its person was planned with it and nothing of that person's is left that this sync
would still send: it is done, waits for a person, is set aside, or is kept for whoever gets linked. What other
syncs read of the same feed they plan from what has landed here. Rows about people who were erased are never
stored; they are acknowledged as they came, or they would be brought again for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from django.db import transaction
from django.utils import timezone

from alumnisync.engine import points
from alumnisync.engine.context import CHUNK, Context, End, chunks
from alumnisync.engine.faults import without_words
from alumnisync.models import ChangeRecord, Conflict, Match, Member, Question, Review, SyncRun
from connectors import bulk
from connectors.models import FeedRow, RemoteRecord
from connectors.records import ConnectorError, NeedsAttention

State = ChangeRecord.State
Outcome = FeedRow.Outcome
UNSENT = (State.PLANNED, State.HELD, State.SENDING, State.DROPPED)
"""Changes of which a later run, or an approval, makes something else."""
LATER = "{feed} could not be told which of its changes are handled; the next run tells it. {why}"


def acknowledge(ctx: Context) -> None:
    """Tell each feed of the run what is handled; to be called once a plan was carried out.

    Raises NeedsAttention where the feed lets us do nothing more, and LeaseLost. Rows that could not be
    acknowledged, or of which that could not be stored, are acknowledged again by the next run.
    """
    for end in ctx.ends.values():
        if not end.described.feed:
            continue
        count = 0
        try:
            for rows in _chunks(ctx, end):
                count += _tell(ctx, end, rows)
            for ids in chunks(ctx.erased_rows.get(end.side, ())):
                ctx.lease.check()
                end.connector.acknowledge(end.cursor.object_type, ids)
                count += len(ids)
        except NeedsAttention:
            raise
        except ConnectorError as error:
            ctx.say(LATER.format(feed=end.label, why=without_words(error.message)))
        ctx.run.counts.setdefault("acknowledged", {})[end.side.value] = count
        if count:
            ctx.say(f"{end.label}: {count:,} changes acknowledged.")


def _chunks(ctx: Context, end: End) -> Iterator[list[FeedRow]]:
    """Rows that are handled, each with its outcome."""
    after = 0
    waiting = (
        FeedRow.objects.filter(cursor=end.cursor, acknowledged_at=None).order_by("pk").defer("values", "field_times")
    )
    while rows := list(waiting.filter(pk__gt=after)[:CHUNK]):
        after = rows[-1].pk
        outcomes = _outcomes(ctx, end, {row.remote_id for row in rows})
        handled = [row for row in rows if row.remote_id in outcomes]
        for row in handled:
            row.outcome = outcomes[row.remote_id]
        if handled:
            yield handled


def _tell(ctx: Context, end: End, rows: Sequence[FeedRow]) -> int:
    ctx.lease.check()
    end.connector.acknowledge(end.cursor.object_type, [row.change_id for row in rows])
    points.reached(points.ACKNOWLEDGED)
    now = timezone.now()
    for row in rows:
        row.acknowledged_at = now
    with transaction.atomic():
        ctx.lease.hold()
        bulk.update(rows, ["outcome", "acknowledged_at"])
    ctx.beat()
    return len(rows)


def _outcomes(ctx: Context, end: End, ids: Set[str]) -> Mapping[str, FeedRow.Outcome]:
    """Record id → what its rows have come to; without those of which something is still to be sent or planned."""
    planned_to = ctx.run.planned_to.get(end.side.value, 0)
    planned = RemoteRecord.objects.filter(cursor=end.cursor, remote_id__in=list(ids), change_no__lte=planned_to)
    records = dict(planned.order_by().values_list("pk", "remote_id"))
    members = Member.objects.filter(sync=ctx.sync, side=end.side, record__in=list(records))
    links: dict[int, int] = dict(members.order_by().values_list("record", "link"))
    unsent = _changing(links, UNSENT) | _asked(links, Question.State.HELD)
    waiting, aside = _asked(links, Question.State.OPEN), _changing(links, (State.SET_ASIDE,))
    open_matches = Match.objects.filter(sync=ctx.sync, record__in=list(records), state=Match.State.OPEN)
    matches = set(open_matches.values_list("record", flat=True))
    outcomes = {}
    for pk, remote_id in records.items():
        link = links.get(pk)
        if link is None:
            outcomes[remote_id] = Outcome.WAITING if pk in matches else Outcome.KEPT
        elif link not in unsent:
            outcomes[remote_id] = (
                Outcome.WAITING if link in waiting else Outcome.SET_ASIDE if link in aside else Outcome.DONE
            )
    return outcomes


def _changing(links: Mapping[int, int], states: Sequence[str]) -> set[int | None]:
    """The links of which there are changes in these states."""
    changes = ChangeRecord.objects.filter(link__in=list(links.values()), state__in=states)
    # What an undo would put back is no part of what the feed said.
    changes = changes.exclude(run__kind=SyncRun.Kind.UNDO, state__in=(State.PLANNED, State.HELD))
    return set(changes.order_by().values_list("link", flat=True))


def _asked(links: Mapping[int, int], state: Question.State) -> set[int]:
    """The links about which there are questions in this state, those of an undo apart that nobody approved yet."""
    asked: set[int] = set()
    for model in (Conflict, Review):
        questions = model.objects.filter(link__in=list(links.values()), state=state)
        if state == Question.State.HELD:
            questions = questions.exclude(run__kind=SyncRun.Kind.UNDO)
        asked.update(questions.order_by().values_list("link", flat=True))
    return asked
