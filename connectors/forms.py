"""The form of a connection: its name, the settings that its system asks for, and what is to be forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from connectors.base import AddressField, Connector, ConnectorSettings, SecretField
from connectors.models import Connection
from connectors.storing import keep, readable_secrets, secret_fields, worth_keeping

if TYPE_CHECKING:
    _NameForm = forms.ModelForm[Connection]
else:
    _NameForm = forms.ModelForm

TIME_ZONES = "time-zones"


@cache
def time_zones() -> list[str]:
    """The zones offered: those named after places, and UTC."""
    return ["UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))]


class NameForm(_NameForm):
    class Meta:
        model = Connection
        fields = ["name"]
        help_texts = {"name": "What your colleagues call it, like “CRM”. Screens and setup files use this name."}
        error_messages = {"name": {"unique": "There is a connection of this name already. Choose another one."}}


@dataclass(frozen=True)
class Row:
    """A setting on the page. forget: the box that has a stored secret removed, where it may be."""

    field: BoundField
    forget: BoundField | None = None


class ConnectionEntry:
    """The page of a new connection, or of one that is edited. posted: what was sent; None: nothing yet."""

    def __init__(self, kind: type[Connector], connection: Connection, posted: QueryDict | None = None) -> None:
        self.kind, self.connection, self.posted = kind, connection, posted
        stored = readable_secrets(connection) if connection.pk else {}
        self.has_lost_secrets = stored is None
        self._stored = {name: value for name, value in (stored or {}).items() if name in secret_fields(kind)}
        self.name = NameForm(posted, instance=connection, prefix="connection", use_required_attribute=False)
        self.forget = _forget_form(kind, self._stored, posted)
        self.settings = self._settings_form()
        _dress(self.name)
        _dress(self.settings)

    def is_valid(self) -> bool:
        return all(form.is_valid() for form in (self.name, self.forget, self.settings))

    def save(self) -> list[str]:
        """Stores what was entered; the names of what changed."""
        cleaned = self.settings.cleaned_data
        return keep(
            self.connection,
            name=self.name.cleaned_data["name"],
            settings=worth_keeping(self.kind, cleaned, self.settings.data, self.connection.settings),
            secrets={
                name: cleaned[name] for name in secret_fields(self.kind) if self._is_typed(name) and cleaned[name]
            },
            # What the system's form has no use for beside the other settings is not kept either.
            without={*self._forgotten(), *(name for name in secret_fields(self.kind) if not cleaned[name])},
        )

    @property
    def rows(self) -> list[Row]:
        """The settings of this kind of system."""
        return [row for row in self._rows() if row.field.name not in ConnectorSettings.base_fields]

    @property
    def advanced(self) -> list[Row]:
        """The settings that every system has."""
        return [row for row in self._rows() if row.field.name in ConnectorSettings.base_fields]

    @property
    def is_advanced_open(self) -> bool:
        return any(row.field.errors or row.field.name in self.connection.settings for row in self.advanced)

    @property
    def wrong(self) -> list[BoundField]:
        """The fields to correct, from the top."""
        return [field for field in (self.name["name"], *(row.field for row in self._rows())) if field.errors]

    def _settings_form(self) -> ConnectorSettings:
        data = None
        if self.posted is not None:
            data = self.posted.copy()
            # The system's form judges the settings as they will be: with the secrets that stay.
            for name in set(self._stored) - set(self._forgotten()):
                if not self._is_typed(name):
                    data[name] = self._stored[name]
        form = self.kind.Settings(data, initial=dict(self.connection.settings), use_required_attribute=False)
        for name in self._stored:
            field = form.fields[name]
            field.help_text = f"Stored; leave empty to keep it. {field.help_text}"
        return form

    def _rows(self) -> Iterator[Row]:
        for field in self.settings:
            yield Row(field, self.forget[field.name] if field.name in self.forget.fields else None)

    def _is_typed(self, name: str) -> bool:
        return bool(self.posted and self.posted.get(name, "").strip())

    def _forgotten(self) -> list[str]:
        if not self.forget.is_valid():
            return []
        return [name for name, is_ticked in self.forget.cleaned_data.items() if is_ticked and not self._is_typed(name)]


def _forget_form(kind: type[Connector], stored: Mapping[str, Any], posted: QueryDict | None) -> forms.Form:
    form = forms.Form({} if posted is None else posted, prefix="forget")
    for name in stored:
        field = kind.Settings.base_fields[name]
        if not field.required:
            form.fields[name] = forms.BooleanField(required=False, widget=forms.CheckboxInput({"class": "as-check"}))
            form.fields[name].label = f"Remove the stored {field.label or name.replace('_', ' ')}"
    return form


class _Readable(json.JSONEncoder):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


def _dress(form: forms.BaseForm) -> None:
    """Gives each control our looks, and what makes it easier to fill in."""
    for name, field in form.fields.items():
        if isinstance(field, SecretField):
            # A browser must neither fill in the password of this page nor offer to remember the secret.
            form.fields[name].widget = forms.PasswordInput(
                {**field.widget.attrs, "autocomplete": "new-password"}, render_value=False
            )
        elif isinstance(field, forms.JSONField):
            field.encoder = _Readable
            field.widget.attrs["spellcheck"] = "false"
        elif isinstance(field, AddressField):
            field.widget.attrs["inputmode"] = "url"
        elif name == "time_zone":
            field.widget.attrs["list"] = TIME_ZONES
        widget = form.fields[name].widget
        widget.attrs.setdefault("class", "as-check" if isinstance(widget, forms.CheckboxInput) else "as-input")
        if isinstance(widget, forms.Textarea):
            widget.attrs["rows"] = 10 if isinstance(field, forms.JSONField) else 3
