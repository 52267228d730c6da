"""A question about a field as lines of a page: person, values side by side, why it was asked, what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alumnisync.engine.books import CHANGED, GONE, LEFT
from alumnisync.engine.created import CREATED, DEACTIVATE, LEAVE
from alumnisync.engine.identity import UNLINK
from alumnisync.engine.plan import CREATED_UNIT, RECORDED_UNIT
from alumnisync.engine.presence import newest_first, sides_of
from alumnisync.engine.tries import CREATE_UNIT
from alumnisync.inbox.wording import Wording
from alumnisync.models import Conflict, Link, Member, Question, Review
from alumnisync.naming import person
from connectors.models import RemoteRecord
from connectors.moments import when
from connectors.records import MISSING
from connectors.showing import as_text
from mappings.rules import Side

BY_HAND = "Correct it by hand in {to}, then tick it off."
REASONS: Mapping[str, str] = {
    "both changed": "Both sides changed it.",
    "differed at first meeting": "The two differed when they were linked.",
    "changed": "Changed in {sender}.",
    "filled a blank": "Only {sender} has a value.",
    "restriction lifted": "A restriction was lifted in {sender}.",
    "left wins at first meeting": "The two differed when they were linked; {left}'s is to win.",
    "right wins at first meeting": "The two differed when they were linked; {right}'s is to win.",
    "both changed: left": "Both sides changed it; {left}'s is to win.",
    "both changed: right": "Both sides changed it; {right}'s is to win.",
    "both changed: newest": "Both sides changed it; {sender}'s is newer.",
    CHANGED: f"Changed in {{sender}} after it was recorded in {{to}}: {{what}}. {BY_HAND}",
    LEFT: f"It no longer takes part, as {{sender}} has it now; in {{to}} it is recorded. {BY_HAND}",
    GONE: f"No longer found in {{sender}}; in {{to}} it is recorded. {BY_HAND}",
    "only there on one side": "There is no such record in {to} yet.",
    CREATED: "A run created it in {to}, and that run was undone. Nothing is deleted by us.",
    "the run was rejected": "The run that was to do this was rejected.",
}
"""What the engine says of a question → what people read."""


CREATED_CHOICES: Mapping[str, str] = {
    UNLINK: "Unlink it",
    DEACTIVATE: "Switch it off",
    LEAVE: "Leave it as it is",
}
"""What becomes of a record that an undone run had created, as it says on the buttons."""


@dataclass(frozen=True)
class Values:
    """One field pair of a question.

    was      what each side held when both last agreed; one, where it was the same
    is_same  both sides hold the same by kind, however it is written
    """

    key: str
    label: str
    left: Any
    right: Any
    was: tuple[tuple[str, Any], ...]
    is_same: bool = False


@dataclass(frozen=True)
class Row:
    """A question, for people."""

    question: Question
    person: str
    sync: str
    field: str
    values: tuple[Values, ...]
    left: str
    right: str
    is_urgent: bool
    reason: str
    asked: str
    suggestion: str
    decision: str
    mark: str = ""

    @property
    def is_create(self) -> bool:
        return self.question.unit == CREATE_UNIT

    @property
    def is_by_hand(self) -> bool:
        """Whether nothing can be sent for it: a person corrects it there and ticks it off."""
        return self.question.unit == RECORDED_UNIT

    @property
    def was_created(self) -> bool:
        """Whether it asks what becomes of a record that an undone run had created."""
        return self.question.unit == CREATED_UNIT

    @property
    def note(self) -> str:
        """Why it was asked, where the values beside it don't say so already."""
        return "" if self.question.reason == "both changed" else self.reason

    @property
    def is_group(self) -> bool:
        return len(self.values) > 1


def row_of(question: Conflict | Review, word: Wording, mark: str = "") -> Row:
    """A question with its link, sync and members at hand; no statement."""
    return Row(
        question,
        person(record for records in records_of(question.link).values() for record in records),
        question.link.sync.name,
        word.unit(question.unit),
        values_of(question, word),
        word.side(Side.LEFT),
        word.side(Side.RIGHT),
        question.unit in word.urgent,
        reason_of(question, word),
        when(question.created_at),
        chosen(question, question.suggestion, word),
        chosen(question, question.choice, word),
        mark,
    )


def records_of(link: Link) -> dict[Side, list[RemoteRecord]]:
    """Side → the records there whose values count, the newest first; where none does, all there are."""
    found: dict[Side, list[RemoteRecord]] = {}
    for side, members in sides_of(sorted(link.members.all(), key=_left_first)).items():
        counting = [one.record for one in members if one.state not in (Member.State.LEAVING, Member.State.LEFT)]
        found[side] = newest_first(counting or [one.record for one in members])
    return found


def values_of(question: Question, word: Wording) -> tuple[Values, ...]:
    """The field pairs of a question, with what each side held when it was asked."""
    held = {side: question.shown.get(side.value, {}) for side in Side}
    keys = moved(question, word) or list(dict.fromkeys([*held[Side.LEFT], *held[Side.RIGHT]]))
    keys.sort(key=list(word.names.pairs).index if all(key in word.names.pairs for key in keys) else None)
    return tuple(_values(question, key, word) for key in keys)


def _values(question: Question, key: str, word: Wording) -> Values:
    there, was = word.format(key), question.shown.get("was", {})
    left, right = (question.shown.get(side.value, {}).get(key, MISSING) for side in Side)
    before = {side: was.get(side.value, {}).get(key, MISSING) for side in Side}
    return Values(
        key,
        word.names.pair(key),
        there.shown(left),
        there.shown(right),
        _was({side: there.shown(value) for side, value in before.items()}, word),
        there.is_same(left, right),
    )


def moved(question: Question, word: Wording) -> list[str]:
    """Of a record in the books: the field pairs that its sender changed since it was recorded; by kind, as all is."""
    if not isinstance(question, Review) or question.unit != RECORDED_UNIT:
        return []
    sender = Side(question.side).other.value
    was = question.shown.get("was", {}).get(sender, {})
    now = question.shown.get(sender, {})
    return [pair for pair, before in was.items() if pair in now and not word.format(pair).is_same(before, now[pair])]


def chosen(question: Question, choice: str, word: Wording) -> str:
    """A choice in words; "" where none was made."""
    if not choice:
        return ""
    if question.unit == RECORDED_UNIT:
        return "Ticked off"
    if question.unit == CREATED_UNIT:
        return CREATED_CHOICES.get(choice, choice)
    if isinstance(question, Review):
        return "Refused" if choice == "leave" else "Let through"
    own = joined(as_text(value) for value in (question.value or {}).values())
    return choices_of(word).get(choice, f"Another value: {own}" if own else "Another value")


def choices_of(word: Wording) -> dict[str, str]:
    """What can be chosen where both sides changed, as it says on the buttons."""
    sides = {side.value: f"Use {possessive(word.side(side))}" for side in Side}
    return {**sides, "leave": "Leave both as they are"}


def possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def reason_of(question: Question, word: Wording) -> str:
    """Why it was asked, in words."""
    names = {side.value: word.side(side) for side in Side}
    if isinstance(question, Review):
        to = Side(question.side)
        names |= {"to": word.side(to), "sender": word.side(to.other)}
        names["what"] = joined(map(word.names.pair, moved(question, word)))
    sentence = REASONS.get(question.reason)
    return sentence.format_map({"sender": "one side", "to": "the other", **names}) if sentence else question.reason


def _was(was: Mapping[Side, Any], word: Wording) -> tuple[tuple[str, Any], ...]:
    known = {side: value for side, value in was.items() if value is not MISSING}
    if len(known) == len(Side) and str(was[Side.LEFT]).casefold() == str(was[Side.RIGHT]).casefold():
        return (("", was[Side.LEFT]),)
    return tuple((word.side(side), value) for side, value in known.items())


def _left_first(member: Any) -> tuple[str, int]:
    return member.side, member.pk


def joined(parts: Iterable[str]) -> str:
    """Words as a list in a sentence."""
    found = list(parts)
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
