"""The merge against the oracle: every combination of what sides hold, held, and what the rules say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest

from alumnisync.engine.merge import merge
from alumnisync.engine.units import Base, Decision, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnBlank, OnInvalid, PairRules, Side, Word
from mappings.translate import Reading, Translator
from tests.alumnisync.oracle import BAD, BLANK, DEFAULT, SIDES, UNKNOWN, Answer, Case, Decided, follow, judge

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NEVER: dict[str, str] = {}
# Each side spells the same number its own way, so that every case also says that formatting is no change.
RAW: dict[str, dict[str, Any]] = {
    "left": {"x": "(573) 555-0100", "y": "(573) 555-0101", "z": "(573) 555-0102", BLANK: "", BAD: "ask"},
    "right": {"x": "573.555.0100", "y": "573.555.0101", "z": "573.555.0102", BLANK: None, BAD: "ask"},
}
WORDS: dict[Any, str] = {
    **{raw: word for spelling in RAW.values() for word, raw in spelling.items()},
    **{f"+1573555010{digit}": word for digit, word in enumerate(("x", "y", "z"))},
    "+15735550199": DEFAULT,
    MISSING: UNKNOWN,
}
VALUES = (BLANK, "x", "y", "z", UNKNOWN, BAD)
NOWS = [dict(zip(SIDES, pair, strict=True)) for pair in product(VALUES, VALUES)]
BASES = [
    {side: word for side, word in zip(SIDES, pair, strict=True) if word}
    for pair in product(("", BLANK, "x", "y", BAD), repeat=2)
    if any(pair)
]
DIRECTIONS = [dict(zip(SIDES, pair, strict=True)) for pair in product([word.value for word in Word], repeat=2)]
RULES = [*((rule, "") for rule in ("ask", "left", "right", "newest")), ("newest", "left"), ("newest", "right")]
ON_BLANK = [word.value for word in OnBlank]


def first_meetings() -> Iterator[Case]:
    for now, words, meeting, preview in product(NOWS, DIRECTIONS, FirstMeeting, (False, True)):
        yield Case(now, NEVER, words, first_meeting=meeting.value, approved_with_preview=preview)


def later_meetings() -> Iterator[Case]:
    for now, base, words, on_blank in product(NOWS, BASES, DIRECTIONS, ON_BLANK):
        yield Case(now, base, words, on_blank=on_blank)


def conflicts() -> Iterator[Case]:
    base = {"left": "x", "right": "x"}
    for now, words, (rule, newer), on_blank in product(NOWS, DIRECTIONS, RULES, ON_BLANK):
        yield Case(now, base, words, conflict=rule, newer=newer, on_blank=on_blank)


def unreadables() -> Iterator[Case]:
    nows = [now for now in NOWS if BAD in now.values()]
    for now, base, words, rule, invalid in product(nows, BASES, DIRECTIONS, ("ask", "left"), OnInvalid):
        yield Case(now, base, words, conflict=rule, on_invalid=invalid.value)


def kept_blanks() -> Iterator[Case]:
    for now, words, kept, rule in product(NOWS, DIRECTIONS, SIDES, ("ask", "left")):
        base = {"left": "x", "right": "x", kept: BLANK}
        yield Case(now, base, words, conflict=rule, kept_blank=kept)


def refusals() -> Iterator[Case]:
    base = {"left": "x", "right": "x"}
    for now, words, side, value in product(NOWS, DIRECTIONS, SIDES, (BLANK, "y", BAD)):
        yield Case(now, base, words, refused={side: value})


TABLES = (first_meetings, later_meetings, conflicts, unreadables, kept_blanks, refusals)


@pytest.mark.parametrize("cases", TABLES)
def test_the_merge_says_what_the_oracle_says(cases: Any) -> None:
    wrong = [(case, judge(case), found) for case in cases() if (found := answer(case)) != judge(case)]
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"


def test_the_tables_are_exhaustive() -> None:
    assert sum(1 for cases in TABLES for _ in cases()) > 60_000


def test_the_table_notices_a_merge_that_takes_unknown_for_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sight, "is_known", lambda sight: True)
    assert any(answer(case) != judge(case) for case in first_meetings())


def test_decisions_do_what_the_oracle_says() -> None:
    wrong = [item for item in decided_cases() if carried_out(*item) != follow(*item)]
    assert not wrong, f"{len(wrong)} differ, such as {[(*item, carried_out(*item)) for item in wrong[:3]]}"


def decided_cases() -> Iterator[tuple[Case, Decided]]:
    base = {"left": "x", "right": "x"}
    values = [dict(zip(SIDES, pair, strict=True)) for pair in product((BLANK, "x", "y", "z"), repeat=2)]
    for now, shown, words in product(values, values, DIRECTIONS):
        for choice, own in (("left", ""), ("right", ""), ("leave", ""), ("value", "z"), ("value", BLANK)):
            yield Case(now, base, words), Decided(choice, shown, own)


# --- between words and what the engine speaks ------------------------------------------------------------


def unit_of(case: Case) -> Unit:
    translator = translator_of(
        *(case.words[side] for side in SIDES), case.conflict, case.first_meeting, case.on_blank, case.on_invalid
    )
    now = {side: reading(side, case.now[side.value], case.newer) for side in Side}
    held = {Side(side): raw_of(side, word) for side, word in case.base.items()}
    refused = {Side(side): raw_of(side, word) for side, word in case.refused.items()}
    base = Base(held, refused, Side(case.kept_blank) if case.kept_blank else None)
    return Unit("field", (Sight(translator, now, base),), approved_with_preview=case.approved_with_preview)


def raw_of(side: str, word: str) -> Any:
    return RAW[side].get(word, MISSING)


@cache
def reading(side: Side, word: str, newer: str) -> Reading:
    time = NOON + timedelta(days=newer == side) if newer else None
    return replace(translator_of().read_raw(side, raw_of(side, word)), time=time)


@cache
def translator_of(
    to_left: str = "automatic",
    to_right: str = "automatic",
    conflict: str = "ask",
    first_meeting: str = "leave",
    on_blank: str = "keep",
    on_invalid: str = "set_aside",
) -> Translator:
    pair = PairRules(
        key="field",
        paths={side: side.value for side in Side},
        kind="phone",
        region="US",
        words={Side.LEFT: Word(to_left), Side.RIGHT: Word(to_right)},
        conflict=ConflictRule(conflict),
        first_meeting=FirstMeeting(first_meeting),
        on_blank=OnBlank(on_blank),
        on_invalid=OnInvalid(on_invalid),
        defaults=dict.fromkeys(Side, "+15735550199"),
    )
    return Translator(pair, {})


def answer(case: Case) -> Answer:
    """What the merge says, in the oracle's words."""
    outcome = merge(unit_of(case))
    if outcome.verdict in (Verdict.SEND, Verdict.REVIEW):
        return sending(case, outcome)
    settled = outcome.settles.get("field")
    return Answer(
        outcome.verdict.value,
        bases=None if settled is None else {side.value: WORDS[raw] for side, raw in settled.held.items()},
        kept_blank=settled.kept_blank.value if settled and settled.kept_blank else "",
        differs=bool(outcome.drift) or outcome.verdict in (Verdict.CONFLICT, Verdict.SET_ASIDE),
    )


def sending(case: Case, outcome: Outcome) -> Answer:
    [(to, [write])] = outcome.writes.items()
    assert (write.pair, write.path) == ("field", to.value)
    assert WORDS[write.before] == case.now[to.value]
    after = WORDS[write.after]
    return Answer(outcome.verdict.value, to.value, after, {to.value: after, to.other.value: WORDS[write.source]})


def carried_out(case: Case, decided: Decided) -> dict[str, str] | None:
    """What the merge does with a decision, in the oracle's words."""
    shown = {Side(side): {"field": raw_of(side, word)} for side, word in decided.shown.items()}
    value = {"field": raw_of("left", decided.own)} if decided.choice == "value" else {}
    outcome = merge(replace(unit_of(case), decision=Decision(decided.choice, shown, value)))
    if not outcome.rule.startswith("decided"):
        return None
    assert outcome.verdict is (Verdict.SEND if outcome.writes else Verdict.SETTLE)
    return {to.value: WORDS[write.after] for to, [write] in outcome.writes.items()}
