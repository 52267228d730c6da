"""AlumnIQ's connector and stand-in, as its tests use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from connectors.models import setting_defaults
from connectors.records import Page, Record
from connectors.sandbox.alumniq import AlumnIQ
from connectors.sandbox.server import start
from connectors.systems.alumniq import Alumniq

HOME, WORK = "address-change/home", "address-change/work"
FAULTS = {"unauthorized": "401", "too_many": "429", "server_error": "500", "cut_off": "cut", "html": "html"}
NOON = datetime(2026, 11, 27, 17, tzinfo=UTC)
"""Noon on campus, in New York."""


class Small(Alumniq):
    """With answers of ten rows at most, so that few rows make many pages."""

    most_since = 10


@contextmanager
def running(**options: Any) -> Iterator[AlumnIQ]:
    with start("alumniq", **options) as there:
        assert isinstance(there, AlumnIQ)
        yield there


@contextmanager
def faulty(there: AlumnIQ, kind: str) -> Iterator[None]:
    there.faults.next(kind, times=10**6, retry_after=7200)
    yield
    there.faults.clear()


def open_to(there: AlumnIQ, kind: type[Alumniq] = Alumniq, **settings: Any) -> Alumniq:
    system = kind({**setting_defaults(Alumniq), "requests_per_second": 100_000, **there.settings, **settings})
    system.now = lambda: there.clock()  # type: ignore[method-assign]
    return system


def always(moment: datetime) -> Callable[[], datetime]:
    """A clock that stands."""
    return lambda: moment


def row(there: AlumnIQ, when: datetime | None = None, xid: str = "1001", feed: str = WORK, **values: Any) -> str:
    return there.create(feed, {"xid": xid, **values, "changedOn": when or there.clock()})


def poll(system: Alumniq, cursor: Any = None, feed: str = WORK) -> list[Page]:
    return list(system.poll(feed, cursor, ["employer"]))


def records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def numbers(pages: list[Page]) -> list[str]:
    return [record.change_id for record in records(pages)]
