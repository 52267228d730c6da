"""One side of a linked person: the records that take part, and what they say together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alumnisync.engine.context import Context, grouped
from alumnisync.engine.members import Spoken, Units, Voice, age, spoken
from alumnisync.engine.plan import Held
from alumnisync.engine.units import Apart, Base
from alumnisync.models import Member
from connectors.models import RemoteRecord
from connectors.records import MISSING
from mappings.rules import Side

State = Member.State


@dataclass(frozen=True)
class Presence:
    """Who is there of a person on one side.

    there   the records that take part
    spoken  what they say together
    former  the same with those who counted until now and no longer take part; None: nobody left
    """

    side: Side
    members: Sequence[Member]
    there: Mapping[int, RemoteRecord]
    spoken: Spoken
    former: Spoken | None = None

    @property
    def held(self) -> Held:
        return self.spoken.held

    @property
    def newest(self) -> RemoteRecord:
        return self.there[self.spoken.first.id]

    @property
    def ids(self) -> list[str]:
        """The ids of all who are, or were, a record of this person: one of them may still be named over there."""
        return [one.record.remote_id for one in self.members]

    def speaker(self, unit: str) -> RemoteRecord:
        """The record whose value of this unit counts."""
        return self.there[self.spoken.speaker(unit).id]

    def moved(self, units: Units, bases: Mapping[str, Base]) -> dict[str, Base]:
        """Bases that go with a record that left: the value that counts now is what was there before, no change."""
        if self.former is None:
            return {}
        moved = {}
        for unit, translators in units.items():
            if self.former.speaker(unit).id in self.there:
                continue
            for translator in translators:
                base = bases.get(translator.pair.key, Base())
                raw = translator.read(self.side, self.held.of(unit).values).raw
                if self.side in base.held and raw is not MISSING:
                    moved[translator.pair.key] = replace(
                        base, held={**base.held, self.side: raw}, apart=Apart.MEMBER_LEFT
                    )
        return moved

    def stir(self) -> list[Member]:
        """Note who comes and who leaves, to be carried out with the plan; those whose state is another now."""
        changed = []
        for one in self.members:
            state = _GOES_ON[one.record_id in self.there].get(one.state, one.state)
            if state != one.state:
                one.state = state
                changed.append(one)
        return changed

    def is_as_shown(self) -> bool:
        """Whether those who were to count still take part, and no others."""
        return all((one.state in _COUNTS) == (one.record_id in self.there) for one in self.members)

    def is_moving(self) -> bool:
        """Whether carrying out the plan alters who counts."""
        return any(one.state in Member.PENDING for one in self.members)


_COUNTS = (State.PRESENT, State.JOINING, State.COMING)
_GOES_ON: Mapping[bool, Mapping[str, State]] = {
    True: {State.LEAVING: State.PRESENT, State.LEFT: State.COMING},
    False: {State.PRESENT: State.LEAVING, State.COMING: State.LEFT},
}


def presence_of(ctx: Context, side: Side, members: Iterable[Member]) -> Presence | None:
    """What of a person is there on a side; None where nobody takes part, or it can't be told of a record of theirs."""
    known = list(members)
    if len(known) > 1 and any(one.record.problem and one.record.gone_at is None for one in known):
        return None
    there = {one.record_id: one.record for one in known if ctx.takes_part(side, one.record)}
    if not there:
        return None
    units = ctx.planner.units
    now = [voice_of(record) for record in there.values()]
    gone = [voice_of(one.record) for one in known if one.record_id not in there and _left(one, known)]
    former = spoken(units, side, now + gone) if gone else None
    return Presence(side, known, there, spoken(units, side, now), former)


def members_of(links: Collection[int]) -> defaultdict[int, list[Member]]:
    """Link → its members, with their records."""
    return grouped(Member.objects.filter(link__in=links).select_related("record"), lambda one: one.link_id)


def sides_of(members: Iterable[Member]) -> dict[Side, list[Member]]:
    """Side → the person's records there."""
    return grouped(members, lambda one: Side(one.side))


def voice_of(record: RemoteRecord) -> Voice:
    """A record as one of several."""
    return Voice(record.pk, record.remote_id, Held(record.values, record.changed_at()), record.created_there)


def newest_first(records: Iterable[RemoteRecord]) -> list[RemoteRecord]:
    """Records of a person as they are ranked where no field's own time tells."""
    # Not by `voice_of`: lists leave the times of fields unread.
    aged = [(age(Voice(one.pk, one.remote_id, Held({}), one.created_there)), one) for one in records]
    return [one for _, one in sorted(aged, key=lambda pair: pair[0], reverse=True)]


def _left(one: Member, members: Iterable[Member]) -> bool:
    """Whether it counted until now; one merged into another of this person is not missed: that one speaks for it."""
    was_merged = one.record.merged_into in {other.record.remote_id for other in members}
    return one.state in (State.PRESENT, State.LEAVING) and not was_merged
