"""The small part of SOQL that the stand-in understands."""

# ruff: noqa: S608 - queries of tests
from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.salesforce.conditions import Getter, compile_condition, required
from connectors.sandbox.salesforce.schema import schema
from connectors.sandbox.salesforce.soql import Combined, Comparison, Literal, SoqlError, datetime_text, parse

CONTACT = schema()["Contact"]
BLANK = {field.name: field.blank for field in CONTACT.fields.values()}
ADA: dict[str, Any] = {
    **BLANK,
    "Id": "0035e0000000001AAA",
    "LastName": "O'Brien",
    "Email": "Ada@Example.org",
    "Birthdate": "1982-08-05",
    "SystemModstamp": "2026-05-01T07:25:37.000+0000",
    "Gifts_Total__c": 15.0,
    "Deceased__c": True,
}


def resolve(name: str) -> tuple[str, str, Getter]:
    field = CONTACT.find(name)
    assert field is not None
    return field.name, field.type, lambda row: row[field.name]


def holds(where: str, row: dict[str, Any] = ADA) -> bool:
    return compile_condition(parse(f"SELECT Id FROM Contact WHERE {where}").where, resolve)(row)


def test_a_whole_query() -> None:
    query = parse(
        "select Id, Account.Name from Contact where Email = 'a' "
        "order by SystemModstamp, Id desc, Email asc nulls last, Phone nulls first limit 20"
    )

    assert query.fields == ("Id", "Account.Name")
    assert query.object_type == "Contact"
    assert query.where == Comparison("Email", "=", (Literal("string", "a"),))
    assert query.order == (
        ("SystemModstamp", False, False),
        ("Id", True, False),
        ("Email", False, True),
        ("Phone", False, False),
    )
    assert query.limit == 20


def test_count_has_no_fields() -> None:
    assert parse("SELECT COUNT() FROM Contact").fields == ()


def test_parentheses_bind() -> None:
    where = parse("SELECT Id FROM Contact WHERE A = 1 AND (B = 2 OR NOT C = 3)").where

    assert isinstance(where, Combined)
    assert where.word == "AND"
    assert where.parts[1] == Combined(
        "OR",
        (
            Comparison("B", "=", (Literal("number", 2),)),
            Combined("NOT", (Comparison("C", "=", (Literal("number", 3),)),)),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT FROM Contact",
        "SELECT Id Contact",
        "SELECT Id, FROM Contact",
        "SELECT Id FROM Contact WHERE",
        "SELECT Id FROM Contact WHERE Email",
        "SELECT Id FROM Contact WHERE Email = ",
        "SELECT Id FROM Contact WHERE Email = 'open",
        "SELECT Id FROM Contact WHERE Email = word",
        "SELECT Id FROM Contact WHERE Email ( 'a'",
        "SELECT Id FROM Contact WHERE Email IN ()",
        "SELECT Id FROM Contact WHERE Email IN ('a'",
        "SELECT Id FROM Contact WHERE (Email = 'a'",
        "SELECT Id FROM Contact WHERE A = 1 AND B = 2 OR C = 3",
        "SELECT Id FROM Contact WHERE A = 1 OR B = 2 AND C = 3",
        "SELECT Id FROM Contact WHERE Birthdate = 1982-13-05",
        "SELECT Id FROM Contact WHERE SystemModstamp > 2026-02-31T00:00:00Z",
        "SELECT Id FROM Contact ORDER Email",
        "SELECT Id FROM Contact LIMIT many",
        "SELECT Id FROM Contact LIMIT 5 5",
        "SELECT Id FROM Contact; DROP",
        "SELECT COUNT( FROM Contact",
    ],
)
def test_a_query_that_is_none(text: str) -> None:
    with pytest.raises(SoqlError) as caught:
        parse(text)
    assert caught.value.code == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (r"LastName = 'O\'Brien'", True),
        ("lastname = 'o\\'BRIEN'", True),
        ("LastName != 'O\\'Brien'", False),
        ("LastName <> 'X'", True),
        ("Email = 'ada@example.org'", True),
        ("Email LIKE 'ada@%'", True),
        ("Email LIKE '%@EXAMPLE.___'", True),
        ("Email LIKE 'ada'", False),
        ("Phone LIKE '%'", False),
        ("Email IN ('b@x.org', 'ADA@example.org')", True),
        ("Email NOT IN ('b@x.org')", True),
        ("Phone IN ('1', null)", True),
        ("Phone = null", True),
        ("Phone = ''", True),
        ("Phone != null", False),
        ("Phone != '1'", True),
        ("Phone < '1'", False),
        ("Phone > '1'", False),
        ("Email > null", False),
        ("Deceased__c = true", True),
        ("DoNotCall = TRUE", False),
        ("Gifts_Total__c >= 15", True),
        ("Gifts_Total__c < 15.0", False),
        ("Birthdate = 1982-08-05", True),
        ("Birthdate <= 1982-08-04", False),
        ("SystemModstamp >= 2026-05-01T07:25:37Z", True),
        ("SystemModstamp > 2026-05-01T07:25:37.000+0000", False),
        ("SystemModstamp >= 2026-05-01T09:25:37+02:00", True),
        ("SystemModstamp < 2026-05-01T07:25:37.001Z", True),
        ("Id = '0035e0000000001'", True),
        ("Id = '0035e0000000001AAA'", True),
        ("Id > '0035e0000000000AAA'", True),
        ("Deceased__c = false OR (Phone = null AND Email != null)", True),
        ("NOT (Deceased__c = true)", False),
        ("Deceased__c = true AND Email = null", False),
    ],
)
def test_conditions(where: str, expected: Any) -> None:
    assert holds(where) is expected


@pytest.mark.parametrize(
    "where",
    [
        "SystemModstamp > '2026-05-01T07:25:37Z'",
        "Birthdate = '1982-08-05'",
        "Deceased__c = 'true'",
        "Gifts_Total__c = '15'",
        "Email = 5",
        "LastName = true",
    ],
)
def test_a_value_must_be_written_as_its_field_needs(where: str) -> None:
    with pytest.raises(SoqlError) as caught:
        holds(where)
    assert caught.value.code == "INVALID_FIELD"


@given(st.text(min_size=1))
def test_any_text_survives_quoting(text: str) -> None:
    quoted = re.sub(r"(['\\])", r"\\\1", text)
    where = parse(f"SELECT Id FROM Contact WHERE LastName = '{quoted}'").where

    assert isinstance(where, Comparison)
    assert where.values == (Literal("string", text),)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_times_as_text_are_in_order(one: datetime, other: datetime) -> None:
    one, other = (moment.replace(microsecond=0) for moment in sorted((one, other)))

    if one.year >= 1000:
        assert datetime_text(one) <= datetime_text(other)


def test_times_have_whole_seconds_and_an_offset_without_a_colon() -> None:
    assert datetime_text(datetime(2026, 5, 1, 7, 25, 37, tzinfo=UTC)) == "2026-05-01T07:25:37.000+0000"


def test_what_every_row_must_fulfil() -> None:
    where = parse("SELECT Id FROM Contact WHERE A = 1 AND (B = 2 AND C = 3) AND (D = 4 OR E = 5)").where

    assert [comparison.field for comparison in required(where)] == ["A", "B", "C"]
    assert required(parse("SELECT Id FROM Contact WHERE A = 1 OR B = 2").where) == ()
    assert required(None) == ()
