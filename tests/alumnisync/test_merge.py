"""The merge in examples: what the design says in a sentence, shown on one field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alumnisync.engine.merge import merge
from alumnisync.engine.units import Outcome, Sight, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnBlank, Side
from tests.alumnisync.sights import LEFT, RIGHT, at_times, is_still, make_base, make_unit, outcome, see, sent, written

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


# --- equality is by kind ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("phone", "+1 573 555 0100", "(573) 555-0100"),
        ("country", "US", "United States"),
        ("email", "a@X.org ", "a@x.org"),
        ("text", " Zoe\u0308  Smith", "Zoë Smith"),
    ],
)
def test_formatting_is_never_a_change(kind: str, one: str, other: str) -> None:
    assert outcome(one, other, region="US", kind=kind).verdict is Verdict.SETTLE
    assert is_still(outcome(one, one, other, region="US", kind=kind))
    assert is_still(outcome(one, other, make_base(other, one), region="US", kind=kind))


def test_case_of_text_counts() -> None:
    assert sent(outcome("Macleod", "MacLeod", "MacLeod")) == {"right_field": "Macleod"}


def test_case_of_text_does_not_count_where_the_office_says_so() -> None:
    assert is_still(outcome("SMITH", "Smith", "Smith", case_matters=False))


def test_text_is_written_as_typed() -> None:
    assert sent(outcome("O'Brien-Núñez", "Smith", "Smith")) == {"right_field": "O'Brien-Núñez"}


def test_a_phone_is_written_in_canonical_form() -> None:
    result = outcome("(573) 555-0199", "+15735550100", "+15735550100", kind="phone", region="US")
    assert sent(result) == {"right_field": "+15735550199"}


def test_a_country_is_written_in_canonical_form() -> None:
    assert sent(outcome("Germany", "US", "US", kind="country")) == {"right_field": "DE"}


# --- each side has its own base --------------------------------------------------------------------------


def test_both_the_same_is_nothing_even_if_they_differ() -> None:
    result = outcome("Bob", "Robert", make_base("Bob", "Robert"))
    assert is_still(result)
    assert result.drift


def test_our_own_write_coming_back_in_another_form_is_no_change() -> None:
    result = outcome(
        "+15735550100", "573.555.0100", make_base("(573) 555-0100", "+15735550100"), kind="phone", region="US"
    )
    assert is_still(result)
    assert not result.drift


def test_a_system_that_stores_it_its_own_way_makes_at_most_one_bounce() -> None:
    bounced = outcome("Anna Katharina", "Anna K.", make_base("Anna Katharina", "Anna Katharina"))
    assert sent(bounced) == {"left_field": "Anna K."}
    assert is_still(outcome("Anna K.", "Anna K.", make_base("Anna K.", "Anna K.")))


def test_a_change_goes_right() -> None:
    result = outcome("Ann", "Anne", "Anne")
    assert sent(result) == {"right_field": "Ann"}
    [write] = result.writes[RIGHT]
    assert (write.pair, write.before, write.source) == ("field", "Anne", "Ann")


def test_a_change_goes_left() -> None:
    assert sent(outcome("Anne", "Ann", "Anne")) == {"left_field": "Ann"}


@pytest.mark.parametrize(("left", "right", "base"), [("Ann", "Ann", "Anne"), ("Ann", "Ann", make_base("Ann", "Anne"))])
def test_who_now_say_the_same_agree(left: str, right: str, base: Any) -> None:
    result = outcome(left, right, base)
    assert result.verdict is Verdict.SETTLE
    assert not result.writes
    assert result.settles["field"].held == {LEFT: "Ann", RIGHT: "Ann"}


def test_both_changed_differently_is_a_conflict() -> None:
    result = outcome("Ann", "Anna", "Anne")
    assert result.verdict is Verdict.CONFLICT
    assert not result.settles


def test_a_conflict_closes_itself_when_a_side_is_back_at_its_base() -> None:
    assert sent(outcome("Anne", "Anna", "Anne")) == {"left_field": "Anna"}


def test_a_value_whose_side_has_no_base_counts_as_changed() -> None:
    assert sent(outcome("Ann", "Anne", make_base(MISSING, "Anne"))) == {"right_field": "Ann"}


def test_a_blank_whose_side_has_no_base_is_no_removal() -> None:
    assert is_still(outcome("", "Anne", make_base(MISSING, "Anne"), on_blank=OnBlank.CARRY))


# --- first meeting ---------------------------------------------------------------------------------------


def test_equal_at_the_first_meeting_sets_the_bases() -> None:
    result = outcome("Ann", "Ann ")
    assert result.verdict is Verdict.SETTLE
    assert result.settles["field"].held == {LEFT: "Ann", RIGHT: "Ann "}
    assert not result.drift


def test_a_blank_is_filled_where_the_direction_allows() -> None:
    assert sent(outcome("", "Ann")) == {"left_field": "Ann"}
    assert sent(outcome("", "Ann", to_left="fill")) == {"left_field": "Ann"}
    not_allowed = outcome("", "Ann", to_left="off")
    assert not_allowed.verdict is Verdict.SETTLE
    assert not_allowed.drift


def test_review_fills_a_blank_with_the_approved_preview_only() -> None:
    blank = see("Ann", None, to_right="review")
    assert merge(make_unit(blank)).verdict is Verdict.REVIEW
    assert sent(merge(make_unit(blank, preview=True))) == {"right_field": "Ann"}


def test_different_at_the_first_meeting_is_left_and_listed() -> None:
    result = outcome("Bob", "Robert")
    assert result.verdict is Verdict.SETTLE
    assert result.settles["field"].held == {LEFT: "Bob", RIGHT: "Robert"}
    assert result.drift


def test_different_at_the_first_meeting_may_ask() -> None:
    assert outcome("Bob", "Robert", first_meeting=FirstMeeting.ASK).verdict is Verdict.CONFLICT


@pytest.mark.parametrize("winner", [LEFT, RIGHT])
def test_different_at_the_first_meeting_may_have_a_winner(winner: Side) -> None:
    result = outcome("Bob", "Robert", first_meeting=FirstMeeting(winner.value))
    assert sent(result) == {f"{winner.other}_field": {LEFT: "Bob", RIGHT: "Robert"}[winner]}


def test_what_cannot_be_read_at_a_first_meeting_is_drift() -> None:
    result = outcome("call my wife", "+15735550100", kind="phone", region="US", first_meeting=FirstMeeting.LEFT)
    assert result.verdict is Verdict.SETTLE
    assert result.drift


# --- words and rules -------------------------------------------------------------------------------------


def test_off_leaves_a_change_as_drift_with_its_base_unmoved() -> None:
    result = outcome("Ann", "Anne", "Anne", to_right="off")
    assert is_still(result)
    assert result.drift


def test_fill_writes_into_a_blank_only() -> None:
    assert sent(outcome("Ann", "", "", to_right="fill")) == {"right_field": "Ann"}
    result = outcome("Ann", "Anne", "Anne", to_right="fill")
    assert is_still(result)
    assert result.drift


def test_review_waits_for_a_person() -> None:
    result = outcome("Ann", "Anne", "Anne", to_right="review")
    assert result.verdict is Verdict.REVIEW
    assert written(result) == {"right_field": "Ann"}


@pytest.mark.parametrize("winner", [LEFT, RIGHT])
def test_a_conflict_may_have_a_winner(winner: Side) -> None:
    result = outcome("Ann", "Anna", "Anne", conflict=ConflictRule(winner.value))
    assert sent(result) == {f"{winner.other}_field": {LEFT: "Ann", RIGHT: "Anna"}[winner]}


def test_one_way_only_asks_once_the_sender_changes_too() -> None:
    assert is_still(outcome("Anne", "Anna", "Anne", to_left="off"))
    assert outcome("Ann", "Anna", "Anne", to_left="off").verdict is Verdict.CONFLICT


def test_one_way_only_may_let_the_sender_win() -> None:
    result = outcome("Ann", "Anna", "Anne", to_left="off", conflict=ConflictRule.LEFT)
    assert sent(result) == {"right_field": "Ann"}


def newest(left: datetime | None, right: datetime | None) -> Outcome:
    conflict = see("Ann", "Anna", "Anne", conflict=ConflictRule.NEWEST)
    return merge(make_unit(at_times(conflict, left, right)))


def test_the_newest_wins() -> None:
    assert sent(newest(NOON, NOON - timedelta(days=1))) == {"right_field": "Ann"}
    assert sent(newest(NOON, NOON + timedelta(days=1))) == {"left_field": "Anna"}


def test_newest_asks_without_both_times_or_within_the_clock_skew() -> None:
    assert newest(NOON, None).verdict is Verdict.CONFLICT
    assert newest(None, None).verdict is Verdict.CONFLICT
    assert newest(NOON, NOON + timedelta(seconds=1)).verdict is Verdict.CONFLICT


# --- groups ----------------------------------------------------------------------------------------------


def address(city: Sight, country: Sight) -> Outcome:
    return merge(make_unit(city, country))


def test_a_group_is_one_write_of_the_fields_that_differ() -> None:
    result = address(see("Bonn", "Rolla", "Rolla", key="city"), see("DE", "US", "US", key="land"))
    assert sent(result) == {"right_city": "Bonn", "right_land": "DE"}
    result = address(see("Bonn", "Rolla", "Rolla", key="city"), see("US", "US", "US", key="land"))
    assert sent(result) == {"right_city": "Bonn"}


def test_a_member_of_a_group_that_agrees_already_gets_its_base_with_the_write() -> None:
    result = address(see("Bonn", "", "", key="city"), see("DE", "DE", key="land"))
    assert sent(result) == {"right_city": "Bonn"}
    assert result.settles["land"].held == {LEFT: "DE", RIGHT: "DE"}


def test_a_member_nobody_changed_is_not_written_where_it_is_unknown() -> None:
    result = address(see("Bonn", "Rolla", "Rolla", key="city"), see("US", MISSING, "US", key="land"))
    assert sent(result) == {"right_city": "Bonn"}


def test_a_group_is_one_conflict() -> None:
    result = address(see("Bonn", "Rolla", "Rolla", key="city"), see("US", "DE", "US", key="land"))
    assert result.verdict is Verdict.CONFLICT
    assert not result.writes


def test_a_group_is_sent_with_the_members_that_became_blank() -> None:
    result = address(see("Bonn", "Rolla", "Rolla", key="city"), see("", "MO", "MO", key="state"))
    assert sent(result)["right_city"] == "Bonn"
    assert result.writes[RIGHT][1].path == "right_state"
    assert not sent(result)["right_state"]


def test_a_group_is_blank_when_all_of_it_is() -> None:
    result = address(see("", "Rolla", "Rolla", key="city"), see("", "US", "US", key="land"))
    assert result.verdict is Verdict.SETTLE
    assert {key: base.kept_blank for key, base in result.settles.items()} == {"city": LEFT, "land": LEFT}


def test_a_group_is_set_aside_as_a_whole() -> None:
    result = address(see("Bonn", "Rolla", "Rolla", key="city"), see("Atlantis", "US", "US", key="land", kind="country"))
    assert result.verdict is Verdict.SET_ASIDE


# --- missing and blank -----------------------------------------------------------------------------------


def test_missing_is_not_blank_and_never_a_change() -> None:
    assert is_still(outcome(MISSING, "Anne", "Anne", on_blank=OnBlank.CARRY))
    assert is_still(outcome(MISSING, "Anne"))


def test_the_other_side_may_change_while_one_is_unknown() -> None:
    assert sent(outcome("Ann", MISSING, "Anne")) == {"right_field": "Ann"}


def test_blank_overwrites_nothing_by_itself() -> None:
    result = outcome("", "Anne", "Anne")
    assert result.verdict is Verdict.SETTLE
    assert result.settles["field"].held == {LEFT: "", RIGHT: "Anne"}
    assert result.settles["field"].kept_blank is LEFT
    assert result.blanked is LEFT
    assert result.drift


def test_a_removal_that_was_kept_is_not_filled_again_without_a_person() -> None:
    kept = make_base("", "Anne", kept=LEFT)
    assert is_still(outcome("", "Anne", kept))
    result = outcome("", "Anna", kept)
    assert result.verdict is Verdict.REVIEW
    assert written(result) == {"left_field": "Anna"}


def test_a_removal_that_was_kept_is_over_once_somebody_fills_it() -> None:
    assert sent(outcome("Ann", "Anne", make_base("", "Anne", kept=LEFT))) == {"right_field": "Ann"}


def test_a_removal_that_is_kept_forgets_no_refusal() -> None:
    result = outcome("", "Anna", make_base("Anne", "Anne", refused={RIGHT: "Anna"}))
    assert is_still(outcome("", "Anna", result.settles["field"]))


def test_a_removal_may_ask() -> None:
    result = outcome("", "Anne", "Anne", on_blank=OnBlank.ASK)
    assert result.verdict is Verdict.REVIEW
    assert list(result.writes) == [RIGHT]
    assert result.blanked is LEFT


def test_a_removal_may_be_carried() -> None:
    result = outcome("Anne", None, "Anne", on_blank=OnBlank.CARRY)
    assert result.verdict is Verdict.SEND
    assert not sent(result)["left_field"]
    assert result.blanked is RIGHT


@pytest.mark.parametrize("rule", ["ask", "left"])
def test_a_removal_against_a_change_is_for_a_person(rule: str) -> None:
    assert outcome("", "Anna", "Anne", conflict=ConflictRule(rule)).verdict is Verdict.CONFLICT


def test_a_removal_that_is_carried_may_win() -> None:
    result = outcome("", "Anna", "Anne", conflict=ConflictRule.LEFT, on_blank=OnBlank.CARRY)
    assert list(sent(result)) == ["right_field"]
