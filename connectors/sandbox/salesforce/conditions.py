"""What a query's WHERE means for a row."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from connectors.sandbox.salesforce.soql import Combined, Comparison, Condition, Literal, SoqlError

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
Getter = Callable[[Row], Any]
Resolve = Callable[[str], tuple[str, str, Getter]]
"""A field as written → its name, its type, and what reads it from a row; raises SoqlError."""


def compile_condition(condition: Condition | None, resolve: Resolve) -> Test:
    """A function that tells whether a row is wanted; raises SoqlError for what doesn't fit the field."""
    if condition is None:
        return lambda row: True
    if isinstance(condition, Comparison):
        return _compile_comparison(condition, resolve)
    tests = [compile_condition(part, resolve) for part in condition.parts]
    if condition.word == "NOT":
        return lambda row: not tests[0](row)
    every = all if condition.word == "AND" else any
    return lambda row: every(test(row) for test in tests)


def required(condition: Condition | None) -> tuple[Comparison, ...]:
    """The comparisons that every wanted row fulfils: what an index may start from."""
    if isinstance(condition, Comparison):
        return (condition,)
    if isinstance(condition, Combined) and condition.word == "AND":
        return tuple(found for part in condition.parts for found in required(part))
    return ()


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FITTING = {"datetime": "datetime", "date": "date", "boolean": "boolean", "double": "number", "int": "number"}


def _compile_comparison(comparison: Comparison, resolve: Resolve) -> Test:
    name, field_type, get = resolve(comparison.field)
    for literal in comparison.values:
        _check_fit(name, field_type, literal)
    folded = fold(field_type)
    wanted = [folded(literal.value) for literal in comparison.values]
    if comparison.operator == "IN":
        # A set: 200 values against 100,000 rows.
        among = frozenset(wanted)
        return lambda row: folded(get(row)) in among
    if comparison.operator == "LIKE":
        like = _like(str(wanted[0] or ""))
        return lambda row: get(row) is not None and like.fullmatch(folded(get(row))) is not None
    return _compile_sign(comparison.operator, wanted[0], lambda row: folded(get(row)))


def _compile_sign(sign: str, value: Any, get: Getter) -> Test:
    compare = _COMPARE[sign]
    if sign in ("=", "!="):
        # Unlike SQL, null equals null and differs from every value.
        return lambda row: compare(get(row), value)
    # Nothing is smaller or greater than null.
    return lambda row: value is not None and (found := get(row)) is not None and compare(found, value)


def _check_fit(name: str, field_type: str, literal: Literal) -> None:
    needed = _FITTING.get(field_type, "string")
    if literal.kind in (needed, "null"):
        return
    quotes = "be enclosed" if needed == "string" else "not be enclosed"
    message = f"value of filter criterion for field '{name}' must be of type {field_type}"
    raise SoqlError("INVALID_FIELD", f"{message} and should {quotes} in quotes")


def fold(field_type: str) -> Callable[[Any], Any]:
    if field_type in ("id", "reference"):
        return lambda value: value[:15] if isinstance(value, str) else value
    # Text is compared without regard to case; a blank text is null.
    return lambda value: (value.casefold() or None) if isinstance(value, str) else value


def _like(pattern: str) -> re.Pattern[str]:
    signs = {"%": ".*", "_": "."}
    return re.compile("".join(signs.get(letter, re.escape(letter)) for letter in pattern), re.DOTALL)
