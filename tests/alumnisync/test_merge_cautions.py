"""The merge in examples: what can't be read, the old value, consent, deceased, and what a person decided."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine.merge import merge
from alumnisync.engine.units import Outcome, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnInvalid, ValuePairs
from tests.alumnisync.sights import (
    LEFT,
    NEVER,
    RIGHT,
    decide,
    is_still,
    make_base,
    make_unit,
    outcome,
    see,
    sent,
)

STATUS = ValuePairs((("active", "Active"), ("lost", "Lost alum"), ("missing", "Lost alum")))


# --- what cannot be read or carried ----------------------------------------------------------------------


def phone(left: str, right: str, base: Any = NEVER, **rules: Any) -> Outcome:
    return outcome(left, right, base, kind="phone", region="US", **rules)


def test_raw_equal_to_its_base_is_unchanged_whatever_the_kind_says_today() -> None:
    assert is_still(phone("ask at desk", "+15735550100", make_base("ask at desk", "+15735550100")))


def test_no_valid_phone_is_set_aside_alone() -> None:
    result = phone("call my wife", "+15735550100", "+15735550100")
    assert result.verdict is Verdict.SET_ASIDE
    assert result.reason
    assert not result.settles


def test_a_field_that_cannot_be_read_may_be_skipped() -> None:
    assert is_still(phone("call my wife", "+15735550100", "+15735550100", on_invalid=OnInvalid.SKIP_FIELD))


def test_a_default_may_stand_for_what_cannot_be_read() -> None:
    rules: dict[str, Any] = {"on_invalid": OnInvalid.USE_DEFAULT, "defaults": {RIGHT: "+15735550111"}}
    assert sent(phone("call my wife", "+15735550100", "+15735550100", **rules)) == {"right_field": "+15735550111"}


@pytest.mark.parametrize("rule", [ConflictRule.ASK, ConflictRule.LEFT, ConflictRule.NEWEST])
@pytest.mark.parametrize("invalid", list(OnInvalid))
def test_what_cannot_be_read_never_wins_against_a_change(rule: ConflictRule, invalid: OnInvalid) -> None:
    rules: dict[str, Any] = {"conflict": rule, "on_invalid": invalid, "defaults": {RIGHT: "+15735550111"}}
    result = phone("call my wife", "+15735550199", "+15735550100", **rules)
    assert result.verdict is Verdict.CONFLICT


def test_what_cannot_be_read_may_lose_by_the_rule() -> None:
    result = phone("call my wife", "+15735550199", "+15735550100", conflict=ConflictRule.RIGHT)
    assert sent(result) == {"left_field": "+15735550199"}


def test_an_option_without_a_pair_is_set_aside() -> None:
    assert (
        outcome("retired", "Active", make_base("active", "Active"), kind="choice", value_map=STATUS).verdict
        is Verdict.SET_ASIDE
    )


def test_an_option_is_written_as_the_other_side_calls_it() -> None:
    assert sent(outcome("lost", "Active", make_base("active", "Active"), kind="choice", value_map=STATUS)) == {
        "right_field": "Lost alum"
    }
    assert sent(outcome("active", "Lost alum", make_base("active", "Active"), kind="choice", value_map=STATUS)) == {
        "left_field": "lost"
    }


def test_nothing_is_cut_silently() -> None:
    result = outcome("Christophorus", "Chris", "Chris", lengths={RIGHT: 10})
    assert result.verdict is Verdict.SET_ASIDE
    assert is_still(outcome("Christophorus", "Chris", make_base("Christophorus", "Chris"), lengths={RIGHT: 10}))


# --- the old value, consent, deceased --------------------------------------------------------------------


def test_the_replaced_value_goes_where_the_field_says() -> None:
    result = outcome("new@x.org", "old@x.org", "old@x.org", kind="email", keep_old={RIGHT: "Previous"})
    assert sent(result) == {"right_field": "new@x.org", "Previous": "old@x.org"}
    assert [write.pair for write in result.writes[RIGHT]] == ["field", ""]


def test_a_blank_is_not_kept_as_an_old_value() -> None:
    result = outcome("new@x.org", "", "", kind="email", keep_old={RIGHT: "Previous"})
    assert sent(result) == {"right_field": "new@x.org"}


def consent(left: Any, right: Any, base: Any = NEVER, **rules: Any) -> Outcome:
    restricted = {LEFT: "yes", RIGHT: True}
    return outcome(left, right, base, kind="consent", restricted_when=restricted, **rules)


@pytest.mark.parametrize("word", ["automatic", "review", "fill"])
def test_a_restriction_is_sent_at_once(word: str) -> None:
    result = consent("yes", False, make_base("no", False), to_right=word)
    assert sent(result) == {"right_field": True}
    assert result.urgent


def test_a_restriction_does_not_go_where_the_direction_is_off() -> None:
    assert consent("yes", False, make_base("no", False), to_right="off").verdict is Verdict.NOTHING


def test_the_restricted_side_wins() -> None:
    result = consent("yes", False, make_base("no", True), conflict=ConflictRule.RIGHT)
    assert sent(result) == {"right_field": True}
    assert result.urgent


@pytest.mark.parametrize("lifted", ["no", "", None])
def test_lifting_a_restriction_takes_a_person(lifted: Any) -> None:
    result = consent(lifted, True, make_base("yes", True))
    assert result.verdict is Verdict.REVIEW
    assert not result.urgent


@pytest.mark.parametrize(("left", "right"), [("perhaps", False), ("no", "perhaps")])
def test_a_lifting_against_what_cannot_be_read_is_a_conflict(left: Any, right: Any) -> None:
    base = make_base("yes", True)
    result = outcome(left, right, base, kind="consent", restricted_when={LEFT: "yes", RIGHT: True})
    assert result.verdict is Verdict.CONFLICT


def test_a_restriction_goes_to_a_side_that_says_nothing() -> None:
    assert sent(consent("yes", MISSING, make_base("no", False))) == {"right_field": True}


def test_a_restriction_is_judged_on_change_only() -> None:
    assert is_still(consent("yes", False, make_base("yes", False)))


def test_consent_at_the_first_meeting_follows_its_rule() -> None:
    assert consent("yes", False).verdict is Verdict.SETTLE
    assert consent("yes", False, first_meeting=FirstMeeting.ASK).verdict is Verdict.CONFLICT
    assert sent(consent("yes", False, first_meeting=FirstMeeting.LEFT)) == {"right_field": True}
    assert consent("yes", False, first_meeting=FirstMeeting.RIGHT).verdict is Verdict.REVIEW


def test_a_death_goes_to_review_and_freezes_the_person() -> None:
    result = outcome(True, False, False, kind="deceased")
    assert result.verdict is Verdict.REVIEW
    assert result.freezes


@pytest.mark.parametrize("word", ["off", "fill"])
def test_a_death_that_may_not_be_sent_freezes_nobody_for_ever(word: str) -> None:
    assert not outcome(True, False, False, kind="deceased", to_right=word).freezes


def test_nothing_freezes_where_nobody_died_or_both_sides_know() -> None:
    assert not outcome("perhaps", False, False, kind="deceased").freezes
    assert not outcome(True, True, True, kind="deceased").freezes
    assert not outcome(False, False, False, kind="deceased").freezes


# --- decisions -------------------------------------------------------------------------------------------


def decided(choice: str, left: Any, right: Any, own: Any = None, **rules: Any) -> Outcome:
    """A conflict over "Anne" that was shown as Ann and Anna, and what was decided, with the sides as they are."""
    shown = decide(choice, "Ann", "Anna", own)
    return merge(make_unit(see(left, right, "Anne", **rules), decision=shown))


def test_a_decision_sends_to_who_lacks_it() -> None:
    assert sent(decided("left", "Ann", "Anna")) == {"right_field": "Ann"}
    assert sent(decided("right", "Ann", "Anna")) == {"left_field": "Anna"}
    assert sent(decided("value", "Ann", "Anna", "Annie")) == {"left_field": "Annie", "right_field": "Annie"}
    assert sent(decided("value", "Ann", "Annie", "Annie")) == {"left_field": "Annie"}


def test_bases_move_only_when_both_hold_what_was_decided() -> None:
    to_both = decided("value", "Ann", "Anna", "Annie")
    assert {write.pair for writes in to_both.writes.values() for write in writes} == {""}
    assert not to_both.settles
    assert decided("value", "Annie", "Annie", "Annie").settles["field"].held == {LEFT: "Annie", RIGHT: "Annie"}


def test_no_base_is_made_of_what_a_side_does_not_say() -> None:
    result = decided("right", "Ann", MISSING)
    assert [write.pair for write in result.writes[LEFT]] == [""]


def test_leave_moves_both_bases_and_nobody_is_asked_again() -> None:
    result = decided("leave", "Ann", "Anna")
    assert result.verdict is Verdict.SETTLE
    assert result.settles["field"].held == {LEFT: "Ann", RIGHT: "Anna"}


def test_a_third_value_reopens_the_item_with_the_choice_as_suggestion() -> None:
    result = decided("left", "Ann", "Anita")
    assert result.verdict is Verdict.CONFLICT
    assert result.suggestion == "left"


def test_a_decision_never_writes_where_the_direction_is_off() -> None:
    result = decided("left", "Ann", "Anna", to_right="off")
    assert result.verdict is Verdict.SETTLE
    assert not result.writes


def test_a_refused_value_counts_as_unchanged_while_it_stands() -> None:
    base = make_base("Anne", "Anne", refused={LEFT: "Ann"})
    assert is_still(outcome("Ann", "Anne", base))
    assert sent(outcome("Ann", "Anna", base)) == {"left_field": "Anna"}
    assert sent(outcome("Annie", "Anne", base)) == {"right_field": "Annie"}
