"""A version's rules, and how two versions differ, in the words of the screens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.showing import as_text
from mappings.forms.wording import (
    ABSENCES,
    CREATE_CHOICES,
    GONE_CHOICES,
    KIND_CHOICES,
    ON_BLANK_CHOICES,
    ON_INVALID_CHOICES,
    SETTINGS,
    UNMAPPED_CHOICES,
    WORD_CHOICES,
    SideWords,
    conflict_choices,
    first_meeting_choices,
)
from mappings.models import FieldMapping, SyncSide, ValueMap
from mappings.rules import Side
from mappings.setup.contents import MAP_WORDS, PAIR_WORDS, SIDE_WORDS, Contents, Plain, defaults_of

NOTHING = "nothing"
IN_COLUMNS = ("left", "right", "kind", "to_left", "to_right", "conflict")
"""What the table of field pairs has a column for; the rest is told beside it where it isn't the default."""
GENERAL = "In general"
BY_SIDE = ("default", "keep_old", "currency_field", "restricted_when")
DIRECTIONS = {
    "to": "Changes to {}",
    "read": "Clean-up after reading from {}",
    "write": "Clean-up before writing to {}",
}
LABELS = {"group": "Decided together as", "currency": "Currency"}


@dataclass(frozen=True)
class Fact:
    """A setting in words."""

    label: str
    value: str


@dataclass(frozen=True)
class PairShown:
    """A field pair in words. more: what else is not as usual."""

    left: str
    right: str
    kind: str
    to_left: str
    to_right: str
    conflict: str
    more: tuple[Fact, ...]


@dataclass(frozen=True)
class Part:
    """A part of the rules that differs, and how, a sentence each."""

    name: str
    changes: tuple[str, ...]


class InWords:
    """Says rules. sides: side → what people call it."""

    def __init__(self, sides: SideWords) -> None:
        self.sides = sides
        words = dict(WORD_CHOICES)
        self._choices: dict[str, dict[str, str]] = {
            "to_left": words,
            "to_right": words,
            "kind": dict(KIND_CHOICES),
            "conflict": dict(conflict_choices(sides)),
            "first_meeting": dict(first_meeting_choices(sides)),
            "on_blank": dict(ON_BLANK_CHOICES),
            "on_invalid": dict(ON_INVALID_CHOICES),
            "create": dict(CREATE_CHOICES),
            "gone": dict(GONE_CHOICES),
            "unmapped": dict(UNMAPPED_CHOICES),
        }

    def side(self, settings: Plain) -> list[Fact]:
        """A side's settings: what it reads, and whatever else is not as usual."""
        return [self._fact("object", settings["object"]), *self._unusual(settings, SyncSide, SIDE_WORDS[2:])]

    def match(self, contents: Contents) -> list[str]:
        """The match rules in order."""
        return [_rule(rule) for rule in contents.match]

    def pairs(self, contents: Contents) -> list[PairShown]:
        """The field pairs in order."""
        others = [word for word in PAIR_WORDS if word not in IN_COLUMNS]
        return [
            PairShown(
                **{word: self.value(word, pair[word]) for word in IN_COLUMNS},
                more=tuple(self._unusual(pair, FieldMapping, others)),
            )
            for pair in contents.pairs.values()
        ]

    def value_map(self, settings: Plain) -> list[Fact]:
        """What becomes of options without a pair."""
        return [self._fact("unmapped", settings["unmapped"]), *self._unusual(settings, ValueMap, MAP_WORDS[2:])]

    def differences(self, before: Contents, after: Contents) -> list[Part]:
        """Part by part what was added, what changed from what to what, and what is gone."""
        old, new = before.without_unused_maps().parts(), after.without_unused_maps().parts()
        found = [
            Part(self._part(name), tuple(self._changes(old.get(name), new.get(name))))
            for name in dict.fromkeys((*old, *new))
        ]
        return [part for part in found if part.changes]

    def value(self, word: str, value: Any) -> str:
        """A setting's value."""
        if word == "gone" and isinstance(value, Mapping):
            return "; ".join(f"{ABSENCES[kind]}: {self._choices[word][each]}" for kind, each in value.items())
        if word in self._choices:
            return self._choices[word].get(value, str(value))
        return self._joined(word, value) or NOTHING

    def _joined(self, word: str, value: Any) -> str:
        if word == "match":
            return "; ".join(map(_rule, value))
        if word == "pairs":
            return ", ".join(f"{left} ↔ {right}" for left, right in value)
        if word in BY_SIDE:
            return "; ".join(f"{self.sides[side]}: {as_text(each)}" for side, each in value.items())
        if word in ("on_create", "deactivate"):
            return ", ".join(f"{name} = {as_text(each)}" for name, each in value.items())
        if isinstance(value, list):
            return ", ".join(map(str, value))
        return "" if value == "" else as_text(value)

    def _changes(self, old: Plain | None, new: Plain | None) -> Iterable[str]:
        if old is None or new is None:
            return ["Added." if old is None else "Taken out."]
        return [
            f"{self._label(word)}: {self.value(word, old[word])} → {self.value(word, new[word])}"
            for word in new
            # As JSON, for which 1 and true differ; for Python they are equal.
            if json.dumps(old[word], sort_keys=True) != json.dumps(new[word], sort_keys=True)
        ]

    def _part(self, name: str) -> str:
        sides = {f"{side} side": self.sides[side] for side in Side}
        said = name.replace("field pair ", "Field pair ").replace("value map ", "Drop-down pairs ")
        return sides.get(name, said or GENERAL)

    def _unusual(self, settings: Plain, model: Any, words: Iterable[str]) -> list[Fact]:
        usual = defaults_of(model, [*words])
        return [self._fact(word, settings[word]) for word in words if settings[word] != usual[word]]

    def _fact(self, word: str, value: Any) -> Fact:
        return Fact(self._label(word), self.value(word, value))

    def _label(self, word: str) -> str:
        kind, _, side = word.partition("_")
        if kind in DIRECTIONS and side in self.sides:
            return DIRECTIONS[kind].format(self.sides[side])
        return LABELS.get(word) or SETTINGS.get(word, word)


def _rule(rule: list[list[str]]) -> str:
    return " ↔ ".join(" + ".join(fields) for fields in rule)


def sides_of(contents: Contents) -> Mapping[str, str]:
    """Side → its connection's name."""
    return {side: contents.sides.get(side, {}).get("connection", "") for side in Side}
