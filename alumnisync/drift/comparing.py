"""All linked people of a sync, compared by what was last seen of both sides: which fields differ, and why.

Chunk by chunk with a fixed number of statements each; nothing is written, and no system is asked.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.db.models import Q

from alumnisync.drift.reasons import Outside, Reason, Standing, Stored, reason_of
from alumnisync.engine.context import CHUNK, Context
from alumnisync.engine.draft import planned_to
from alumnisync.engine.lease import Lease
from alumnisync.engine.mergers import frozen
from alumnisync.engine.plan import RECORDED_UNIT, Person, Planner
from alumnisync.engine.presence import members_of, newest_first, presence_of, sides_of
from alumnisync.engine.questions import Questions
from alumnisync.engine.references import References
from alumnisync.engine.units import SIDES, Apart, Base, Outcome, Sight, Verdict
from alumnisync.inbox.outlook import planner_of
from alumnisync.inbox.wording import Wording, wordings
from alumnisync.models import Absence, ChangeRecord, Conflict, FieldChange, Link, Member, SyncRun
from connectors.models import RemoteRecord
from mappings.models import MappingVersion, Sync
from mappings.rules import PairRules, Side
from mappings.translate import Translator
from mappings.versions import rules_of

logger = logging.getLogger(__name__)

MOST_FORMER = 20
"""Earlier versions that are asked whether a difference comes from them."""
NO_RULES = "The sync {} has no rules in force yet, so there is nothing to compare."
UNUSABLE = "The rules of the sync {} can't be carried out as they are. Open its page and mend them."
ASKED = {True: "conflict", False: "review"}


UNDO_TO_COME = Q(run__kind=SyncRun.Kind.UNDO) & ~Q(state=ChangeRecord.State.SENDING)


class NotReady(Exception):
    """The people of a sync can't be compared. The text is for people."""


@dataclass(frozen=True, slots=True)
class SeenField:
    """A field pair of somebody: what each side holds, why that differs, and what is said of it where something is.

    unit: what it is decided in
    """

    pair: str
    unit: str
    held: Mapping[Side, Any] = field(repr=False)
    reason: Reason
    said: str = ""


@dataclass(frozen=True, slots=True)
class SeenPerson:
    """A linked person. outside: why nothing of theirs is compared; else there is a line for each field pair."""

    link: Link
    records: Mapping[Side, Sequence[RemoteRecord]]
    fields: tuple[SeenField, ...] = ()
    outside: Outside | None = None

    @property
    def differences(self) -> list[SeenField]:
        return [one for one in self.fields if one.reason.is_difference]


class Comparing:
    """The rules in force, made ready to compare people by. word: where it is at hand. Raises NotReady."""

    def __init__(self, sync: Sync, word: Wording | None = None) -> None:
        word = word or wordings([sync.pk]).get(sync.pk)
        if word is None or word.version.state != MappingVersion.State.ACTIVE:
            raise NotReady(NO_RULES.format(sync))
        planner = planner_of(word)
        if planner is None:
            raise NotReady(UNUSABLE.format(sync))
        run = SyncRun(sync=sync)
        self.sync, self.word, self.planner = sync, word, planner
        self.ctx = Context(run, planner.rules, planner, {}, Lease(run), logger.info)
        self.references = References(planner, _connections(word))

    def everybody(self) -> Iterator[SeenPerson]:
        """All linked people, in the order they were linked."""
        last = 0
        active = Link.objects.filter(sync=self.sync, state=Link.State.ACTIVE).order_by("pk")
        while ids := list(active.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK]):
            last = ids[-1]
            yield from self.people(ids)

    def people(self, ids: list[int]) -> list[SeenPerson]:
        """These people; who seems to have lost something is looked at twice, since a run may be storing meanwhile."""
        found = {one.link.pk: one for one in _Chunk(self, ids).look()}
        lost = [pk for pk, one in found.items() if any(each.reason is Reason.UNKNOWN for each in one.fields)]
        if lost:
            found |= {one.link.pk: one for one in _Chunk(self, lost).look()}
        return list(found.values())

    def former(self, pair: str) -> Iterator[Translator]:
        """How rules that are no longer in force read this field pair."""
        yield from self._former.get(pair, ())

    @cached_property
    def _former(self) -> Mapping[str, list[Translator]]:
        found: dict[str, list[Translator]] = defaultdict(list)
        known = {key: [one.pair] for key, one in self.planner.translators.items()}
        retired = self.sync.versions.filter(state=MappingVersion.State.RETIRED).order_by("-number")
        for version in retired[:MOST_FORMER]:
            rules = rules_of(version)
            zones = {side: rules.sides[side].time_zone for side in SIDES}
            for pair in rules.pairs:
                if pair.key in known and not any(_reads_alike(pair, one) for one in known[pair.key]):
                    known[pair.key].append(pair)
                    found[pair.key] += _compiled(pair, zones, self.planner)
        return found


def _connections(word: Wording) -> dict[Side, int]:
    return {Side(row.side): row.connection_id for row in word.version.sides.all()}


def _reads_alike(one: PairRules, other: PairRules) -> bool:
    """Whether they differ only in who may write what."""
    return replace(one, words=other.words, lengths=other.lengths, group=other.group) == other


def _compiled(pair: PairRules, zones: Mapping[Side, str], planner: Planner) -> Iterator[Translator]:
    try:
        yield Translator(pair, zones, planner.linked)
    except ValueError:
        return


class _Chunk:
    """Some people with everything that is stored about them."""

    def __init__(self, comparing: Comparing, ids: list[int]) -> None:
        self.comparing, self.ctx = comparing, comparing.ctx
        self.links = Link.objects.in_bulk(ids)
        self.members = members_of(ids)
        self.questions = Questions(ids)
        self.changes, self.under_way = self._unfinished(ids)
        self.merged = frozen(self.ctx.sync, ids)
        unlinked = Absence.objects.filter(link__in=ids, choice=Absence.Choice.UNLINK)
        self.unlinked = set(unlinked.exclude(state=Absence.State.CLOSED).values_list("link_id", flat=True))
        self.planned_to = planned_to(self.ctx)
        everybody = [(Side(one.side), one.record) for ones in self.members.values() for one in ones]
        comparing.references.load(everybody, (link.bases for link in self.links.values()))

    def look(self) -> Iterator[SeenPerson]:
        for pk in sorted(self.links):
            yield self._look_at(self.links[pk], self.members[pk])

    def _look_at(self, link: Link, members: Sequence[Member]) -> SeenPerson:
        by_side = sides_of(members)
        records = {side: newest_first(one.record for one in there) for side, there in by_side.items()}
        if (outside := self._outside(link, records)) is not None:
            return SeenPerson(link, records, outside=outside)
        sides = {side: there for side in SIDES if (there := presence_of(self.ctx, side, by_side[side]))}
        if len(sides) < len(SIDES):
            return SeenPerson(link, records, outside=Outside.UNTOLD)
        bases = {key: Base.load(entry) for key, entry in link.bases.items()}
        for there in sides.values():
            bases |= there.moved(self.comparing.planner.units, bases)
        held = {side: there.held for side, there in sides.items()}
        person = Person(held, bases, self.questions.decisions(link.pk))
        return SeenPerson(link, records, tuple(self._fields(link, person, self._standing(link, members))))

    def _outside(self, link: Link, records: Mapping[Side, Sequence[RemoteRecord]]) -> Outside | None:
        if link.pk in self.unlinked:
            return Outside.UNLINKING
        if len(records) < len(SIDES):
            return Outside.ALONE
        if any(self.ctx.scope_problem(side, one) for side, ones in records.items() for one in ones):
            return Outside.UNTOLD
        for side, ones in records.items():
            if any(self.ctx.takes_part(side, one) for one in ones):
                continue
            if all(one.gone_at for one in ones):
                return Outside.GONE
            return Outside.UNTOLD if any(one.problem for one in ones) else Outside.OUT_OF_SCOPE
        everybody = [one for ones in records.values() for one in ones]
        return None if self.ctx.is_piloted(everybody) else Outside.NOT_PILOTED

    def _standing(self, link: Link, members: Iterable[Member]) -> Standing:
        planned = all(one.record.change_no <= self.planned_to[Side(one.side)] for one in members)
        waits = Reason.MERGED if link.pk in self.merged else None
        return Standing(planned, Reason.UNDER_WAY if link.pk in self.under_way else waits)

    def _fields(self, link: Link, person: Person, standing: Standing) -> Iterator[SeenField]:
        planner = self.comparing.planner
        units = {key: planner.unit(key, person).sights for key in planner.units}
        # Most people are the same on both sides: nothing has to be worked out for them.
        differs = any(sight.differs() for sights in units.values() for sight in sights)
        outcomes = planner.plan(person) if differs else {}
        for key, sights in units.items():
            stored = self._stored(link, key, outcomes.get(key))
            for sight in sights:
                yield self._field(sight, outcomes.get(key, Outcome(Verdict.NOTHING)), stored, standing)

    def _field(self, sight: Sight, outcome: Outcome, stored: Stored, standing: Standing) -> SeenField:
        pair = sight.pair.key
        reason = reason_of(sight, outcome, stored, standing, self.comparing.former(pair))
        said = outcome.reason if reason is Reason.SKIPPED else stored.why
        held = {side: sight.now[side].raw for side in SIDES}
        return SeenField(pair, self.comparing.planner.unit_of(pair), held, reason, said if reason.is_difference else "")

    def _stored(self, link: Link, unit: str, outcome: Outcome | None) -> Stored:
        asked = self.questions.waiting.get(link.pk, {})
        kinds = {(ASKED[model is Conflict], str(one.state)) for (model, of), one in asked.items() if of == unit}
        if outcome is not None and outcome.drift == Apart.RECORDED:
            kinds |= {(ASKED[False], str(one.state)) for (_, of), one in asked.items() if of == RECORDED_UNIT}
        states = self.changes.get((link.pk, unit), {})
        return Stored(frozenset(kinds), frozenset(states), next(filter(None, states.values()), ""))

    def _unfinished(self, ids: list[int]) -> tuple[dict[tuple[int, str], dict[str, str]], set[int]]:
        """(Link, unit) → state → why, of what is planned, held or couldn't be sent; and who is being written to."""
        changes = ChangeRecord.objects.filter(link_id__in=ids, state__in=ChangeRecord.UNFINISHED)
        changes = changes.select_related("run").defer("run__progress", "run__counts", "run__holds").order_by("pk")
        # What an undo would put back is no answer to what changed since.
        by_pk = {change.pk: change for change in changes.exclude(UNDO_TO_COME)}
        found: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
        rows = FieldChange.objects.filter(change_id__in=by_pk).exclude(unit="").order_by("pk")
        for pk, unit in rows.values_list("change_id", "unit"):
            _note(found, by_pk[pk], unit)
        units = self.comparing.planner.translators
        for change in by_pk.values():
            for pair in change.settles:
                if pair in units:
                    _note(found, change, self.comparing.planner.unit_of(pair))
        sending = {one.link_id or 0 for one in by_pk.values() if one.state == ChangeRecord.State.SENDING}
        return found, sending


def _note(found: dict[tuple[int, str], dict[str, str]], change: ChangeRecord, unit: str) -> None:
    is_held = change.state == ChangeRecord.State.PLANNED and change.run.state == SyncRun.State.HELD
    state = ChangeRecord.State.HELD.value if is_held else change.state
    found[change.link_id or 0, unit][state] = change.reason
