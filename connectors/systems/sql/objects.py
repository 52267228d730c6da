"""Which tables and views are kinds of record: typed in a form for each, or written as in a setup file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connectors.object_forms import ObjectsWidget

LONGEST_NAME = 200
EXAMPLE = '{"person": {"table": "crm.person", "key": "id", "changed_since": "updated_at"}}'


class TableForm(forms.Form):
    """One table or view."""

    table = forms.CharField(label="Table or view", help_text="With its schema where it has one: crm.person")
    key = forms.CharField(label="Column with the key", help_text="Tells whose row it is and stays the same, like id.")
    changed_since = forms.CharField(
        label="Column that tells what changed",
        required=False,
        help_text="The time, or the number, of a row's last change. Without one the whole table is read each time.",
    )


NEEDED, PARTS = frozenset({"table", "key"}), frozenset(TableForm.base_fields)


class TablesWidget(ObjectsWidget):
    def collected(self, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        typed = {key: str(data.get(f"{prefix}-{key}", "")).strip() for key in TableForm.base_fields}
        return {key: text for key, text in typed.items() if text}

    def shown(self, prefix: str, called: str, parts: Any) -> dict[str, Any]:
        given = dict(parts) if isinstance(parts, Mapping) else {}
        form = TableForm(prefix=prefix, initial=given, use_required_attribute=False)
        for field in form.fields.values():
            field.widget.attrs["class"] = "as-input"
        return {"fields": list(form)}


class TablesField(forms.JSONField):
    """Name → table, key and changed_since. JSON is taken as well, as text."""

    widget = TablesWidget

    def prepare_value(self, value: Any) -> Any:
        return value

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data if isinstance(data, Mapping) else super().bound_data(data, initial)

    def to_python(self, value: Any) -> Any:
        read = super().to_python(value)
        return dict(read) if isinstance(read, Mapping) else read

    def validate(self, value: Any) -> None:
        super().validate(value)
        if not isinstance(value, Mapping):
            raise ValidationError(f"Write them like {EXAMPLE}; changed_since may be left out.")
        if mistakes := [f"{name or 'Without a name'}: {said}" for name, said in _mistakes(value)]:
            raise ValidationError(mistakes)


def _mistakes(objects: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, given in objects.items():
        if not re.fullmatch(r"\w[\w. -]*", name) or len(name) > LONGEST_NAME:
            yield name, "Give it a name of letters and digits, like person."
        if not isinstance(given, Mapping) or not all(isinstance(each, str) for each in given.values()):
            yield name, f"Write it as in {EXAMPLE}."
            continue
        if unknown := given.keys() - PARTS:
            yield name, f"{', '.join(sorted(unknown))} is not known here; known are {', '.join(TableForm.base_fields)}."
        for key in (key for key in TableForm.base_fields if key in NEEDED and not given.get(key)):
            yield name, f"{TableForm.base_fields[key].label} is missing."
