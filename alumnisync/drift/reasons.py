"""Why the two sides of a field say different things: asked of the merge, and held against what is stored about it.

Pure. What the merge would still do must be found as a question or a change, or not have been planned yet; what
it leaves must have a rule or a person behind it. Whatever has neither is a lost change: `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from alumnisync.engine.units import SIDES, Apart, Outcome, Sight, Verdict
from mappings.translate import Translator, raw_equal, same


class Reason(StrEnum):
    """What a field of a linked person is at. The words are stored with reports, so none is ever renamed."""

    EQUAL = "equal"
    NOT_SAID = "not_said"
    CONFLICT = "conflict"
    REVIEW = "review"
    TO_CARRY_OUT = "to_carry_out"
    HELD = "held"
    PLANNED = "planned"
    UNDER_WAY = "under_way"
    SET_ASIDE = "set_aside"
    REFERENCE = "reference"
    DEATH = "death"
    MERGED = "merged"
    RECORDED = "recorded"
    FIRST_MEETING = "first_meeting"
    UNREADABLE = "unreadable"
    ONE_SIDE = "one_side"
    OFF = "off"
    KEPT_BLANK = "kept_blank"
    REFUSED = "refused"
    LEFT = "left"
    CORRECTED = "corrected"
    UNDONE = "undone"
    SKIPPED = "skipped"
    NOT_KNOWN = "not_known"
    STORED = "stored"
    CARRIED = "carried"
    MEMBER_LEFT = "member_left"
    FORMER_RULES = "former_rules"
    UNKNOWN = "unknown"

    @property
    def is_difference(self) -> bool:
        return self not in (Reason.EQUAL, Reason.NOT_SAID)


class Outside(StrEnum):
    """Why a linked person is not compared. Stored like the reasons."""

    GONE = "gone"
    OUT_OF_SCOPE = "out_of_scope"
    UNTOLD = "untold"
    NOT_PILOTED = "not_piloted"
    UNLINKING = "unlinking"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored about a unit of a person, and has not come to its end.

    asked    what is asked or decided: (kind, state)
    changes  states of changes; held as well where their whole run is
    why      what is said of a change, in words
    """

    asked: frozenset[tuple[str, str]] = frozenset()
    changes: frozenset[str] = frozenset()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A person as a whole. planned: all that is known of them was planned; waits: why nothing of theirs is."""

    planned: bool
    waits: Reason | None = None


_OF_CHANGES: Mapping[str, Reason] = {
    "sending": Reason.UNDER_WAY,
    "held": Reason.HELD,
    "set_aside": Reason.SET_ASIDE,
    "planned": Reason.PLANNED,
    "dropped": Reason.PLANNED,
}
_OF_QUESTIONS: Mapping[tuple[str, str], Reason] = {
    ("conflict", "open"): Reason.CONFLICT,
    ("review", "open"): Reason.REVIEW,
    ("conflict", "held"): Reason.HELD,
    ("review", "held"): Reason.HELD,
    ("conflict", "decided"): Reason.TO_CARRY_OUT,
    ("review", "decided"): Reason.TO_CARRY_OUT,
}


def reason_of(
    sight: Sight, outcome: Outcome, stored: Stored, standing: Standing, former: Iterable[Translator] = ()
) -> Reason:
    """What a field pair is at. former: how rules that are no longer in force read it."""
    if not sight.differs():
        return Reason.EQUAL if sight.is_known() else Reason.NOT_SAID
    if standing.waits is not None:
        return standing.waits
    if outcome.verdict is Verdict.NOTHING:
        return _left_alone(sight, outcome, stored, standing, former)
    return _waiting(sight, stored) or (Reason.UNKNOWN if standing.planned else Reason.PLANNED)


def _waiting(sight: Sight, stored: Stored) -> Reason | None:
    """What is to be done is stored as this."""
    for state, reason in _OF_CHANGES.items():
        if state in stored.changes:
            is_reference = reason is Reason.SET_ASIDE and sight.pair.kind == "reference"
            return Reason.REFERENCE if is_reference else reason
    return next((reason for place, reason in _OF_QUESTIONS.items() if place in stored.asked), None)


def _left_alone(
    sight: Sight, outcome: Outcome, stored: Stored, standing: Standing, former: Iterable[Translator]
) -> Reason:
    """Nothing is to be done: by what rule, or by whom."""
    if outcome.drift == Apart.AT_REST:
        return _at_rest(sight, former)
    if outcome.drift == Apart.RECORDED and standing.planned and not stored.asked:
        return Reason.UNKNOWN
    if outcome.drift in (Apart.OFF, Apart.DEATH) and not any(map(sight.has_changed, SIDES)):
        # Something else of its group, or of the person, moved and is not sent; this field is as it was before.
        found = _at_rest(sight, former)
        return Reason(outcome.drift) if found is Reason.UNKNOWN else found
    return Reason(outcome.drift) if outcome.drift else Reason.UNKNOWN


def _at_rest(sight: Sight, former: Iterable[Translator]) -> Reason:
    """Both sides hold what they held when the field was last settled: why was it, though they differ?"""
    if any(map(sight.has_changed, SIDES)):
        return Reason.UNKNOWN
    if any(map(sight.is_refused, SIDES)):
        return Reason.REFUSED
    if sight.base.kept_blank:
        return Reason.KEPT_BLANK
    if sight.base.apart:
        return Reason(sight.base.apart)
    if _is_carried(sight, sight.translator):
        return Reason.CARRIED
    if any(_was_same(sight, one) or _is_carried(sight, one) for one in former):
        return Reason.FORMER_RULES
    return Reason.UNKNOWN


def _is_carried(sight: Sight, translator: Translator) -> bool:
    """One side holds exactly what these rules write for what the other holds, such as a clean-up's text."""
    held = sight.base.held
    return any(
        side in held
        and side.other in held
        and raw_equal(translator.carry(translator.read_raw(side, held[side]), side.other).raw, held[side.other])
        for side in SIDES
    )


def _was_same(sight: Sight, translator: Translator) -> bool:
    held = sight.base.held
    return all(side in held for side in SIDES) and same(*(translator.read_raw(side, held[side]) for side in SIDES))
