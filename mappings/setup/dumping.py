"""The database as a setup file: readable, defaults left out, and never a secret in it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import yaml

from connectors.base import Connector
from connectors.models import Connection
from connectors.registry import connectors
from connectors.storing import file_place, secret_fields
from mappings.models import FieldMapping, Sync, SyncSide, ValueMap
from mappings.rules import Word
from mappings.setup.contents import (
    HEAD_WORDS,
    MAP_WORDS,
    PAIR_WORDS,
    SIDE_WORDS,
    Contents,
    Plain,
    contents_of,
    defaults_of,
    plain_row,
)
from mappings.setup.pairs import SIDES, senders
from mappings.versions import current_version

WIDTH = 110


def dump_setup() -> str:
    """The whole configuration as the text of a setup file.

    Secrets are placeholders: loading the file again needs their variables in the environment.
    """
    variables: dict[str, str] = {}
    connections = [_connection(row, variables) for row in Connection.objects.all()]
    value_maps: dict[str, Plain] = {}
    syncs, left_out = [], []
    for sync in Sync.objects.all():
        contents = _contents(sync)
        if contents is None:
            left_out.append(sync.name)
        else:
            syncs.append(_sync(sync, _with_own_maps(sync, contents, value_maps)))
    maps = [{"name": name, **_value_map(each)} for name, each in value_maps.items()]
    data = {"connections": connections, "syncs": syncs, "value_maps": maps}
    return "".join(_comments(variables, left_out)) + _yaml({key: each for key, each in data.items() if each})


def _comments(variables: dict[str, str], left_out: list[str]) -> Iterator[str]:
    if variables:
        yield "# No secret is in this file. Before it is loaded, the environment needs:\n"
    for variable, what in variables.items():
        yield f"#   {variable}: {what}\n"
    for name in left_out:
        yield f"# Sync {name} has no two sides yet and was left out.\n"


def _yaml(data: Plain) -> str:
    if not data:
        return "{}\n"
    # Lists and settings of plain values go on one line each: a field pair a line, as people write them.
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None)


def _connection(row: Connection, variables: dict[str, str]) -> Plain:
    kind = connectors().get(row.system)
    names = set(secret_fields(kind)) if kind else set(row.secrets)
    settings = {name: _escaped(value) for name, value in row.settings.items()}
    for name in sorted(names & set(row.secrets)):
        settings[name] = _new_variable(f"{row.name}_{name}", variables)
        variables[settings[name]] = f"{name} of {row.name}"
        settings[name] = f"${{{settings[name]}}}"
    if kind:
        settings = _in_groups(kind, settings)
    return {"name": row.name, "system": row.system, **({"settings": settings} if settings else {})}


def _in_groups(kind: type[Connector], settings: Plain) -> Plain:
    said: Plain = {}
    for name, value in settings.items():
        *group, key = file_place(kind, name)
        (said.setdefault(group[0], {}) if group else said)[key] = value
    return said


def _new_variable(wanted: str, taken: dict[str, str]) -> str:
    plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode().upper()
    name = re.sub(r"^(?=[0-9])", "_", re.sub(r"[^A-Z0-9]+", "_", plain).lstrip("_"))
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _escaped(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def _contents(sync: Sync) -> Contents | None:
    version = current_version(sync)
    contents = contents_of(version).without_unused_maps() if version else Contents()
    return contents if len(contents.sides) == 2 else None


def _with_own_maps(sync: Sync, contents: Contents, value_maps: dict[str, Plain]) -> Contents:
    """Adds the sync's value maps to the file's; one whose name is taken gets another name."""
    names = {name: _map_name(sync, name, each, value_maps) for name, each in contents.value_maps.items()}
    value_maps |= {names[name]: each for name, each in contents.value_maps.items()}
    pairs = {key: pair | {"value_map": names.get(pair["value_map"], "")} for key, pair in contents.pairs.items()}
    return Contents(contents.sides, contents.match, contents.pilot, pairs, contents.value_maps)


def _map_name(sync: Sync, name: str, settings: Plain, value_maps: dict[str, Plain]) -> str:
    return name if value_maps.get(name, settings) == settings else f"{name} of {sync.name}"


def _sync(sync: Sync, contents: Contents) -> Plain:
    head = plain_row(sync, HEAD_WORDS)
    return {
        "name": sync.name,
        "state": head.pop("state"),
        **{side: _side(contents.sides[side]) for side in ("left", "right")},
        **_given(head, Sync, HEAD_WORDS[1:]),
        **({"match": [[_short(fields) for fields in rule] for rule in contents.match]} if contents.match else {}),
        **({"pilot": contents.pilot} if contents.pilot else {}),
        "fields": [_pair(pair) for pair in contents.pairs.values()],
    }


def _side(settings: Plain) -> Plain:
    said = {"connection": settings["connection"], **_given(settings, SyncSide, SIDE_WORDS[1:])}
    # Left out, it would mean that whoever is switched off is passed over in silence.
    return said | ({"gone": settings["gone"]} if settings["disabled"] else {})


def _value_map(settings: Plain) -> Plain:
    return _given(settings, ValueMap, MAP_WORDS) | {"pairs": settings["pairs"]}


def _short(fields: list[str]) -> str | list[str]:
    return fields[0] if len(fields) == 1 else fields


def _pair(pair: Plain) -> Plain:
    receivers = [side for side in SIDES if pair[f"to_{side}"] != Word.OFF]
    # The short form of a setting that is given for each side, where it is read back as the same.
    short = {
        "default": _of_sides(pair["default"], receivers or SIDES),
        "keep_old": _of_sides(pair["keep_old"], receivers[-1:]),
        "restricted_when": _of_sides(pair["restricted_when"], SIDES),
        "currency_field": _of_sides(pair["currency_field"], senders(receivers)),
    }
    # The kind is said even where it is the default: a reader wants to see it of every pair.
    head = {word: pair[word] for word in ("left", "right", "kind")}
    return head | _given(pair | short, FieldMapping, PAIR_WORDS)


def _of_sides(by_side: Plain, sides: list[str]) -> Any:
    values = [by_side[side] for side in sides if side in by_side]
    are_one = len({json.dumps(value, sort_keys=True) for value in values}) == 1
    is_plain = are_one and values[0] is not None and not isinstance(values[0], dict)
    return values[0] if is_plain and len(values) == len(by_side) == len(sides) else by_side


def _given(settings: Plain, model: type[Any], words: tuple[str, ...]) -> Plain:
    # `value_map` is a foreign key: its default reads as "", like that of the texts.
    defaults = defaults_of(model, words)
    return {word: settings[word] for word in words if settings[word] != defaults[word]}
