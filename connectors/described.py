"""What systems said of their kinds of record, kept so that screens need not ask again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from django.utils import timezone

from connectors.models import Connection, KnownObjectType
from connectors.records import Field, ObjectType

SETS = ("findable", "volatile", "totals")


def remember(connection: Connection, object_types: Iterable[ObjectType]) -> None:
    """Keeps descriptions; one that is only an outline takes no fields away from what is known already."""
    now = timezone.now()
    rows = {
        each.name: KnownObjectType(
            connection=connection,
            name=each.name,
            label=each.label[:255],
            described=dump(each) if each.fields else {},
            described_at=now,
        )
        for each in object_types
    }
    # A large system has a thousand kinds of record: two statements, not two for each.
    _keep([row for row in rows.values() if row.described], "label", "described_at", "described")
    _keep([row for row in rows.values() if not row.described], "label", "described_at")


def recall(connection: Connection, name: str) -> ObjectType | None:
    """A kind of record as it was last described; None where it never was, or in outline only."""
    row = connection.known_object_types.filter(name=name).first()
    return restore(row.described) if row and row.described else None


def dump(described: ObjectType) -> dict[str, Any]:
    """An ObjectType as JSON can say it."""
    plain = asdict(described)
    return {**plain, **{name: None if plain[name] is None else sorted(plain[name]) for name in SETS}}


def restore(plain: Mapping[str, Any]) -> ObjectType:
    """The ObjectType that `dump` wrote down. What this version of the program does not know is left out."""
    known = {field.name for field in fields(ObjectType)}
    given = {name: value for name, value in plain.items() if name in known}
    given["fields"] = tuple(_field(one) for one in given.get("fields", ()))
    for name in SETS:
        if given.get(name) is not None:
            given[name] = frozenset(given[name])
    return ObjectType(**given)


def _keep(rows: list[KnownObjectType], *updated: str) -> None:
    KnownObjectType.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "name"], update_fields=updated
    )


def _field(plain: Mapping[str, Any]) -> Field:
    known = {field.name for field in fields(Field)}
    given = {name: value for name, value in plain.items() if name in known}
    return Field(**{**given, "options": tuple(given.get("options", ()))})
