"""Connectors to the stand-in of web services, and what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from connectors.models import setting_defaults
from connectors.records import Page, Record
from connectors.sandbox.rest import WebService as There
from connectors.systems.rest import Rest

__all__ = ["There", "faulty", "open_to", "poll", "records"]


def open_to(there: There, **settings: Any) -> Rest:
    """A connector; a setting such as `list__path` replaces that part of the people's description."""
    described = deepcopy(there.settings["objects"])
    for name in [name for name in settings if "__" in name]:
        part, _, key = name.partition("__")
        described["person"].setdefault(part, {})[key] = settings.pop(name)
    usual = {**setting_defaults(Rest), "requests_per_second": 100_000}
    return Rest({**usual, **there.settings, "objects": described, **settings})


def poll(system: Rest, cursor: Any = None, narrow: str = "") -> list[Page]:
    return list(system.poll("person", cursor, ["email"], narrow=narrow))


def records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


@contextmanager
def faulty(there: There, kind: str) -> Iterator[None]:
    # The place that gives out tokens is another one.
    there.faults.next(kind, times=10**6, path="/v1/", retry_after=7200)
    yield
    there.faults.clear()
