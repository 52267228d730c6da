"""People found on one side only: create the other record, ask whether to, or give the proposal up."""

from __future__ import annotations

from typing import Any

from alumnisync.engine.context import Context
from alumnisync.engine.presence import Presence
from alumnisync.engine.questions import Questions
from alumnisync.engine.sheet import Sheet, field_change
from alumnisync.engine.tries import CREATE_UNIT, Retry, Tries
from alumnisync.engine.units import FieldWrite
from alumnisync.models import ChangeRecord, Link, Question, Review
from connectors.models import RemoteRecord
from mappings.rules import Create, Side
from mappings.translate import raw_equal


class Newcomers:
    """Plans the creates of a chunk of people."""

    def __init__(self, ctx: Context, sheet: Sheet, questions: Questions, tries: Tries) -> None:
        self.ctx, self.sheet, self.questions, self.tries = ctx, sheet, questions, tries

    def plan(self, link: Link, there: Presence) -> bool:
        """Plan one proposed link with one side; False: nobody like this is created, the proposal is over."""
        source, record = there.side, there.newest
        to = source.other
        word = self.ctx.rules.sides[to].create
        if word is Create.OFF or not self.ctx.is_piloted(there.there.values()):
            return False
        creation = self.ctx.planner.creation(to, there.held, record.remote_id)
        if creation.refused:
            return False
        shown = shown_of(source, {write.pair: write.source for write in creation.writes if write.pair})
        review = self.questions.review(link.pk, CREATE_UNIT)
        is_approved = review is not None and self._was_approved(review, shown)
        if review is not None and _was_refused(review, shown):
            self.questions.keep(link.pk, CREATE_UNIT)
        elif creation.waits:
            self._create(link, to, record, creation.writes, Retry(reason=creation.waits, waits=True))
        elif word is Create.AUTOMATIC or is_approved:
            retry = self.tries.retry(link.pk, to, CREATE_UNIT, creation.writes)
            self._create(link, to, record, creation.writes, retry)
        else:
            reason = "only there on one side"
            self.questions.ask(
                Review(run=self.ctx.run, link=link, unit=CREATE_UNIT, side=to.value, shown=shown, reason=reason)
            )
        return True

    def _create(self, link: Link, to: Side, record: RemoteRecord, writes: tuple[FieldWrite, ...], retry: Retry) -> None:
        fields = self.sheet.write(ChangeRecord.Kind.CREATE, link, to, None, record, retry)
        unit_of = self.ctx.planner.unit_of
        fields += [field_change(write, unit_of(write.pair) if write.pair else "") for write in writes]
        # The yes stands until the record is there; then it is closed with whatever else was asked.
        self.questions.keep(link.pk, CREATE_UNIT)

    def _was_approved(self, review: Review, shown: dict[str, Any]) -> bool:
        is_yes = review.state == Question.State.DECIDED and review.choice != "leave"
        # What goes into the books is what somebody saw, and nothing that came after.
        is_booked = self.ctx.rules.sides[Side(review.side)].write_once
        return is_yes and (not is_booked or raw_equal(review.shown, shown))


def shown_of(source: Side, values: dict[str, Any]) -> dict[str, Any]:
    """What a review of a create shows: the one record there is."""
    return {source.value: values, source.other.value: {}}


def _was_refused(review: Review, shown: dict[str, Any]) -> bool:
    is_no = review.state == Question.State.DECIDED and review.choice == "leave"
    return is_no and raw_equal(review.shown, shown)
