"""Our connector, opened to Salesforce's stand-in, and records there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from connectors.models import setting_defaults
from connectors.records import Outcome, Record, Write
from connectors.sandbox.salesforce import Salesforce as StandInSalesforce
from connectors.systems.salesforce import Salesforce

FIELDS = ("FirstName", "LastName", "Email")


@contextmanager
def faulty(there: StandInSalesforce, kind: str, path: str = "/services/data/") -> Iterator[None]:
    there.faults.next(kind, times=10**6, path=path, retry_after=7200)
    yield
    there.faults.clear()


def open_to(there: StandInSalesforce, **settings: Any) -> Salesforce:
    return Salesforce({**setting_defaults(Salesforce), "requests_per_second": 100_000, **there.settings, **settings})


def contacts(there: StandInSalesforce, count: int, **values: Any) -> list[str]:
    return [there.create("Contact", {"LastName": f"Example{n}", **values}) for n in range(count)]


def write(crm: Salesforce, *writes: Write) -> list[Outcome]:
    return list(crm.write("Contact", writes))


def poll(crm: Salesforce, cursor: Any = None, fields: Sequence[str] = FIELDS, **options: Any) -> list[Record]:
    return [record for page in crm.poll("Contact", cursor, fields, **options) for record in page.records]
