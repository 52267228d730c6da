"""A field pair at work: readings, what would be written, and the two equalities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.records import MISSING
from mappings.paths import PathError
from mappings.rules import OnInvalid, PairRules, Side, Unmapped, ValuePairs
from mappings.transforms import ExpressionError
from mappings.translate import Reading, Translator, raw_equal, same

LEFT, RIGHT = Side.LEFT, Side.RIGHT
SEEN = datetime(2026, 5, 1, tzinfo=UTC)


def translator(
    left: str = "phone", right: str = "Phone", zones: dict[Side, str] | None = None, **rules: Any
) -> Translator:
    return Translator(PairRules(f"{left}:{right}", {LEFT: left, RIGHT: right}, **rules), zones or {})


def test_a_reading_holds_the_raw_and_the_canonical_value() -> None:
    reading = translator(kind="phone", region="US").read(LEFT, {"phone": "(573) 555-0100"})
    assert (reading.raw, reading.value, reading.problem) == ("(573) 555-0100", "+15735550100", "")
    assert reading.is_readable
    assert not reading.is_blank
    assert not reading.is_missing


def test_missing_is_not_blank() -> None:
    missing = translator().read(LEFT, {"Phone": "1"})
    assert missing.is_missing
    assert not missing.is_blank
    assert not missing.is_readable


@pytest.mark.parametrize("blank", [None, "", "  ", [], {}])
def test_blank_is_known(blank: Any) -> None:
    reading = translator(kind="phone").read(RIGHT, {"Phone": blank})
    assert reading.is_blank
    assert not reading.is_missing


def test_what_is_never_blank_is_not_blank() -> None:
    assert not translator(kind="consent").read(LEFT, {"phone": None}).is_blank


def test_what_can_t_be_read_is_said_and_not_raised() -> None:
    reading = translator(kind="phone", region="US").read(LEFT, {"phone": "call me"})
    assert reading.raw == "call me"
    assert reading.value is None
    assert "phone number" in reading.problem
    assert not reading.is_readable
    assert not reading.is_blank


def test_nested_and_labelled_fields() -> None:
    cities = translator("addresses[Home].city", "MailingCity")
    assert cities.read(LEFT, {"addresses": [{"label": "home", "city": "Rolla"}]}).value == "Rolla"
    assert cities.read(LEFT, {"addresses": []}).is_blank
    assert cities.read(LEFT, {}).is_missing


def test_the_time_is_that_of_the_very_field() -> None:
    assert translator().read(LEFT, {"phone": "1"}, {"phone": SEEN}).time == SEEN
    assert translator("phones[home]").read(LEFT, {"phones": []}, {"phones": SEEN}).time is None


def test_a_base_is_read_with_todays_mapping() -> None:
    pair = translator(kind="phone", region="US")
    assert same(pair.read_raw(RIGHT, "573-555-0100"), pair.read(LEFT, {"phone": "+15735550100"}))
    assert pair.read_raw(RIGHT, MISSING).is_missing


def test_clean_ups_before_reading_and_writing() -> None:
    years = translator(
        "year", "Year__c", reads={LEFT: "value|trim|replace('#','')"}, writes={LEFT: "'#' ~ value", RIGHT: "value|int"}
    )
    left = years.read(LEFT, {"year": " #1998 "})
    assert (left.raw, left.value, left.cleaned) == (" #1998 ", "1998", "1998")
    assert years.carry(left, RIGHT).raw == 1998
    assert years.carry(years.read(RIGHT, {"Year__c": 1998}), LEFT).raw == "#1998"


def test_a_clean_up_may_read_the_record() -> None:
    names = translator("first", "FirstName", reads={LEFT: "record['nick'] or value"})
    assert names.read(LEFT, {"first": "Robert", "nick": "Bob"}).value == "Bob"
    assert names.read_raw(LEFT, "Robert", {"nick": "Rob"}).value == "Rob"
    assert names.read_raw(LEFT, "Robert").value == "Robert"


def test_a_clean_up_that_fails_is_a_problem_of_the_reading() -> None:
    years = translator("year", "Year__c", reads={LEFT: "value|int"})
    reading = years.read(LEFT, {"year": "soon"})
    assert "whole number" in reading.problem
    assert reading.raw == "soon"
    assert years.carry(reading, RIGHT).problem == reading.problem


def test_a_clean_up_before_writing_that_fails_is_a_problem() -> None:
    years = translator("year", "Year__c", writes={RIGHT: "value|int"})
    assert "whole number" in years.carry(years.read(LEFT, {"year": "soon"}), RIGHT).problem


def test_text_is_carried_as_typed_and_phones_canonical() -> None:
    names, phones = translator("last", "LastName"), translator(kind="phone", region="US")
    assert names.carry(names.read(LEFT, {"last": "O'Neill "}), RIGHT).raw == "O'Neill "
    assert phones.carry(phones.read(LEFT, {"phone": "(573) 555-0100"}), RIGHT).raw == "+15735550100"


def test_a_reading_made_by_hand_is_carried_too() -> None:
    assert translator().carry(Reading("573", "573"), RIGHT).raw == "573"


def test_blank_is_carried_as_null() -> None:
    pair = translator(writes={RIGHT: "'+' ~ value"})
    carried = pair.carry(pair.read(LEFT, {"phone": " "}), RIGHT)
    assert (carried.raw, carried.problem) == (None, "")


def test_nothing_is_carried_for_what_is_unknown() -> None:
    pair = translator(on_invalid=OnInvalid.USE_DEFAULT, defaults={RIGHT: "x"})
    carried = pair.carry(pair.read(LEFT, {}), RIGHT)
    assert carried.raw is MISSING
    assert "does not say" in carried.problem


def test_times_without_a_zone_are_on_each_systems_clock() -> None:
    pair = translator("seen", "Seen__c", kind="datetime", zones={LEFT: "America/New_York"})
    left = pair.read(LEFT, {"seen": "2013-12-12 22:59:38"})
    assert same(left, pair.read(RIGHT, {"Seen__c": "2013-12-13 03:59:38"}))
    assert pair.carry(left, RIGHT).raw == "2013-12-13T03:59:38Z"


def test_what_is_too_long_is_not_cut() -> None:
    pair = translator("last", "LastName", lengths={RIGHT: 40})
    assert pair.carry(Reading("x" * 40, "x" * 40), RIGHT).problem == ""
    too_long = pair.carry(Reading("x" * 52, "x" * 52), RIGHT)
    assert too_long.problem == "This is 52 characters long; the field there takes 40."
    assert too_long.raw is MISSING
    assert pair.carry(Reading("x" * 52, "x" * 52), LEFT).raw == "x" * 52


@pytest.mark.parametrize("on_invalid", [OnInvalid.SET_ASIDE, OnInvalid.SKIP_FIELD])
def test_what_can_t_be_translated_keeps_its_problem(on_invalid: OnInvalid) -> None:
    pair = translator(kind="phone", region="US", on_invalid=on_invalid, defaults={RIGHT: "x"})
    assert pair.carry(pair.read(LEFT, {"phone": "call me"}), RIGHT).problem


def test_the_default_stands_in_where_the_pair_says_so() -> None:
    pair = translator(
        kind="phone", region="US", on_invalid=OnInvalid.USE_DEFAULT, defaults={RIGHT: "none given"}, lengths={RIGHT: 5}
    )
    unread = pair.carry(pair.read(LEFT, {"phone": "call me"}), RIGHT)
    too_long = pair.carry(pair.read(LEFT, {"phone": "573-555-0100"}), RIGHT)
    assert (unread.raw, unread.problem) == (too_long.raw, too_long.problem) == ("none given", "")
    assert pair.carry(pair.read(RIGHT, {"Phone": "call me"}), LEFT).problem


def test_drop_down_pairs_go_both_ways() -> None:
    pair = translator(
        "status", "Status__c", kind="choice",
        value_map=ValuePairs((("active", "Active"), ("lost", "Lost alum"), ("missing", "Lost alum"))),
    )  # fmt: skip
    left, right = pair.read(LEFT, {"status": "missing"}), pair.read(RIGHT, {"Status__c": "Lost alum"})
    assert same(left, right)
    assert pair.carry(left, RIGHT).raw == "Lost alum"
    assert pair.carry(right, LEFT).raw == "lost"
    assert "“new”" in pair.read(LEFT, {"status": "new"}).problem


def test_an_unmapped_option_that_passes_is_written_as_it_is() -> None:
    pair = translator("status", "Status__c", kind="choice", value_map=ValuePairs((), Unmapped.PASS))
    assert pair.carry(pair.read(LEFT, {"status": " new "}), RIGHT).raw == "new"


def test_consent_is_carried_in_the_words_of_each_side() -> None:
    pair = translator("no_email", "OptOut", kind="consent", restricted_when={LEFT: "Y", RIGHT: True})
    assert pair.carry(pair.read(LEFT, {"no_email": "y"}), RIGHT).raw is True
    assert pair.carry(pair.read(RIGHT, {"OptOut": False}), LEFT).raw == "N"
    assert pair.carry(pair.read(LEFT, {"no_email": None}), RIGHT).raw is False


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ({"kind": "fone"}, ValueError),
        ({"left": "phones["}, PathError),
        ({"reads": {LEFT: "value|trm"}}, ExpressionError),
        ({"writes": {RIGHT: "value|trm"}}, ExpressionError),
        ({"writes": {RIGHT: "record['x']"}}, ExpressionError),
    ],
)
def test_rules_that_can_t_be_carried_out_are_refused(rules: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"\.$"):
        translator(**rules)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (Reading("a", "a"), Reading("a ", "a"), True),
        (Reading("a", "a"), Reading("b", "b"), False),
        (Reading(None), Reading(""), True),
        (Reading(None), Reading("a", "a"), False),
        (Reading(MISSING), Reading(MISSING), False),
        (Reading(MISSING), Reading(None), False),
        (Reading("x", None, "unreadable"), Reading("x", None, "unreadable"), False),
        (Reading("x", None, "unreadable"), Reading(None), False),
    ],
)
def test_same_by_kind(one: Reading, other: Reading, equal: bool) -> None:
    assert same(one, other) is equal
    assert same(other, one) is equal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a"),
        (1, 1),
        (None, None),
        (MISSING, MISSING),
        ([1, {"a": []}], [1, {"a": []}]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_exactly_the_same(one: Any, other: Any) -> None:
    assert raw_equal(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True), (0, False), (1, 1.0), (1, "1"), ("a", "a "), (None, ""), (None, MISSING), ([], {}), ([1], [True]),
        ([1], [1, 1]), ({"a": 1}, {"a": "1"}), ({"a": 1}, {"b": 1}), ({"a": None}, {}), (float("nan"), 1.0),
    ],
)  # fmt: skip
def test_not_the_same(one: Any, other: Any) -> None:
    assert not raw_equal(one, other)
    assert not raw_equal(other, one)


def test_depth_is_no_trouble() -> None:
    one: Any = []
    other: Any = []
    for _ in range(5_000):
        one, other = [one], [other]
    assert raw_equal(one, other)


def test_no_repr_shows_what_somebody_holds() -> None:
    pair = translator("last", "LastName")
    reading = pair.read(LEFT, {"last": "Moss"})
    assert "Moss" not in repr(reading)
    assert "Moss" not in repr(pair.carry(reading, RIGHT))
