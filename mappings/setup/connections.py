"""The connections of a setup file: their settings through the system's own form, secrets apart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Connector
from connectors.registry import connectors
from connectors.storing import secret_fields
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
    given = section.section("settings", f"a {system} connection", kind.Settings.base_fields)
    if given is None:
        return _clean(section, section, kind, {}, frozenset())
    typed = {key: _typed(given, key, kind) for key in given.nodes if key in given}
    unset = frozenset(key for key, value in typed.items() if _tell_unset(given, key, value, environment))
    return _clean(section, given, kind, {key: fill_in(each, environment) for key, each in typed.items()}, unset)


def _typed(given: Section, key: str, kind: type[Connector]) -> Any:
    # A secret of digits alone is a text all the same: 007 must not become 7.
    return given.text(key, longest=20_000) if key in secret_fields(kind) else given.value(key)


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


def _clean(
    connection: Section, given: Section, kind: type[Connector], values: dict[str, Any], unset: frozenset[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    form = kind.Settings(values)
    for name, errors in form.errors.items():
        # What a form says of a value that never came from the environment would only confuse.
        if name not in unset:
            _tell(connection, given, kind, name, [str(error) for error in errors])
    cleaned = {
        name: _storable(form.cleaned_data[name], raw) for name, raw in values.items() if name in form.cleaned_data
    }
    hidden = secret_fields(kind)
    settings = {name: value for name, value in cleaned.items() if name not in hidden}
    return settings, {name: str(value) for name, value in cleaned.items() if name in hidden}


def _tell(connection: Section, given: Section, kind: type[Connector], name: str, errors: list[str]) -> None:
    if name in given:
        for error in errors:
            given.mistake(name, f"“{name}”: {error}")
    elif name in kind.Settings.base_fields:
        line = given.line(name) if name in given.lines else connection.line("settings")
        given.mistakes.add(line, f"a {kind.name} connection needs “{name}”.")
    else:
        # What a form says about its fields together has no line of its own.
        for error in errors:
            given.mistake("", error)


def _storable(cleaned: Any, raw: Any) -> Any:
    # Settings are kept as JSON; a date, for one, is cleaned again by whoever opens the connection.
    try:
        json.dumps(cleaned)
    except TypeError:
        return raw
    return cleaned
