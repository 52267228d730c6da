"""What the fields of the page offer while somebody types: the kinds of record and fields that the systems have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from connectors.described import restore
from connectors.models import Connection, KnownObjectType
from connectors.records import Field, ObjectType
from mappings.rules import Side
from mappings.setup.contents import Plain

MOST_OPTIONS = 3


@dataclass(frozen=True)
class Offer:
    """One line of a list: what is put in, and what is said of it."""

    value: str
    label: str
    kind: str = ""


@dataclass
class Offers:
    """connections: every name; kinds: connection → its kinds of record; described: side → as last described."""

    connections: list[str] = field(default_factory=list)
    kinds: dict[str, list[Offer]] = field(default_factory=dict)
    described: dict[Side, ObjectType] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, list[Offer]]:
        """Side → the fields there."""
        return {side.value: [_offer(one) for one in described.fields] for side, described in self.described.items()}


def offers(sides: Mapping[str, Plain]) -> Offers:
    """What is known of the systems of a sync: two statements."""
    found = Offers()
    names = Connection.objects.order_by("name", "known_object_types__label").values_list(
        "name", "known_object_types__name", "known_object_types__label"
    )
    for connection, name, label in names:
        there = found.kinds.setdefault(connection, [])
        if name:
            there.append(Offer(name, label or name))
    found.connections = list(found.kinds)
    found.described = _described(sides)
    return found


def _described(sides: Mapping[str, Plain]) -> dict[Side, ObjectType]:
    wanted = {Side(side): (each.get("connection", ""), each.get("object", "")) for side, each in sides.items()}
    asked = Q(pk=None)
    for connection, name in wanted.values():
        asked |= Q(connection__name=connection, name=name)
    rows = KnownObjectType.objects.filter(asked).values_list("connection__name", "name", "described")
    known: dict[tuple[str, str], Any] = {(connection, name): described for connection, name, described in rows}
    return {side: restore(known[where]) for side, where in wanted.items() if known.get(where)}


def _offer(one: Field) -> Offer:
    options = "e.g. " + ", ".join(one.options[:MOST_OPTIONS]) if one.options else ""
    said = (one.label or one.name, one.type or one.kind, options, "" if one.writable else "can't be written")
    return Offer(one.name, " · ".join(part for part in said if part), one.kind)
