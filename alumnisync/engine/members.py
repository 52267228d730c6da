"""Several records of one person on one side: whose value counts for each field, and who is written to.

Pure. The newest value that isn't blank counts; of a consent the most restricted, of a death the one that reports it.
A group is spoken for by one record, so that no address is put together from two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from alumnisync.engine.plan import Held
from alumnisync.engine.units import FieldWrite
from connectors.records import MISSING
from mappings.rules import Side
from mappings.translate import Reading, Translator

LOUD: Mapping[str, Any] = {"consent": "restricted", "deceased": True}
"""Kind → the value that counts wherever it stands."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)

Units = Mapping[str, Sequence[Translator]]


@dataclass(frozen=True, slots=True)
class Voice:
    """A record of a person. id: how the caller knows it; created: when it was created there."""

    id: int
    remote_id: str
    held: Held
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the records of one side say together.

    held      as one record would hold it
    first     the newest record
    heard     unit → the records that say something of it, the one that counts first
    """

    held: Held
    first: Voice
    heard: Mapping[str, tuple[Voice, ...]]

    def speaker(self, unit: str) -> Voice:
        """Whose value of this unit counts."""
        return self.heard.get(unit, (self.first,))[0]

    def writes(
        self, side: Side, unit: str, translators: Sequence[Translator], writes: Sequence[FieldWrite]
    ) -> dict[int, list[FieldWrite]]:
        """Record → what is written there: to the one that spoke, and where its value goes, to all who would speak next.

        Only the first moves bases; the others' own values are what was there before.
        """
        speaker, *others = self.heard.get(unit, (self.first,))
        found = {speaker.id: list(writes)}
        if others and _falls_silent(side, translators, speaker, writes):
            found |= {one.id: _same_there(side, translators, one, writes) for one in others}
        return found


def spoken(units: Units, side: Side, voices: Sequence[Voice]) -> Spoken:
    """What one or more records say together; the order they come in means nothing, and one says what it says."""
    if len(voices) == 1:
        return Spoken(voices[0].held, voices[0], {})
    heard = {key: _heard(translators, side, voices) for key, translators in units.items()}
    first = max(voices, key=age)
    of_units = {key: speaking[0].held for key, speaking in heard.items()}
    return Spoken(replace(first.held, of_units=of_units), first, heard)


def _heard(translators: Sequence[Translator], side: Side, voices: Sequence[Voice]) -> tuple[Voice, ...]:
    read = {voice.id: _read(translators, side, voice) for voice in voices}
    ranked = sorted(voices, key=lambda voice: (_said_at(read[voice.id]), age(voice)), reverse=True)
    loud = LOUD.get(translators[0].pair.kind, MISSING)
    restricting = [voice for voice in ranked if any(one.value == loud for one in read[voice.id])]
    saying = [voice for voice in ranked if any(map(_says, read[voice.id]))]
    # Where all are blank, the newest that knows of the field at all.
    knowing = [voice for voice in ranked if not all(one.is_missing for one in read[voice.id])]
    return tuple(restricting or saying or knowing[:1] or ranked[:1])


def _falls_silent(side: Side, translators: Sequence[Translator], speaker: Voice, writes: Sequence[FieldWrite]) -> bool:
    """Whether what is written takes away what made the record's value count."""
    after = {write.path: write.after for write in writes}
    loud = LOUD.get(translators[0].pair.kind)
    now = _read(translators, side, speaker)
    if loud is not None and now[0].value == loud:
        return True
    then = [
        translator.read_raw(side, after[path]) if (path := translator.pair.paths[side]) in after else reading
        for translator, reading in zip(translators, now, strict=True)
    ]
    return not any(map(_says, then))


def _same_there(
    side: Side, translators: Sequence[Translator], voice: Voice, writes: Sequence[FieldWrite]
) -> list[FieldWrite]:
    now = {translator.pair.paths[side]: translator.read(side, voice.held.values).raw for translator in translators}
    return [
        replace(write, pair="", before=now[write.path])
        for write in writes
        if now.get(write.path, MISSING) is not MISSING
    ]


def _read(translators: Sequence[Translator], side: Side, voice: Voice) -> list[Reading]:
    return [translator.read(side, voice.held.values, voice.held.times) for translator in translators]


def _says(reading: Reading) -> bool:
    return not (reading.is_missing or reading.is_blank)


def _said_at(readings: Sequence[Reading]) -> datetime:
    return max((one.time for one in readings if one.time is not None), default=LONG_AGO)


def age(voice: Voice) -> tuple[datetime, int, str]:
    """Which of two records is the newer; an id counts as a number would."""
    return voice.created or LONG_AGO, len(voice.remote_id), voice.remote_id
