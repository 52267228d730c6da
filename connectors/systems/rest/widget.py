"""The kinds of record in the browser: a form for each, and an empty one for another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from connectors.object_forms import ObjectsWidget
from connectors.systems.rest.description import PAGING, PARTS, ObjectForm, flat_of, nested, place_of

LEGENDS: Mapping[str, tuple[str, str]] = {
    "list": ("The list", "How all of them are read."),
    "paging": ("Pages of the list", "Most lists come in pages. The documents say how the next one is asked for."),
    "id": ("The id", ""),
    "changed_since": ("What changed", "Reading only what changed is much faster than the whole list every time."),
    "deleted": ("Deleted records", "Some lists go on naming deleted records, and say so in a field."),
    "read": ("One record", "Needed to change records: each is read just before, so that nobody's work is overwritten."),
    "find": ("Looking up", "How records are found by a field, before one is created twice."),
    "create": ("Creating", "Leave the path empty if records are never created there."),
    "update": ("Changing", "Leave the path empty if records are never changed there."),
    "version": ("Versions", "If the system can refuse a change to a record that moved meanwhile."),
    "fields": ("Fields", ""),
}


class DescribedWidget(ObjectsWidget):
    def collected(self, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        parts = _collected(data, prefix)
        # Of a form that nobody touched the choices still say something.
        if not data.get(f"{prefix}-name", "").strip() and "list" not in parts:
            return {}
        return _as_it_was(data.get(f"{prefix}-was", ""), parts)

    def shown(self, prefix: str, called: str, parts: Any) -> dict[str, Any]:
        return _shown(prefix, called, parts)


def label_of(place: tuple[str, ...]) -> str:
    """Where a setting is found in the browser."""
    kind, *inner = place
    legend = LEGENDS[inner[0]][0] if inner and inner[0] in LEGENDS else ""
    key = "_".join(inner) if len(inner) > 1 else ""
    field = ObjectForm.base_fields.get(key)
    return " – ".join(filter(None, (kind or "Without a name", legend, str(field.label) if field else "")))  # noqa: RUF001


def _collected(data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A form's settings as a setup file says them; what can't be read stays as it was typed, to be told."""
    given: dict[str, Any] = {}
    for key, field in ObjectForm.base_fields.items():
        typed = field.widget.value_from_datadict(data, {}, f"{prefix}-{key}")
        given[key] = typed
        with suppress(ValidationError):
            given[key] = field.clean(typed)
    return nested(given)


def _as_it_was(was: str, parts: dict[str, Any]) -> dict[str, Any]:
    """The parts as they were written before, if they say the same: defaults that were spelled out stay so."""
    try:
        before = json.loads(was)
    except ValueError:
        return parts
    if not isinstance(before, Mapping):
        return parts
    data = ObjectForm(initial=flat_of(before))
    shown = {key: data[key].value() for key in data.fields}
    return dict(before) if nested({key: _read(key, value) for key, value in shown.items()}) == parts else parts


def _read(key: str, value: Any) -> Any:
    try:
        return ObjectForm.base_fields[key].clean(value)
    except ValidationError:
        return value


def _shown(prefix: str, called: str, parts: Any) -> dict[str, Any]:
    """A kind of record for the page."""
    flat = flat_of(parts) if isinstance(parts, Mapping) else {}
    form = ObjectForm(prefix=prefix, initial=flat, use_required_attribute=False)
    _dress(form, prefix)
    return {
        "was": json.dumps(parts) if called else "",
        "fields": [form["label"]],
        "parts": [
            {"legend": legend, "about": about, "fields": _fields(form, part), "is_used": _is_used(flat, part)}
            for part, (legend, about) in LEGENDS.items()
        ],
    }


def _fields(form: ObjectForm, part: str) -> list[BoundField]:
    return [form[key] for key in form.fields if place_of(key)[0] == part]


def _is_used(flat: Mapping[str, Any], part: str) -> bool:
    return part in ("list", "paging", "id") or (part in PARTS and bool(flat.get(f"{part}_{PARTS[part]}")))


def _dress(form: ObjectForm, prefix: str) -> None:
    for key, field in form.fields.items():
        is_box = isinstance(field.widget, forms.CheckboxInput)
        field.widget.attrs["class"] = "as-check" if is_box else "as-input"
        if isinstance(field.widget, forms.Textarea):
            field.widget.attrs["rows"] = 3
        if key.startswith("paging_") and key != "paging_type":
            name = key.removeprefix("paging_")
            ways = [way for way, (needed, allowed) in PAGING.items() if name in (*needed, *allowed)]
            field.widget.attrs["data-when"] = f"{prefix}-paging_type={' '.join(ways)}"
