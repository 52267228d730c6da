"""Settings of several words, typed line by line in the browser or written as they are in a setup file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

FIELD_KEYS = ("name", "label", "kind", "type", "length", "required", "writable", "options")


class WordField(forms.CharField):
    """A text, or yes or no as JSON has it."""

    def to_python(self, value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else super().to_python(value) or ""


class PairsField(forms.CharField):
    """Names with values: a line each, "name = value", or a mapping."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return "\n".join(f"{name} = {_written(each)}" for name, each in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if any(isinstance(each, list | dict) for each in value.values()):
                raise ValidationError("Each name has one value here.")
            return {str(name): _written(each) for name, each in value.items()}
        pairs = [line.partition("=") for line in str(value or "").splitlines() if line.strip()]
        if any(not (name.strip() and equals) for name, equals, _ in pairs):
            raise ValidationError("Write one a line, like status = active")
        return {name.strip(): text.strip() for name, _, text in pairs}

    def run_validators(self, value: Any) -> None:
        """None are set, and those for texts don't fit."""


class FieldsField(forms.CharField):
    """Fields of a record: a line each, "name, label, format", or a list of mappings."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(_line(each) for each in value if isinstance(each, Mapping))
        return value

    def to_python(self, value: Any) -> Any:
        given = value if isinstance(value, list) else [_typed(line) for line in str(value or "").splitlines()]
        described = [_checked(each) for each in given if each]
        names = [each["name"] for each in described]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValidationError(f"“{twice}” is there twice.")
        return described

    def run_validators(self, value: Any) -> None:
        """None are set, and those for texts don't fit."""


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _typed(line: str) -> dict[str, Any]:
    parts = [part.strip() for part in line.split(",")]
    known = {key: part for key, part in zip(("name", "label", "kind"), parts, strict=False) if part}
    return known | {key: value for part in parts[3:] for key, value in _mark(part)}


def _mark(part: str) -> Iterable[tuple[str, Any]]:
    if part == "required":
        return [("required", True)]
    if part == "read only":
        return [("writable", False)]
    if found := re.fullmatch(r"longest (\d+)", part):
        return [("length", int(found[1]))]
    if part.startswith("type "):
        return [("type", part.removeprefix("type "))]
    if part.startswith("options "):
        return [("options", part.removeprefix("options ").split("|"))]
    raise ValidationError(f"“{part}” is not understood: write name, label, format.")


def _line(given: Mapping[str, Any]) -> str:
    parts = [str(given.get(key) or "") for key in ("name", "label", "kind")]
    marks = [
        *(["required"] if given.get("required") else []),
        *(["read only"] if given.get("writable") is False else []),
        *([f"longest {given['length']}"] if given.get("length") else []),
        *([f"type {given['type']}"] if given.get("type") else []),
        *([f"options {'|'.join(given['options'])}"] if given.get("options") else []),
    ]
    return ", ".join([*parts, *marks] if marks or parts[2] else list(filter(None, parts)))


def _checked(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str) or not given["name"]:
        raise ValidationError("Each field is written like {name: email, label: E-mail, kind: email}.")
    if unknown := [key for key in given if key not in FIELD_KEYS]:
        raise ValidationError(f"“{unknown[0]}” is nothing that is said of a field; there are: {', '.join(FIELD_KEYS)}.")
    if not isinstance(given.get("options", []), list) or not isinstance(given.get("length", 0), int):
        raise ValidationError(f"Of “{given['name']}”, options is a list and length a number.")
    options = {"options": [str(each) for each in given["options"]]} if "options" in given else {}
    return {**given, **options}
