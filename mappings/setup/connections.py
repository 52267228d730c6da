"""The connections of a setup file: their settings through the system's own form, secrets apart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Connector
from connectors.registry import connectors
from connectors.storing import BLANKS, file_place, secret_fields
from mappings.setup.sections import Section, did_you_mean

CONNECTION_KEYS = ("name", "system", "settings")
PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}")


@dataclass(frozen=True)
class ConnectionSetup:
    """A connection as the file says it: only what was given, in the form the connector takes."""

    name: str
    system: str
    settings: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)


def read_connection(section: Section, environment: Mapping[str, str], known: Mapping[str, str]) -> ConnectionSetup:
    """A connection, with `${NAME}` filled in. known: name → system of those that exist already."""
    section.require("name", "system")
    name, system = section.text("name", longest=100), section.text("system")
    settings, secrets = _read_settings(section, system, environment)
    if name in known and system and known[name] != system:
        section.mistake(
            "system",
            f"“{name}” is a {known[name]} connection and can't become one of {system}; "
            "give the new connection another name.",
        )
    return ConnectionSetup(name, system, settings, secrets)


def _read_settings(
    section: Section, system: str, environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    kind = connectors().get(system)
    if kind is None:
        if system:
            section.mistake("system", f"“{system}” is not a system known here{did_you_mean(system, connectors())}")
        return {}, {}
    given = _Given(section, kind)
    typed = {name: given.typed(name) for name in given.places if name in given}
    unset = frozenset(name for name, value in typed.items() if _tell_unset(*given.places[name], value, environment))
    return _clean(given, {name: fill_in(each, environment) for name, each in typed.items()}, unset)


class _Given:
    """The settings of a connection by the names of its system's form, those of a group from inside it.

    places: name → the part of the file that it stands in, and its name there
    """

    def __init__(self, connection: Section, kind: type[Connector]) -> None:
        self.kind, self._connection = kind, connection
        self._form = {name: file_place(kind, name) for name in kind.Settings.base_fields}
        names = dict.fromkeys(place[0] for place in self._form.values())
        self._settings = connection.section("settings", f"a {kind.name} connection", names)
        self.places: dict[str, tuple[Section, str]] = {}
        if self._settings:
            self._take(self._settings)

    def __contains__(self, name: str) -> bool:
        part, key = self.places.get(name, (None, ""))
        return part is not None and key in part

    def typed(self, name: str) -> Any:
        part, key = self.places[name]
        # A secret of digits alone is a text all the same: 007 must not become 7.
        return part.text(key, longest=20_000) if name in secret_fields(self.kind) else part.value(key)

    def mistake(self, name: str, sentence: str) -> None:
        """Notes a sentence on the line of a setting; of one that isn't there, on that of what it belongs into."""
        if name in self.places:
            part, key = self.places[name]
            part.mistake(key, sentence)
        elif name and self._settings and len(self._form[name]) > 1 and self._form[name][0] in self._settings:
            self._settings.mistake(self._form[name][0], sentence)
        else:
            part = self._connection if name or self._settings is None else self._settings
            part.mistake("settings" if name else "", sentence)

    def called(self, name: str) -> str:
        """A setting as the file calls it."""
        return " → ".join(f"“{word}”" for word in self._form[name])

    def _take(self, settings: Section) -> None:
        groups = self.kind.Settings.groups
        self.places = {key: (settings, key) for key in settings.nodes if key not in groups}
        for group in groups:
            inside = [place[1] for place in self._form.values() if place[0] == group]
            if part := settings.section(group, f"“{group}”", inside):
                self.places |= {f"{group}_{key}": (part, key) for key in part.nodes}


def fill_in(value: Any, environment: Mapping[str, str]) -> Any:
    """The value with `${NAME}` from the environment in each of its texts; `$${` stands for `${` itself."""
    if isinstance(value, dict):
        return {name: fill_in(each, environment) for name, each in value.items()}
    if isinstance(value, list):
        return [fill_in(each, environment) for each in value]
    if not isinstance(value, str):
        return value
    return PLACEHOLDER.sub(lambda found: "${" if found[1] is None else environment.get(found[1], ""), value)


def _tell_unset(given: Section, key: str, value: Any, environment: Mapping[str, str]) -> bool:
    text = json.dumps(value, ensure_ascii=False)
    names = [found[1] for found in PLACEHOLDER.finditer(text) if found[1] is not None]
    # An empty variable is nearly always one that was forgotten: better told than stored as a blank key.
    unset = [name for name in names if not environment.get(name)]
    for name in unset:
        given.mistake(key, f"“{key}” takes “{name}” from the environment, where it is not set or empty.")
    return bool(unset)


def _clean(given: _Given, values: dict[str, Any], unset: frozenset[str]) -> tuple[dict[str, Any], dict[str, str]]:
    form = given.kind.Settings(values)
    for name, errors in form.errors.items():
        # What a form says of a value that never came from the environment would only confuse.
        if name not in unset:
            _tell(given, name, [str(error) for error in errors])
    cleaned = {
        name: _storable(form.cleaned_data[name], raw) for name, raw in values.items() if name in form.cleaned_data
    }
    for name, value in cleaned.items():
        if value in BLANKS and values[name] not in BLANKS and name not in unset:
            given.mistake(name, f"{given.called(name)} has no meaning beside the other settings; leave it out.")
    hidden = secret_fields(given.kind)
    settings = {name: value for name, value in cleaned.items() if name not in hidden}
    return settings, {name: str(value) for name, value in cleaned.items() if name in hidden}


def _tell(given: _Given, name: str, errors: list[str]) -> None:
    if name not in given.kind.Settings.base_fields:
        # What a form says about its fields together has no line of its own.
        for error in errors:
            given.mistake("", error)
    elif name in given:
        for error in errors:
            given.mistake(name, f"{given.called(name)}: {error}")
    else:
        given.mistake(name, f"a {given.kind.name} connection needs {given.called(name)}.")


def _storable(cleaned: Any, raw: Any) -> Any:
    # Settings are kept as JSON; a date, for one, is cleaned again by whoever opens the connection.
    try:
        json.dumps(cleaned)
    except TypeError:
        return raw
    return cleaned
