"""A connection and what is there, in the words and figures that its pages show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.text import capfirst

from connectors.checking import Checked, standing
from connectors.models import Connection, SeenField
from connectors.moments import when
from connectors.records import Field, ObjectType
from connectors.registry import connectors
from connectors.trying import Tried

STANDINGS = {
    "works": ("good", "Works"),
    "attention": ("bad", "Needs attention"),
    "unchecked": ("warn", "Not checked yet"),
}
ENVIRONMENTS = {"production": ("", "Production"), "test": ("warn", "Test")}
MOST_NAMED = 12


def summary(connection: Connection) -> dict[str, Any]:
    """A connection in words, as its last check left it."""
    kind, known = connectors().get(connection.system), connection.identity
    tone, state = STANDINGS[standing(connection)]
    if standing(connection) == "unchecked" and known:
        state = "Not checked since it was changed"
    return {
        "connection": connection,
        "system": kind.label if kind else connection.system,
        "is_known": kind is not None,
        "has_files": kind is not None and bool(kind.file_kinds),
        "calls_us": kind is not None and bool(kind.services),
        "organisation": known.get("label") or known.get("organisation", ""),
        # Of files it is a path of ours, which the name beside it says in words.
        "id": "" if kind and kind.file_kinds else known.get("organisation", ""),
        "environment": ENVIRONMENTS.get(known.get("environment", "")),
        "user": known.get("user", ""),
        "notes": known.get("notes", []),
        "warnings": known.get("warnings", []),
        "renewal": kind.renewal if kind else "",
        "address": connection.settings.get("base_url", ""),
        "tone": tone,
        "state": state,
        "checked": when(connection.checked_at),
    }


def kind_of(name: str, described: ObjectType, described_at: datetime | None = None) -> dict[str, Any]:
    """A kind of record that came with its fields."""
    hidden = [each.label or each.name for each in described.fields if not each.readable]
    kept = sum(1 for each in described.fields if each.readable and not each.writable)
    return {
        "name": name,
        "label": described.label or name,
        "count": f"{len(described.fields):,}",
        "hidden": hidden[:MOST_NAMED],
        "more_hidden": max(0, len(hidden) - MOST_NAMED),
        "kept": f"{kept:,}",
        "is_published": described.fields_known,
        "can_create": described.can_create,
        "can_update": described.can_update,
        "described": when(described_at),
    }


def findings(checked: Checked) -> dict[str, Any]:
    """What a check found, each kind of record with a look at it."""
    looks = {look.object_type: look for look in checked.looks}
    kinds = [{**kind_of(each.name, each), "look": looks.get(each.name)} for each in checked.described]
    for kind in kinds:
        if look := kind["look"]:
            kind["there"] = f"{look.count:,}" if look.is_all else f"{look.count:,} or more"
    return {"kinds": kinds, "outlines": f"{checked.object_types - len(kinds):,}", "has_checked": True}


def trial(one: Tried) -> dict[str, Any]:
    """The first records of a kind, and what can be done with it."""
    described = one.described
    abilities = {
        "create records": described.can_create,
        "change records": described.can_update,
        "look records up": described.findable is None or bool(described.findable),
        "read only what changed": not described.whole_lists,
    }
    can = [what for what, is_so in abilities.items() if is_so]
    cannot = [what for what, is_so in abilities.items() if not is_so]
    said = [f"It can {', '.join(can)}."] * bool(can) + [f"It can't {' or '.join(cannot)}."] * bool(cannot)
    return {
        "label": described.label or described.name,
        "sample": one.sample,
        "count": one.count,
        "problem": one.problem,
        "offers": " ".join(said),
    }


def seen_of(connection: Connection, name: str) -> dict[str, SeenField]:
    """Field → how often it was seen and filled."""
    return {one.name: one for one in SeenField.objects.filter(cursor__connection=connection, cursor__object_type=name)}


def field_lines(described: ObjectType | None, seen: Mapping[str, SeenField]) -> list[dict[str, Any]]:
    """The fields described, then those that only records were seen to have."""
    fields = described.fields if described else ()
    named = {each.name for each in fields}
    unnamed = [Field(name, writable=True) for name in sorted(seen) if name and name not in named]
    return [_field(each, seen.get(each.name), each.name in named) for each in (*fields, *unnamed)]


def _field(field: Field, seen: SeenField | None, is_described: bool) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label or field.name,
        "type": field.type if is_described else "",
        "kind": field.kind.replace("_", "/"),
        "length": f"{field.length:,}" if field.length else "",
        "is_required": field.required,
        "options": f"{len(field.options):,}" if field.options else "",
        "option_names": ", ".join(field.options[:MOST_NAMED]) + (" …" if len(field.options) > MOST_NAMED else ""),
        "access": capfirst(_access(field)) if is_described else "Seen in records, not described",
        "is_hidden": not field.readable,
        "filled": _filled(seen),
    }


def _access(field: Field) -> str:
    if not field.readable:
        return "not visible to this user"
    return "can be changed" if field.writable else "only to look at"


def _filled(seen: SeenField | None) -> dict[str, str] | None:
    if seen is None or not seen.seen:
        return None
    return {"share": f"{100 * seen.filled / seen.seen:.0f} %", "read": f"{seen.seen:,}"}
