"""The presets there are for two systems, read and checked by the setup file's own reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mappings.presets.mirroring import mirrored
from mappings.setup.contents import Contents, Plain
from mappings.setup.reading import Known, read_document

FOLDER = Path(__file__).parent
Records = tuple[str, str]
"""A system and a kind of record there."""


@dataclass(frozen=True)
class Preset:
    """Rules that usually fit two systems.

    about        what they do and what the office must check, for people
    systems      side → system and object, as the file is written
    rules        sides, match, fields and value_maps in the setup file's words
    is_mirrored  the file's left is the sync's right
    """

    name: str
    label: str
    about: str
    systems: Mapping[str, Mapping[str, str]]
    rules: Mapping[str, Any] = field(repr=False)
    is_mirrored: bool = False

    def contents(self, left_connection: str, right_connection: str) -> Contents:
        """The rules between two connections. Raises SetupError if the file contradicts itself."""
        if self.is_mirrored:
            return mirrored(replace(self, is_mirrored=False).contents(right_connection, left_connection))
        connections = {"left": left_connection, "right": right_connection}
        systems = {connections[side]: there["system"] for side, there in self.systems.items()}
        setup = read_document(self._document(connections), lambda place: 1, Known(systems=systems))
        return setup.syncs[0].contents

    def _document(self, connections: Mapping[str, str]) -> Plain:
        sides = {
            side: {"connection": name, "object": self.systems[side]["object"], **self.rules["sides"].get(side, {})}
            for side, name in connections.items()
        }
        sync = {"name": self.name, "state": "draft", **sides, "match": self.rules["match"]}
        return {
            "syncs": [{**sync, "fields": self.rules["fields"]}],
            "value_maps": self.rules.get("value_maps", []),
        }


def presets_for(left_system: str, left_object: str, right_system: str, right_object: str) -> list[Preset]:
    """The presets that fit these kinds of record, whichever side each is on."""
    wanted = (left_system, left_object), (right_system, right_object)
    found = []
    for preset in all_presets():
        there = _records(preset)
        if there == wanted:
            found.append(preset)
        elif there[::-1] == wanted:
            found.append(replace(preset, is_mirrored=True))
    return found


@cache
def all_presets() -> tuple[Preset, ...]:
    """Every preset that comes with the program, by its file's name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yaml")))


def _read(path: Path) -> Preset:
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    head = {word: said.pop(word) for word in ("name", "label", "about", "systems")}
    return Preset(**head, rules=said)


def _records(preset: Preset) -> tuple[Records, Records]:
    left, right = preset.systems["left"], preset.systems["right"]
    return (left["system"], left["object"]), (right["system"], right["object"])
