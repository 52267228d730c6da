"""The merge: one field pair or group, two sides, two bases and one rule → an outcome.

Pure. Equality is by kind (`Reading`), a side has changed when it differs from *its own* base, and what a
record doesn't say is unknown, which is never a change. The table this carries out is in the documents;
the laws it keeps are tested in `tests/alumnisync/test_merge_laws.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from alumnisync.engine.units import SIDES, UNDONE, Base, Decision, FieldWrite, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnBlank, OnInvalid, Side, Word
from mappings.translate import Carried, Reading, raw_equal, same

CLOCK_SKEW = timedelta(minutes=5)
"""Two times of different clocks closer than this say nothing about which came first."""

RESTRICTED = "restricted"


def merge(unit: Unit) -> Outcome:
    """Decide one unit."""
    if unit.decision is not None:
        outcome = _follow(unit, unit.decision)
        if outcome is not None:
            return outcome
    outcome = _OF_KIND.get(unit.rules.kind, _judge)(unit)
    if unit.decision is not None and outcome.verdict in (Verdict.CONFLICT, Verdict.REVIEW):
        # What was decided about no longer stands: asked anew, with the former choice as suggestion.
        return replace(outcome, suggestion=unit.decision.choice)
    return outcome


def _judge(unit: Unit) -> Outcome:
    changed = [side for side in SIDES if unit.has_changed(side)]
    if not changed:
        return _meet(unit) if unit.meets() else _rest(unit)
    if unit.agrees():
        return Outcome(Verdict.SETTLE, "both agree", settles=unit.settled())
    if len(changed) == 2:
        return _clash(unit)
    return _send(unit, changed[0], "changed")


def _rest(unit: Unit) -> Outcome:
    if unit.agrees():
        return Outcome(Verdict.NOTHING)
    was_undone = any(sight.base.undone for sight in unit.sights)
    return Outcome(Verdict.NOTHING, drift=UNDONE if was_undone else "left as they were")


def _meet(unit: Unit) -> Outcome:
    if not unit.is_known():
        return Outcome(Verdict.NOTHING, drift="" if unit.agrees() else "not known on both sides")
    if unit.agrees():
        return Outcome(Verdict.SETTLE, "equal at first meeting", settles=unit.settled())
    if not all(unit.is_readable(side) for side in SIDES):
        return _leave(unit, "could not be read at first meeting")
    for side in SIDES:
        if unit.is_blank(side.other):
            return _fill(unit, side)
    return _FIRST[unit.rules.first_meeting](unit)


def _leave(unit: Unit, why: str) -> Outcome:
    return Outcome(Verdict.SETTLE, "first meeting", settles=unit.settled(), drift=why)


def _fill(unit: Unit, sender: Side) -> Outcome:
    if unit.is_refused(sender):
        return _leave(unit, "refused by a person")
    if not unit.takes(sender.other):
        return _leave(unit, "only on one side; this direction is off")
    reviewed = unit.rules.words[sender.other] is Word.REVIEW and not unit.approved_with_preview
    return _write(unit, sender, "filled a blank", reviewed=reviewed)


def _first_winner(sender: Side) -> Callable[[Unit], Outcome]:
    def send(unit: Unit) -> Outcome:
        if unit.is_refused(sender):
            return _leave(unit, "refused by a person")
        if not unit.takes(sender.other):
            return _leave(unit, "differed at first meeting")
        reviewed = unit.rules.words[sender.other] is Word.REVIEW
        return _write(unit, sender, f"{sender} wins at first meeting", reviewed=reviewed)

    return send


_FIRST: Mapping[FirstMeeting, Callable[[Unit], Outcome]] = {
    FirstMeeting.LEAVE: lambda unit: _leave(unit, "differed at first meeting"),
    FirstMeeting.ASK: lambda unit: Outcome(Verdict.CONFLICT, "differed at first meeting"),
    FirstMeeting.LEFT: _first_winner(Side.LEFT),
    FirstMeeting.RIGHT: _first_winner(Side.RIGHT),
}


def _clash(unit: Unit) -> Outcome:
    """Both sides changed, differently."""
    if not any(unit.rules.words[side] is not Word.OFF for side in SIDES):
        return Outcome(Verdict.NOTHING, drift="both directions are off")
    winner = _winner(unit)
    if winner is None or not unit.takes(winner.other) or not _can_win(unit, winner):
        return Outcome(Verdict.CONFLICT, "both changed")
    return _send(unit, winner, f"both changed: {unit.rules.conflict}")


def _winner(unit: Unit) -> Side | None:
    if unit.rules.conflict is ConflictRule.NEWEST:
        return _newest(unit)
    if unit.rules.conflict is ConflictRule.ASK:
        return None
    return Side(unit.rules.conflict.value)


def _newest(unit: Unit) -> Side | None:
    times = {side: [sight.now[side].time for sight in unit.sights] for side in SIDES}
    known = {side: [time for time in times[side] if time is not None] for side in SIDES}
    if not all(known[side] and len(known[side]) == len(times[side]) for side in SIDES):
        return None
    left, right = max(known[Side.LEFT]), max(known[Side.RIGHT])
    if abs(left - right) <= CLOCK_SKEW:
        return None
    return Side.LEFT if left > right else Side.RIGHT


def _can_win(unit: Unit, winner: Side) -> bool:
    """A removed value, or one that can't be carried over, wins against another change only through a person.

    No default does either: it would stand for what nobody wrote.
    """
    if not unit.is_readable(winner):
        return False
    if unit.is_blank(winner) and unit.rules.on_blank is not OnBlank.CARRY:
        return False
    return not any(_carry(sight, winner).problem for sight in unit.sights)


def _send(unit: Unit, sender: Side, rule: str) -> Outcome:
    """The sender's change, on its way as the direction's word says."""
    to = sender.other
    if not unit.takes(to):
        return Outcome(Verdict.NOTHING, drift="changed on one side; this direction is off or only fills blanks")
    if unit.is_blank(sender) and unit.rules.on_blank is OnBlank.KEEP:
        return _keep_blank(unit, sender)
    asked = unit.is_blank(sender) and unit.rules.on_blank is OnBlank.ASK
    removed_there = any(sight.base.kept_blank is to for sight in unit.sights) and unit.is_blank(to)
    return _write(unit, sender, rule, reviewed=asked or removed_there or unit.rules.words[to] is Word.REVIEW)


def _keep_blank(unit: Unit, sender: Side) -> Outcome:
    settles = {
        sight.pair.key: replace(sight.base, held=_with_blank(sight, sender), kept_blank=sender)
        for sight in unit.sights
        if not sight.now[sender].is_missing
    }
    return Outcome(
        Verdict.SETTLE,
        "removed on one side, kept on the other",
        settles=settles,
        blanked=sender,
        drift="removed on one side, kept on the other",
    )


def _with_blank(sight: Sight, sender: Side) -> dict[Side, Any]:
    """The base with the removal; a receiver that had none, as that of a feed, would look unchanged for ever."""
    receiver = sight.now[sender.other]
    known = {} if receiver.is_missing else {sender.other: receiver.raw}
    return {**known, **sight.base.held, sender: sight.now[sender].raw}


def _write(unit: Unit, sender: Side, rule: str, *, reviewed: bool) -> Outcome:
    to = sender.other
    blanked = sender if unit.is_blank(sender) else None
    writes, problem = _writes(unit, sender, rule)
    if problem and unit.rules.on_invalid is OnInvalid.SKIP_FIELD:
        return Outcome(Verdict.NOTHING, rule, drift=problem)
    verdict = Verdict.SET_ASIDE if problem else Verdict.REVIEW if reviewed else Verdict.SEND
    settles = _agreed(unit) if verdict is Verdict.SEND else {}
    return Outcome(verdict, rule, reason=problem, writes={to: writes}, settles=settles, blanked=blanked)


def _agreed(unit: Unit) -> dict[str, Base]:
    """Bases of those in a group that are equal already: without one they would meet again, and lose a change."""
    agreed = [sight for sight in unit.sights if not any(sight.lacks(side) for side in SIDES)]
    moved = [sight.pair.key for sight in agreed if sight.is_new() or any(map(sight.has_changed, SIDES))]
    return {key: base for key, base in unit.settled().items() if key in moved}


def _writes(unit: Unit, sender: Side, rule: str) -> tuple[tuple[FieldWrite, ...], str]:
    """The fields of the unit that differ, as they would be written, and why they can't be."""
    writes, problem, to = [], "", sender.other
    for sight in unit.sights:
        if not sight.lacks(to):
            continue
        carried = _carry(sight, sender)
        problem = problem or carried.problem
        writes += _field_writes(sight, to, carried.raw, rule, sight.pair.key)
    return tuple(writes), problem


def _field_writes(sight: Sight, to: Side, after: Any, rule: str, pair: str) -> list[FieldWrite]:
    before, source = sight.now[to], sight.now[to.other].raw
    writes = [FieldWrite(pair, sight.pair.paths[to], before.raw, after, source, rule)]
    old = sight.pair.keep_old.get(to)
    if old and before.is_readable and not before.is_blank:
        writes.append(FieldWrite("", old, MISSING, before.raw, source, "old value kept"))
    return writes


def _carry(sight: Sight, sender: Side) -> Carried:
    now = sight.now[sender]
    if now.problem and sight.pair.on_invalid is not OnInvalid.USE_DEFAULT:
        return Carried(now.raw, now.problem)
    return sight.translator.carry(now, sender.other)


def _follow(unit: Unit, decision: Decision) -> Outcome | None:
    """Carry out what a person decided, as long as each side holds what was shown or what was decided."""
    wanted = {sight.pair.key: _wanted(sight, decision) for sight in unit.sights}
    lacking = []
    for side in SIDES:
        if _holds(unit, side, lambda sight: wanted[sight.pair.key]):
            continue
        shown = decision.shown.get(side, {})
        if not _holds(unit, side, _shown_on(side, shown)):
            return None
        if unit.rules.words[side] is not Word.OFF:
            lacking.append(side)
    if decision.choice == "leave" or not lacking:
        drift = "" if unit.agrees() else "left by a person"
        return Outcome(Verdict.SETTLE, f"decided: {decision.choice}", settles=unit.settled(), drift=drift)
    return _send_decided(unit, wanted, lacking)


def _shown_on(side: Side, shown: Mapping[str, Any]) -> Callable[[Sight], Reading]:
    return lambda sight: sight.translator.read_raw(side, shown.get(sight.pair.key, MISSING))


def _holds(unit: Unit, side: Side, expected: Callable[[Sight], Reading | None]) -> bool:
    for sight in unit.sights:
        value = expected(sight)
        if value is None:
            return False
        now = sight.now[side]
        if not (now.is_missing or same(now, value) or raw_equal(now.raw, value.raw)):
            return False
    return True


def _wanted(sight: Sight, decision: Decision) -> Reading | None:
    """The value chosen for one pair; None where nothing is to be the same (leave)."""
    key = sight.pair.key
    if decision.choice == "leave":
        return None
    if decision.choice == "value":
        reading = sight.translator.read_raw(Side.LEFT, decision.value.get(key))
        return sight.translator.read_raw(Side.RIGHT, decision.value.get(key)) if reading.problem else reading
    side = Side(decision.choice)
    return sight.translator.read_raw(side, decision.shown.get(side, {}).get(key, MISSING))


def _send_decided(unit: Unit, wanted: Mapping[str, Reading | None], lacking: list[Side]) -> Outcome:
    writes: dict[Side, tuple[FieldWrite, ...]] = {}
    problem = ""
    for side in lacking:
        fields: list[FieldWrite] = []
        for sight in unit.sights:
            value = wanted[sight.pair.key]
            if value is None or same(value, sight.now[side]):
                continue
            # With two sides to write, or one that says nothing, the bases move when a later plan
            # sees that both hold the value.
            moves_bases = len(lacking) == 1 and not sight.now[side.other].is_missing
            carried = Carried(value.raw, value.problem) if value.problem else sight.translator.carry(value, side)
            problem = problem or carried.problem
            fields += _field_writes(sight, side, carried.raw, "decided", sight.pair.key if moves_bases else "")
        writes[side] = tuple(fields)
    return Outcome(Verdict.SET_ASIDE if problem else Verdict.SEND, "decided", reason=problem, writes=writes)


def _judge_consent(unit: Unit) -> Outcome:
    """The restricted side wins at once; lifting a restriction takes a person; judged on change only."""
    changed = [side for side in SIDES if unit.has_changed(side)]
    if not changed or unit.agrees():
        return _guarded_consent(unit, _judge(unit))
    restricting = [side for side in changed if unit.sights[0].now[side].value == RESTRICTED]
    sender = (restricting or changed)[0]
    if len(changed) == 2 and not restricting:
        return Outcome(Verdict.CONFLICT, "both changed")
    if unit.rules.words[sender.other] is Word.OFF:
        return Outcome(Verdict.NOTHING, drift="changed on one side; this direction is off")
    outcome = _write(unit, sender, "restricted" if restricting else "restriction lifted", reviewed=not restricting)
    return replace(outcome, urgent=bool(restricting))


def _guarded_consent(unit: Unit, outcome: Outcome) -> Outcome:
    if outcome.verdict is not Verdict.SEND:
        return outcome
    restricts = unit.sights[0].now[outcome.to.other].value == RESTRICTED
    return replace(outcome, verdict=Verdict.SEND if restricts else Verdict.REVIEW, urgent=restricts)


def _judge_deceased(unit: Unit) -> Outcome:
    """A death, and its taking back, goes through a person; until then nothing else of the person is written."""
    outcome = _judge(unit)
    dies = any(unit.sights[0].now[side].value is True for side in SIDES)
    # Where the direction is off nobody is asked, and a person must not stay frozen without an item to act on.
    waits = outcome.verdict not in (Verdict.SETTLE, Verdict.NOTHING)
    if outcome.verdict is Verdict.SEND:
        outcome = replace(outcome, verdict=Verdict.REVIEW)
    return replace(outcome, freezes=dies and waits, urgent=True)


_OF_KIND: Mapping[str, Callable[[Unit], Outcome]] = {"consent": _judge_consent, "deceased": _judge_deceased}
