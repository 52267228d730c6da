"""What the fields of the page offer while somebody types: the kinds of record and fields that the systems have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Q
from django.utils.text import Truncator

from connectors.described import restore
from connectors.models import Connection, KnownObjectType, RemoteRecord
from connectors.records import Field, ObjectType, Values
from mappings.rules import Side
from mappings.setup.contents import Plain

MOST_OPTIONS = 3
LONGEST_EXAMPLE = 40


@dataclass(frozen=True)
class Offer:
    """One line of a list: what is put in, and what is said of it."""

    value: str
    label: str
    kind: str = ""


@dataclass
class Offers:
    """What is known of the systems of a sync.

    connections  every name
    kinds        connection → its kinds of record
    environments side → production or test, where its system says so
    described    side → the kind of record there as last described
    examples     side → field → a value that somebody there has
    """

    connections: list[str] = field(default_factory=list)
    kinds: dict[str, list[Offer]] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    described: dict[Side, ObjectType] = field(default_factory=dict)
    examples: dict[Side, Values] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, list[Offer]]:
        """Side → the fields there."""
        return {
            side.value: [_offer(one, self.examples.get(side, {}).get(one.name)) for one in described.fields]
            for side, described in self.described.items()
        }


def offers(sides: Mapping[str, Plain], *, with_examples: bool = False) -> Offers:
    """What is known of the systems of a sync: two statements, and one more for examples, which are people's data."""
    found = Offers()
    names = Connection.objects.order_by("name", "known_object_types__label").values_list(
        "name", "identity", "known_object_types__name", "known_object_types__label"
    )
    environments: dict[str, str] = {}
    for connection, identity, name, label in names:
        environments[connection] = identity.get("environment", "")
        there = found.kinds.setdefault(connection, [])
        if name:
            there.append(Offer(name, label or name))
    found.connections = list(found.kinds)
    found.environments = {side: environments.get(each.get("connection", ""), "") for side, each in sides.items()}
    found.described = _described(sides)
    found.examples = _examples(sides) if with_examples else {}
    return found


def _described(sides: Mapping[str, Plain]) -> dict[Side, ObjectType]:
    wanted = {Side(side): (each.get("connection", ""), each.get("object", "")) for side, each in sides.items()}
    asked = Q(pk=None)
    for connection, name in wanted.values():
        asked |= Q(connection__name=connection, name=name)
    rows = KnownObjectType.objects.filter(asked).values_list("connection__name", "name", "described")
    known: dict[tuple[str, str], Any] = {(connection, name): described for connection, name, described in rows}
    return {side: restore(known[where]) for side, where in wanted.items() if known.get(where)}


def _examples(sides: Mapping[str, Plain]) -> dict[Side, Values]:
    """The values of the record that changed last on each side, which an index finds."""
    wanted = {Side(side): (each.get("connection", ""), each.get("object", "")) for side, each in sides.items()}
    asked = Q(pk=None)
    for connection, name in wanted.values():
        asked |= Q(cursor__connection__name=connection, cursor__object_type=name)
    newest = RemoteRecord.objects.filter(asked, change_no=F("cursor__change_no"))
    rows = newest.values_list("cursor__connection__name", "cursor__object_type", "values")
    known: dict[tuple[str, str], Any] = {(connection, name): values for connection, name, values in rows}
    return {side: known[where] for side, where in wanted.items() if where in known}


def _offer(one: Field, example: Any = None) -> Offer:
    shown = ", ".join(one.options[:MOST_OPTIONS])
    if not shown and isinstance(example, str | int | float) and not isinstance(example, bool):
        shown = Truncator(str(example)).chars(LONGEST_EXAMPLE)
    said = (one.label or one.name, one.type or one.kind, shown and f"e.g. {shown}")
    parts = [part for part in (*said, "" if one.writable else "can't be written") if part]
    return Offer(one.name, " · ".join(parts), one.kind)
