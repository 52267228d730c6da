"""A kind of record as somebody describes it, in a setup file or in the browser: both are judged by one form.

A part such as `list: {path: …, params: …}` of a setup file is the form's fields `list_path` and `list_params`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connectors.records import Field
from connectors.systems.rest.entered import FieldsField, PairsField, WordField

Place = tuple[str, ...]
"""Where in the objects: ("person", "list", "path")."""
BLANKS: tuple[Any, ...] = (None, "", [], {}, False)

PARTS: Mapping[str, str] = {
    "list": "path",
    "paging": "type",
    "changed_since": "param",
    "deleted": "field",
    "read": "path",
    "find": "param",
    "create": "path",
    "update": "path",
    "version": "field",
}
"""Each part, and which of its settings it can't be without."""
PAGING: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "page": (("param",), ("first", "size_param", "size")),
    "offset": (("param",), ("size_param", "size")),
    "cursor": (("param", "field"), ("size_param", "size")),
    "next_url": (("field",), ("size_param", "size")),
    "link_header": ((), ("size_param", "size")),
    "next_header": (("name",), ("size_param", "size")),
}
"""Way of paging → the settings it needs, and those it may have."""
PAGING_WORDS = {
    "none": "the whole list comes in one answer",
    "page": "by page number: page=1, page=2, …",
    "offset": "by how many records to skip: offset=0, offset=100, …",
    "cursor": "by a mark from the answer, sent back for the next page",
    "next_url": "by the next page's address in the answer",
    "link_header": "by the header Link",
    "next_header": "by the next page's address in a header",
}
FORMATS = {
    "iso": "date and time: 2026-03-01T08:30:00Z",
    "date": "date: 2026-03-01",
    "epoch": "seconds since 1970: 1772354400",
    "epoch_ms": "milliseconds since 1970: 1772354400000",
    "raw": "exactly as records have it",
}


def usable_path(value: str) -> None:
    if "://" in value or value.startswith("//") or re.search(r"[\s#\\]|(^|/)\.\.?(/|$)", value):
        raise ValidationError("Write only what follows the connection's address, like /people")


def holds_id(value: str) -> None:
    if value.count("{id}") != 1:
        raise ValidationError("Write {id} once where the record's id stands, like /people/{id}")


def path_field(label: str, help_text: str, *, required: bool = False, has_id: bool = False) -> forms.CharField:
    validators = [usable_path, holds_id] if has_id else [usable_path]
    return forms.CharField(label=label, required=required, validators=validators, help_text=help_text)


def text_field(label: str, help_text: str, initial: str | None = None) -> forms.CharField:
    return forms.CharField(label=label, required=False, help_text=help_text, initial=initial)


class ObjectForm(forms.Form):
    """One kind of record."""

    label = text_field("What people call it", "Like People. Left empty: its name.")
    list_path = path_field("Path of the list", "What follows the connection's address, like /people", required=True)
    list_params = PairsField(
        label="Always sent with it",
        required=False,
        help_text="One a line, like status = active. Usually how to sort: by the time of change, oldest first.",
    )
    list_records = text_field(
        "Where the records are in the answer",
        "The name of the list, like data; with dots where it lies deeper: result.people. "
        "Empty where the answer is the list itself.",
    )
    paging_type = forms.ChoiceField(
        label="How the next page is asked for", required=False, initial="none", choices=list(PAGING_WORDS.items())
    )
    paging_param = text_field("Parameter", "The name of the page number, of the offset or of the mark in the address.")
    paging_first = forms.IntegerField(
        label="Number of the first page", required=False, initial=1, min_value=0, max_value=1
    )
    paging_field = text_field(
        "Where the answer says what follows", "The name of the mark or of the next page's address: meta.next"
    )
    paging_name = text_field("Name of the header", "Like Next-Page")
    paging_size_param = text_field("Parameter of the page's size", "Like per_page. Empty where it can't be chosen.")
    paging_size = forms.IntegerField(
        label="Records in a page", required=False, min_value=1, max_value=10_000, help_text="Like 100."
    )
    id = text_field("Field that holds the id", "Its value never changes and no two records share it.", "id")
    changed_since_param = text_field(
        "Parameter",
        "Which parameter asks for what changed since a time, like updated_since. "
        "Empty where there is none: then every check reads the whole list.",
    )
    changed_since_field = text_field(
        "Field with the time of change", "Its largest value is what the next check asks from, like updated_at."
    )
    changed_since_format = forms.ChoiceField(
        label="How the time is written", required=False, initial="iso", choices=list(FORMATS.items())
    )
    deleted_field = text_field("Field", "Which field of a listed record says that it was deleted, like deleted.")
    deleted_value = WordField(label="Its value then", required=False, initial="true", help_text="Like true.")
    read_path = path_field("Path of one record", "Like /people/{id}", has_id=True)
    read_record = text_field("Where the record is in the answer", "Like data. Empty where the answer is the record.")
    find_param = text_field(
        "Parameter", "{field} stands for the field's name. A plain name, like email, finds by that field only."
    )
    find_value = text_field(
        "How the value is written", '{value} stands for it; some systems want quotes around it: "{value}".', "{value}"
    )
    create_method = forms.ChoiceField(
        label="Method", required=False, initial="POST", choices=[("POST", "POST"), ("PUT", "PUT")]
    )
    create_path = path_field("Path", "Like /people. Empty: no records are created there.")
    create_wrap = text_field("Under which name the record is sent", "Like data. Empty: bare.")
    update_method = forms.ChoiceField(
        label="Method",
        required=False,
        initial="PATCH",
        choices=[
            ("PATCH", "PATCH: only what changed is sent"),
            ("PUT", "PUT: the whole record is sent, read just before"),
            ("POST", "POST: only what changed is sent"),
        ],
    )
    update_path = path_field("Path", "Like /people/{id}. Empty: no records are changed there.", has_id=True)
    update_wrap = text_field("Under which name the changes are sent", "Like data. Empty: bare.")
    version_field = text_field("Field", "Which field tells a record's version, like last_modified.")
    version_header = text_field("Header", "In which header an update says the version it was made from.", "If-Match")
    version_quoted = forms.BooleanField(
        label="In quotes", required=False, help_text='Whether the header wants quotes around it: "123".'
    )
    fields_ = FieldsField(
        label="Fields",
        required=False,
        help_text="One a line: name, label, format. Left empty, they are learned from the records.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, field_ in self.fields.items():
            if name in cleaned and cleaned[name] in BLANKS and field_.initial is not None:
                cleaned[name] = field_.initial
        for name, sentence in _cross_check(cleaned):
            if name not in self.errors:
                self.add_error(name, sentence)
        return cleaned


def _cross_check(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong between the settings: the field to correct, and a sentence."""
    yield from _check_paging(given)
    if bool(given.get("changed_since_param")) != bool(given.get("changed_since_field")):
        missing = "field" if given.get("changed_since_param") else "param"
        yield f"changed_since_{missing}", "To read only what changed, both the parameter and the field are needed."
    if given.get("update_path") and not given.get("read_path"):
        yield "read_path", "A record is read before it is changed: say the path of one record."
    if "{value}" not in given.get("find_value", "{value}"):
        yield "find_value", "Write {value} where the value stands."


def _check_paging(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    way = given.get("paging_type", "none")
    needed, allowed = PAGING.get(way, ((), ()))
    for key in ("param", "first", "field", "name", "size_param", "size"):
        value = given.get(f"paging_{key}")
        is_given = value not in BLANKS and value != ObjectForm.base_fields[f"paging_{key}"].initial
        if key in needed and not is_given:
            yield f"paging_{key}", f"Paging of type {way} needs it."
        if is_given and key not in (*needed, *allowed):
            yield f"paging_{key}", f"It has no meaning with paging of type {way}: leave it out."
    if bool(given.get("paging_size_param")) != bool(given.get("paging_size")) and "size" in allowed:
        missing = "size" if given.get("paging_size_param") else "size_param"
        yield f"paging_{missing}", "To choose the page's size, both its parameter and a number are needed."


@dataclass(frozen=True)
class Description:
    """One kind of record, as ObjectForm's settings say it; what is "" is not offered by the system."""

    name: str
    label: str
    list_path: str
    list_params: Mapping[str, str]
    list_records: str
    paging_type: str
    paging_param: str
    paging_first: int
    paging_field: str
    paging_name: str
    paging_size_param: str
    paging_size: int | None
    id: str
    changed_since_param: str
    changed_since_field: str
    changed_since_format: str
    deleted_field: str
    deleted_value: str
    read_path: str
    read_record: str
    find_param: str
    find_value: str
    create_method: str
    create_path: str
    create_wrap: str
    update_method: str
    update_path: str
    update_wrap: str
    version_field: str
    version_header: str
    version_quoted: bool
    fields_: tuple[Field, ...] = field(default=())


def read_objects(given: Mapping[str, Any]) -> tuple[dict[str, Description], list[tuple[Place, str]]]:
    """The kinds of record described, and what is wrong: each mistake with its place."""
    found, mistakes = {}, []
    for name, parts in given.items():
        flat, unknown = _flat(parts)
        mistakes += [((name, *place), sentence) for place, sentence in unknown]
        if not isinstance(parts, Mapping):
            continue
        form = ObjectForm(flat)
        mistakes += [((name, *place_of(key)), str(errors[0])) for key, errors in form.errors.items()]
        if form.is_valid():
            found[name] = _description(name, form.cleaned_data)
    return found, mistakes


def place_of(key: str) -> Place:
    """Where in a setup file a setting of the form stands."""
    part = next((part for part in PARTS if key.startswith(f"{part}_")), "")
    return (part, key.removeprefix(f"{part}_")) if part else (key.rstrip("_"),)


def nested(given: Mapping[str, Any]) -> dict[str, Any]:
    """The form's settings as a setup file says them, without what is blank or the default anyway."""
    said: dict[str, Any] = {}
    for key, value in given.items():
        part, *inner = place_of(key)
        if value in BLANKS or (value == ObjectForm.base_fields[key].initial and key != "id"):
            continue
        if inner:
            said.setdefault(part, {})[inner[0]] = value
        else:
            said[part] = value
    return said


def flat_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The other way: what the form is filled with."""
    return _flat(parts)[0]


def _description(name: str, cleaned: Mapping[str, Any]) -> Description:
    known = {each.name for each in fields(Description)}
    given = {key: value for key, value in cleaned.items() if key in known}
    given["fields_"] = tuple(Field(**each) for each in cleaned["fields_"])
    return Description(name=name, **{**given, "label": cleaned["label"] or name.replace("_", " ").capitalize()})


def _flat(parts: Any) -> tuple[dict[str, Any], list[tuple[Place, str]]]:
    if not isinstance(parts, Mapping):
        return {}, [((), "It is written as names with values, like list: {path: /people}.")]
    flat: dict[str, Any] = {}
    unknown: list[tuple[Place, str]] = []
    for part, value in parts.items():
        if part in PARTS and isinstance(value, Mapping):
            known = _keys_of(part)
            flat |= {f"{part}_{key}": each for key, each in value.items() if key in known}
            unknown += [((part, key), _unknown(key, known)) for key in value if key not in known]
        elif part in PARTS:
            unknown.append(((part,), f"It is written as names with values, like {{{PARTS[part]}: …}}."))
        elif part in ("id", "label", "fields"):
            flat["fields_" if part == "fields" else part] = value
        else:
            unknown.append(((part,), _unknown(part, ["id", "label", *PARTS, "fields"])))
    return flat, unknown


def _keys_of(part: str) -> list[str]:
    return [place[1] for key in ObjectForm.base_fields if (place := place_of(key))[0] == part]


def _unknown(key: str, known: list[str]) -> str:
    return f"“{key}” is no setting here; there are: {', '.join(known)}."
