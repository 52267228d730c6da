"""Clean-ups and scopes: what they give, what the sandbox refuses, which fields they read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.cleanups import CLEANUPS
from mappings.transforms import (
    LONGEST_SOURCE,
    ExpressionError,
    compile_expression,
    compile_scope,
    fields_read,
)

RECORD = {"first": "Mary", "last": None, "address": {"city": "Rolla"}, "tags": ["a", "b"], "items": "x"}


def clean(source: str, value: Any = " #1998 ") -> Any:
    return compile_expression(source)(value, RECORD)


def refuse(source: str, value: Any = "x") -> str:
    with pytest.raises(ExpressionError) as caught:
        clean(source, value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("value|trim|replace('#','')", " #1998 ", "1998"),
        ("value.strip()[1:]", " #1998 ", "1998"),
        ("value|upper", "ab", "AB"),
        ("value|lower", "AB", "ab"),
        ("value|capitalize", "aB", "Ab"),
        ("value|replace('','x')", "ab", "ab"),
        ("value|strip_accents", "José Ñ", "Jose N"),
        ("value|digits", "+1 (573) 555", "1573555"),
        ("value|first_line", "\n 12 Main \nApt 4", "12 Main"),
        ("value|zip5", "65203-1234", "65203"),
        ("value|zip5", "SW1A 1AA", "SW1A 1AA"),
        ("value|year", "05.08.1982", "1982"),
        ("value|year", 1982, "1982"),
        ("value|country_code", "GB", "GB"),
        ("value|country_code", "XK", "XK"),
        ("value|state_code", "MO", "MO"),
        ("value|state_code", "AE", "AE"),
        ("value|state_code('CA')", "QC", "QC"),
        ("value|state_code('GB')", "Kent", "Kent"),
        ("value|state_code(record['no'])", "Kent", "Kent"),
        ("value|e164", "+15735550100", "+15735550100"),
        ("value|split|first", "a, b", "a"),
        ("value|split(';')|last", "a; b;", "b"),
        ("value|split|join('/')", "a,,b", "a/b"),
        ("value|length", "abc", 3),
        ("value|int + 1", "41", 42),
        ("value|float * 2", "1.5", 3.0),
        ("{'y': true}.get(value)", "y", True),
        ("'yes' if value == 1 else 'no'", 1, "yes"),
        ("(value, 2)", 1, [1, 2]),
        ("'Class of ' ~ value", 1998, "Class of 1998"),
    ],
)
def test_clean_ups(source: str, value: Any, result: Any) -> None:
    assert clean(source, value) == result


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("o'NEILL-smith", "O'Neill-Smith"),
        ("McDonald", "McDonald"),
        ("SMITH III", "Smith III"),
        ("Ludwig van Beethoven", "Ludwig van Beethoven"),
        ("LUDWIG VAN BEETHOVEN", "Ludwig Van Beethoven"),
        ("ST. MARY'S", "St. Mary's"),
        ("ÉMILE", "Émile"),
    ],
)
def test_title_case(typed: str, shown: str) -> None:
    assert clean("value|title_case", typed) == shown
    assert clean("value|title_case", shown) == shown


@pytest.mark.parametrize(
    ("source", "value", "why"),
    [
        ("value|country_code", "USA", "two capital letters of a country"),
        ("value|country_code", "UK", "two capital letters of a country"),
        ("value|country_code", "us", "two capital letters of a country"),
        ("value|state_code", "Missouri", "state or province of that country"),
        ("value|state_code('US')", "QC", "state or province of that country"),
        ("value|state_code('CA')", "MO", "state or province of that country"),
        ("value|e164", "573 555 0100", "phone number like"),
        ("value|e164", "+1 573 555 0100", "phone number like"),
        ("value|e164", "+0123456789", "phone number like"),
    ],
)
def test_a_promise_about_how_values_are_written_is_checked(source: str, value: str, why: str) -> None:
    said = refuse(source, value)
    assert why in said
    assert value not in said.replace(source, "")


@given(text=st.text(), name=st.sampled_from(["trim", "title_case", "strip_accents", "digits", "zip5", "first_line"]))
def test_cleaning_twice_is_cleaning_once(text: str, name: str) -> None:
    once = clean(f"value|{name}", text)
    assert name == "title_case" or clean(f"value|{name}", once) == once


@pytest.mark.parametrize("name", sorted(set(CLEANUPS) - {"default", "default_if_blank"}))
def test_every_clean_up_lets_a_blank_pass(name: str) -> None:
    assert CLEANUPS[name](None) is None
    assert clean(f"record['last']|{name}") is None


@pytest.mark.parametrize("blank", [None, "", "  ", []])
def test_nothing_is_made_of_nothing(blank: Any) -> None:
    assert clean("'Class of ' ~ value", blank) == blank


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("value|default_if_blank('n/a')", "n/a"),
        ("value|default('n/a')", "n/a"),
        ("value or record['first']", "Mary"),
        ("'x' if value else 'y'", "y"),
        ("record.first", "Mary"),
        ("'fixed'", "fixed"),
        ("value is none", False),
    ],
)
def test_an_expression_that_speaks_of_blanks_gets_them(source: str, result: Any) -> None:
    assert clean(source, "") == result


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("record['address']['city']", "Rolla"),
        ("record.address.city", "Rolla"),
        ("record['items']", "x"),
        ("record.items", "x"),
        ("record['keys']", None),
        ("record['no']['such']['thing']", None),
        ("record['last']['such']", None),
        ("record.get('no', 'y')", "y"),
        ("record['tags'][1]", "b"),
        ("record['first'] ~ ' ' ~ record['last'] ~ record['no']", "Mary "),
    ],
)
def test_other_fields_of_the_record(source: str, result: Any) -> None:
    assert clean(source) == result


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("value|trm", "trm"),
        ("value|", "unexpected end"),
        ("value value", "chunk after"),
        ("valeu|trim", "“valeu”"),
        ("range(9)", "“range”"),
        ("self", "“self”"),
        ("now()", "“now”"),
        ("value\n|trm", "line"),
        ("(" * 400 + "1" + ")" * 400, "nested too deeply"),
        ("1" * (LONGEST_SOURCE + 1), str(LONGEST_SOURCE)),
        ("", "does not compile"),
    ],
)
def test_what_does_not_compile_is_said_at_once(source: str, said: str) -> None:
    with pytest.raises(ExpressionError, match="expression") as caught:
        compile_expression(source)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "'a' * 999999999", "[1] * 999999999", "9 ** 9", "'%999999999d' % 1", "value.__class__",
        "value['__class__'].x()",
        "value.format(1)", "value.ljust(999999999)", "record.clear()", "record.pop('first')", "value.strip",
        "record['tags'].append('c')", "record.get.__self__", "(1).real",
    ],
)  # fmt: skip
def test_the_sandbox(source: str) -> None:
    assert refuse(source)
    assert RECORD["first"] == "Mary"
    assert RECORD["tags"] == ["a", "b"]


def test_results_have_a_limit() -> None:
    assert "characters" in refuse("value", "x" * 1_000_001)
    assert "too long" in refuse("value|replace('x', 'yyyyyyyyyy')", "x" * 200_000)
    # 10,000 parts with 20,000 characters between each two would be 200 MB.
    assert "too long" in refuse("value|split('x')|join(value)", "ax" * 10_000)


@pytest.mark.parametrize(
    "source", ["{1: value}", "9223372036854775807 * 2", "1e308 * 10", "value|float * 1e308", "[1e308 * 10]"]
)
def test_what_no_record_can_hold_is_no_result(source: str) -> None:
    assert "must give a text" in refuse(source, "10")


@pytest.mark.parametrize("value", ["nan", "Infinity", "1e999"])
def test_what_only_python_calls_a_number_is_none(value: str) -> None:
    assert "it is not a number" in refuse("value|float", value)


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("opening", "closing"), [("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("{'a': ", "}"), ("", "[0]")]
)
def test_deep_nesting_is_said_in_words(opening: str, closing: str) -> None:
    # Wherever in it Python gives up: reading, walking, generating, compiling or working it out.
    deepest = (LONGEST_SOURCE - 5) // len(opening + closing)
    for depth in range(10, deepest, 15):
        with suppress(ExpressionError):
            compile_expression(f"{opening * depth}value{closing * depth}")("x", {})
    assert "nested too deep" in refuse(f"{opening * deepest}value{closing * deepest}")


@pytest.mark.parametrize(
    "source",
    [
        "value|int",
        "value|float",
        "value|year",
        "value + 1",
        "value > 1",
        "value|digits('x')",
        "value['a']['b']()",
        "-value",
    ],
)
def test_what_goes_wrong_for_a_record_shows_no_data(source: str) -> None:
    said = refuse(source, "Mary Moss")
    assert source in said
    assert "Mary" not in said


def test_an_expression_is_compiled_once() -> None:
    assert compile_expression("value|trim") is compile_expression("value|trim")


@pytest.mark.parametrize(
    ("scope", "takes_part"),
    [
        ("", True),
        ("  ", True),
        ("record['first']", True),
        ("record['last']", False),
        ("record['no']", False),
        ("record['first'] == 'Mary' and not record.last", True),
        ("record['first'].startswith('M')", True),
        ("'a' in record['tags']", True),
        ("record['tags']|length > 2", False),
    ],
)
def test_scopes(scope: str, takes_part: bool) -> None:
    assert compile_scope(scope)(RECORD) is takes_part


@pytest.mark.parametrize("scope", ["value", "now()", "record['first'", "record['first']|now"])
def test_no_scope(scope: str) -> None:
    with pytest.raises(ExpressionError):
        compile_scope(scope)


def test_a_scope_that_fails_for_a_record_says_so() -> None:
    with pytest.raises(ExpressionError, match="can't be worked out for this record"):
        compile_scope("record['last'] > 3")(RECORD)


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("", set()),
        ("value|trim", set()),
        ("record['a']", {"a"}),
        ("record.a", {"a"}),
        ("record.get('a', 1)", {"a"}),
        ("record['a']['b'] or record.c.d", {"a", "c"}),
        ("value ~ record['a'] if record.b is none else {'x': [record.get('c')]}['x']|length", {"a", "b", "c"}),
    ],
)
def test_fields_read(source: str, fields: set[str]) -> None:
    assert fields_read(source) == fields


@pytest.mark.parametrize(
    "source",
    [
        "record",
        "record[value]",
        "record.get(value)",
        "record.get",
        "record|length",
        "'a' in record",
        "record['a'] and record",
    ],
)
def test_fields_that_are_not_named(source: str) -> None:
    with pytest.raises(ExpressionError, match="Name each one"):
        fields_read(source)
