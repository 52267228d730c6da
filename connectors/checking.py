"""Who we are at a system, whether that is still the same organisation as before, and what is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Literal

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from connectors.base import Connector
from connectors.described import remember
from connectors.models import Connection
from connectors.records import ConnectorError, Identity, NeedsAttention, ObjectType, Record
from connectors.registry import connectors

MOST_LOOKED_AT = 3
NAMES = (("name",), ("fullname",), ("displayname",), ("firstname", "lastname"), ("first", "last"))
"""Which fields say a record's name, the first that are all there; without case and marks."""


@dataclass(frozen=True)
class Look:
    """A first look at the records of a kind.

    count    how many there are; with `is_all` unset, at least so many
    first    the name, else the id, of one of them: for the screen only, kept nowhere
    problem  why none could be read, for people
    """

    object_type: str
    count: int = 0
    is_all: bool = True
    first: str = field(default="", repr=False)
    problem: str = ""


@dataclass(frozen=True)
class Checked:
    """What a check found.

    object_types  how many kinds of record there are
    described     those of them that came with their fields
    looks         a look at the records of the first of these, where one was asked for
    """

    identity: Identity
    object_types: int
    described: tuple[ObjectType, ...] = ()
    looks: tuple[Look, ...] = ()


def check(connection: Connection, *, look: bool = False) -> Checked:
    """Verifies a connection and keeps what it says of its kinds of record. Raises ConnectorError.

    look: also reads a little of the records, to see that they can be read
    """
    with closing(opened(connection)) as connector:
        identity = verify(connection, connector)
        found = connector.describe()
        remember(connection, found)
        described = tuple(each for each in found if each.fields)
        looks = _looks(connector, described) if look and connector.may_look else ()
        return Checked(identity, len(found), described, looks)


def describe_type(connection: Connection, name: str) -> ObjectType:
    """Asks for the fields of one kind of record and keeps them. Raises ConnectorError."""
    with closing(opened(connection)) as connector:
        return type_of(connection, connector, name)


def type_of(connection: Connection, connector: Connector, name: str) -> ObjectType:
    """One kind of record with its fields, asked for at an open connection and kept. Raises ConnectorError."""
    verify(connection, connector)
    found = next((each for each in connector.describe((name,)) if each.name == name), None)
    if found is None:
        raise NeedsAttention(
            f"{connection.name} has no {name}, or doesn't show it to the user we sign in as. "
            "Ask its administrator to let that user see it."
        )
    remember(connection, [found])
    return found


def verify(connection: Connection, connector: Connector | None = None) -> Identity:
    """Signs in and makes sure that the organisation is the one remembered; the first one seen is remembered.

    connector: the connection's, where it is open already
    Raises NeedsAttention, whose text is kept at the connection, and Temporary, which changes nothing there.
    """
    if connector is None:
        with closing(opened(connection)) as connector:
            return verify(connection, connector)
    try:
        identity = connector.check()
        _refuse_another(connection, identity)
    except NeedsAttention as error:
        _remember(connection, attention=error.message)
        raise
    _remember(connection, identity=asdict(identity))
    return identity


def standing(connection: Connection) -> Literal["works", "attention", "unchecked"]:
    """How a connection stood when somebody last looked; unchecked also after its settings were changed."""
    if connection.attention or connection.system not in connectors():
        return "attention"
    return "works" if connection.checked_at else "unchecked"


def _looks(connector: Connector, described: Iterable[ObjectType]) -> tuple[Look, ...]:
    return tuple(_look(connector, each) for each in islice(described, MOST_LOOKED_AT))


def _look(connector: Connector, described: ObjectType) -> Look:
    names = _name_fields(described)
    try:
        # Two pages tell whether the first was all; a list of thousands is not read to its end for a look.
        pages = list(islice(connector.poll(described.name, None, names), 2))
    except ConnectorError as error:
        return Look(described.name, problem=error.message)
    records = [record for page in pages for record in page.records if not record.deleted]
    is_all = len(pages) < 2 or pages[-1].complete
    readable = next((record for record in records if not record.problem), None)
    problem = records[0].problem if records and readable is None else ""
    return Look(described.name, len(records), is_all, _name(readable, names) if readable else "", problem)


def _name_fields(described: ObjectType) -> list[str]:
    plain = {re.sub(r"[^a-z0-9]", "", each.name.lower()): each.name for each in described.fields if each.readable}
    wanted = next((names for names in NAMES if all(name in plain for name in names)), ())
    return [plain[name] for name in wanted]


def _name(record: Record, names: list[str]) -> str:
    return " ".join(str(record.values[name]) for name in names if record.values.get(name)) or record.id


def opened(connection: Connection) -> Connector:
    """Its connector. Raises NeedsAttention, kept at the connection, where this installation can't make one."""
    try:
        if connection.system not in connectors():
            raise NeedsAttention(
                f"{connection.name} connects to “{connection.system}”, which this installation does not have."
            )
        return connection.open()
    except ImproperlyConfigured as error:
        # Of the installation's keys, which a person has to set right: it must not end in a page for programmers.
        _remember(connection, attention=str(error))
        raise NeedsAttention(str(error)) from error
    except NeedsAttention as error:
        _remember(connection, attention=error.message)
        raise


def _refuse_another(connection: Connection, identity: Identity) -> None:
    before = connection.identity.get("organisation", "")
    if before and before != identity.organisation:
        was, now = connection.identity.get("label") or before, identity.label or identity.organisation
        raise NeedsAttention(
            f"{connection.name} leads to {now} ({identity.organisation}), but before to {was} ({before}). "
            "Nothing is read or sent. Correct its settings; for another organisation make a new connection."
        )


def _remember(connection: Connection, *, identity: dict[str, object] | None = None, attention: str = "") -> None:
    connection.checked_at = timezone.now()
    connection.attention = attention
    if identity is not None:
        connection.identity = identity
    connection.save(update_fields=["checked_at", "attention", "identity"])
