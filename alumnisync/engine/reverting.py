"""Undoing one unit that a finished run wrote: what is put back, or why it is left as it is. Pure.

All of a unit or nothing of it. Nothing is put over what somebody did since, on either side, and no restriction
or death is lifted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alumnisync.engine.plan import CREATED_UNIT, Held, Planner
from alumnisync.engine.units import SIDES, UNDONE, FieldWrite
from connectors.records import MISSING
from mappings.rules import Side
from mappings.translate import Reading, Translator, raw_equal, same

NOT_MAPPED = (
    "The rules in force no longer have this field pair, or have it in another group. "
    "Put the former version in force first, or correct it by hand."
)
WRITTEN_ONCE = "Records there are written once and never changed. Correct it by hand there."
CANT_CHANGE = "Records there can't be changed by us. Correct it by hand there."
NOT_KNOWN_NOW = "What the record holds there now is not known."
NOT_KNOWN_BEFORE = "What the record held before is not known, or no longer kept."
IS_BACK = "It holds again what it held before."
EDITED = "It was changed there since."
SOURCE_EDITED = "The value that was carried over was changed in its own system since."
OTHERS_EDITED = "Another field that belongs with it was changed since."
ANOTHER_COUNTS = "Another record of this person is the one that counts for it by now."
LIFTS = "Putting it back would lift a restriction. Only a person does that, in the system itself."
REVIVES = "Putting it back would say that somebody reported as deceased is alive. Only a person does that."
KEPT_STAYS = "What this field held before the old value was kept in it is not known, so it stays."
RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Written:
    """One field that the run wrote.

    place    how the caller knows it
    pair     "" where it moved no base
    now      what its record holds there
    is_kept  an old value was kept in it
    """

    place: int
    side: Side
    record: int
    pair: str
    path: str
    before: Any = field(repr=False)
    after: Any = field(repr=False)
    source: Any = field(repr=False)
    now: Any = field(repr=False)
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Stand:
    """A person as they are now.

    held     side → what it says
    speaker  side → the record that counts there for the unit
    since    pair that was written or settled later → a side, and what it held before; MISSING: that is not known
    """

    held: Mapping[Side, Held]
    speaker: Mapping[Side, int]
    since: Mapping[str, tuple[Side, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reverted:
    """What undoing a unit comes to. writes: each with the record it goes to; left: fields that stay, with why."""

    writes: tuple[tuple[Written, FieldWrite], ...] = ()
    left: tuple[tuple[Written, str], ...] = ()


def revert(planner: Planner, unit: str, written: Sequence[Written], stand: Stand) -> Reverted:
    """Decide one unit."""
    work = _Unit(planner, unit, written, stand)
    if why := work.refusal():
        return Reverted(left=tuple((one, why) for one in written))
    stays = tuple((one, KEPT_STAYS) for one in written if one.is_kept and one.before is MISSING)
    return Reverted(tuple(work.writes()), stays)


class _Unit:
    def __init__(self, planner: Planner, unit: str, written: Sequence[Written], stand: Stand) -> None:
        self.planner, self.unit, self.stand = planner, unit, stand
        self.translators = planner.units.get(unit, ())
        self.written = [one for one in written if not (one.is_kept and one.before is MISSING)]
        self.sides = {one.side for one in self.written}

    def refusal(self) -> str:
        """Why the unit is left as it is, in words; "" where it is put back."""
        if not self._is_mapped():
            return NOT_MAPPED
        checks = (
            (self._is_final(), self._final()),
            (any(one.now is MISSING for one in self.written), NOT_KNOWN_NOW),
            (any(one.before is MISSING for one in self.written), NOT_KNOWN_BEFORE),
            (all(self._holds(one, one.before) for one in self.written), IS_BACK),
            (not all(self._holds(one, one.after) for one in self.written), EDITED),
            (not all(self._source_stands(one) for one in self.written), SOURCE_EDITED),
            (not all(self.stand.speaker[one.side] == one.record for one in self._mains().values()), ANOTHER_COUNTS),
            (any(map(self._moved, self._rest())), OTHERS_EDITED),
        )
        return next((why for applies, why in checks if applies), "") or self._protected()

    def writes(self) -> Iterator[tuple[Written, FieldWrite]]:
        """What is put back; the record that counts moves the bases, with what the other side holds now."""
        mains = self._mains()
        # What holds its former value already, such as a copy of an old one, is not written again.
        for one in (one for one in self.written if not self._holds(one, one.before)):
            translator = self._translator(one)
            is_main = translator is not None and mains[one.side, one.path] is one
            pair = translator.pair.key if translator and is_main else ""
            source = self._now(translator, one.side.other).raw if translator and not self._is_two_sided() else MISSING
            yield one, FieldWrite(pair, one.path, one.now, one.before, source, UNDONE)

    def _is_mapped(self) -> bool:
        known = {translator.pair.key for translator in self.translators}
        is_known = bool(known) or self.unit == CREATED_UNIT
        return bool(self.written) and is_known and all(one.pair in known for one in self.written if one.pair)

    def _is_final(self) -> bool:
        return any(self.planner.rules.sides[side].only_creates for side in self.sides)

    def _final(self) -> str:
        is_booked = any(self.planner.rules.sides[side].write_once for side in self.sides)
        return WRITTEN_ONCE if is_booked else CANT_CHANGE

    def _is_two_sided(self) -> bool:
        """Both sides were written, as a value of a person's own is."""
        return len(self.sides) == len(SIDES)

    def _mains(self) -> dict[tuple[Side, str], Written]:
        """(side, path) → the write that speaks for the side; the others only went along with it."""
        found: dict[tuple[Side, str], Written] = {}
        for one in self.written:
            place = (one.side, one.path)
            if self._translator(one) and (place not in found or self._rank(one) > self._rank(found[place])):
                found[place] = one
        return found

    def _rank(self, one: Written) -> tuple[bool, bool]:
        return bool(one.pair), self.stand.speaker[one.side] == one.record

    def _translator(self, one: Written) -> Translator | None:
        """The pair of a field; None for a kept old value."""
        if one.is_kept:
            return None
        return next((each for each in self.translators if each.pair.paths[one.side] == one.path), None)

    def _holds(self, one: Written, raw: Any) -> bool:
        translator = self._translator(one)
        if translator is None:
            return raw_equal(one.now, raw) or _text(one.now) == _text(raw)
        return _is(translator, one.side, translator.read_raw(one.side, one.now), raw)

    def _source_stands(self, one: Written) -> bool:
        translator = self._translator(one)
        if translator is None or one.source is MISSING or self._is_two_sided():
            return True
        now = self._now(translator, one.side.other)
        return now.is_missing or _is(translator, one.side.other, now, one.source)

    def _rest(self) -> list[Translator]:
        """The fields of the group that the run did not have to write."""
        paths = {(one.side, one.path) for one in self.written}
        return [each for each in self.translators if not any((side, each.pair.paths[side]) in paths for side in SIDES)]

    def _moved(self, translator: Translator) -> bool:
        """Whether it is no longer as it was when the others of its group were written: the same on both sides."""
        now = {side: self._now(translator, side) for side in SIDES}
        if not (any(one.is_missing for one in now.values()) or same(*now.values())):
            return True
        if translator.pair.key not in self.stand.since:
            return False
        # The two were the same then, so either of them tells what both held.
        side, raw = self.stand.since[translator.pair.key]
        return raw is MISSING or not _is(translator, side, now[side], raw)

    def _now(self, translator: Translator, side: Side) -> Reading:
        held = self.stand.held[side].of(self.unit)
        return translator.read(side, held.values, held.times)

    def _protected(self) -> str:
        for one in self.written:
            translator = self._translator(one)
            kind = translator.pair.kind if translator else ""
            if translator is None or kind not in _PROTECTED:
                continue
            value, why = _PROTECTED[kind]
            if translator.read_raw(one.side, one.now).value == value != translator.read_raw(one.side, one.before).value:
                return why
        return ""


_PROTECTED: Mapping[str, tuple[Any, str]] = {"consent": (RESTRICTED, LIFTS), "deceased": (True, REVIVES)}
"""Kind → the value that no undo takes away, and why not."""


def _is(translator: Translator, side: Side, now: Reading, raw: Any) -> bool:
    return raw_equal(now.raw, raw) or same(now, translator.read_raw(side, raw))


def _text(raw: Any) -> str:
    return "" if raw is None else str(raw).strip()
