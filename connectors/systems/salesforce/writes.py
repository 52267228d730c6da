"""Writes 200 a call, each with its own outcome.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections.html

A record is compared and set nowhere here: these calls take no condition. What is left is the moment between
reading the records and writing them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.http import refuse_unsayable
from connectors.records import (
    ConnectorError,
    Gone,
    NeedsAttention,
    Outcome,
    Rejected,
    Temporary,
    Unknown,
    Write,
)
from connectors.systems.salesforce.errors import error_of
from connectors.systems.salesforce.session import Session
from connectors.systems.salesforce.soql import long_id


@dataclass(frozen=True, slots=True)
class Way:
    """How a write goes in: by its id, through a key field, or as a new record.

    The first two may be sent again; a new record sent again is another record.
    """

    method: str
    path: str
    is_repeatable: bool = True


def write_all(session: Session, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
    """One outcome a write, in their order. Raises NeedsAttention only where nothing was written yet."""
    outcomes: dict[int, Outcome] = {}
    groups: dict[Way, list[int]] = {}
    for place, write in enumerate(writes):
        try:
            refuse_unsayable(write.values)
            groups.setdefault(_way(object_type, write), []).append(place)
        except Rejected as error:
            outcomes[place] = _failed(write, error)
    has_written = False
    for way, places in groups.items():
        group = [writes[place] for place in places]
        try:
            outcomes.update(zip(places, _write_group(session, object_type, way, group), strict=True))
            has_written = True
        except NeedsAttention as error:
            if not has_written:
                raise
            # What was written must be told; the trouble shows itself again with the next call.
            later = Temporary(error.message)
            outcomes.update((place, _failed(writes[place], later)) for place in places)
    yield from (outcomes[place] for place in range(len(writes)))


def _write_group(session: Session, object_type: str, way: Way, writes: Sequence[Write]) -> list[Outcome]:
    try:
        results = _sent(session, object_type, way, writes)
    except (Rejected, Gone) as error:
        if len(writes) == 1:
            return [_failed(writes[0], error)]
        # One record can make the whole call unreadable to them; halving finds it and lets the others through.
        middle = len(writes) // 2
        halves = (writes[:middle], writes[middle:])
        return [outcome for half in halves for outcome in _write_group(session, object_type, way, half)]
    except NeedsAttention:
        raise
    except ConnectorError as error:
        return [_failed(write, error) for write in writes]
    return [_outcome(write, result) for write, result in zip(writes, results, strict=True)]


def _sent(session: Session, object_type: str, way: Way, writes: Sequence[Write]) -> list[Any]:
    body = {"allOrNone": False, "records": [_row(object_type, write) for write in writes]}
    results = session.call(way.method, f"{session.root}/{way.path}", json=body, repeatable=way.is_repeatable)
    if isinstance(results, list) and len(results) == len(writes):
        return results
    kind = Temporary if way.is_repeatable else Unknown
    raise kind("Salesforce didn't answer with one result for each record.")


def _way(object_type: str, write: Write) -> Way:
    if write.id is not None:
        return Way("PATCH", "composite/sobjects")
    if write.key is not None:
        return Way("PATCH", f"composite/sobjects/{object_type}/{quote(write.key[0], safe='')}")
    return Way("POST", "composite/sobjects", is_repeatable=False)


def _row(object_type: str, write: Write) -> dict[str, Any]:
    who = dict([write.key] if write.key else [])
    if write.id is not None:
        who = {"Id": long_id(write.id)}
    return {"attributes": {"type": object_type}, **write.values, **who}


def _outcome(write: Write, result: Any) -> Outcome:
    if isinstance(result, dict) and result.get("success") is True:
        return Outcome(long_id(str(result.get("id") or write.id)))
    return _failed(write, error_of(result.get("errors") if isinstance(result, dict) else None))


def _failed(write: Write, error: ConnectorError) -> Outcome:
    return Outcome(long_id(write.id or ""), error=error)
