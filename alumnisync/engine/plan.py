"""Planning one person: their records and bases, every unit merged → what becomes of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from alumnisync.engine.merge import merge
from alumnisync.engine.units import SIDES, Apart, Base, Decision, FieldWrite, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING, Values
from mappings import paths
from mappings.kinds import Linked
from mappings.rules import OnInvalid, PairRules, Rules, Side, Word
from mappings.translate import Carried, Reading, Translator

FROZEN = Apart.DEATH
RECORDED_UNIT = "recorded"
"""The unit of a Review of what changed after it was written to a side that is written once."""
CREATED_UNIT = "created"
"""The unit of a Review of what becomes of a record that an undone run had created."""
DEACTIVATED = "switched off"
"""The rule of a field that switches such a record off."""
CONSTANT, KEY, STAMP = "set on create", "id of the other side", "id of the other side"


@dataclass(frozen=True, slots=True)
class Held:
    """What one side holds of a person: the fields, and when each was changed where the system says so.

    of_units: where the person has several records there, unit → what the one that speaks for it holds.
    """

    values: Values = field(repr=False)
    times: Mapping[str, datetime] = field(default_factory=dict, repr=False)
    of_units: Mapping[str, Held] = field(default_factory=dict, repr=False)

    def of(self, unit: str) -> Held:
        """What counts for a unit."""
        return self.of_units.get(unit, self)


@dataclass(frozen=True, slots=True)
class Person:
    """A link as it stands: both sides, the bases by pair key, the standing decisions by unit key."""

    held: Mapping[Side, Held]
    bases: Mapping[str, Base] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Creation:
    """A record to create: its fields, or why nobody like this is created there; waits: why not yet."""

    writes: tuple[FieldWrite, ...] = ()
    refused: str = ""
    waits: str = ""


class Planner:
    """A version's rules, compiled once for all the people of a run."""

    def __init__(self, rules: Rules, *, approved_with_preview: bool = False) -> None:
        zones = {side: rules.sides[side].time_zone for side in SIDES}
        self.rules = rules
        self.approved_with_preview = approved_with_preview
        # What references name, to be looked up before any of them is read.
        self.linked = Linked()
        of_linked = replace(rules, pairs=tuple(_of_linked(pair, rules) for pair in rules.pairs))
        self.translators = {pair.key: Translator(pair, zones, self.linked) for pair in of_linked.pairs}
        self.units = {
            unit[0].group or unit[0].key: tuple(self.translators[pair.key] for pair in unit)
            for unit in of_linked.units()
        }
        self._words = {pair.key: pair.words for pair in rules.pairs}
        self._books = tuple(side for side in SIDES if rules.sides[side].write_once)

    def plan(self, person: Person) -> dict[str, Outcome]:
        """Unit key → what becomes of it."""
        outcomes = {key: merge(self.unit(key, person)) for key in self.units}
        outcomes |= {key: Outcome(Verdict.NOTHING, drift=Apart.RECORDED) for key in self.corrections(person)}
        if any(outcome.freezes for outcome in outcomes.values()):
            return {key: _freeze(outcome) for key, outcome in outcomes.items()}
        return outcomes

    def corrections(self, person: Person) -> list[str]:
        """The units that changed after they were written to a side that is written once, and differ from it."""
        if not self._books:
            return []
        return [key for key in self.units if any(map(self._is_correction, self.unit(key, person).sights))]

    def settled(self, person: Person, units: Iterable[str]) -> dict[str, Base]:
        """Bases that are what each side holds now, where a person corrected by hand what differs."""
        return {pair: base for key in units for pair, base in self.unit(key, person).settled(Apart.CORRECTED).items()}

    def _is_correction(self, sight: Sight) -> bool:
        return any(
            self._words[sight.pair.key][side] is not Word.OFF and sight.has_changed(side.other) and sight.lacks(side)
            for side in self._books
        )

    def unit(self, key: str, person: Person) -> Unit:
        """What there is to decide about a unit."""
        held = {side: person.held[side].of(key) for side in SIDES}
        sights = tuple(
            Sight(
                translator,
                {side: translator.read(side, held[side].values, held[side].times) for side in SIDES},
                person.bases.get(translator.pair.key, Base()),
                self.rules.feed,
            )
            for translator in self.units[key]
        )
        return Unit(key, sights, person.decisions.get(key), self.approved_with_preview)

    def creation(self, to: Side, held: Held, remote_id: str) -> Creation:
        """What a record on side `to` is created with for this record of the other side.

        Fields that can't be translated are left out: they are set aside once the record exists. Where that is
        too late, the record waits: without what it refers to, and in books, it is never created.
        """
        sender, side = to.other, self.rules.sides[to]
        writes, lacking = [], []
        for translator in self.translators.values():
            pair = translator.pair
            told = held.of(self.unit_of(pair.key))
            reading = translator.read(sender, told.values, told.times)
            if (pair.kind, reading.value) in (("deceased", True), ("consent", "restricted")):
                return Creation(refused=f"{pair.kind} on {sender}: nobody like this is created")
            if self._words[pair.key][to] is Word.OFF or reading.is_missing or reading.is_blank:
                continue
            carried = self._carried(translator, reading, to)
            if carried.problem and self.must_have(pair, to):
                lacking.append(f"{pair.paths[sender]}: {carried.problem}")
            elif carried.problem:
                continue
            writes.append(FieldWrite(pair.key, pair.paths[to], None, carried.raw, reading.raw, "created"))
        if not writes:
            return Creation(refused="nothing to create a record with")
        writes += [FieldWrite("", path, None, value, None, CONSTANT) for path, value in side.on_create.items()]
        if side.stamp_field:
            writes.append(FieldWrite("", side.stamp_field, None, remote_id, remote_id, KEY))
        return Creation(tuple(writes), waits=" ".join(lacking))

    def unfilled(self, to: Side, source: Values, created: Values) -> dict[str, Any]:
        """Bases, as stored, of pairs that the source left blank and the record created on `to` does not show.

        Without one they would never have met: what nobody shows is unknown, and what is filled in later would stay.
        """
        found = {}
        for key, translator in self.translators.items():
            reading = translator.read(to.other, source)
            if reading.is_blank and translator.read(to, created).is_missing:
                found[key] = Base({to.other: reading.raw}).dump()
        return found

    def must_have(self, pair: PairRules, to: Side) -> bool:
        """Whether a record is not created on `to` without this field, where its source has a value."""
        is_booked = self.rules.sides[to].write_once and pair.on_invalid is not OnInvalid.SKIP_FIELD
        return is_booked or pair.kind == "reference"

    def _carried(self, translator: Translator, reading: Reading, to: Side) -> Carried:
        if reading.problem and not self.rules.sides[to].only_creates:
            # It is set aside, or takes its default, once the record exists.
            return Carried(MISSING, reading.problem)
        return translator.carry(reading, to)

    def stamp(self, on: Side, held: Held, other_id: str) -> FieldWrite | None:
        """The write of the other side's id into a blank key field, where there is one."""
        path = self.rules.sides[on].stamp_field
        if not path or self.rules.sides[on].only_creates:
            return None
        now = paths.get(held.values, path)
        if now is MISSING or (now is not None and str(now).strip()):
            return None
        return FieldWrite("", path, now, other_id, other_id, STAMP)

    def names_another(self, on: Side, held: Held, other_id: str) -> bool:
        """Whether the key field there holds the id of somebody else: it is never stamped over."""
        path = self.rules.sides[on].key_field
        now = paths.get(held.values, path) if path else MISSING
        return now not in (MISSING, None) and str(now).strip() not in ("", other_id)

    def is_frozen(self, person: Person) -> bool:
        """Whether a death that was reported waits to be decided: nothing else of the person is written meanwhile."""
        deaths = (key for key, pairs in self.units.items() if pairs[0].pair.kind == "deceased")
        return any(merge(self.unit(key, person)).freezes for key in deaths)

    def unit_of(self, pair: str) -> str:
        """The unit a pair is decided in."""
        return self.translators[pair].pair.group or pair


def _of_linked(pair: PairRules, rules: Rules) -> PairRules:
    """The pair as it is for records that are linked: nothing is sent to those that are only ever created."""
    off = {side: Word.OFF for side in SIDES if rules.sides[side].only_creates}
    return replace(pair, words={**pair.words, **off}) if off else pair


def _freeze(outcome: Outcome) -> Outcome:
    if outcome.freezes or outcome.urgent:
        return outcome
    return Outcome(Verdict.NOTHING, drift=FROZEN)


def lay_over(values: Values, writes: Mapping[str, Any]) -> Values:
    """A copy of a record's values with the written paths laid over; the rest is shared."""
    copied = dict(values)
    for path in writes:
        root = paths.root(path)
        if root != path and root in copied:
            copied[root] = _copy(copied[root])
    for path, value in writes.items():
        paths.put(copied, path, value)
    return copied


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
