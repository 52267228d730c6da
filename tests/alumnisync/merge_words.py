"""Between the oracle's words and what the merge speaks: a case as a unit, an outcome as an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from alumnisync.engine.merge import merge
from alumnisync.engine.units import Base, Decision, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnBlank, OnInvalid, PairRules, Side, Word
from mappings.translate import Reading, Translator
from tests.alumnisync.oracle import BAD, BLANK, DEFAULT, SIDES, UNKNOWN, Answer, Case, Decided

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
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


def unit_of(case: Case) -> Unit:
    translator = translator_of(
        *(case.words[side] for side in SIDES), case.conflict, case.first_meeting, case.on_blank, case.on_invalid
    )
    now = {side: reading(side, case.now[side.value], case.newer) for side in Side}
    if case.keep_old:
        kept = {Side(side): "old" for side in case.keep_old}
        translator = Translator(replace(translator.pair, keep_old=kept), {})
    held = {Side(side): raw_of(side, word) for side, word in case.base.items()}
    refused = {Side(side): raw_of(side, word) for side, word in case.refused.items()}
    base = Base(held, refused, Side(case.kept_blank) if case.kept_blank else None)
    feed = Side(case.feed) if case.feed else None
    return Unit("field", (Sight(translator, now, base, feed),), approved_with_preview=case.approved_with_preview)


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
    [(to, [write, *others])] = outcome.writes.items()
    assert (write.pair, write.path) == ("field", to.value)
    assert [(other.pair, other.path, other.before) for other in others] in ([], [("", "old", MISSING)])
    assert WORDS[write.before] == case.now[to.value]
    after = WORDS[write.after]
    bases = {to.value: after, to.other.value: WORDS[write.source]}
    return Answer(outcome.verdict.value, to.value, after, bases, old="".join(WORDS[other.after] for other in others))


def carried_out(case: Case, decided: Decided) -> dict[str, str] | None:
    """What the merge does with a decision, in the oracle's words."""
    shown = {Side(side): {"field": raw_of(side, word)} for side, word in decided.shown.items()}
    value = {"field": raw_of("left", decided.own)} if decided.choice == "value" else {}
    outcome = merge(replace(unit_of(case), decision=Decision(decided.choice, shown, value)))
    if not outcome.rule.startswith("decided"):
        return None
    assert outcome.verdict is (Verdict.SEND if outcome.writes else Verdict.SETTLE)
    return {to.value: WORDS[write.after] for to, [write] in outcome.writes.items()}
