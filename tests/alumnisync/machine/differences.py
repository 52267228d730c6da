"""Why linked people differ, worked out from bases, rules and items alone: what the engine's work is held against.

Nothing here asks the merge: a value that neither an item, a decision nor a rule keeps apart is a lost change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alumnisync.engine.identity import MERGED
from alumnisync.engine.units import UNDONE, Base, Sight
from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Match, Question, Review
from connectors.records import Values
from connectors.systems.memory import Store
from connectors.systems.memory.store import moment
from mappings.models import Sync
from mappings.rules import OnInvalid, PairRules, Side, Word
from mappings.translate import Reading, Translator, same
from mappings.versions import rules_of

UNKNOWN = "unknown"
NEVER = datetime.min.replace(tzinfo=UTC)
Held = Callable[[Side, str], Values | None]
Records = Mapping[str, Values]


@dataclass(frozen=True)
class Difference:
    """A field pair whose sides say different things, and why; `UNKNOWN` where nothing says so."""

    link: int
    pair: str
    held: tuple[Any, Any]
    why: str


class Explained:
    """A sync's people. held: side and id → what the record says over there, None where it is gone."""

    def __init__(self, sync: Sync, held: Held, stores: Mapping[Side, Store]) -> None:
        version = sync.active_version()
        assert version is not None
        self.held, self.stores, self.rules = held, stores, rules_of(version)
        kinds = {side: stores[side].types["person"] for side in Side}
        self.feed = next((side for side in Side if kinds[side].feed), None)
        self.translators = [Translator(pair, {}) for pair in self.rules.pairs]
        self.asked: dict[tuple[int, str], list[Question]] = defaultdict(list)
        for model in (Conflict, Review):
            for question in model.objects.filter(link__sync=sync):
                self.asked[question.link_id, question.unit].append(question)
        self.lines: dict[tuple[int, str], list[FieldChange]] = defaultdict(list)
        for row in FieldChange.objects.filter(change__run__sync=sync).select_related("change"):
            self.lines[row.change.link_id or 0, row.unit].append(row)
        merged = Match.objects.filter(sync=sync, rule=MERGED, state=Match.State.OPEN)
        self.unclear = set(merged.values_list("candidates", flat=True))

    def of(self, link: Link) -> Iterator[Difference]:
        """Every mapped field that is not the same at the systems themselves, with the reason."""
        members = list(link.members.select_related("record"))
        rows: dict[Side, dict[str, Values]] = {side: {} for side in Side}
        for one in members:
            side, id = Side(one.side), one.record.remote_id
            values = self.held(side, id)
            if values is not None and self._takes_part(side, values):
                rows[side][id] = values
        if not all(rows.values()):
            return
        is_unclear = any(one.record_id in self.unclear for one in members)
        sights = {translator.pair.key: self._sight(translator, rows, link) for translator in self.translators}
        for key, sight in sights.items():
            left, right = sight.now[Side.LEFT], sight.now[Side.RIGHT]
            if _differ(sight):
                why = "two people became one record" if is_unclear else self._why(link, sight, sights)
                yield Difference(link.pk, key, (left.raw, right.raw), why)

    def _sight(self, translator: Translator, rows: Mapping[Side, Records], link: Link) -> Sight:
        unit = [each for each in self.translators if _unit(each.pair) == _unit(translator.pair)]
        now = {side: translator.read(side, self._speaker(side, unit, rows[side])) for side in Side}
        return Sight(translator, now, Base.load(link.bases.get(translator.pair.key, {})), self.feed)

    def _takes_part(self, side: Side, values: Values) -> bool:
        """The machines' only scope, read without the engine."""
        return not self.rules.sides[side].scope or values.get("status") != "out"

    def _speaker(self, side: Side, unit: Sequence[Translator], records: Records) -> Values:
        """Of several records of a person, the one whose value counts."""
        if len(records) == 1:
            return next(iter(records.values()))
        read = {id: [each.read(side, values) for each in unit] for id, values in records.items()}
        restricted = [
            id for id in records if any(_is_loud(each.pair, one) for each, one in zip(unit, read[id], strict=True))
        ]
        saying = [id for id in records if any(not (one.is_missing or one.is_blank) for one in read[id])]
        among = restricted or saying or list(records)
        return records[max(among, key=lambda id: (self._said_at(side, id, unit), *self._made(side, id)))]

    def _said_at(self, side: Side, id: str, unit: Sequence[Translator]) -> datetime:
        store = self.stores[side]
        row = store.live("person")[id]
        times = row.times if store.types["person"].field_times else {}
        return max((moment(times[path]) for each in unit if (path := each.pair.paths[side]) in times), default=NEVER)

    def _made(self, side: Side, id: str) -> tuple[int, int, str]:
        return self.stores[side].live("person")[id].created, len(id), id

    def _why(self, link: Link, sight: Sight, sights: Mapping[str, Sight]) -> str:
        unit = _unit(sight.pair)
        if any(question.state != Question.State.CLOSED for question in self.asked[link.pk, unit]):
            return "a question waits, or its decision is under way"
        if any(row.change.state in ChangeRecord.UNFINISHED for row in self.lines[link.pk, unit]):
            return "a change is set aside, held or planned"
        if any(_is_death(each) for each in sights.values()):
            return "everything waits for the report of a death"
        group = [each for each in sights.values() if _unit(each.pair) == unit]
        changed = {side for side in Side if any(each.has_changed(side) for each in group)}
        if not changed:
            return self._why_at_rest(link, sight, unit)
        return _why_not_sent(sight.pair, group, changed)

    def _why_at_rest(self, link: Link, sight: Sight, unit: str) -> str:
        """Both sides are what they were when a person, a rule or the system itself last left them so."""
        base = sight.base
        if base.kept_blank or base.refused:
            return "a removal stayed on its side, or a value was refused"
        if any(row.rule == UNDONE and row.change.state == "done" for row in self.lines[link.pk, unit]):
            return "put back by an undo"
        if any(question.choice == "leave" for question in self.asked[link.pk, unit]):
            return "left by a person"
        if any(row.rule == UNDONE and row.change.state == ChangeRecord.State.DONE for row in self.lines[link.pk, unit]):
            return "undone by a person"
        if any(self._stored_its_own_way(row, base, sight) for row in self.lines[link.pk, unit]):
            return "the system stores it its own way"
        settled = ChangeRecord.objects.filter(link=link, kind=ChangeRecord.Kind.SETTLE, state=ChangeRecord.State.DONE)
        if any(sight.pair.key in line.settles for line in settled):
            return "differed at first meeting"
        if self.feed and not base.held:
            return "the feed never spoke of it"
        return UNKNOWN

    def _stored_its_own_way(self, row: FieldChange, base: Base, sight: Sight) -> bool:
        side = Side(row.change.side) if row.change.side else None
        if side is None or row.change.state != ChangeRecord.State.DONE or row.path != sight.pair.paths[side]:
            return False
        stored = self.stores[side].normalise({row.path: row.after})[row.path]
        return bool(stored == base.held.get(side)) and bool(stored != row.after)


def _differ(sight: Sight) -> bool:
    """A side that does not say what it holds lacks what changed on the other, and nothing else."""
    for side in Side:
        if sight.now[side].is_missing:
            return sight.has_changed(side.other)
    return not same(sight.now[Side.LEFT], sight.now[Side.RIGHT])


def _unit(pair: PairRules) -> str:
    return pair.group or pair.key


def _is_loud(pair: PairRules, reading: Reading) -> bool:
    return (pair.kind, reading.value) in (("consent", "restricted"), ("deceased", True))


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
