"""A row of the Vault as a record: its values, and when each of its properties was changed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from connectors.answers import digits
from connectors.records import Record, Rejected, Values

UPDATED = "_updated"
_STAMP = re.compile(r"_.+_updated")
_LABELS = ("label", "key", "name")
_AMOUNT = re.compile(r"-?\d{1,20}(\.\d{1,10})?", re.ASCII)


def record_of(row: Any, fields: Collection[str], place: str) -> Record:
    """A row as a record. fields: paths asked for; place: names a row that can't be read."""
    id = row.get("_id") if isinstance(row, dict) else None
    if not isinstance(id, str) or not id:
        said = row if isinstance(row, dict) else {}
        return Record(place, said, problem="Alumni Spaces sent something that isn't a record with an _id.")
    return Record(
        id,
        {name: _plain(value) for name, value in row.items() if not _STAMP.fullmatch(name)},
        created=moment(row.get("_created")),
        modified=moment(row.get(UPDATED)),
        field_times=dict(_times(row, {re.split(r"[.\[]", path)[0] for path in fields})),
    )


def moment(text: Any) -> datetime | None:
    """Its times are ISO 8601 in UTC: 2017-08-10T22:05:25.561Z."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    """A value without the times in it, which are told apart; numbers keep their digits."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if name != UPDATED}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return digits(value) if isinstance(value, Decimal) else value


def _times(row: Mapping[str, Any], wanted: Collection[str]) -> Iterator[tuple[str, datetime]]:
    """Path → when it was changed: "_status_updated" beside a plain property, "_updated" within an object."""
    for name in wanted & row.keys():
        value, beside = row[name], moment(row.get(f"_{name}_updated"))
        if isinstance(value, dict):
            # An object has one time for all that is in it.
            yield from _within(name, value, beside)
        elif beside:
            yield name, beside
        if isinstance(value, list):
            # Of several with one label, paths mean the first.
            for item in reversed(value):
                if label := _label(item):
                    yield from _within(f"{name}[{label}]", item, None)


def _within(path: str, value: Mapping[str, Any], beside: datetime | None) -> Iterator[tuple[str, datetime]]:
    known = [time for time in (moment(value.get(UPDATED)), beside) if time]
    if known:
        yield path, max(known)
        yield from ((f"{path}.{name}", max(known)) for name in value if name != UPDATED)


def _label(item: Any) -> str:
    given = (item.get(name) for name in _LABELS) if isinstance(item, dict) else ()
    return next((label for label in given if isinstance(label, str) and label), "")


def person_body(values: Values, key: tuple[str, str] | None) -> bytes:
    """A new person as JSON, with the other side's id among the external ones."""
    body = dict(values)
    external = [_keyed(item) for item in values.get("externalIDs") or []]
    if key is not None:
        name = key_name(key[0])
        external = [item for item in external if item.get("key") != name] + [{"key": name, "value": key[1]}]
    if external:
        body["externalIDs"] = external
    if isinstance(values.get("phones"), list):
        # "Phone number, stripped of non numeric characters."
        body["phones"] = [_digits_only(item) for item in values["phones"]]
    return orjson.dumps(body)


def key_name(path: str) -> str:
    """The key in externalIDs[yourDB].value. Raises Rejected where the path is another."""
    found = re.fullmatch(r"externalIDs\[([^\[\]]+)\](\.value)?", path)
    if found is None:
        raise Rejected(
            "In Alumni Spaces the other side's id goes into externalIDs: name the key field like "
            f"externalIDs[yourDB].value, instead of {path}."
        )
    return found[1].strip()


def transaction_body(values: Values) -> bytes:
    """A transaction as JSON: amounts are numbers there, with the very digits that they have here."""
    body = {name: _amount(name, value) if name == "value" else value for name, value in values.items()}
    if isinstance(values.get("items"), list):
        body["items"] = [_priced(item) for item in values["items"]]
    return orjson.dumps(body)


def _amount(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    if not _AMOUNT.fullmatch(value):
        words = "It takes digits and a point only; the currency has a field of its own."
        raise Rejected(f"Not sent: {name} isn't an amount as Alumni Spaces has it. {words}", {name: words})
    return orjson.Fragment(value)


def _priced(item: Any) -> Any:
    return {**item, "price": _amount("items", item["price"])} if isinstance(item, dict) and "price" in item else item


def _keyed(item: Any) -> Any:
    """Elements here are told apart by “key”, where a new one was labelled as everywhere else."""
    if not isinstance(item, dict) or "label" not in item or "key" in item:
        return item
    return {"key": item["label"], **{name: value for name, value in item.items() if name != "label"}}


def _digits_only(item: Any) -> Any:
    number = item.get("number") if isinstance(item, dict) else None
    return {**item, "number": re.sub(r"\D", "", number)} if isinstance(number, str) else item
