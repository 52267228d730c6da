"""Planning one person: their records and bases, every unit merged → what becomes of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alumnisync.engine.merge import merge
from alumnisync.engine.units import SIDES, Base, Decision, FieldWrite, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING, Values
from mappings import paths
from mappings.rules import Rules, Side, Word
from mappings.translate import Translator

FROZEN = "waits until the report of a death is decided"
CONSTANT, KEY, STAMP = "set on create", "id of the other side", "id of the other side"


@dataclass(frozen=True, slots=True)
class Held:
    """What one side holds of a person: the fields, and when each was changed where the system says so."""

    values: Values = field(repr=False)
    times: Mapping[str, datetime] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A link as it stands: both sides, the bases by pair key, the standing decisions by unit key."""

    held: Mapping[Side, Held]
    bases: Mapping[str, Base] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Creation:
    """A record to create: its fields, or why nobody like this is created there."""

    writes: tuple[FieldWrite, ...] = ()
    refused: str = ""


class Planner:
    """A version's rules, compiled once for all the people of a run."""

    def __init__(self, rules: Rules, *, approved_with_preview: bool = False) -> None:
        zones = {side: rules.sides[side].time_zone for side in SIDES}
        self.rules = rules
        self.approved_with_preview = approved_with_preview
        self.translators = {pair.key: Translator(pair, zones) for pair in rules.pairs}
        self.units = {
            unit[0].group or unit[0].key: tuple(self.translators[pair.key] for pair in unit) for unit in rules.units()
        }

    def plan(self, person: Person) -> dict[str, Outcome]:
        """Unit key → what becomes of it."""
        outcomes = {key: merge(self._unit(key, person)) for key in self.units}
        if any(outcome.freezes for outcome in outcomes.values()):
            return {key: _freeze(outcome) for key, outcome in outcomes.items()}
        return outcomes

    def _unit(self, key: str, person: Person) -> Unit:
        sights = tuple(
            Sight(
                translator,
                {side: translator.read(side, person.held[side].values, person.held[side].times) for side in SIDES},
                person.bases.get(translator.pair.key, Base()),
                self.rules.feed,
            )
            for translator in self.units[key]
        )
        return Unit(key, sights, person.decisions.get(key), self.approved_with_preview)

    def creation(self, to: Side, held: Held, remote_id: str) -> Creation:
        """What a record on side `to` is created with for this record of the other side.

        Fields that can't be translated are left out: they are set aside once the record exists.
        """
        sender, side = to.other, self.rules.sides[to]
        writes = []
        for translator in self.translators.values():
            pair, reading = translator.pair, translator.read(sender, held.values, held.times)
            if (pair.kind, reading.value) in (("deceased", True), ("consent", "restricted")):
                return Creation(refused=f"{pair.kind} on {sender}: nobody like this is created")
            if pair.words[to] is Word.OFF or reading.is_missing or reading.is_blank or reading.problem:
                continue
            carried = translator.carry(reading, to)
            if not carried.problem:
                writes.append(FieldWrite(pair.key, pair.paths[to], None, carried.raw, reading.raw, "created"))
        if not writes:
            return Creation(refused="nothing to create a record with")
        writes += [FieldWrite("", path, None, value, None, CONSTANT) for path, value in side.on_create.items()]
        if side.stamp_field:
            writes.append(FieldWrite("", side.stamp_field, None, remote_id, remote_id, KEY))
        return Creation(tuple(writes))

    def stamp(self, on: Side, held: Held, other_id: str) -> FieldWrite | None:
        """The write of the other side's id into a blank key field, where there is one."""
        path = self.rules.sides[on].stamp_field
        if not path:
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

    def unit_of(self, pair: str) -> str:
        """The unit a pair is decided in."""
        return self.translators[pair].pair.group or pair


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
