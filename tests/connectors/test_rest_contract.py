"""Web services in every manner of paging and signing in, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from connectors.base import Connector
from connectors.records import Values
from connectors.sandbox.rest import SECRET
from connectors.sandbox.server import start
from tests.connectors.contract import Bench, ConnectorContract
from tests.connectors.rest import There, faulty, open_to

MANNERS: dict[str, dict[str, Any]] = {
    "page, basic": {"paging": "page", "auth": "basic"},
    "offset, bearer, iso": {"paging": "offset", "auth": "bearer", "since": "iso", "wrap": ""},
    "cursor, header, epoch": {"paging": "cursor", "auth": "header", "since": "epoch", "records_at": "result.items"},
    "next_url, query": {"paging": "next_url", "auth": "query", "total": False},
    "link_header, oauth2, date": {"paging": "link_header", "auth": "oauth2", "since": "date", "records_at": ""},
    "next_header, query, raw": {"paging": "next_header", "auth": "query", "since": "raw"},
    "none, none, epoch_ms": {"paging": "none", "auth": "none", "since": "epoch_ms"},
}
FAULTS = {"unauthorized": "401", "too_many": "429", "server_error": "500", "cut_off": "cut", "html": "html"}


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)
    # One answer is handed on in pages like those of other manners.
    monkeypatch.setattr("connectors.systems.rest.PAGE_ROWS", 10)


class RestBench(Bench):
    object_type = "person"
    fields = ("first_name", "last_name", "nickname")
    key_field = "status"
    guards_stale = True
    impossible = frozenset({"lone surrogate"})

    def __init__(self, there: There) -> None:
        self.there = there
        self.connector = self.reopen()
        self.secrets = (SECRET,) if there.auth != "none" else ()

    def reopen(self) -> Connector:
        return open_to(self.there)

    def person(self, number: int) -> Values:
        return {"first_name": f"Ann{number}", "last_name": "Example", "nickname": f"N{number}"}

    def fill(self, count: int) -> list[str]:
        return [self.there.create("person", self.person(100 + number)) for number in range(count)]

    def alter(self, id: str, values: Values) -> None:
        self.there.change("person", id, **values)

    def values(self, id: str) -> Values:
        return {name: self.there.records["person"][id][name] for name in (*self.fields, self.key_field)}

    def ids(self) -> set[str]:
        return set(self.there.ids("person"))

    def fault(self, name: str) -> AbstractContextManager[None]:
        return faulty(self.there, FAULTS[name])


class TestRest(ConnectorContract):
    @pytest.fixture(params=MANNERS)
    def bench(self, request: pytest.FixtureRequest) -> Iterator[Bench]:
        with start("rest", people=3, page_size=10, **MANNERS[request.param]) as there:
            assert isinstance(there, There)
            yield RestBench(there)
