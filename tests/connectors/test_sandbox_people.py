"""Invented people: repeatable, of every sort, and reachable by nobody."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.people import MIXED, as_the_crm_has, people, written_phone

MANY = list(people(500, seed=3, shares=MIXED))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 99))
def test_a_longer_list_begins_with_the_same_people(short: int, long: int, seed: int) -> None:
    short, long = sorted((short, long))

    assert list(people(long, seed))[:short] == list(people(short, seed))


def test_another_seed_gives_other_people() -> None:
    assert list(people(5, seed=1)) != list(people(5, seed=2))


def test_the_people_are_the_same_whatever_the_shares_are() -> None:
    plain = [{**person, "where": "", "differs": ""} for person in people(500, seed=3)]

    assert [{**person, "where": "", "differs": ""} for person in MANY] == plain


def test_without_shares_everybody_is_everywhere_and_nobody_differs() -> None:
    assert {(person["where"], person["differs"]) for person in people(200)} == {("both", "")}


def test_shares_give_people_of_every_sort() -> None:
    differences = {"", "phone", "last", "email", "phone_format", "email_case"}

    assert {person["where"] for person in MANY} == {"both", "platform", "crm"}
    assert {person["differs"] for person in MANY} == differences


def test_nobody_can_be_reached() -> None:
    for person in MANY:
        assert person["email"].split("@")[1] in ("example.edu", "example.org", "example.net")
        assert person["phone"] == "" or person["phone"][3:8] == "55501"


def test_phones_are_valid_numbers_for_those_who_check() -> None:
    for person in MANY:
        if person["phone"]:
            assert phonenumbers.is_valid_number(phonenumbers.parse(person["phone"], "US"))


def test_there_are_couples_with_one_address_and_namesakes_of_one_year() -> None:
    addresses = [person["email"] for person in MANY]
    names = [(person["first"], person["last"], person["class_year"]) for person in MANY]

    assert len(set(addresses)) == len(MANY) - 10
    assert len(set(names)) < len(MANY) - 5


def test_some_are_deceased_and_some_want_no_mail() -> None:
    assert 0 < sum(person["deceased"] for person in MANY) < 50
    assert 0 < sum(person["no_email"] for person in MANY) < 100


@pytest.mark.parametrize("field", ["phone", "last", "email"])
def test_a_difference_is_in_that_field_alone(field: str) -> None:
    for person in (person for person in MANY if person["differs"] == field):
        there = as_the_crm_has(person)
        assert {name for name in person if person[name] != there[name]} == {field}


def test_a_difference_in_format_leaves_the_value() -> None:
    for person in (person for person in MANY if person["differs"] == "email_case"):
        assert as_the_crm_has(person)["email"] != person["email"]
        assert as_the_crm_has(person)["email"].lower() == person["email"]


@pytest.mark.parametrize(
    ("style", "text"), [("us", "(573) 555-0100"), ("dashed", "573-555-0100"), ("dotted", "573.555.0100")]
)
def test_phone_styles(style: str, text: str) -> None:
    assert written_phone("5735550100", style) == text
    assert written_phone("", style) == ""
