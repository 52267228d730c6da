"""A call under /services/data/vXX.X, and the words of a refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.sandbox.salesforce.queries import Queries, object_of
from connectors.sandbox.salesforce.rows import Rows
from connectors.sandbox.salesforce.soql import SoqlError
from connectors.sandbox.salesforce.writes import Writes
from connectors.sandbox.stand_in import Answer, Request, Row


@dataclass(frozen=True, slots=True)
class Office:
    """What the answers are made of."""

    queries: Queries
    writes: Writes
    rows: Mapping[str, Rows]
    counts: Counter[str]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that found its address. root: "/services/data/vXX.X"."""

    request: Request
    office: Office
    root: str

    def rows(self, object_type: str) -> Rows:
        try:
            return object_of(self.office.rows, object_type)
        except SoqlError:
            raise RefusedError(NOT_FOUND) from None


class RefusedError(Exception):
    """An answer other than the one asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refusal(status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> Answer:
    """An error as REST shows it: a list of one."""
    error: Row = {"message": message, "errorCode": code}
    return Answer(status, [error | ({"fields": list(fields)} if fields else {})])


NOT_FOUND = refusal(404, "NOT_FOUND", "The requested resource does not exist")
