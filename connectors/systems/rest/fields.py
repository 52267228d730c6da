"""What a kind of record offers, and which fields it has: as described, or as records show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.records import Field, ObjectType
from connectors.systems.rest.answers import NOTHING, at
from connectors.systems.rest.description import Description

TYPES = {str: "text", bool: "yes/no", int: "number", float: "number", list: "list", dict: "group"}


def described(about: Description, rows: tuple[Any, ...]) -> ObjectType:
    """rows: the first page, where the fields were not described."""
    kept = {_top(path) for path in (about.version_field, about.changed_since_field) if path}
    set_there = kept | {_top(path) for path in (about.id, about.deleted_field) if path}
    is_written = bool(about.create_path or about.update_path)
    given = about.fields_ or _learned(rows)
    fields = {each.name: each for each in given}
    fields.setdefault(_top(about.id), Field(_top(about.id), type="text"))
    return ObjectType(
        about.name,
        about.label,
        tuple(_field(each, is_writable=is_written and each.name not in set_there) for each in fields.values()),
        fields_known=bool(about.fields_),
        can_create=bool(about.create_path),
        can_update=bool(about.update_path),
        whole_lists=not about.changed_since_param,
        findable=_findable(about.find_param),
        volatile=frozenset(kept),
    )


def is_deleted(about: Description, row: Any) -> bool:
    """Whether a row is only what is left of a deleted record."""
    if not about.deleted_field:
        return False
    found = at(row, about.deleted_field)
    return found is not NOTHING and str(found).casefold() == about.deleted_value.casefold()


def _findable(param: str) -> frozenset[str] | None:
    if "{field}" in param:
        return None
    return frozenset([param] if param else [])


def _learned(rows: tuple[Any, ...]) -> tuple[Field, ...]:
    found: dict[str, str] = {}
    for row in rows:
        for name, value in row.items() if isinstance(row, Mapping) else ():
            found[name] = found.get(name) or TYPES.get(type(value), "")
    return tuple(Field(name, type=type_) for name, type_ in found.items())


def _field(field: Field, *, is_writable: bool) -> Field:
    label = field.label or field.name.replace("_", " ").strip().capitalize()
    return replace(field, label=label, writable=field.writable and is_writable)


def _top(path: str) -> str:
    return path.partition(".")[0]
