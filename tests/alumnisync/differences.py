"""Why linked people differ, worked out from bases, rules and items alone: what the engine's work is held against.

Nothing here asks the merge: a value that neither an item, a decision nor a rule keeps apart is a lost change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alumnisync.engine.units import Base, Sight
from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Question, Review
from connectors.systems.memory import Store
from mappings.models import Sync
from mappings.rules import OnInvalid, PairRules, Rules, Side, Word
from mappings.translate import Translator, same
from mappings.versions import rules_of

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """A field pair whose sides say different things, and why; `UNKNOWN` where nothing says so."""

    person: tuple[str, str]
    pair: str
    held: tuple[Any, Any]
    why: str


def explain_differences(sync: Sync, stores: Mapping[Side, Store]) -> list[Difference]:
    """Every mapped field of linked people that is not the same at the systems themselves, with the reason."""
    version = sync.active_version()
    assert version is not None
    explained = _Explained(sync, stores, rules_of(version))
    return [each for link in Link.objects.filter(sync=sync, state="active") for each in explained.of(link)]


class _Explained:
    def __init__(self, sync: Sync, stores: Mapping[Side, Store], rules: Rules) -> None:
        self.stores, self.rules = stores, rules
        self.translators = [Translator(pair, {}) for pair in rules.pairs]
        self.asked: dict[tuple[int, str], list[Question]] = defaultdict(list)
        for model in (Conflict, Review):
            for question in model.objects.filter(link__sync=sync):
                self.asked[question.link_id, question.unit].append(question)
        self.lines: dict[tuple[int, str], list[FieldChange]] = defaultdict(list)
        for row in FieldChange.objects.filter(change__run__sync=sync).select_related("change"):
            self.lines[row.change.link_id or 0, row.unit].append(row)

    def of(self, link: Link) -> Iterator[Difference]:
        ids = {Side(member.side): member.record.remote_id for member in link.members.select_related("record")}
        live = {side: self.stores[side].live("person").get(ids[side]) for side in Side if side in ids}
        rows = {side: row.values for side, row in live.items() if row is not None}
        if len(rows) < 2 or not all(_takes_part(self.rules, side, values) for side, values in rows.items()):
            return
        sights = {
            translator.pair.key: Sight(
                translator,
                {side: translator.read(side, rows[side]) for side in Side},
                Base.load(link.bases.get(translator.pair.key, {})),
            )
            for translator in self.translators
        }
        for key, sight in sights.items():
            left, right = sight.now[Side.LEFT], sight.now[Side.RIGHT]
            if not same(left, right) and sight.is_known():
                person = (ids[Side.LEFT], ids[Side.RIGHT])
                yield Difference(person, key, (left.raw, right.raw), self._why(link, sight, sights))

    def _why(self, link: Link, sight: Sight, sights: Mapping[str, Sight]) -> str:
        pair = sight.pair
        unit = pair.group or pair.key
        if any(question.state != Question.State.CLOSED for question in self.asked[link.pk, unit]):
            return "a question waits, or its decision is under way"
        if any(row.change.state in ChangeRecord.UNFINISHED for row in self.lines[link.pk, unit]):
            return "a change is set aside, held or planned"
        if any(_is_death(each) for each in sights.values()):
            return "everything waits for the report of a death"
        group = [each for each in sights.values() if (each.pair.group or each.pair.key) == unit]
        changed = {side for side in Side if any(each.has_changed(side) for each in group)}
        if not changed:
            return self._why_at_rest(link, sight, unit)
        return _why_not_sent(pair, group, changed)

    def _why_at_rest(self, link: Link, sight: Sight, unit: str) -> str:
        """Both sides are what they were when a person, a rule or the system itself last left them so."""
        base = sight.base
        if base.kept_blank or base.refused:
            return "a removal stayed on its side, or a value was refused"
        if any(question.choice == "leave" for question in self.asked[link.pk, unit]):
            return "left by a person"
        if any(self._stored_its_own_way(row, base, sight) for row in self.lines[link.pk, unit]):
            return "the system stores it its own way"
        settled = ChangeRecord.objects.filter(link=link, kind=ChangeRecord.Kind.SETTLE, state=ChangeRecord.State.DONE)
        if any(sight.pair.key in line.settles for line in settled):
            return "differed at first meeting"
        return UNKNOWN

    def _stored_its_own_way(self, row: FieldChange, base: Base, sight: Sight) -> bool:
        side = Side(row.change.side) if row.change.side else None
        if side is None or row.change.state != ChangeRecord.State.DONE or row.path != sight.pair.paths[side]:
            return False
        stored = self.stores[side].normalise({row.path: row.after})[row.path]
        return bool(stored == base.held.get(side)) and bool(stored != row.after)


def _why_not_sent(pair: PairRules, group: list[Sight], changed: set[Side]) -> str:
    if pair.on_invalid is OnInvalid.SKIP_FIELD and any(each.now[side].problem for each in group for side in changed):
        return "can't be translated, and is skipped"
    if not any(_takes(group, side.other) for side in changed):
        return "the direction is off, or only fills blanks"
    return UNKNOWN


def _takes(group: list[Sight], receiver: Side) -> bool:
    word = group[0].pair.words[receiver]
    blank = all(each.now[receiver].is_blank for each in group)
    return word is not Word.OFF and (word is not Word.FILL or blank)


def _is_death(sight: Sight) -> bool:
    """One side says so and the other doesn't yet: nothing else of the person may be written."""
    return sight.pair.kind == "deceased" and not same(sight.now[Side.LEFT], sight.now[Side.RIGHT])


def _takes_part(rules: Rules, side: Side, values: Mapping[str, Any]) -> bool:
    """The machine's only scope, read without the engine."""
    return not rules.sides[side].scope or values.get("status") != "out"
