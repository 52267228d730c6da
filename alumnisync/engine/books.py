"""Records that are written once, as an institution's books are: what changes later is shown to a person.

Nothing is ever sent for it. The person corrects it by hand there and ticks it off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alumnisync.engine.context import Context
from alumnisync.engine.plan import RECORDED_UNIT, Held, Person
from alumnisync.engine.presence import newest_first
from alumnisync.engine.questions import Questions, held_by
from alumnisync.engine.units import SIDES
from alumnisync.models import Link, Member, Question, Review
from connectors.models import RemoteRecord
from mappings.rules import Side
from mappings.translate import raw_equal

CHANGED = "changed after it was recorded"
LEFT = "no longer takes part after it was recorded"
GONE = "no longer found after it was recorded"


class Books:
    """Asks about the records of a chunk of links."""

    def __init__(self, ctx: Context, questions: Questions) -> None:
        self.ctx, self.questions = ctx, questions
        self.side = next((side for side in SIDES if ctx.rules.sides[side].write_once), None)

    def look(self, link: Link, person: Person) -> dict[str, Any]:
        """Ask about what the sender changed since; the bases that move where it was ticked off."""
        if self.side is None or link.state != Link.State.ACTIVE:
            return {}
        changed = self.ctx.planner.corrections(person)
        if not changed or not self._is_ticked_off(link, self.side, person.held, CHANGED):
            return {}
        return {pair: base.dump() for pair, base in self.ctx.planner.settled(person, changed).items()}

    def look_outside(self, link: Link, by_side: Mapping[Side, Sequence[Member]]) -> None:
        """Ask about what was recorded and does not take part any more, such as a gift that was paid back."""
        records = {side: newest_first(one.record for one in members) for side, members in by_side.items()}
        everybody = [record for ones in records.values() for record in ones]
        if self.side is None or link.state != Link.State.ACTIVE or not self.ctx.is_piloted(everybody):
            return
        sources = records[self.side.other]
        if any(self._may_take_part(self.side.other, one) for one in sources):
            return
        held = {side: Held(ones[0].values) for side, ones in records.items()}
        reason = GONE if all(one.gone_at for one in sources) else LEFT
        self._is_ticked_off(link, self.side, held, reason)

    def _may_take_part(self, side: Side, record: RemoteRecord) -> bool:
        """It does, or it can't be told."""
        return bool(record.problem or self.ctx.takes_part(side, record) or self.ctx.scope_problem(side, record))

    def _is_ticked_off(self, link: Link, on: Side, held: Mapping[Side, Held], reason: str) -> bool:
        """Whether a person has seen this very state; else it is asked about."""
        shown = held_by(link, held, self.ctx.planner.translators.values())
        review = self.questions.review(link.pk, RECORDED_UNIT)
        if review is not None and review.state == Question.State.DECIDED and _is_same(review.shown, shown):
            self.questions.keep(link.pk, RECORDED_UNIT)
            return True
        about = {"run": self.ctx.run, "link": link, "unit": RECORDED_UNIT, "side": on.value}
        self.questions.ask(Review(**about, shown=shown, reason=reason))
        return False


def _is_same(seen: dict[str, Any], shown: dict[str, Any]) -> bool:
    return all(raw_equal(seen.get(side.value, {}), shown[side.value]) for side in SIDES)
