"""What is to be written to a system, as values that a thread can work on, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from alumnisync.engine.plan import lay_over
from connectors.records import (
    ConnectorError,
    Duplicate,
    Gone,
    Outcome,
    Record,
    Rejected,
    Stale,
    Temporary,
    Unknown,
    Values,
)
from mappings import paths


class Fate(Enum):
    """What became of an order."""

    DONE = "done"
    DROPPED = "dropped"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    TEMPORARY = "temporary"
    UNKNOWN = "unknown"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Line:
    """One field of an order, as its FieldChange says."""

    pair: str
    unit: str
    path: str
    before: Any = field(repr=False)
    after: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """One change to deliver. remote_id None: a create. known: the record as last seen.

    is_new: a person said that it is nobody whom the system has
    """

    change_id: int
    remote_id: str | None
    lines: tuple[Line, ...]
    key: tuple[str, str] | None = None
    known: Values = field(default_factory=dict, repr=False)
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an order.

    refused: unit → the system's words, for the fields left out of what was written
    others: ids of the records that a create was taken for
    is_fault: a bug kept it from being sent
    """

    change_id: int
    fate: Fate
    reason: str = ""
    remote_id: str = ""
    record: Record | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    is_create: bool = False
    is_fault: bool = False


_FATES: Mapping[type[ConnectorError], Fate] = {
    Stale: Fate.DROPPED,
    Gone: Fate.GONE,
    Unknown: Fate.UNKNOWN,
    Temporary: Fate.TEMPORARY,
}


def delivery_of(order: Order, outcome: Outcome, without: Mapping[str, str]) -> Delivery:
    """What an outcome comes to. without: unit → words, for what was left out of the write."""
    error, is_create = outcome.error, order.remote_id is None
    if error is None:
        id = outcome.id or order.remote_id or ""
        return Delivery(
            order.change_id, Fate.DONE, remote_id=id, record=outcome.record, refused=without, is_create=is_create
        )
    if isinstance(error, Duplicate) and is_create:
        return Delivery(order.change_id, Fate.DUPLICATE, error.message, others=error.others)
    if isinstance(error, Rejected):
        return Delivery(order.change_id, Fate.REFUSED, error.message, refused=_refused(order, error))
    fate = next((fate for kind, fate in _FATES.items() if isinstance(error, kind)), Fate.REFUSED)
    if fate is Fate.GONE and is_create:
        # Nothing is gone that was never there: what it refers to is, or the place to create it.
        fate = Fate.REFUSED
    return Delivery(order.change_id, fate, error.message, order.remote_id or "")


def unplaceable(order: Order, values: Values) -> dict[str, str]:
    """The units that can't be laid over what the record holds, with words: text stands where an object belongs."""
    if not (problem := _misfit(values, order.lines)):
        return {}
    units: dict[str, list[Line]] = {}
    for line in order.lines:
        units.setdefault(line.unit, []).append(line)
    found = {unit: words for unit, lines in units.items() if (words := _misfit(values, lines))}
    # Each fits by itself, and not all of them together.
    return found or dict.fromkeys(units, problem)


def _misfit(values: Values, lines: Iterable[Line]) -> str:
    try:
        lay_over(values, {line.path: line.after for line in lines})
    except paths.PathError as error:
        return str(error)
    except RecursionError:
        return "What the record holds there is nested too deep to be changed."
    return ""


def _refused(order: Order, error: Rejected) -> dict[str, str]:
    """The units that hold a field the system named, with its words."""
    return {
        line.unit: words
        for line in order.lines
        for name, words in error.fields.items()
        if line.unit and name in (line.path, paths.root(line.path))
    }
