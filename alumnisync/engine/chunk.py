"""A chunk of people with everything that is known of them: every line of theirs is closed and written anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from alumnisync.engine.books import Books
from alumnisync.engine.context import Context
from alumnisync.engine.identity import BY_PERSON
from alumnisync.engine.newcomers import Newcomers
from alumnisync.engine.plan import FROZEN, Held, Person
from alumnisync.engine.questions import Questions, held_by
from alumnisync.engine.sheet import Sheet, field_change
from alumnisync.engine.tries import Retry, Tries
from alumnisync.engine.units import SIDES, Base, FieldWrite, Outcome, Verdict
from alumnisync.models import ChangeRecord, Conflict, Link, Member, Review
from connectors.models import RemoteRecord
from mappings.rules import Side

PAUSED = (
    "This field keeps being changed back: we wrote it back and forth twice within 7 days. "
    "Find out which system does it."
)

NAMES_ANOTHER = (
    "The field for the other side's id names somebody else than the person this record is linked with. "
    "Find out who it is, and correct the field there."
)

State = ChangeRecord.State
Records = Mapping[Side, RemoteRecord]


class Chunk:
    """A few hundred people. Loading closes what was unfinished: load, plan and store in one transaction."""

    def __init__(self, ctx: Context, ids: list[int]) -> None:
        self.ctx = ctx
        self.sheet = Sheet(ctx.run)
        self.links = Link.objects.in_bulk(ids)
        self.members: dict[int, dict[Side, RemoteRecord]] = defaultdict(dict)
        for member in Member.objects.filter(link_id__in=ids).select_related("record"):
            self.members[member.link_id][Side(member.side)] = member.record
        self.questions = Questions(ids)
        self.tries = Tries(ctx.run, ids, (row.pk for rows in self.members.values() for row in rows.values()))
        self.newcomers = Newcomers(ctx, self.sheet, self.questions, self.tries)
        self.books = Books(ctx, self.questions)
        ctx.references.load(self.members.values(), (link.bases for link in self.links.values()))
        old = ChangeRecord.objects.filter(link_id__in=ids)
        self.under_way = set(old.filter(state=State.SENDING).values_list("link_id", flat=True))
        over = old.filter(state__in=ChangeRecord.UNFINISHED).exclude(link_id__in=self.under_way)
        over.update(state=State.CLOSED, finished_at=timezone.now())

    def plan(self) -> None:
        """Write the lines of these people and close what no longer holds."""
        doomed = [pk for pk, link in self.links.items() if not self._plan_person(link, self.members[pk])]
        self.questions.store()
        self.sheet.store()
        Link.objects.filter(pk__in=doomed).delete()

    def _plan_person(self, link: Link, records: Records) -> bool:
        """False: the proposed link is over."""
        if link.pk in self.under_way:
            # What became of its write is not known yet: nothing is planned until it is.
            self.questions.keep_all(link.pk)
        elif len(records) == len(SIDES):
            self._plan_pair(link, records)
        elif records and link.state == Link.State.PROPOSED:
            ((source, record),) = records.items()
            return self.newcomers.plan(link, source, record)
        return True

    def _plan_pair(self, link: Link, records: Records) -> None:
        for side in SIDES:
            if problem := self.ctx.scope_problem(side, records[side]):
                retry = Retry(reason=problem, waits=True)
                self.sheet.write(ChangeRecord.Kind.UPDATE, link, side, records[side], None, retry)
        if not all(self.ctx.takes_part(side, records[side]) for side in SIDES):
            self.books.look_outside(link, records)
            return
        if not self.ctx.is_piloted(records.values()):
            return
        held = {side: Held(records[side].values, records[side].changed_at()) for side in SIDES}
        bases = {key: Base.load(entry) for key, entry in link.bases.items()}
        person = Person(held, bases, self.questions.decisions(link.pk))
        outcomes = self.ctx.planner.plan(person)
        settles = self.books.look(link, records, person)
        for unit, outcome in outcomes.items():
            settles.update(self._note(link, records, unit, outcome))
        if settles or link.state == Link.State.PROPOSED:
            self.sheet.settle(link, settles)
        for side in SIDES:
            other_id = records[side.other].remote_id
            if stamp := self.ctx.planner.stamp(side, held[side], other_id):
                self._add_stamp(link, side, records, stamp)
            elif link.rule != BY_PERSON and self.ctx.planner.names_another(side, held[side], other_id):
                retry = Retry(reason=NAMES_ANOTHER, waits=True)
                self.sheet.write(ChangeRecord.Kind.STAMP, link, side, records[side], records[side.other], retry)

    def _note(self, link: Link, records: Records, unit: str, outcome: Outcome) -> dict[str, Any]:
        """Write down what becomes of a unit; the bases that move without a line of their own."""
        if outcome.rule.startswith("decided") or outcome.drift == FROZEN:
            # A decision is over only when it is carried out, which a preview never does.
            self.questions.keep(link.pk, unit)
        bases = {pair: base.dump() for pair, base in outcome.settles.items()}
        if outcome.verdict in (Verdict.SEND, Verdict.SET_ASIDE):
            for side, writes in outcome.writes.items():
                self._add_writes(link, side, records, unit, outcome, list(writes))
        elif outcome.verdict in (Verdict.CONFLICT, Verdict.REVIEW):
            self._ask(link, records, unit, outcome)
        elif outcome.blanked is not None:
            self._add_removal(link, unit, outcome, bases, outcome.blanked)
            return {}
        return bases

    def _add_removal(self, link: Link, unit: str, outcome: Outcome, bases: dict[str, Any], side: Side) -> None:
        """A removal that stays on its side is a line of its own, so that a safety limit can hold it."""
        fields = self.sheet.settle(link, bases, side)
        for pair, base in bases.items():
            path = self.ctx.planner.translators[pair].pair.paths[side]
            before = Base.load(link.bases.get(pair, {})).held.get(side)
            write = FieldWrite(pair, path, before, None, base.get(side.value), outcome.rule)
            fields.append(field_change(write, unit, outcome))

    def _add_writes(
        self, link: Link, side: Side, records: Records, unit: str, outcome: Outcome, writes: list[FieldWrite]
    ) -> None:
        retry = self.tries.retry(link.pk, side, unit, writes)
        if outcome.verdict is Verdict.SET_ASIDE:
            retry = Retry(retry.attempts, None, outcome.reason, waits=True)
        elif self.tries.flips(records[side], writes):
            retry = Retry(retry.attempts, None, PAUSED, waits=True)
        fields = self.sheet.write(ChangeRecord.Kind.UPDATE, link, side, records[side], records[side.other], retry)
        fields += [field_change(write, unit, outcome) for write in writes]

    def _add_stamp(self, link: Link, side: Side, records: Records, stamp: FieldWrite) -> None:
        retry = self.tries.retry(link.pk, side, "", [stamp])
        fields = self.sheet.write(ChangeRecord.Kind.STAMP, link, side, records[side], records[side.other], retry)
        fields.append(field_change(stamp, ""))

    def _ask(self, link: Link, records: Records, unit: str, outcome: Outcome) -> None:
        common: dict[str, Any] = {
            "run": self.ctx.run,
            "link": link,
            "unit": unit,
            "shown": held_by(link, records, self.ctx.planner.units[unit]),
            "reason": outcome.reason or outcome.rule,
            "suggestion": outcome.suggestion,
        }
        if outcome.verdict is Verdict.CONFLICT:
            self.questions.ask(Conflict(**common))
        else:
            self.questions.ask(Review(side=outcome.to.value, blanks=bool(outcome.blanked), **common))
