"""Salesforce's ids, literals, descriptions and errors, in our words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.answers import Answer
from connectors.records import Duplicate, Gone, NeedsAttention, Rejected, Temporary
from connectors.systems.salesforce.errors import error_of, refusal_of
from connectors.systems.salesforce.fields import object_type_of
from connectors.systems.salesforce.soql import LONGEST_CONDITION, literal_of, long_id, one_of, selected


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"type": "currency"}, "money"),
        ({"type": "double"}, "number"),
        ({"type": "datetime"}, "datetime"),
        ({"type": "reference"}, "text"),
        ({"type": "multipicklist"}, ""),
        ({"type": "picklist", "name": "MailingStateCode"}, "state"),
        ({"type": "string", "name": "OtherCountry"}, "country"),
        ({"type": "boolean", "name": "Is_Out_Of_State"}, "yes_no"),
    ],
)
def test_the_kind_that_usually_fits(described: dict[str, str], kind: str) -> None:
    (field,) = object_type_of({"name": "X", "fields": [{"name": "F", **described}]}).fields
    assert field.kind == kind


def test_closed_options_are_left_out() -> None:
    options = [{"value": "Old", "active": False}, {"value": "New", "active": True}]
    described = {"name": "X", "fields": [{"name": "F", "type": "picklist", "picklistValues": options}]}
    assert object_type_of(described).fields[0].options == ("New",)


@pytest.mark.parametrize("path", ["addresses[Home].city", "Name FROM User", "1st", "", "a..b"])
def test_what_can_not_be_a_field(path: str) -> None:
    with pytest.raises(NeedsAttention, match="can't be a field"):
        selected([path])


@given(st.lists(st.text(min_size=1, max_size=300), max_size=60))
def test_conditions_hold_every_value_and_fit(values: list[str]) -> None:
    values = [value for value in values if value.isprintable()]
    conditions = list(one_of("Title", "string", values))
    assert all(len(condition) <= LONGEST_CONDITION for condition in conditions)
    joined = "".join(conditions)
    assert all(literal_of(value, "string") in joined for value in values)


@given(st.text())
def test_no_text_ends_its_literal(text: str) -> None:
    literal = literal_of(text, "string")
    assert literal == "" or re.fullmatch(r"'(\\.|[^'\\])*'", literal, re.DOTALL)


@pytest.mark.parametrize(
    ("value", "type", "literal"),
    [
        ("5", "double", "5"),
        ("-5.25", "currency", "-5.25"),
        ("5 OR 1=1", "double", ""),
        ("true", "boolean", "true"),
        ("yes", "boolean", ""),
        ("2026-05-01", "date", "2026-05-01"),
        ("05/01/2026", "date", ""),
        ("2026-05-01T10:00:00Z", "datetime", "2026-05-01T10:00:00Z"),
        ("5", "string", "'5'"),
    ],
)
def test_literals_by_type(value: str, type: str, literal: str) -> None:
    assert literal_of(value, type) == literal


def test_the_long_form_of_an_id() -> None:
    # https://help.salesforce.com/s/articleView?id=000385585: the last three letters say where capitals are.
    assert long_id("0035e00000AbCdE") == "0035e00000AbCdEAAV"
    assert long_id("003000000000000") == "003000000000000AAA"
    assert long_id("ABCDEABCDEABCDE") == "ABCDEABCDEABCDE555"
    assert long_id("0035e00000AbCdEAAV") == "0035e00000AbCdEAAV"
    assert long_id("") == ""
    assert long_id("not an id here!") == "not an id here!"


@given(st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True), st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True))
def test_long_ids_differ_even_without_case(one: str, other: str) -> None:
    assert (long_id(one).lower() == long_id(other).lower()) is (one == other)


# Codes: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
@pytest.mark.parametrize(
    ("code", "fields", "kind"),
    [
        ("UNABLE_TO_LOCK_ROW", [], Temporary),
        ("REQUEST_LIMIT_EXCEEDED", [], Temporary),
        ("SERVER_UNAVAILABLE", [], Temporary),
        ("QUERY_TIMEOUT", [], Temporary),
        ("ENTITY_IS_DELETED", [], Gone),
        ("NOT_FOUND", [], Gone),
        ("INVALID_CROSS_REFERENCE_KEY", [], Gone),
        ("INVALID_CROSS_REFERENCE_KEY", ["Id"], Gone),
        ("INVALID_CROSS_REFERENCE_KEY", ["AccountId"], Rejected),
        ("DUPLICATES_DETECTED", [], Duplicate),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", [], Rejected),
        ("STRING_TOO_LONG", ["FirstName"], Rejected),
    ],
)
def test_what_a_code_means(code: str, fields: list[str], kind: type[Exception]) -> None:
    error = error_of([{"statusCode": code, "message": "Said.", "fields": fields}])
    assert type(error) is kind
    assert "Said." in error.message
    assert code in error.message
    if isinstance(error, Rejected):
        assert error.fields == dict.fromkeys(fields, "Said.")


@pytest.mark.parametrize("errors", [None, [], "text", [5]])
def test_an_error_without_words(errors: Any) -> None:
    assert error_of(errors).message == "Salesforce refuses this. It doesn't say why."


@pytest.mark.parametrize("data", [None, {}, [], ["x"], "text", {"error": 5}])
def test_what_is_not_their_error_is_read_as_usual(data: Any) -> None:
    assert refusal_of(Answer(400, {}, data)) is None
