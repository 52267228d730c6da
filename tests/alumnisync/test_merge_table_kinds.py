"""The merge against the oracle where a field is more than a field: feeds, kept values, groups, consents, members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import islice, permutations, product
from typing import Any

import pytest

from alumnisync.engine import merge as engine
from alumnisync.engine.members import Voice, spoken
from alumnisync.engine.merge import merge
from alumnisync.engine.plan import Held
from alumnisync.engine.units import Base, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import FirstMeeting, PairRules, Side, Word
from mappings.translate import Translator
from tests.alumnisync.merge_words import NOON, RAW, WORDS, answer, translator_of, unit_of
from tests.alumnisync.oracle import (
    BLANK,
    SIDES,
    UNKNOWN,
    Answer,
    Case,
    Said,
    counts,
    judge,
    judge_consent,
    settle_three,
)
from tests.alumnisync.test_merge_table import BASES, DIRECTIONS, NOWS, ON_BLANK

NEVER: dict[str, str] = {}
SAME = {"left": "x", "right": "x"}


# --- feeds, and values that are kept ---------------------------------------------------------------------


def feeds() -> Iterator[Case]:
    for now, base, words, feed in product(NOWS, [NEVER, *BASES], DIRECTIONS, SIDES):
        yield Case(now, base, words, feed=feed)


def feeds_and_rules() -> Iterator[Case]:
    for now, words, feed, on_blank, conflict in product(NOWS, DIRECTIONS, SIDES, ON_BLANK, ("ask", "left", "right")):
        yield Case(now, SAME, words, feed=feed, on_blank=on_blank, conflict=conflict)
        yield Case(now, NEVER, words, feed=feed, on_blank=on_blank, refused={feed: "y"}, conflict=conflict)


def kept_values() -> Iterator[Case]:
    for now, base, words, conflict in product(NOWS, [NEVER, SAME], DIRECTIONS, ("ask", "left")):
        for kept, meeting in product([("left",), SIDES], ("leave", "right")):
            yield Case(now, base, words, conflict=conflict, keep_old=kept, first_meeting=meeting, on_blank="carry")


@pytest.mark.parametrize("cases", [feeds, feeds_and_rules, kept_values])
def test_the_merge_says_what_the_oracle_says(cases: Any) -> None:
    wrong = [(case, judge(case), found) for case in cases() if (found := answer(case)) != judge(case)]
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"


def test_the_table_notices_a_feed_that_is_met_as_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unit, "meets", lambda unit: any(sight.is_new() for sight in unit.sights))
    monkeypatch.setattr(Sight, "_is_change_without_base", lambda sight, side: False)
    assert any(answer(case) != judge(case) for case in feeds())


def test_what_the_other_side_filled_in_since_a_feed_s_blank_is_a_change_of_its_own() -> None:
    """It was blank when we created it, which its system does not show: the feed's next word must not go over it."""
    case = Case(
        {"left": "x", "right": "y"}, {"left": BLANK}, dict(zip(SIDES, ("off", "automatic"), strict=True)), feed="left"
    )
    assert (answer(case), answer(case).verdict) == (judge(case), "conflict")


# --- groups ----------------------------------------------------------------------------------------------

PARTS = [(one, two) for one, two in product((BLANK, "x", "y"), repeat=2)]
Both = Mapping[str, tuple[str, str]]


def groups() -> Iterator[tuple[Both, Both, Case]]:
    """What both parts of a group hold and held, and rules."""
    nows: list[Both] = [{"left": left, "right": right} for left, right in product(PARTS, PARTS)]
    bases: list[Both] = [dict.fromkeys(SIDES, ("x", "x")), {"left": ("x", BLANK), "right": ("y", BLANK)}]
    for now, base, words, on_blank in product(nows, bases, DIRECTIONS, ("keep", "carry")):
        yield now, base, Case(NEVER, NEVER, words, on_blank=on_blank)
    for now, base, words, conflict in product(nows, bases[:1], DIRECTIONS, ("left", "right")):
        yield now, base, Case(NEVER, NEVER, words, conflict=conflict)
    for now, words, meeting in product(nows, DIRECTIONS, FirstMeeting):
        yield now, {}, Case(NEVER, NEVER, words, first_meeting=meeting.value)


def as_one(parts: tuple[str, str]) -> str:
    """A group is one field whose value is all of its parts; it is blank when all are."""
    return BLANK if set(parts) == {BLANK} else "+".join(parts)


def test_a_group_is_one_field_whose_value_is_all_its_parts() -> None:
    wrong = list(islice(filter(differ, groups()), 3))
    assert not wrong, f"such as {wrong}"


def differ(group: tuple[Both, Both, Case]) -> bool:
    now, base, rules = group
    alone = [{side: as_one(parts) for side, parts in held.items()} for held in (now, base)]
    wanted = judge(replace(rules, now=alone[0], base=alone[1]))
    return of_group(merge(group_of(now, base, rules))) != (wanted.verdict, wanted.to, parts_to_write(now, wanted))


def group_of(now: Both, base: Both, rules: Case) -> Unit:
    sights = []
    for place, key in enumerate(("one", "two")):
        part = replace(
            rules,
            now={side: parts[place] for side, parts in now.items()},
            base={side: parts[place] for side, parts in base.items()},
        )
        [sight] = unit_of(part).sights
        pair = replace(sight.pair, key=key, paths={side: f"{side}_{key}" for side in Side})
        sights.append(replace(sight, translator=Translator(pair, {})))
    return Unit("group", tuple(sights))


def parts_to_write(now: Both, wanted: Answer) -> set[tuple[str, str]]:
    """Only the parts that differ are written, and with them the whole group is as it is at the sender."""
    if not wanted.to:
        return set()
    sender = {"left": "right", "right": "left"}[wanted.to]
    parts = zip(("one", "two"), now[sender], now[wanted.to], strict=True)
    return {(key, sent) for key, sent, held in parts if sent != held}


def of_group(outcome: Outcome) -> tuple[str, str, set[tuple[str, str]]]:
    to = outcome.to.value if outcome.writes else ""
    writes = {(write.pair, WORDS[write.after]) for written in outcome.writes.values() for write in written}
    return outcome.verdict.value, to, writes


def test_the_table_notices_a_group_that_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unit, "has_changed", lambda unit, side: unit.sights[0].has_changed(side))
    assert any(map(differ, groups()))


# --- consent ---------------------------------------------------------------------------------------------

CONSENTS: dict[str, Any] = {"restricted": True, "free": False, UNKNOWN: MISSING}


def consents() -> Iterator[Case]:
    nows = [dict(zip(SIDES, pair, strict=True)) for pair in product(CONSENTS, repeat=2)]
    kinds = ("", "restricted", "free")
    bases = [{side: word for side, word in zip(SIDES, pair, strict=True) if word} for pair in product(kinds, repeat=2)]
    for now, base, words, meeting in product(nows, bases, DIRECTIONS, FirstMeeting):
        yield Case(now, base, words, first_meeting=meeting.value)
    for now, words, conflict, on_blank in product(nows, DIRECTIONS, ("left", "right", "newest"), ON_BLANK):
        yield Case(now, {"left": "free", "right": "free"}, words, conflict=conflict, on_blank=on_blank)


def of_consent(case: Case) -> tuple[str, str, bool]:
    pair = PairRules(
        key="field",
        paths={side: side.value for side in Side},
        kind="consent",
        restricted_when=dict.fromkeys(Side, True),
        words={Side(side): Word(word) for side, word in case.words.items()},
        conflict=translator_of(conflict=case.conflict).pair.conflict,
        first_meeting=FirstMeeting(case.first_meeting),
    )
    translator = Translator(pair, {})
    now = {side: translator.read_raw(side, CONSENTS[case.now[side.value]]) for side in Side}
    base = Base({Side(side): CONSENTS[word] for side, word in case.base.items()})
    outcome = merge(Unit("field", (Sight(translator, now, base),)))
    return outcome.verdict.value, outcome.to.value if outcome.writes else "", outcome.urgent


def test_the_restricted_side_wins_and_lifting_takes_a_person() -> None:
    wrong = [
        (case, judge_consent(case), found) for case in consents() if (found := of_consent(case)) != judge_consent(case)
    ]
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"


def test_the_table_notices_a_restriction_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine._OF_KIND, "consent", engine._judge)
    assert any(of_consent(case) != judge_consent(case) for case in consents())


# --- several records of one person -----------------------------------------------------------------------


def persons() -> Iterator[list[Said]]:
    """Up to three records: what each says, when it was said, and when it was created there."""
    words = [(word, time) for word in (BLANK, "x", "y", UNKNOWN) for time in (0, 1, 2)]
    for number in (2, 3):
        for said in product(words, repeat=number):
            for created in list(permutations(range(number)))[:3]:
                yield [Said(word, time, born) for (word, time), born in zip(said, created, strict=True)]


def of_persons(records: list[Said]) -> str:
    translator = translator_of()
    voices = []
    for place, one in enumerate(records):
        values = {} if one.value == UNKNOWN else {"left": RAW["left"][one.value]}
        times = {"left": NOON + timedelta(days=one.time)} if one.time and values else {}
        created = NOON + timedelta(days=one.created)
        voices.append(Voice(place, f"id-{place}", Held(values, times), created))
    heard = spoken({"field": (translator,)}, Side.LEFT, voices)
    return WORDS[translator.read(Side.LEFT, heard.held.of("field").values).raw]


def test_of_several_records_the_newest_that_says_something_counts() -> None:
    wrong = [
        (records, counts(records), found) for records in persons() if (found := of_persons(records)) != counts(records)
    ]
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"


def test_the_table_notices_a_record_that_counts_because_it_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alumnisync.engine.members._says", lambda reading: True)
    assert any(of_persons(records) != counts(records) for records in persons())


# --- two syncs that share a record -----------------------------------------------------------------------


def shared() -> Iterator[tuple[str, str, str]]:
    """What the first platform, the record both syncs share, and the second platform hold; all held x."""
    yield from product(("x", "y", "z", BLANK), repeat=3)


def of_three(values: tuple[str, str, str], conflict: str) -> tuple[tuple[str, str, str], set[str]]:
    """Both syncs run in turn until nothing moves any more: what all three hold, and which sync asks."""
    held = list(values)
    bases = [dict(SAME), dict(SAME)]
    asks: set[str] = set()
    for turn in range(8):
        which = turn % 2
        case = Case({"left": held[2 * which], "right": held[1]}, bases[which], conflict=conflict, on_blank="carry")
        found = answer(case)
        asks = asks - {str(which)} | ({str(which)} if found.verdict == Verdict.CONFLICT.value else set())
        bases[which] = dict(found.bases or bases[which])
        if found.verdict == Verdict.SEND.value:
            held[{"left": 2 * which, "right": 1}[found.to]] = found.value
    return (held[0], held[1], held[2]), asks


@pytest.mark.parametrize("conflict", ["ask", "left", "right"])
def test_two_syncs_that_share_a_record_end_where_the_oracle_ends(conflict: str) -> None:
    wrong = [
        (one, settle_three(one, conflict), found)
        for one in shared()
        if (found := of_three(one, conflict)) != settle_three(one, conflict)
    ]
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"


def test_the_tables_are_exhaustive() -> None:
    tables = (feeds, feeds_and_rules, kept_values, groups, consents, persons)
    assert sum(1 for cases in tables for _ in cases()) > 40_000
