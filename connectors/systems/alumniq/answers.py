"""What AlumnIQ's answers mean: rows of a feed, the key's days, a new key.

https://help.alumniq.com/recipes/profile-work, …/dir, …/data-sync/api. Only changeId, xid, stateiso and countryiso are
published names; letters may be large or small.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.answers import Answer
from connectors.records import ConnectorError, Field, NeedsAttention, Record, Values

CHANGE_ID, XID = "changeid", "xid"
PUBLISHED = {
    "identity-change": ("xid",),
    "address-change/home": ("xid", "stateiso", "countryiso"),
    "address-change/work": ("xid", "stateiso", "countryiso"),
}
KINDS = (("countryiso", "country"), ("stateiso", "state"), ("phone", "phone"), ("email", "email"))
"""What is in a name → the kind that the vendor promises for it, or that the word means."""
KEY_NAMES = ("apikey", "newapikey", "newkey", "key")


def rows_of(data: Any) -> list[Any]:
    """The rows of an answer: a bare list, or the one list in an envelope. Raises NeedsAttention."""
    if data is None:
        return []
    lists = [data] if isinstance(data, list) else _lists_in(data)
    if len(lists) != 1:
        words = Answer(200, {}, data).words
        said = f" It says: “{words}”." if words else ""
        raise NeedsAttention(
            f"AlumnIQ answered with something that isn't a list of changes.{said} "
            "Check the connection's address and key."
        )
    return lists[0]


def to_record(row: Any, place: str) -> Record:
    """A row as a record; `place` names one that can't be read."""
    known = {name.lower(): value for name, value in row.items()} if isinstance(row, dict) else {}
    change_id = whole_number(known.get(CHANGE_ID))
    if not change_id:
        return Record(place, problem="AlumnIQ sent a change without a number (changeId), so it can't be acknowledged.")
    values = {name: value for name, value in row.items() if name.lower() not in (CHANGE_ID, XID)}
    xid = id_text(known.get(XID))
    return Record(xid, {**values, XID: xid}, change_id=change_id)


def overlay(id: str, records: Iterable[Record]) -> Record | None:
    """What the rows say together, the highest change id last; None where there is none."""
    rows = sorted((one for one in records if not one.problem), key=lambda one: int(one.change_id))
    values: Values = {name: value for row in rows for name, value in row.values.items()}
    return Record(id, values, change_id=rows[-1].change_id) if rows else None


def fields_of(feed: str, rows: Iterable[Any]) -> tuple[Field, ...]:
    """The fields that are published, and those that the rows have."""
    seen = {name: None for row in rows if isinstance(row, dict) for name in row}
    names = dict.fromkeys((*PUBLISHED[feed], *(name for name in seen if name.lower() not in (CHANGE_ID, XID))))
    return tuple(Field(name, kind=_kind_of(name), writable=False) for name in names)


def days_left(headers: Mapping[str, str]) -> int | None:
    """How many days the key is good for, as each answer's header says; None where it doesn't."""
    number = headers.get("x-api-key-days-remaining", "").strip()
    return int(float(number)) if re.fullmatch(r"-?\d+(\.\d+)?", number) else None


def new_key_of(data: Any) -> str:
    """The key in the answer to an exchange, whose form is not published; "" where none is found."""
    if isinstance(data, str):
        return data.strip()
    if not isinstance(data, dict):
        return ""
    plain = {re.sub(r"[^a-z]", "", name.lower()): value for name, value in data.items()}
    found = next((plain[name] for name in KEY_NAMES if isinstance(plain.get(name), str)), "")
    return found.strip() or next((key for value in plain.values() if (key := _nested_key(value))), "")


def refused_key(answer: Answer) -> ConnectorError | None:
    """What 401 and 403 mean here: a key lasts for about a year."""
    if answer.status not in (401, 403):
        return None
    said = f" It says: “{answer.words}”." if answer.words else ""
    return NeedsAttention(
        f"AlumnIQ doesn't accept our key ({answer.status}); it may have expired.{said} Make a new one in AlumnIQ's "
        "admin under Security > API Keys, and enter it in the connection's settings."
    )


def environment_of(host: str) -> str:
    """The test system is known by its name (https://help.alumniq.com/data-sync/api)."""
    if host.startswith("qa-"):
        return "test"
    return "production" if re.search(r"[a-z]\.[a-z]", host) else ""


def whole_number(value: Any) -> str:
    """A whole number as text, however it is written (7, "7", 7.0); "" where it is none."""
    found = re.fullmatch(r"(\d{1,90})(\.0+)?", str(value).strip(), re.ASCII)
    return str(int(found[1])) if found else ""


def id_text(value: Any) -> str:
    """An xid as text; "" where the row has none. One that was sent as a number has no leading zeros to lose."""
    if isinstance(value, str):
        return value.strip()
    return whole_number(value)


def _lists_in(data: Any) -> list[Any]:
    return [value for value in data.values() if isinstance(value, list)] if isinstance(data, dict) else []


def _nested_key(value: Any) -> str:
    return new_key_of(value) if isinstance(value, dict) else ""


def _kind_of(name: str) -> str:
    return next((kind for word, kind in KINDS if word in name.lower()), "")
