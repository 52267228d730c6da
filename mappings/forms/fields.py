"""What the forms of a sync are made of: plain fields, and rows of two inputs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from mappings.forms.wording import Choices

"""How many blank rows follow, so that one can be added without JavaScript."""


def text(label: str, *, listed: str = "", hint: str = "", lines: int = 0, **attributes: Any) -> forms.CharField:
    """An optional text. listed: the id of the datalist it chooses from; lines: its height where it may be long."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    given = {"class": "as-input", "autocomplete": "off", **named, **({"list": listed} if listed else {})}
    area = Lines({**given, "rows": lines, "spellcheck": "false"})
    widget = area if lines else Line(given)
    # What spans lines is code or a list: its own white space is nobody else's business.
    return LinesField(label=label, help_text=hint, required=False, widget=widget, strip=not lines)


def choice(label: str, choices: Choices, *, hint: str = "") -> forms.CharField:
    """One of some words. What it is worth is judged by the reader, so it is a text here."""
    widget = Words({"class": "as-input"}, choices=choices)
    return forms.CharField(label=label, help_text=hint, required=False, widget=widget)


class Line(forms.TextInput):
    """A text input. Hundreds of field pairs have thousands of these, too many for a template each."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        given = {"type": self.input_type, **self.build_attrs(self.attrs, attrs)}
        return format_html('<input name="{}" value="{}"{}>', name, _shown(value), flatatt(given))


class Lines(forms.Textarea):
    """A text of several lines."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        given = flatatt(self.build_attrs(self.attrs, attrs))
        # The first line break after the tag is the browser's.
        return format_html('<textarea name="{}"{}>\n{}</textarea>', name, given, _shown(value))


class Words(forms.Select):
    """A drop-down; a value that is none of its choices is shown as well, rather than lost."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen, choices = _shown(value), [(str(key), label) for key, label in self.choices]
        if chosen and chosen not in dict(choices):
            choices.append((chosen, chosen))
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, SELECTED if key == chosen else "", label) for key, label in choices),
        )
        given = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, given, options)


SELECTED = mark_safe(" selected")


class Shown(forms.BoundField):
    """A field as it stands on the page."""

    @property
    def cell(self) -> SafeString:
        """The input with what is wrong in it."""
        errors = format_html_join("", '<span class="as-error">{}</span>', ((error,) for error in self.errors))
        return format_html("{}{}", self.as_widget(), errors)

    @property
    def block(self) -> SafeString:
        """The input with its label and help. Nothing of a sync's page is required, so nothing says so."""
        help_text = format_html('<span class="as-help" id="{}_helptext">{}</span>', self.auto_id, self.help_text)
        return format_html(
            '<div class="as-field"><label for="{}">{}</label>{}{}</div>',
            self.id_for_label,
            self.label,
            self.cell,
            help_text if self.help_text else "",
        )


class LinesField(forms.CharField):
    """A text whose lines end as they were stored, not as browsers send them."""

    def to_python(self, value: Any) -> Any:
        cleaned = super().to_python(value)
        return cleaned.replace("\r\n", "\n") if isinstance(cleaned, str) else cleaned


class TwoColumns(forms.Widget):
    """Rows of two inputs; each column is posted under one name, as often as there are rows."""

    def __init__(self, labels: Sequence[str] = ("", ""), lists: Sequence[str] = ("", ""), joint: str = "↔") -> None:
        super().__init__()
        self.labels, self.lists, self.joint = labels, lists, joint

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        columns = [_all(data, f"{name}-{column}") for column in (0, 1)]
        return list(zip(*columns, strict=False))

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = [*(row for row in value or () if any(row)), ("", "")]
        shown = format_html_join(
            "", "{}", ((self._row(name, row, attrs or {}, index),) for index, row in enumerate(rows))
        )
        return format_html('<div class="as-stack as-pairs">{}</div>', shown)

    def _row(self, name: str, row: Sequence[str], attrs: dict[str, Any], index: int) -> SafeString:
        ids = (str(attrs.get("id", "")) if not index else "", "")
        first, second = (
            format_html(
                '<input class="as-input" autocomplete="off" name="{}-{}" value="{}" aria-label="{}" list="{}"{}>',
                name,
                column,
                row[column],
                self.labels[column],
                self.lists[column],
                format_html(' id="{}"', ids[column]) if ids[column] else "",
            )
            for column in (0, 1)
        )
        return format_html(
            '<div class="as-pairs__row" data-pair-row>{}<span aria-hidden="true">{}</span>{}</div>',
            first,
            self.joint,
            second,
        )


class RowsField(forms.Field):
    """A list of (text, text); rows with nothing in them are left out."""

    widget = TwoColumns

    def to_python(self, value: Any) -> list[tuple[str, str]]:
        return [(left.strip(), right.strip()) for left, right in value or () if left.strip() or right.strip()]


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _all(data: Any, name: str) -> list[str]:
    if isinstance(data, MultiValueDict):
        return data.getlist(name)
    return list(data.get(name, ()))


def as_typed(value: Any) -> str:
    """A value that JSON can say, as somebody would type it; quoted where it would be taken for something else."""
    if isinstance(value, str) and value and typed(value) == value and len(value.splitlines()) == 1:
        return value
    return json.dumps(value, ensure_ascii=False)


def typed(text: str) -> Any:
    """What somebody typed: true, false, null, a number or a quoted text as such, all else as the text it is."""
    text = text.strip()
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, str):
        return value
    # 007, 1e5 and NaN are texts to whoever types them.
    return value if json.dumps(value, ensure_ascii=False) == text and text not in NO_NUMBERS else text


NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
