"""The merge against the oracle: every combination of what sides hold, held, and what the rules say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from alumnisync.engine.units import Sight
from mappings.rules import FirstMeeting, OnBlank, OnInvalid, Word
from tests.alumnisync.merge_words import answer, carried_out
from tests.alumnisync.oracle import BAD, BLANK, SIDES, UNKNOWN, Case, Decided, follow, judge

NEVER: dict[str, str] = {}
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
