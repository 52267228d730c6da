"""Salesforce's ids, times and query language. Pure.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from connectors.records import NeedsAttention

CHECK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
LONGEST_CONDITION = 8_000
"""Encoded characters of values in one query: the whole address may have 16,384."""

_FIELD = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*", re.ASCII)
_SHORT_ID = re.compile(r"[A-Za-z0-9]{15}")
_ESCAPES = str.maketrans({"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"})
_BARE = {
    "boolean": re.compile(r"true|false", re.IGNORECASE),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "datetime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)"),
    **dict.fromkeys(("int", "double", "currency", "percent", "long"), re.compile(r"-?\d+(\.\d+)?")),
}


def long_id(id: str) -> str:
    """An id in its form of 18 letters, which can be compared without regard to case.

    The last three say which of the first 15 are capitals, five a letter. What isn't an id stays as it is.
    """
    if not _SHORT_ID.fullmatch(id):
        return id
    fives = (id[start : start + 5] for start in (0, 5, 10))
    return id + "".join(
        CHECK_LETTERS[sum(letter.isupper() << place for place, letter in enumerate(five))] for five in fives
    )


def selected(paths: Iterable[str]) -> list[str]:
    """Field paths that may stand in a query, each once; NeedsAttention for one that can't be a field."""
    for path in paths:
        if not _FIELD.fullmatch(path):
            raise NeedsAttention(f"“{path}” can't be a field of Salesforce. Correct the field pair.")
    return list({path.lower(): path for path in paths}.values())


def top_level(path: str) -> str:
    """The field of a record that a path such as "Account.Name" begins with."""
    return path.partition(".")[0]


def select(fields: Sequence[str], object_type: str, where: Sequence[str] = (), order: str = "") -> str:
    """A query; the conditions must all be met."""
    conditions = f" WHERE {' AND '.join(where)}" if where else ""
    ordered = f" ORDER BY {order}" if order else ""
    # Names were checked by `selected`, values escaped by `literal_of`; a filter is its administrator's own.
    return f"SELECT {', '.join(fields)} FROM {object_type}{conditions}{ordered}"  # noqa: S608


def one_of(field: str, type: str, values: Iterable[str]) -> Iterator[str]:
    """Conditions for a field being one of the values, as many as the length of an address asks for.

    Values that the field's type can't hold, and those that no address can carry, are left out.
    """
    literals: list[str] = []
    length = 0
    for literal in filter(None, (literal_of(value, type) for value in dict.fromkeys(values))):
        size = len(quote_plus(literal)) + 3
        if literals and length + size > LONGEST_CONDITION:
            yield f"{field} IN ({','.join(literals)})"
            literals, length = [], 0
        literals.append(literal)
        length += size
    if literals:
        yield f"{field} IN ({','.join(literals)})"


def literal_of(value: str, type: str) -> str:
    """A value as a query says it, or "" where it can't."""
    if type in _BARE:
        return value if _BARE[type].fullmatch(value) else ""
    is_sendable = value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    return f"'{value.translate(_ESCAPES)}'" if is_sendable else ""


def moment(text: Any) -> datetime | None:
    """A time such as 2026-05-01T07:25:37.000+0000; None where there is none."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def moment_literal(moment: datetime) -> str:
    """A time as a query says it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
