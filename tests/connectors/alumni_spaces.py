"""Benches and connectors for the tests of Alumni Spaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from connectors.base import Connector
from connectors.models import setting_defaults
from connectors.records import Values
from connectors.sandbox.stand_in import StandIn
from connectors.systems.alumni_spaces import AlumniSpaces
from tests.connectors.contract import Bench

FAULTS = {"unauthorized": "401", "too_many": "429", "server_error": "500", "cut_off": "cut", "html": "html"}


class VaultBench(Bench):
    impossible = frozenset({"lone surrogate"})

    def __init__(self, there: StandIn, object_type: str, fields: tuple[str, ...]) -> None:
        self.there, self.object_type, self.fields = there, object_type, fields
        self.connector = self.reopen()
        self.secrets = (there.settings["api_key"], there.settings["password"])

    def reopen(self) -> Connector:
        return open_to(self.there)

    def person(self, number: int) -> Values:
        return {name: f"{name} {number}" for name in self.fields}

    def fill(self, count: int) -> list[str]:
        return [self.there.create(self.object_type, self.person(100 + number)) for number in range(count)]

    def alter(self, id: str, values: Values) -> None:
        self.there.change(self.object_type, id, **values)

    def values(self, id: str) -> Values:
        return {name: self.there.records[self.object_type][id][name] for name in self.fields}

    def ids(self) -> set[str]:
        return set(self.there.ids(self.object_type))

    def fault(self, name: str) -> AbstractContextManager[None]:
        return faulty(self.there, FAULTS[name])


@contextmanager
def faulty(there: StandIn, kind: str) -> Iterator[None]:
    there.faults.next(kind, times=10**6, retry_after=7200)
    yield
    there.faults.clear()


def open_to(there: StandIn, **settings: Any) -> AlumniSpaces:
    usual = {**setting_defaults(AlumniSpaces), "requests_per_second": 100_000}
    vault = AlumniSpaces({**usual, **there.settings, **settings})
    vault.page_records = 10
    return vault
