"""A sync's rules as values: what a MappingVersion says, for the pure code that carries it out.

Pure: no Django. `mappings.models` builds these from the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    """One of the two systems of a sync."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class Word(StrEnum):
    """What happens to a change on its way in one direction."""

    OFF = "off"
    FILL = "fill"
    REVIEW = "review"
    AUTOMATIC = "automatic"


class ConflictRule(StrEnum):
    """Who wins when both sides changed."""

    ASK = "ask"
    LEFT = "left"
    RIGHT = "right"
    NEWEST = "newest"


class FirstMeeting(StrEnum):
    """What happens to values that already differ when two records are linked."""

    LEAVE = "leave"
    ASK = "ask"
    LEFT = "left"
    RIGHT = "right"


class OnBlank(StrEnum):
    """What a value that was removed on one side means for the other."""

    KEEP = "keep"
    ASK = "ask"
    CARRY = "carry"


class OnInvalid(StrEnum):
    """What becomes of a value that can't be translated."""

    SET_ASIDE = "set_aside"
    SKIP_FIELD = "skip_field"
    USE_DEFAULT = "use_default"


class Create(StrEnum):
    """Whether records are created on a side."""

    OFF = "off"
    REVIEW = "review"
    AUTOMATIC = "automatic"


class Gone(StrEnum):
    """What is said of a linked person whose record is no longer found, or is switched off."""

    IGNORE = "ignore"
    FLAG = "flag"
    REVIEW = "review"


class AbsenceKind(StrEnum):
    """Why a record doesn't stand for its person any more; four different things.

    MISSING   two complete lists in a row, that no safety limit stopped, came without it
    DELETED   its system reported it as deleted, or answered that there is no such record
    MERGED    its system merged it into another record
    DISABLED  it is there, and switched off by the condition of its side
    """

    MISSING = "missing"
    DELETED = "deleted"
    MERGED = "merged"
    DISABLED = "disabled"


GONE_DEFAULTS: Mapping[AbsenceKind, Gone] = {
    AbsenceKind.MISSING: Gone.FLAG,
    AbsenceKind.DELETED: Gone.FLAG,
    AbsenceKind.MERGED: Gone.FLAG,
    AbsenceKind.DISABLED: Gone.IGNORE,
}


def gone_policies(said: str | Mapping[str, str]) -> dict[AbsenceKind, Gone]:
    """What a side's `gone` says of each kind: one word for all four, or a word each with the defaults for the rest."""
    if isinstance(said, str):
        return dict.fromkeys(AbsenceKind, Gone(said))
    return {**GONE_DEFAULTS, **{AbsenceKind(kind): Gone(word) for kind, word in said.items()}}


def gone_said(policies: Mapping[AbsenceKind, Gone], *, knows_disabled: bool) -> str | dict[str, str]:
    """The same as shortly as `gone_policies` reads it back.

    knows_disabled: the side has a condition for who is switched off; without one, nobody ever is.
    """
    counting = [kind for kind in AbsenceKind if knows_disabled or kind is not AbsenceKind.DISABLED]
    words = {policies[kind] for kind in counting}
    if len(words) == 1:
        return words.pop().value
    unusual = {kind.value: policies[kind].value for kind in counting if policies[kind] is not GONE_DEFAULTS[kind]}
    return unusual or {AbsenceKind.DISABLED.value: Gone.IGNORE.value}


class Unmapped(StrEnum):
    """What becomes of a drop-down option without a pair."""

    SET_ASIDE = "set_aside"
    PASS = "pass"  # noqa: S105 - the public word of the setup file
    USE_DEFAULT = "use_default"


@dataclass(frozen=True, slots=True)
class ValuePairs:
    """Drop-down options of the left side paired with the right's; of several, the first is the way back.

    defaults: side → the option written there for an unmapped one, with `unmapped: use_default`.
    """

    pairs: tuple[tuple[str, str], ...]
    unmapped: Unmapped = Unmapped.SET_ASIDE
    defaults: Mapping[Side, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PairRules:
    """One field pair.

    key              what the pair is known by in bases and changes: stays when rules change
    paths            side → path of the field in that side's records
    words            receiving side → what happens to a change on its way there
    defaults         side → what is written there with `on_invalid: use_default`
    keep_old         receiving side → path that the replaced value is moved to
    currency_field   kind money: side → path of the field there that names the currency
    through          kind reference: the sync that links what the ids name
    restricted_when  kind consent: side → the value that means "restricted"
    reads, writes    side → Jinja2 expression applied after reading from, before writing to that side
    lengths          side → how many characters the field takes there
    """

    key: str
    paths: Mapping[Side, str]
    kind: str = "text"
    words: Mapping[Side, Word] = field(default_factory=lambda: {Side.LEFT: Word.AUTOMATIC, Side.RIGHT: Word.AUTOMATIC})
    conflict: ConflictRule = ConflictRule.ASK
    first_meeting: FirstMeeting = FirstMeeting.LEAVE
    on_blank: OnBlank = OnBlank.KEEP
    on_invalid: OnInvalid = OnInvalid.SET_ASIDE
    defaults: Mapping[Side, Any] = field(default_factory=dict)
    keep_old: Mapping[Side, str] = field(default_factory=dict)
    group: str = ""
    region: str = ""
    currency: str = ""
    currency_field: Mapping[Side, str] = field(default_factory=dict)
    through: str = ""
    restricted_when: Mapping[Side, Any] = field(default_factory=dict)
    value_map: ValuePairs | None = None
    reads: Mapping[Side, str] = field(default_factory=dict)
    writes: Mapping[Side, str] = field(default_factory=dict)
    lengths: Mapping[Side, int] = field(default_factory=dict)
    case_matters: bool = True


@dataclass(frozen=True, slots=True)
class SideRules:
    """One side of a sync: which records, who takes part, and what may be done there.

    key_field  field here that holds the other side's record id, or ""
    create     whether records may be created *here*
    on_create  constants set on a record created here
    deactivate what is set on a record here that is to be switched off, where the system has such a field
    scope      sandboxed expression over `record`: who takes part; "" is everybody
    narrow     filter in the system's own language, besides the scope
    gone       what is said of a linked person whose record is no longer found, or is disabled
    disabled   sandboxed expression over `record`: who is switched off there; "" is nobody
    write_once records here are the institution's books: created, and never changed by us
    can_update the system lets records be changed at all
    time_zone  of the system's clock, for times without a zone
    feed       brings changes, not records: what it says without a base is a change
    stamps     whether the key field here can be written; one that can't is only matched by
    """

    object_type: str
    key_field: str = ""
    create: Create = Create.OFF
    on_create: Mapping[str, Any] = field(default_factory=dict)
    deactivate: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""
    narrow: str = ""
    gone: Mapping[AbsenceKind, Gone] = field(default_factory=lambda: dict(GONE_DEFAULTS))
    disabled: str = ""
    several: bool = False
    write_once: bool = False
    can_update: bool = True
    time_zone: str = "UTC"
    feed: bool = False
    stamps: bool = True

    @property
    def stamp_field(self) -> str:
        """The key field, where the other side's id is written into it."""
        return self.key_field if self.stamps else ""

    @property
    def only_creates(self) -> bool:
        """Whether a record here is never changed by us once it is there."""
        return self.write_once or not self.can_update


@dataclass(frozen=True, slots=True)
class MatchRule:
    """Two records are one person when these fields agree; several fields count together."""

    paths: Mapping[Side, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything a MappingVersion says.

    pilot: ids of records (of either side) that a live sync is narrowed to; empty: everybody.
    """

    sides: Mapping[Side, SideRules]
    pairs: tuple[PairRules, ...]
    match: tuple[MatchRule, ...] = ()
    pilot: frozenset[str] = frozenset()

    @property
    def feed(self) -> Side | None:
        """The side that brings changes, not records."""
        return next((side for side, rules in self.sides.items() if rules.feed), None)

    def units(self) -> tuple[tuple[PairRules, ...], ...]:
        """The pairs as they are compared: each by itself, those of one group together."""
        grouped: dict[str, list[PairRules]] = {}
        for pair in self.pairs:
            grouped.setdefault(pair.group or f"\0{pair.key}", []).append(pair)
        return tuple(tuple(pairs) for pairs in grouped.values())
