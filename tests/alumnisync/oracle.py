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
    feed: str = ""
    keep_old: tuple[str, ...] = ()

    def has_changed(self, side: str) -> bool:
        now = self.now[side]
        if now == UNKNOWN:
            return False
        if side == self.feed and side not in self.base:
            # Who brings changes says with every value that it changed.
            return now != self.refused.get(side)
        if not self.base:
            return False
        # A side without base is one that never spoke: nothing there cannot be a removal.
        return now not in (self.base.get(side, BLANK), self.refused.get(side))


@dataclass(frozen=True)
class Answer:
    """to, value: where what is written, or would be; bases: what both become if nothing else moves.

    old: the value that is kept in another field of the receiver.
    """

    verdict: str
    to: str = ""
    value: str = ""
    bases: Bases | None = None
    kept_blank: str = ""
    differs: bool = False
    old: str = ""


def judge(case: Case) -> Answer:
    """What the design says of one pair."""
    known = UNKNOWN not in case.now.values()
    if known and case.now["left"] == case.now["right"] != BAD:
        # Who only brings changes, and brought none, has agreed on nothing.
        is_settled = (case.base or case.feed) and not any(map(case.has_changed, SIDES))
        return Answer("nothing") if is_settled else _settle(case)
    if not case.base and not case.feed:
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
        # What the other side holds meanwhile is no change of its own, also where it never spoke.
        known = {} if case.now[OTHER[sender]] == UNKNOWN else {OTHER[sender]: case.now[OTHER[sender]]}
        bases = {**known, **case.base, sender: BLANK}
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
    to = OTHER[sender]
    old = case.now[to] if to in case.keep_old and case.now[to] not in (BLANK, UNKNOWN, BAD) else ""
    return Answer(verdict, to=to, value=value, bases=bases, old=old)


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


def judge_consent(case: Case) -> tuple[str, str, bool]:
    """A consent, "restricted" or "free": what becomes of it, where it is written, and that no guard may hold it."""
    known = UNKNOWN not in case.now.values()
    changed = [side for side in SIDES if case.now[side] != UNKNOWN and _moved(case, side)]
    if known and case.now["left"] == case.now["right"]:
        return ("nothing" if case.base and not changed else "settle"), "", False
    if not changed:
        return _meet_consent(case) if known and not case.base else ("nothing", "", False)
    sender = next((side for side in changed if case.now[side] == "restricted"), changed[0])
    return _pass_on(case, sender)


def _moved(case: Case, side: str) -> bool:
    # Nothing said is "free": a side that never spoke and says it now has changed nothing.
    return bool(case.base) and case.now[side] != case.base.get(side, "nothing")


def _meet_consent(case: Case) -> tuple[str, str, bool]:
    if case.first_meeting == "ask":
        return "conflict", "", False
    if case.first_meeting == "leave" or case.words[OTHER[case.first_meeting]] in ("off", "fill"):
        return "settle", "", False
    # Nobody changed anything: whoever may not be written to without a person isn't.
    to = OTHER[case.first_meeting]
    return ("review", to, False) if case.words[to] == "review" else _pass_on(case, case.first_meeting)


def _pass_on(case: Case, sender: str) -> tuple[str, str, bool]:
    to = OTHER[sender]
    if case.words[to] == "off":
        return "nothing", "", False
    restricts = case.now[sender] == "restricted"
    return ("send" if restricts else "review"), to, restricts


@dataclass(frozen=True)
class Said:
    """What one of several records of a person says. time: when it was said, 0 where that isn't known."""

    value: str
    time: int
    created: int


def counts(records: list[Said]) -> str:
    """The newest value that isn't blank: by its own time, then by the record's age."""
    saying = [one for one in records if one.value not in (BLANK, UNKNOWN)]
    if saying:
        return max(saying, key=lambda one: (one.time, one.created)).value
    return BLANK if any(one.value == BLANK for one in records) else UNKNOWN


def settle_three(values: tuple[str, str, str], conflict: str) -> tuple[tuple[str, str, str], set[str]]:
    """Two platforms and the record that both are synced with, all "x" before: where it ends, and which sync asks.

    Each sync knows its own two only: what the first brings into the record is a change to the second.
    """
    first, shared, second = values
    asks: set[str] = set()
    first, shared, asked = _agree(first, shared, conflict)
    asks |= {"0"} if asked else set()
    second, shared, asked = _agree(second, shared, conflict)
    asks |= {"1"} if asked else set()
    if not asks or "0" not in asks:
        # What the second platform won goes on to the first.
        first = shared
    return (first, shared, second), asks


def _agree(platform: str, shared: str, conflict: str) -> tuple[str, str, bool]:
    changed = [value for value in (platform, shared) if value != "x"]
    if len(set(changed)) == 2:
        if conflict == "ask":
            return platform, shared, True
        winner = platform if conflict == "left" else shared
        return winner, winner, False
    winner = changed[0] if changed else "x"
    return winner, winner, False
