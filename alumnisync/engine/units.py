"""What is merged and what comes of it, as values: a unit with its sights and bases, and its outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connectors.records import MISSING
from mappings.rules import PairRules, Side, Word
from mappings.translate import Reading, Translator, raw_equal, same

SIDES = (Side.LEFT, Side.RIGHT)
UNDONE = "undone"
"""The rule of a field that an undo put back, and why the sides differ from then on."""


class Verdict(StrEnum):
    """What becomes of a field pair or group."""

    NOTHING = "nothing"
    SETTLE = "settle"
    SEND = "send"
    CONFLICT = "conflict"
    REVIEW = "review"
    SET_ASIDE = "set_aside"


class Apart(StrEnum):
    """Why the sides of a field pair may say different things. The words are stored, so none is ever renamed."""

    FIRST_MEETING = "first_meeting"
    UNREADABLE = "unreadable"
    ONE_SIDE = "one_side"
    REFUSED = "refused"
    LEFT = "left"
    KEPT_BLANK = "kept_blank"
    STORED = "stored"
    MEMBER_LEFT = "member_left"
    CORRECTED = "corrected"
    UNDONE = "undone"
    AT_REST = "at_rest"
    OFF = "off"
    NOT_KNOWN = "not_known"
    SKIPPED = "skipped"
    RECORDED = "recorded"
    DEATH = "death"


@dataclass(frozen=True, slots=True)
class Base:
    """What the sides of one pair held when they last agreed, raw; a side that is absent is unknown.

    refused     side → the value there that a person refused to send on; it counts as unchanged while it stands
    kept_blank  the side whose removal was kept to itself: nothing goes back there without a person
    apart       why they were settled though they differ; no part of what is compared
    """

    held: Mapping[Side, Any] = field(default_factory=dict)
    refused: Mapping[Side, Any] = field(default_factory=dict)
    kept_blank: Side | None = None
    apart: str = field(default="", compare=False)

    @classmethod
    def load(cls, entry: Mapping[str, Any]) -> Base:
        """From its stored form, as `dump` makes it."""
        blank = entry.get("kept_blank")
        return cls(
            {side: entry[side] for side in SIDES if side in entry},
            {Side(side): raw for side, raw in entry.get("refused", {}).items()},
            Side(blank) if blank else None,
            entry.get("apart", ""),
        )

    def dump(self) -> dict[str, Any]:
        """As JSON; what is unknown or empty is left out."""
        entry: dict[str, Any] = {side.value: raw for side, raw in self.held.items() if raw is not MISSING}
        if self.refused:
            entry["refused"] = {side.value: raw for side, raw in self.refused.items()}
        if self.kept_blank:
            entry["kept_blank"] = self.kept_blank.value
        if self.apart:
            entry["apart"] = str(self.apart)
        return entry


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person chose for a unit.

    choice  "left", "right", "value" or "leave"
    shown   side → pair key → the raw value that was on the screen
    value   pair key → the own value, with choice "value"
    """

    choice: str
    shown: Mapping[Side, Mapping[str, Any]]
    value: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sight:
    """One pair as it stands: both sides now, read with today's rules, and its base.

    feed: the side that only brings changes: what it says without a base is one, and the other side's isn't.
    """

    translator: Translator
    now: Mapping[Side, Reading]
    base: Base = field(default_factory=Base)
    feed: Side | None = None

    @property
    def pair(self) -> PairRules:
        return self.translator.pair

    def is_known(self) -> bool:
        """Both records say something about the field."""
        return not any(self.now[side].is_missing for side in SIDES)

    def is_new(self) -> bool:
        """The sides never agreed on this pair."""
        return not self.base.held

    def has_changed(self, side: Side) -> bool:
        """The side holds something else than when both last agreed."""
        now = self.now[side]
        if now.is_missing:
            return False
        if side not in self.base.held:
            return self._is_change_without_base(side)
        if self._equals(side, now, self.base.held[side]):
            return False
        return not self.is_refused(side)

    def _is_change_without_base(self, side: Side) -> bool:
        if side is self.feed:
            return not self.is_refused(side)
        return not self.is_new() and not self.now[side].is_blank

    def is_refused(self, side: Side) -> bool:
        """A person refused to send on what the side holds."""
        return side in self.base.refused and self._equals(side, self.now[side], self.base.refused[side])

    def _equals(self, side: Side, now: Reading, raw: Any) -> bool:
        return raw_equal(now.raw, raw) or same(now, self.translator.read_raw(side, raw))

    def lacks(self, to: Side) -> bool:
        """That side is not known to hold what the other says."""
        sender, receiver = self.now[to.other], self.now[to]
        if sender.is_missing:
            return False
        # Unknown is unchanged: a side that says nothing lacks what changed on the other, and nothing else.
        return self.has_changed(to.other) if receiver.is_missing else not same(sender, receiver)

    def differs(self) -> bool:
        """One of the sides lacks what the other says."""
        return any(self.lacks(side) for side in SIDES)


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """One field to write: `before` is what the target is known to hold, `source` the sender's raw value.

    pair: the pair whose bases move once it is written; "" for a kept old value, a constant or an id.
    """

    pair: str
    path: str
    before: Any
    after: Any
    source: Any
    rule: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a unit.

    writes   receiving side → the fields to write there (of a SEND), or that would be written
    settles  pair key → the base both sides move to when the plan is carried out
    blanked  the side that lost its value
    urgent   no safety limit may hold it (a restriction)
    freezes  nothing else of this person may be written meanwhile
    drift    why the sides may stay different (an Apart); "" where they don't
    """

    verdict: Verdict
    rule: str = ""
    reason: str = ""
    writes: Mapping[Side, tuple[FieldWrite, ...]] = field(default_factory=dict)
    settles: Mapping[str, Base] = field(default_factory=dict)
    blanked: Side | None = None
    urgent: bool = False
    freezes: bool = False
    drift: str = ""
    suggestion: str = ""

    @property
    def to(self) -> Side:
        """The one side it is written on."""
        return next(iter(self.writes))


@dataclass(frozen=True, slots=True)
class Unit:
    """Pairs that are compared, decided and written together: one pair, or a group.

    approved_with_preview: the plan is shown to a person before anything is sent, so that a first
    meeting may fill a blank even where changes go to review.
    """

    key: str
    sights: tuple[Sight, ...]
    decision: Decision | None = None
    approved_with_preview: bool = False

    @property
    def rules(self) -> PairRules:
        """The rules all pairs of the unit share."""
        return self.sights[0].pair

    def has_changed(self, side: Side) -> bool:
        return any(sight.has_changed(side) for sight in self.sights)

    def is_refused(self, side: Side) -> bool:
        return any(sight.is_refused(side) for sight in self.sights)

    def meets(self) -> bool:
        """The sides compare for the first time what each holds; who only brings changes holds nothing."""
        return any(sight.is_new() and sight.feed is None for sight in self.sights)

    def is_known(self) -> bool:
        return all(sight.is_known() for sight in self.sights)

    def is_blank(self, side: Side) -> bool:
        return all(sight.now[side].is_blank for sight in self.sights)

    def is_readable(self, side: Side) -> bool:
        return all(not sight.now[side].problem for sight in self.sights)

    def agrees(self) -> bool:
        return not any(sight.differs() for sight in self.sights)

    def takes(self, to: Side) -> bool:
        """Whether a change may go there at all, as things stand."""
        word = self.rules.words[to]
        return word is not Word.OFF and (word is not Word.FILL or self.is_blank(to))

    def settled(self, apart: str = "") -> dict[str, Base]:
        """Bases that are what each side holds now. apart: why, for those that differ."""
        return {
            sight.pair.key: Base({side: sight.now[side].raw for side in SIDES}, apart=apart if sight.differs() else "")
            for sight in self.sights
            if sight.is_known()
        }
