"""The field pairs and value maps of a setup file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pycountry
import yaml

from mappings import paths, rules
from mappings.kinds import kinds
from mappings.models import FieldMapping, ValueMap
from mappings.rules import Side
from mappings.setup.contents import MAP_WORDS, PAIR_WORDS, Plain, default_of, defaults_of
from mappings.setup.sections import Mistakes, Section, did_you_mean, line_of, value_of
from mappings.transforms import compile_expression, fields_read

EXPRESSIONS = ("read_left", "write_left", "read_right", "write_right")
WORDS = {
    "to_left": rules.Word,
    "to_right": rules.Word,
    "conflict": rules.ConflictRule,
    "first_meeting": rules.FirstMeeting,
    "on_blank": rules.OnBlank,
    "on_invalid": rules.OnInvalid,
}
SIDES = [side.value for side in Side]


@dataclass(frozen=True)
class ReadPair:
    """A field pair with the section it was read from, for checks that compare pairs."""

    plain: Plain
    section: Section

    def receives(self, side: str) -> bool:
        return bool(self.plain[f"to_{side}"] != rules.Word.OFF)

    def receivers(self) -> list[str]:
        return [side for side in SIDES if self.receives(side)]


def read_pair(section: Section, value_maps: Mapping[str, Plain]) -> ReadPair:
    """A field pair with all its defaults. Mistakes are noted at the section."""
    section.require("left", "right")
    words = {key: section.word(key, kind, default_of(FieldMapping, key)) for key, kind in WORDS.items()}
    plain = defaults_of(FieldMapping, PAIR_WORDS) | words
    plain |= {side: read_path(section, side) for side in SIDES}
    plain |= {"kind": _read_kind(section), "group": section.text("group", longest=100)}
    plain |= {"region": _read_region(section), "currency": _read_currency(section)}
    plain |= {key: read_expression(section, key, compile_expression) for key in EXPRESSIONS}
    plain["value_map"] = _read_map_name(section, value_maps)
    pair = ReadPair(plain, section)
    plain["default"] = _read_default(pair)
    plain["keep_old"] = _read_keep_old(pair)
    plain["restricted_when"] = _read_restricted(pair)
    plain["currency_field"] = _read_currency_field(pair)
    plain["through"] = _read_through(pair)
    return pair


def read_path(section: Section, key: str) -> str:
    """A field's path, checked for its form."""
    return check_path(section, key, section.text(key)) if key in section else ""


def check_path(section: Section, key: str, path: str) -> str:
    if path and (sentence := paths.check(path)):
        section.mistake(key, f"“{key}”: {sentence}")
    return path


def read_expression(section: Section, key: str, compile_: Callable[[str], object]) -> str:
    """An expression that compiles; what is wrong with it in the compiler's sentence."""
    source = section.text(key, longest=10_000)
    try:
        if source:
            compile_(source)
            # Polling asks only for the fields that are read: an expression that hides them can't be served.
            if fields_read(source) and key.startswith("write_"):
                section.mistake(key, f"“{key}” knows “value” only; a record's other fields are for “read_…”.")
    except ValueError as error:
        section.mistake(key, f"“{key}”: {error}")
    return source


def _read_kind(section: Section) -> str:
    kind = section.text("kind", "text")
    if kind not in kinds():
        section.mistake("kind", f"“{kind}” is not a kind of value{did_you_mean(kind, kinds())}")
    return kind


def _read_region(section: Section) -> str:
    region = section.text("region")
    if region and pycountry.countries.get(alpha_2=region) is None:
        section.mistake("region", f"“{region}” is not a country; write its two letters, like US.")
    return region


def _read_currency(section: Section) -> str:
    currency = section.text("currency")
    if currency and pycountry.currencies.get(alpha_3=currency) is None:
        section.mistake("currency", f"“{currency}” is not a currency; write its three letters, like USD.")
    return currency


def _read_map_name(section: Section, value_maps: Mapping[str, Plain]) -> str:
    name = section.text("value_map")
    if name and name not in value_maps:
        section.mistake("value_map", f"there is no value map “{name}” in this file{did_you_mean(name, value_maps)}")
    return name


def _read_sides(section: Section, key: str, plain_sides: list[str]) -> Plain:
    """side → value, of {left: …, right: …} or of one value that stands for `plain_sides`."""
    value = section.value(key)
    if not isinstance(value, dict):
        return dict.fromkeys(plain_sides, value)
    for side in value:
        if side not in SIDES:
            section.mistake(key, f"“{key}” is one value or {{left: …, right: …}}; “{side}” is not a side.")
    return {side: each for side, each in value.items() if side in SIDES}


def _read_default(pair: ReadPair) -> Plain:
    section, wanted = pair.section, pair.plain["on_invalid"] == rules.OnInvalid.USE_DEFAULT
    if wanted and "default" not in section:
        section.mistake("on_invalid", "“on_invalid: use_default” needs “default”: the value that is written instead.")
    if not wanted and "default" in section:
        section.mistake("default", "“default” is used only with “on_invalid: use_default”.")
    if "default" not in section:
        return {}
    defaults = _read_sides(section, "default", pair.receivers() or SIDES)
    for side in pair.receivers():
        if side not in defaults:
            section.mistake("default", f"“default” has no value for {side}, where this pair writes.")
    return defaults


def _read_keep_old(pair: ReadPair) -> Plain:
    section, receivers = pair.section, pair.receivers()
    if "keep_old" not in section:
        return {}
    kept = _read_sides(section, "keep_old", receivers[-1:])
    for path in kept.values():
        if isinstance(path, str) and path:
            check_path(section, "keep_old", path)
        else:
            section.mistake("keep_old", "“keep_old” names the field that takes the replaced value.")
    if not receivers or any(side not in receivers for side in kept):
        section.mistake("keep_old", "“keep_old” is for a side that this pair writes to; its direction is off.")
    return kept


def _read_restricted(pair: ReadPair) -> Plain:
    section, is_consent = pair.section, pair.plain["kind"] == "consent"
    if is_consent and "restricted_when" not in section:
        section.mistake("kind", "kind consent needs “restricted_when”: the value that means “do not contact”.")
    if not is_consent and "restricted_when" in section:
        section.mistake("restricted_when", "“restricted_when” is used only with “kind: consent”.")
    if "restricted_when" not in section:
        return {}
    restricted = _read_sides(section, "restricted_when", SIDES)
    if set(restricted) != set(SIDES):
        section.mistake("restricted_when", "“restricted_when” needs a value for left and for right.")
    return restricted


def _read_currency_field(pair: ReadPair) -> Plain:
    section = pair.section
    if "currency_field" not in section:
        return {}
    if pair.plain["kind"] != "money" or not pair.plain["currency"]:
        section.mistake(
            "currency_field",
            "“currency_field” is for “kind: money” with a “currency”: the one that is taken, like USD.",
        )
    named = _read_sides(section, "currency_field", senders(pair.receivers()))
    for path in named.values():
        if isinstance(path, str) and path:
            check_path(section, "currency_field", path)
        else:
            section.mistake("currency_field", "“currency_field” names the field that says which currency it is.")
    return named


def senders(receivers: list[str]) -> list[str]:
    """The sides whose changes go somewhere; both where none does."""
    return [side for side in SIDES if any(side != receiver for receiver in receivers)] or SIDES


def _read_through(pair: ReadPair) -> str:
    section, is_reference = pair.section, pair.plain["kind"] == "reference"
    if is_reference and "through" not in section:
        section.mistake("kind", "kind reference needs “through”: the sync that links the records it names.")
    if not is_reference and "through" in section:
        section.mistake("through", "“through” is used only with “kind: reference”.")
    return section.text("through", longest=100)


def read_value_map(section: Section) -> tuple[str, Plain]:
    """A value map's name and its settings."""
    section.require("name", "pairs")
    plain = defaults_of(ValueMap, MAP_WORDS)
    plain["unmapped"] = section.word("unmapped", rules.Unmapped, plain["unmapped"])
    plain["pairs"] = [options for node in section.items("pairs") if (options := _options(node, section.mistakes))]
    plain["default"] = _read_map_default(section, plain["unmapped"])
    return section.text("name", longest=100), plain


def _options(node: yaml.Node, mistakes: Mistakes) -> list[str]:
    # The options' own text: `01`, `no` and `1.0` are names of options, not numbers and booleans.
    options = node.value if isinstance(node, yaml.SequenceNode) else []
    if len(options) == 2 and all(isinstance(option, yaml.ScalarNode) for option in options):
        return [str(option.value) for option in options]
    mistakes.add(line_of(node), f"“{value_of(node)}” is not a pair of options; write it like [left, right].")
    return []


def _read_map_default(section: Section, unmapped: str) -> dict[str, Any]:
    if unmapped == rules.Unmapped.USE_DEFAULT and "default" not in section:
        section.mistake("unmapped", "“unmapped: use_default” needs “default: {left: …, right: …}”.")
    if unmapped != rules.Unmapped.USE_DEFAULT and "default" in section:
        section.mistake("default", "“default” is used only with “unmapped: use_default”.")
    given = section.section("default", "a value map's default", SIDES)
    return {side: given.text(side) for side in SIDES if side in given} if given else {}
