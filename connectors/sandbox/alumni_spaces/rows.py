"""People and transactions as the Vault has them, and the times it notes of each of their properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

from connectors.sandbox.people import Person
from connectors.sandbox.stand_in import Row

KEPT = ("_id", "_created", "_updated")
GROUPS = 7
VALUES = ("25", "25.10", "100", "0.30", "1250.75", "10.00")


def person_of(person: Person) -> Row:
    """An invented person as a Person; dates are written both ways, as in the documents' own example."""
    year, month, day = person["birthdate"].split("-")
    address = {
        "label": "Home",
        "addr1": person["street"],
        "city": person["city"],
        "region": person["state"],
        "country": person["country"],
        "postal": person["postal"],
        "validStart": "05.08.1982",
    }
    work = {"name": person["company"], "title": person["title"], "startDate": "2015-09-01", "prevTitles": []}
    return {
        "name": {"first": person["first"], "last": person["last"]},
        "emails": [{"label": "personal", "address": person["email"]}],
        "phones": [{"label": "mobile", "number": person["phone"]}] if person["phone"] else [],
        "addresses": [address],
        "organizations": [work] if person["company"] else [],
        "externalIDs": [{"key": "braintree", "value": None}],
        "birthday": person["birthdate"] if person["number"] % 2 else f"{day}.{month}.{year}",
    }


def transaction_of(person: Person, person_id: str, number: int) -> Row:
    """What an invented person gave; every fourth has not settled yet."""
    group = f"bigstate_{person['number'] % GROUPS + 1}"
    day = f"{2015 + number % 10}-{number % 12 + 1:02}-{number % 28 + 1:02}"
    return {
        "value": Decimal(VALUES[number % len(VALUES)]),
        "currency": "USD",
        "type": "Donation",
        "transDate": f"{day}T19:07:02.000Z",
        "person": person_id,
        "taxed": number % 3 == 0,
        "status": "pending" if number % 4 == 0 else "settled",
        "asSiteID": group,
        "contentID": f"{group}_{number % 5}",
        "method": "credit_card",
        "disbursement": {"complete": number % 2 == 0},
        "note": ["Notes go in this space!"],
        "extra_fields": [
            {"id": "year_of_graduation", "label": "Year of graduation", "field_type": "text",
             "value": person["class_year"]}
        ],
    }  # fmt: skip


def stamped(before: Mapping[str, Any], values: Mapping[str, Any], now: str) -> Row:
    """The record with these properties, and the time beside each that differs.

    "If the property is a nested object, we'll add the timestamp within that object. If not, we'll add the timestamp
    at the root of the record object using an underscore prefix and the property name."
    """
    after = dict(before)
    for name, value in values.items():
        after[name] = _nested(before.get(name), deepcopy(value), now)
        if not _holds_objects(value) and before.get(name) != value:
            after[f"_{name}_updated"] = now
    return after


def _nested(before: Any, value: Any, now: str) -> Any:
    if isinstance(value, dict):
        return value if _bare(value) == _bare(before) and before is not None else {**_bare(value), "_updated": now}
    if isinstance(value, list):
        known = [_bare(item) for item in before] if isinstance(before, list) else []
        return [
            before[known.index(_bare(item))] if _bare(item) in known else _nested(None, item, now) for item in value
        ]
    return value


def _bare(value: Any) -> Any:
    return {key: item for key, item in value.items() if key != "_updated"} if isinstance(value, dict) else value


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def put(record: Row, path: str, value: Any) -> Row:
    """The top-level property with something in it changed: name.first, emails.personal (by its label)."""
    top, *inner = path.split(".")
    if not inner:
        return {top: value}
    holder = deepcopy(record.get(top) or ([] if top in ("emails", "phones") else {}))
    if isinstance(holder, dict):
        return {top: {**holder, inner[0]: value}}
    key = "number" if top == "phones" else "address"
    others = [item for item in holder if item.get("label") != inner[0]]
    return {top: [*others, {"label": inner[0], key: value}] if value else others}


def parts_of_list(rows: Iterator[bytes], together: int = 500) -> Iterator[bytes]:
    """One JSON array, in pieces."""
    piece = bytearray(b"[")
    for number, row in enumerate(rows):
        piece += (b"," if number else b"") + row
        if number % together == together - 1:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"]"
