"""Storing what the Connector sends, and what to warn of: the record is kept all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.models import ReceivedRecord
from connectors.receiving.inbox import Entry, Saved, save, there
from connectors.records import Rejected, Values

PERSON, STAFF, SOURCE = "person", "staff", "lead_source"
PROSPECT, MEMBER = "prospect", "member"
STAGES = {
    # A member whom the Connector still saves as a prospect stays a member.
    PROSPECT: {"": PROSPECT},
    MEMBER: {"": MEMBER, PROSPECT: MEMBER},
}
NAMED = ("first_name", "last_name", "email")
NOBODY = "Nobody is named: send first_name, last_name or email."
NO_OWNER = "No member of staff here has this e-mail address; the person was saved with it all the same."
NO_SOURCE = "There is no lead source with this id; the person was saved with it all the same."


def keep_person(connection_id: int, place: str, stage: str, values: Values, *, id: str | None) -> Saved:
    """Stores a prospect or member. id: of the one that is meant; None: the one with the sender's id, or a new one.

    Raises Gone, Rejected.
    """
    sent = dict(values)
    sender_id = sent.pop("external_id", None) or ""
    names_nobody = not any(str(sent.get(name) or "").strip() for name in NAMED)
    entry = Entry(sent, id, sender_id, place, STAGES[stage], create=not names_nobody)
    (saved,) = save(connection_id, PERSON, [entry])
    if id is None and names_nobody and saved.error:
        raise Rejected(NOBODY)
    return _sure(saved)


def keep_source(connection_id: int, place: str, values: Values, *, id: str | None = None) -> Saved:
    """Stores a lead source. Raises Gone, Rejected."""
    sent = {name: value for name, value in values.items() if name == "name" and value is not None}
    (saved,) = save(connection_id, SOURCE, [Entry(sent, id, values.get("external_id") or "", place)])
    return _sure(saved)


def warnings(connection_id: int, place: str, values: Values) -> Iterator[tuple[str, str]]:
    """(field, why) of what a person is kept with although nothing here is known of it."""
    owner, source = values.get("staff_owner_email"), values.get("lead_source_id")
    if owner and owner.strip().casefold() not in staff_addresses(connection_id, place):
        yield "staff_owner_email", NO_OWNER
    if source and source not in {str(row.pk) for row in there(connection_id, SOURCE, place)}:
        yield "lead_source_id", NO_SOURCE


def staff_addresses(connection_id: int, place: str | None = None) -> dict[str, ReceivedRecord]:
    """E-mail address, without case → the member of staff."""
    rows = there(connection_id, STAFF, place).order_by("pk")
    return {text(row, "email").casefold(): row for row in rows if text(row, "email")}


def text(row: ReceivedRecord, name: str) -> str:
    value: Any = row.values.get(name)
    return value.strip() if isinstance(value, str) else ""


def _sure(saved: Saved) -> Saved:
    if saved.error:
        raise saved.error
    return saved
