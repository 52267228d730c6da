"""Records that an undone run had created: a person says of each what becomes of it.

Unlink: for us the two are no longer one person, and neither is linked with the other or created again. Switch
off: what the rules say for that is written. Leave: it stays. Nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction

from alumnisync.engine.context import Context, chunks, grouped
from alumnisync.engine.identity import UNLINK
from alumnisync.engine.plan import CREATED_UNIT, DEACTIVATED, Held
from alumnisync.engine.questions import Questions, held_by
from alumnisync.engine.sheet import Sheet, field_change
from alumnisync.engine.tries import Tries
from alumnisync.engine.units import SIDES, FieldWrite, Outcome, Verdict
from alumnisync.models import ChangeRecord, Link, Match, Member, Question, Review
from connectors import bulk
from connectors.models import RemoteRecord
from mappings import paths
from mappings.rules import Side, SideRules

DEACTIVATE, LEAVE = "deactivate", "leave"
CREATED = "its run was undone"
"""Why it is asked."""
ASKED = "Somebody says of this new record what becomes of it: that is asked once the undo is approved."
ASKED_ALREADY = "What becomes of this new record is asked already."
NOT_KEPT = "The new record is no longer found there, or no longer kept here."
IN_THE_BOOKS = "It was recorded there once and for all. Correct it by hand there."
UNLINKED = "They were told apart when the run that had created one of them was undone."
RECORD = "record"
"""What the question shows besides values: which record it is about."""


class Made:
    """Asks about the created records of a chunk of people; held until the undo is approved."""

    def __init__(self, ctx: Context, links: Sequence[int]) -> None:
        self.ctx = ctx
        there = Review.objects.filter(link_id__in=links, unit=CREATED_UNIT).exclude(state=Question.State.CLOSED)
        self.asked = set(there.values_list("link_id", flat=True))
        self.new: list[Review] = []

    def ask(self, link: Link, change: ChangeRecord, held: Mapping[Side, Held]) -> str:
        """Ask what becomes of the record that a change created; what is said of it in the plan."""
        side, record = Side(change.side), change.record
        if self.ctx.rules.sides[side].write_once:
            return IN_THE_BOOKS
        if record is None or record.gone_at:
            return NOT_KEPT
        if link.pk in self.asked:
            return ASKED_ALREADY
        self.asked.add(link.pk)
        both = {each: held.get(each, Held({})) for each in SIDES}
        shown = {**held_by(link, both, self.ctx.planner.translators.values()), RECORD: record.pk}
        about = {"run": self.ctx.run, "link": link, "unit": CREATED_UNIT, "side": side.value}
        self.new.append(Review(**about, state=Question.State.HELD, shown=shown, reason=CREATED))
        return ASKED

    def store(self) -> None:
        """Write the questions down; inside a transaction."""
        Review.objects.bulk_create(self.new)


class SwitchingOff:
    """Plans what was decided about created records of a chunk of people."""

    def __init__(self, ctx: Context, sheet: Sheet, questions: Questions, tries: Tries) -> None:
        self.ctx, self.sheet, self.questions, self.tries = ctx, sheet, questions, tries

    def plan(self, link: Link, members: Iterable[Member]) -> None:
        """Plan to switch the created record off, where a person wants that; it is asked again where it can't be."""
        review = self.questions.created.get(link.pk)
        if review is None or (review.state, review.choice) != (Question.State.DECIDED, DEACTIVATE):
            return
        side = Side(review.side)
        record = next((one.record for one in members if one.record_id == review.shown.get(RECORD)), None)
        if record is None or record.gone_at:
            self.questions.settle(review, Question.State.CLOSED)
        elif not may_switch_off(self.ctx.rules.sides[side]):
            self.questions.settle(review, Question.State.OPEN)
        else:
            self._write(link, side, record)

    def _write(self, link: Link, side: Side, record: RemoteRecord) -> None:
        writes = [
            FieldWrite("", path, paths.get(record.values, path), value, None, DEACTIVATED)
            for path, value in self.ctx.rules.sides[side].deactivate.items()
        ]
        retry = self.tries.retry(link.pk, side, CREATED_UNIT, writes)
        fields = self.sheet.write(ChangeRecord.Kind.UPDATE, link, side, record, None, retry)
        # Each was decided by a person: no safety limit holds it.
        fields += [field_change(write, CREATED_UNIT, Outcome(Verdict.SEND, urgent=True)) for write in writes]


def dissolve(ctx: Context) -> None:
    """Carry out what people decided: links with records that should not have been created are over."""
    sending = ChangeRecord.objects.filter(run__sync=ctx.sync, state=ChangeRecord.State.SENDING, link__isnull=False)
    decided = Review.objects.filter(
        link__sync=ctx.sync, unit=CREATED_UNIT, state=Question.State.DECIDED, choice=UNLINK
    ).exclude(link__in=sending.values("link"))
    for reviews in chunks(list(decided.order_by("pk"))):
        with transaction.atomic():
            ctx.lease.hold()
            _dissolve(ctx, reviews)
        ctx.beat()


def _dissolve(ctx: Context, reviews: Sequence[Review]) -> None:
    there = Member.objects.filter(link__in=[one.link_id for one in reviews])
    members = grouped(there, lambda one: one.link_id)
    told: list[tuple[Match, list[int]]] = []
    over, out = [], []
    for review in reviews:
        made = [one for one in members[review.link_id] if one.record_id == review.shown.get(RECORD)]
        others = [one for one in members[review.link_id] if one not in made]
        told += [(_told_apart(ctx, review, one), [each.record_id for each in others]) for one in made]
        if any(each.side == review.side for each in others):
            # A person may have several records there: the others stay linked.
            out += [one.pk for one in made]
        else:
            over.append(review.link_id)
    bulk.insert(match for match, _ in told)
    bulk.insert(
        Match.candidates.through(match=match, remoterecord_id=record) for match, records in told for record in records
    )
    Member.objects.filter(pk__in=out).delete()
    Review.objects.filter(pk__in=[one.pk for one in reviews]).update(state=Question.State.CLOSED)
    Link.objects.filter(pk__in=over).delete()


def _told_apart(ctx: Context, review: Review, made: Member) -> Match:
    """What remembers it; closed, as nobody is asked anything."""
    return Match(
        run=ctx.run,
        sync=ctx.sync,
        side=made.side,
        record_id=made.record_id,
        state=Match.State.CLOSED,
        choice=UNLINK,
        reason=UNLINKED,
        decided_by=review.decided_by,
        decided_at=review.decided_at,
        comment=review.comment,
    )


def may_switch_off(side: SideRules) -> bool:
    """Whether the rules of a side say how a record is switched off there."""
    return bool(side.deactivate) and not side.only_creates
