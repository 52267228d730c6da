"""A small part of SOQL: SELECT … FROM … WHERE … ORDER BY … LIMIT …, and COUNT().

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

T = TypeVar("T")


class SoqlError(Exception):
    """What the system says about a query it won't run."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a query. kind: string | datetime | date | number | boolean | null."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    field: str
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """word: AND | OR | NOT (of one part)."""

    word: str
    parts: tuple[Condition, ...]


Condition = Comparison | Combined


@dataclass(frozen=True, slots=True)
class Query:
    """fields: as written; empty for COUNT(). order: (field, descending, blanks last)."""

    fields: tuple[str, ...]
    object_type: str
    where: Condition | None = None
    order: tuple[tuple[str, bool, bool], ...] = ()
    limit: int | None = None


def parse(text: str) -> Query:
    """The query that `text` says; raises SoqlError with MALFORMED_QUERY."""
    return _Parser(text).query()


def datetime_text(moment: datetime) -> str:
    """A time as records show it, in UTC: compared as text, such times are in order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+0000"


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?\d+(?:\.\d+)?)
  | (?P<name>[A-Za-z_][\w.]*)
  | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "N": "\n", "R": "\r", "T": "\t"}
_SIGNS = ("LIKE", "=", "!=", "<>", "<", "<=", ">", ">=")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[place:].split(' ')[0][:20]}'")
        found.append((str(match.lastgroup), str(match[match.lastgroup or 0])))
        place = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.place = 0

    def query(self) -> Query:
        self.expect("SELECT")
        fields = self.selected()
        self.expect("FROM")
        object_type = self.name()
        where = self.either() if self.skip("WHERE") else None
        order = self.ordering() if self.skip("ORDER") else ()
        limit = int(self.take("number")) if self.skip("LIMIT") else None
        if self.place < len(self.tokens):
            raise self.unexpected()
        return Query(fields, object_type, where, order, limit)

    def selected(self) -> tuple[str, ...]:
        if self.skip("COUNT"):
            self.expect("(")
            self.expect(")")
            return ()
        return self.listed(self.name)

    def either(self) -> Condition:
        # AND and OR are not mixed without parentheses: the one after the other is an unexpected token.
        parts = [self.one()]
        word = "AND" if self.peek()[1].upper() == "AND" else "OR"
        while self.skip(word):
            parts.append(self.one())
        return Combined(word, tuple(parts)) if len(parts) > 1 else parts[0]

    def one(self) -> Condition:
        if self.skip("NOT"):
            return Combined("NOT", (self.one(),))
        if self.skip("("):
            inner = self.either()
            self.expect(")")
            return inner
        field = self.name()
        if self.skip("NOT"):
            self.expect("IN")
            return Combined("NOT", (Comparison(field, "IN", self.bracketed()),))
        if self.skip("IN"):
            return Comparison(field, "IN", self.bracketed())
        sign = "LIKE" if self.skip("LIKE") else self.take("sign")
        if sign not in _SIGNS:
            raise self.unexpected()
        return Comparison(field, "!=" if sign == "<>" else sign, (self.literal(),))

    def bracketed(self) -> tuple[Literal, ...]:
        self.expect("(")
        values = self.listed(self.literal)
        self.expect(")")
        return values

    def literal(self) -> Literal:
        kind, text = self.peek()
        word = text.lower()
        if kind == "name" and word in ("true", "false", "null"):
            self.place += 1
            return Literal("null", None) if word == "null" else Literal("boolean", word == "true")
        if kind not in _READ:
            raise self.unexpected()
        self.place += 1
        return Literal(kind, _READ[kind](text))

    def ordering(self) -> tuple[tuple[str, bool, bool], ...]:
        self.expect("BY")
        return self.listed(self.ordered)

    def ordered(self) -> tuple[str, bool, bool]:
        field = self.name()
        descending = self.skip("DESC")
        if not descending:
            self.skip("ASC")
        blanks_last = self.skip("NULLS") and not self.skip("FIRST")
        if blanks_last:
            self.expect("LAST")
        return field, descending, blanks_last

    def listed(self, item: Callable[[], T]) -> tuple[T, ...]:
        items = [item()]
        while self.skip(","):
            items.append(item())
        return tuple(items)

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else ("end", "<EOF>")

    def skip(self, word: str) -> bool:
        kind, text = self.peek()
        found = kind != "string" and text.upper() == word
        self.place += found
        return found

    def expect(self, word: str) -> None:
        if not self.skip(word):
            raise self.unexpected()

    def take(self, kind: str) -> str:
        if self.peek()[0] != kind:
            raise self.unexpected()
        self.place += 1
        return self.tokens[self.place - 1][1]

    def name(self) -> str:
        return self.take("name")

    def unexpected(self) -> SoqlError:
        return SoqlError("MALFORMED_QUERY", f"unexpected token: '{self.peek()[1][:20]}'")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1], flags=re.DOTALL)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise SoqlError("MALFORMED_QUERY", f"line 1: invalid date: {text}") from None


def _datetime(text: str) -> str:
    try:
        return datetime_text(datetime.fromisoformat(text))
    except ValueError:
        raise SoqlError("MALFORMED_QUERY", f"line 1: invalid date: {text}") from None


_READ: dict[str, Callable[[str], Any]] = {
    "string": _unquoted,
    "datetime": _datetime,
    "date": _date,
    "number": float,
}
