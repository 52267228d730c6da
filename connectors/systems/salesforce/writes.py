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
from connectors.systems.salesforce.errors import error_of, without_values
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


@dataclass(frozen=True, slots=True)
class _Call:
    """Writes that go out together, by their places among all that were asked for."""

    way: Way
    writes: dict[int, Write]

    def failed(self, error: ConnectorError) -> dict[int, Outcome]:
        return {place: _failed(write, error) for place, write in self.writes.items()}

    def halves(self) -> list[_Call]:
        places = list(self.writes)
        middle = len(places) // 2
        parts = (places[:middle], places[middle:])
        return [_Call(self.way, {place: self.writes[place] for place in part}) for part in parts]


def write_all(session: Session, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
    """One outcome a write, in their order. Raises NeedsAttention only where nothing was written yet."""
    calls, outcomes = _sorted(object_type, writes)
    is_untouched = True
    while calls:
        call = calls.pop(0)
        try:
            outcomes |= _carried_out(session, object_type, call)
        except (Rejected, Gone) as error:
            # One record can make a whole call unreadable to them, as a text where a number belongs does
            # (JSON_PARSER_ERROR); then none of it was written, and halving finds that one.
            if len(call.writes) > 1:
                calls = call.halves() + calls
            else:
                outcomes |= call.failed(error)
            continue
        except NeedsAttention as error:
            if is_untouched:
                raise
            # What was written must be told; the trouble shows itself again with the next call.
            outcomes |= call.failed(Temporary(error.message))
        except ConnectorError as error:
            outcomes |= call.failed(error)
        is_untouched = False
    yield from (outcomes[place] for place in range(len(writes)))


def _sorted(object_type: str, writes: Sequence[Write]) -> tuple[list[_Call], dict[int, Outcome]]:
    """A call for each way that writes go in, and the outcomes of those that can't be sent."""
    calls: dict[Way, _Call] = {}
    outcomes: dict[int, Outcome] = {}
    for place, write in enumerate(writes):
        try:
            refuse_unsayable(write.values)
        except Rejected as error:
            outcomes[place] = _failed(write, error)
            continue
        way = _way(object_type, write)
        calls.setdefault(way, _Call(way, {})).writes[place] = write
    return list(calls.values()), outcomes


def _carried_out(session: Session, object_type: str, call: _Call) -> dict[int, Outcome]:
    results = _sent(session, object_type, call.way, list(call.writes.values()))
    return {place: _outcome(*pair) for place, *pair in zip(call.writes, call.writes.values(), results, strict=True)}


def _sent(session: Session, object_type: str, way: Way, writes: Sequence[Write]) -> list[Any]:
    # allOrNone stands in the body here; only a delete takes it from the address.
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
        # Sent again it updates what it made: whoever had that key already is updated as well, and the answer
        # says so by "created": false only, which a repeated create of our own says too.
        return Way("PATCH", f"composite/sobjects/{object_type}/{quote(write.key[0], safe='')}")
    return Way("POST", "composite/sobjects", is_repeatable=False)


def _row(object_type: str, write: Write) -> dict[str, Any]:
    who = dict([write.key] if write.key else [])
    # An id may not be sent along with a key field: …/resources-composite-sobjects-collections-upsert.html
    if write.id is not None:
        who = {"Id": long_id(write.id)}
    return {"attributes": {"type": object_type}, **write.values, **who}


def _outcome(write: Write, result: Any) -> Outcome:
    told = result if isinstance(result, dict) else {}
    if told.get("success") is not True:
        return _failed(write, error_of(without_values(told.get("errors"), write.values)))
    id = told.get("id") or write.id
    if not id:
        return _failed(write, Unknown("Salesforce created a record without saying which."))
    return Outcome(long_id(str(id)))


def _failed(write: Write, error: ConnectorError) -> Outcome:
    return Outcome(long_id(write.id or ""), error=error)
