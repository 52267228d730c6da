"""A chunk of people with everything that is known of them: every line of theirs is closed and written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone

from alumnisync.engine.absences import Absences
from alumnisync.engine.books import Books
from alumnisync.engine.context import Context
from alumnisync.engine.created import SwitchingOff
from alumnisync.engine.identity import BY_PERSON
from alumnisync.engine.mergers import frozen
from alumnisync.engine.newcomers import Newcomers
from alumnisync.engine.plan import FROZEN, Held, Person
from alumnisync.engine.presence import Presence, members_of, presence_of, sides_of
from alumnisync.engine.questions import Questions, held_by
from alumnisync.engine.sheet import Sheet, field_change
from alumnisync.engine.tries import Retry, Tries
from alumnisync.engine.undone import waiting
from alumnisync.engine.units import SIDES, Base, FieldWrite, Outcome, Verdict
from alumnisync.models import ChangeRecord, Conflict, Link, Member, Review, SyncRun
from connectors import bulk
from connectors.models import RemoteRecord
from connectors.records import MISSING
from mappings import paths
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
Sides = Mapping[Side, Presence]


class Chunk:
    """A few hundred people. Loading closes what was unfinished: load, plan and store in one transaction."""

    def __init__(self, ctx: Context, ids: list[int]) -> None:
        self.ctx = ctx
        self.sheet = Sheet(ctx.run)
        self.links = Link.objects.in_bulk(ids)
        self.members = members_of(ids)
        self.stirred: list[Member] = []
        self.questions = Questions(ids)
        self.tries = Tries(ctx.run, ids, (one.record_id for members in self.members.values() for one in members))
        self.newcomers = Newcomers(ctx, self.sheet, self.questions, self.tries)
        self.books = Books(ctx, self.questions)
        self.absences = Absences(ctx, ids)
        self.switching_off = SwitchingOff(ctx, self.sheet, self.questions, self.tries)
        everybody = [(Side(one.side), one.record) for members in self.members.values() for one in members]
        ctx.references.load(everybody, (link.bases for link in self.links.values()))
        old = ChangeRecord.objects.filter(link_id__in=ids)
        self.waiting = frozen(ctx.sync, ids)
        self.under_way = set(old.filter(state=State.SENDING).values_list("link_id", flat=True))
        over = old.filter(state__in=ChangeRecord.UNFINISHED).exclude(link_id__in=self.under_way)
        # An undo that waits keeps its lines; what one could not put back is not tried again by itself.
        over = over.exclude(run__in=waiting(ctx.sync))
        over.filter(run__kind=SyncRun.Kind.UNDO).update(state=State.LEFT_ALONE, finished_at=timezone.now())
        over.update(state=State.CLOSED, finished_at=timezone.now())

    def plan(self) -> None:
        """Write the lines of these people and close what no longer holds."""
        doomed = [pk for pk, link in self.links.items() if not self._plan_person(link, self.members[pk])]
        self.questions.store()
        self.sheet.store()
        self.absences.store()
        bulk.update(self.stirred, ["state"])
        Link.objects.filter(pk__in=doomed).delete()

    def _plan_person(self, link: Link, members: Sequence[Member]) -> bool:
        """False: the proposed link is over."""
        by_side = sides_of(members)
        if link.pk in self.under_way | self.waiting:
            # What became of its write, or whose record it is, is not known yet: nothing is planned until it is.
            self.questions.keep_all(link.pk)
            return True
        self.absences.look(link, by_side)
        if self.absences.is_ending(link):
            return True
        self.switching_off.plan(link, members)
        if len(by_side) == len(SIDES):
            self._plan_pair(link, by_side)
        elif by_side and link.state == Link.State.PROPOSED:
            ((source, alone),) = by_side.items()
            there = presence_of(self.ctx, source, alone)
            return there is not None and self.newcomers.plan(link, there)
        return True

    def _plan_pair(self, link: Link, by_side: Mapping[Side, Sequence[Member]]) -> None:
        if self._set_aside_unjudged(link, by_side):
            return
        sides = {side: there for side in SIDES if (there := presence_of(self.ctx, side, by_side[side]))}
        records = [record for there in sides.values() for record in there.there.values()]
        if len(sides) < len(SIDES):
            self.books.look_outside(link, by_side)
            return
        if not self.ctx.is_piloted(records):
            return
        settles = self._follow_who_left(link, sides)
        bases = {key: Base.load(entry) for key, entry in link.bases.items()}
        person = Person({side: sides[side].held for side in SIDES}, bases, self.questions.decisions(link.pk))
        outcomes = self.ctx.planner.plan(person)
        settles.update(self.books.look(link, person))
        for unit, outcome in outcomes.items():
            settles.update(self._note(link, sides, unit, outcome))
        is_moving = any(there.is_moving() for there in sides.values())
        if settles or is_moving or link.state == Link.State.PROPOSED:
            self.sheet.settle(link, settles)
        for side in SIDES:
            self._stamp(link, side, sides)

    def _set_aside_unjudged(self, link: Link, by_side: Mapping[Side, Sequence[Member]]) -> bool:
        """Whether it can't be told of a record of this person if it takes part; then the person waits."""
        found = False
        for side in SIDES:
            for member in by_side[side]:
                if problem := self.ctx.scope_problem(side, member.record):
                    retry = Retry(reason=problem, waits=True)
                    self.sheet.write(ChangeRecord.Kind.UPDATE, link, side, member.record, None, retry)
                    found = True
        return found

    def _follow_who_left(self, link: Link, sides: Sides) -> dict[str, Any]:
        """Note who comes and leaves; the bases that go with them, in the link as it is planned and to be stored."""
        settles: dict[str, Any] = {}
        for there in sides.values():
            self.stirred += there.stir()
            bases = {key: Base.load(entry) for key, entry in link.bases.items()}
            moved = {key: base.dump() for key, base in there.moved(self.ctx.planner.units, bases).items()}
            link.bases = {**link.bases, **moved}
            settles.update((key, link.bases[key]) for key in moved)
        return settles

    def _note(self, link: Link, sides: Sides, unit: str, outcome: Outcome) -> dict[str, Any]:
        """Write down what becomes of a unit; the bases that move without a line of their own."""
        if outcome.rule.startswith("decided") or outcome.drift == FROZEN:
            # A decision is over only when it is carried out, which a preview never does.
            self.questions.keep(link.pk, unit)
        bases = {pair: base.dump() for pair, base in outcome.settles.items()}
        if outcome.verdict in (Verdict.SEND, Verdict.SET_ASIDE):
            for side, writes in outcome.writes.items():
                self._add_writes(link, side, sides, unit, outcome, writes)
        elif outcome.verdict in (Verdict.CONFLICT, Verdict.REVIEW):
            self._ask(link, sides, unit, outcome)
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
        self, link: Link, to: Side, sides: Sides, unit: str, outcome: Outcome, writes: Sequence[FieldWrite]
    ) -> None:
        here, source = sides[to], sides[to.other].speaker(unit)
        for pk, ones in here.spoken.writes(to, unit, self.ctx.planner.units[unit], writes).items():
            retry = self.tries.retry(link.pk, to, unit, ones)
            if outcome.verdict is Verdict.SET_ASIDE:
                retry = Retry(retry.attempts, None, outcome.reason, waits=True)
            elif self.tries.flips(here.there[pk], ones):
                retry = Retry(retry.attempts, None, PAUSED, waits=True)
            fields = self.sheet.write(ChangeRecord.Kind.UPDATE, link, to, here.there[pk], source, retry)
            fields += [field_change(_with_before(write, here.there[pk]), unit, outcome) for write in ones]

    def _stamp(self, link: Link, side: Side, sides: Sides) -> None:
        """Write the other side's id into one record, where none has it; another id is never written over."""
        here, other, planner = sides[side], sides[side.other], self.ctx.planner
        blank: dict[int, FieldWrite] = {}
        astray, has_it = [], False
        for record in (one.record for one in here.members):
            held = Held(record.values)
            if stamp := planner.stamp(side, held, other.newest.remote_id):
                blank[record.pk] = stamp
            elif all(planner.names_another(side, held, id) for id in other.ids):
                astray.append(record)
            else:
                # One that has left counts: its going is no reason to write.
                has_it = True
        if not has_it and (open_ones := blank.keys() & here.there.keys()):
            pk = here.newest.pk if here.newest.pk in open_ones else min(open_ones)
            retry = self.tries.retry(link.pk, side, "", [blank[pk]])
            fields = self.sheet.write(ChangeRecord.Kind.STAMP, link, side, here.there[pk], other.newest, retry)
            fields.append(field_change(blank[pk], ""))
        for record in astray if link.rule != BY_PERSON else ():
            if record.pk in here.there:
                retry = Retry(reason=NAMES_ANOTHER, waits=True)
                self.sheet.write(ChangeRecord.Kind.STAMP, link, side, record, other.newest, retry)

    def _ask(self, link: Link, sides: Sides, unit: str, outcome: Outcome) -> None:
        common: dict[str, Any] = {
            "run": self.ctx.run,
            "link": link,
            "unit": unit,
            "shown": held_by(link, {side: sides[side].held for side in SIDES}, self.ctx.planner.units[unit]),
            "reason": outcome.reason or outcome.rule,
            "suggestion": outcome.suggestion,
        }
        if outcome.verdict is Verdict.CONFLICT:
            self.questions.ask(Conflict(**common))
        else:
            self.questions.ask(Review(side=outcome.to.value, blanks=bool(outcome.blanked), **common))


def _with_before(write: FieldWrite, record: RemoteRecord) -> FieldWrite:
    """A field that an old value is kept in: what it held until now, so that nothing is lost there either."""
    if write.pair or write.before is not MISSING:
        return write
    return replace(write, before=paths.get(record.values, write.path))
