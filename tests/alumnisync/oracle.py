"""The merge once more, over single words, written from the design alone: what `merge` is held against.

A value is one of BLANK, "x", "y", "z", UNKNOWN (the record doesn't say) or BAD (can't be read as its kind).
Two values are equal when they are the same word, but BAD equals nothing: only a base may be the very same
text. Nothing here is shared with the
engine but the names of the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BLANK, UNKNOWN, BAD = "blank", "unknown", "bad"
DEFAULT = "default"
SIDES = ("left", "right")
OTHER = {"left": "right", "right": "left"}

Bases = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One field pair: what each side holds and held (a side absent from `base` has none), and its rules."""

    now: Mapping[str, str]
    base: Bases = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(SIDES, "automatic"))
    conflict: str = "ask"
    first_meeting: str = "leave"
    on_blank: str = "keep"
    on_invalid: str = "set_aside"
    approved_with_preview: bool = False
    kept_blank: str = ""
    refused: Bases = field(default_factory=dict)
    newer: str = ""

    def has_changed(self, side: str) -> bool:
        now = self.now[side]
        if now == UNKNOWN or not self.base:
            return False
        # A side without base is one that never spoke: nothing there cannot be a removal.
        return now not in (self.base.get(side, BLANK), self.refused.get(side))


@dataclass(frozen=True)
class Answer:
    """to, value: where what is written, or would be; bases: what both become if nothing else moves."""

    verdict: str
    to: str = ""
    value: str = ""
    bases: Bases | None = None
    kept_blank: str = ""
    differs: bool = False


def judge(case: Case) -> Answer:
    """What the design says of one pair."""
    known = UNKNOWN not in case.now.values()
    if known and case.now["left"] == case.now["right"] != BAD:
        is_settled = case.base and not any(map(case.has_changed, SIDES))
        return Answer("nothing") if is_settled else _settle(case)
    if not case.base:
        return _meet(case) if known else Answer("nothing")
    changed = [side for side in SIDES if case.has_changed(side)]
    if len(changed) == 2:
        return _clash(case)
    return _carry(case, changed[0]) if changed else Answer("nothing", differs=known)


def _settle(case: Case, *, differs: bool = False) -> Answer:
    return Answer("settle", bases=dict(case.now), differs=differs)


def _meet(case: Case) -> Answer:
    left, right = case.now["left"], case.now["right"]
    if BAD in (left, right):
        return _settle(case, differs=True)
    if BLANK in (left, right):
        return _fill(case, "left" if right == BLANK else "right")
    if case.first_meeting == "ask":
        return Answer("conflict", differs=True)
    if case.first_meeting == "leave" or not _is_open(case, OTHER[case.first_meeting]):
        return _settle(case, differs=True)
    return _go(case, case.first_meeting)


def _fill(case: Case, sender: str) -> Answer:
    word = case.words[OTHER[sender]]
    if word == "off":
        return _settle(case, differs=True)
    if word == "review" and not case.approved_with_preview:
        return _answer("review", case, sender)
    return _answer("send", case, sender)


def _carry(case: Case, sender: str) -> Answer:
    if not _is_open(case, OTHER[sender]):
        return Answer("nothing", differs=True)
    if case.now[sender] == BLANK and case.on_blank == "keep":
        bases = {**case.base, sender: BLANK}
        return Answer("settle", bases=bases, kept_blank=sender, differs=True)
    if case.now[sender] == BLANK and case.on_blank == "ask":
        return _answer("review", case, sender)
    return _go(case, sender)


def _go(case: Case, sender: str) -> Answer:
    to = OTHER[sender]
    if case.now[sender] == BAD and case.on_invalid != "use_default":
        return Answer("set_aside" if case.on_invalid == "set_aside" else "nothing", differs=True)
    was_removed_there = case.kept_blank == to and case.now[to] == BLANK
    waits = case.words[to] == "review" or was_removed_there
    return _answer("review" if waits else "send", case, sender)


def _answer(verdict: str, case: Case, sender: str) -> Answer:
    value = DEFAULT if case.now[sender] == BAD else case.now[sender]
    bases = {sender: case.now[sender], OTHER[sender]: value}
    return Answer(verdict, to=OTHER[sender], value=value, bases=bases)


def _clash(case: Case) -> Answer:
    if set(case.words.values()) == {"off"}:
        return Answer("nothing", differs=True)
    winner = {"left": "left", "right": "right", "newest": case.newer}.get(case.conflict, "")
    blank_wins = winner and case.now[winner] == BLANK and case.on_blank != "carry"
    if not winner or blank_wins or case.now[winner] == BAD or not _is_open(case, OTHER[winner]):
        return Answer("conflict", differs=True)
    return _go(case, winner)


def _is_open(case: Case, to: str) -> bool:
    word = case.words[to]
    return word in ("review", "automatic") or (word == "fill" and case.now[to] == BLANK)


@dataclass(frozen=True)
class Decided:
    """What a person chose: left, right, value (then `own`) or leave, while the screen showed `shown`."""

    choice: str
    shown: Bases
    own: str = ""


def follow(case: Case, decided: Decided) -> Mapping[str, str] | None:
    """Receiving side → value to write ({}: both bases move); None: a side moved on and it is judged anew."""
    wanted = {**decided.shown, "value": decided.own, "leave": UNKNOWN}[decided.choice]
    if any(case.now[side] not in (decided.shown[side], wanted) for side in SIDES):
        return None
    if decided.choice == "leave":
        return {}
    return {side: wanted for side in SIDES if case.now[side] != wanted and case.words[side] != "off"}
