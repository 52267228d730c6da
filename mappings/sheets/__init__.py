"""Field pairs and drop-down pairs as rows of a sheet: a cell is a text, and the headings say the systems' names.

What a cell is worth is judged by the setup's one reader, never here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from mappings.forms.fields import as_typed, typed
from mappings.models import FieldMapping, Sync
from mappings.setup.contents import Contents, Plain, contents_of, pair_key
from mappings.versions import newest_version

Row = dict[str, str]
"""Column's key → text of the cell."""
Labels = Mapping[tuple[str, str], str]
"""Side and path of a field → its label there."""
SIDES = ("left", "right")
CONSTANTS = ("true", "false", "null")


class Kind(StrEnum):
    """What a sheet holds."""

    PAIRS = "field-pairs"
    OPTIONS = "drop-down-pairs"


class Holds(StrEnum):
    """What the cells of a column are."""

    INFO = "info"
    ID = "id"
    TEXT = "text"
    WORD = "word"
    WINNER = "winner"
    VALUE = "value"


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    key    its plain name, which is understood as a heading too
    title  its heading, with the systems' names
    word   the setting it says; side: of which side, where it is said for each
    """

    key: str
    title: str
    holds: Holds = Holds.TEXT
    word: str = ""
    side: str = ""

    def shown(self, settings: Plain) -> str:
        """The cell that says a setting."""
        if not self.side:
            return str(settings.get(self.word, ""))
        values = settings.get(self.word) or {}
        if self.side not in values:
            return ""
        return as_cell(values[self.side]) if self.holds == Holds.VALUE else str(values[self.side])

    def put(self, settings: Plain, text: str, names: Mapping[str, str]) -> None:
        """Says the setting as the cell does; a blank cell says nothing, which is the usual."""
        if self.side:
            others = {side: value for side, value in settings.get(self.word, {}).items() if side != self.side}
            settings[self.word] = others | ({self.side: self._value(text, names)} if text.strip() else {})
        else:
            settings[self.word] = self._value(text, names)

    def _value(self, text: str, names: Mapping[str, str]) -> Any:
        if self.holds == Holds.VALUE:
            return of_cell(text)
        if self.holds == Holds.TEXT:
            return text.strip()
        sides = {name.casefold(): side for side, name in names.items()} if self.holds == Holds.WINNER else {}
        return sides.get(text.strip().casefold()) or re.sub(r"\s+", "_", text.strip().lower())


@dataclass(frozen=True)
class Current:
    """What a sync's newest rules say. ids: pair → the id that it has in sheets."""

    contents: Contents
    ids: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    edit: int = 0

    @cached_property
    def names(self) -> dict[str, str]:
        """Side → what people call it; with the kind of record where both are of one connection."""
        sides = self.contents.sides
        names = {side: str(sides[side]["connection"]) if side in sides else side.capitalize() for side in SIDES}
        if len({name.casefold() for name in names.values()}) == len(SIDES):
            return names
        return {side: f"{name} {sides[side]['object']}" if side in sides else side for side, name in names.items()}

    def columns(self, kind: Kind) -> tuple[Column, ...]:
        return _pair_columns(self.names) if kind == Kind.PAIRS else _option_columns(self.names)


def current_of(sync: Sync) -> Current | None:
    """The rules that people are at, the draft's or else those in force; None where there are none yet."""
    version = newest_version(sync)
    if version is None:
        return None
    rows = FieldMapping.objects.filter(version=version).values_list("left", "right", "stable_id")
    ids = {pair_key(left, right): stable_id for left, right, stable_id in rows}
    return Current(contents_of(version), ids, version.number, version.edit)


def rows_of(current: Current, kind: Kind, labels: Labels | None = None) -> list[Row]:
    """The rows of a sheet."""
    columns = current.columns(kind)
    if kind == Kind.OPTIONS:
        return [row for name, each in current.contents.value_maps.items() for row in option_rows(name, each, columns)]
    return [
        pair_row(pair, columns, current.ids.get(key, ""), labels or {}) for key, pair in current.contents.pairs.items()
    ]


def pair_row(pair: Plain, columns: Sequence[Column], stable_id: str = "", labels: Labels | None = None) -> Row:
    """A field pair's row."""
    row = {column.key: column.shown(pair) for column in columns}
    for column in columns:
        if column.holds == Holds.ID:
            row[column.key] = stable_id
        elif column.holds == Holds.INFO:
            row[column.key] = (labels or {}).get((column.side, pair[column.side]), "")
    return row


def option_rows(name: str, settings: Plain, columns: Sequence[Column]) -> list[Row]:
    """The rows of some drop-down pairs: a row an option, and what is said once in the first of them."""
    once = {column.key: column.shown(settings) for column in columns if column.word}
    blank = dict.fromkeys(once, "")
    pairs = [dict(zip(SIDES, map(str, pair), strict=True)) for pair in settings["pairs"]] or [dict.fromkeys(SIDES, "")]
    return [{"name": name, **pair, **(blank if index else once)} for index, pair in enumerate(pairs)]


def as_cell(value: Any) -> str:
    """A value as somebody would type it; a text that would be taken for something else is in quotes."""
    is_taken = isinstance(value, str) and value.strip().casefold() in CONSTANTS
    return json.dumps(value, ensure_ascii=False) if is_taken else as_typed(value)


def of_cell(text: str) -> Any:
    """The value that somebody typed; spreadsheets write TRUE for what was typed as true."""
    folded = text.strip().casefold()
    return typed(folded if folded in CONSTANTS else text)


def _pair_columns(names: Mapping[str, str]) -> tuple[Column, ...]:
    left, right = (names[side] for side in SIDES)

    def both(word: str, title: str, holds: Holds = Holds.TEXT) -> list[Column]:
        return [Column(f"{word}_{side}", title.format(names[side]), holds, word, side) for side in SIDES]

    def plain(word: str, title: str, holds: Holds = Holds.TEXT) -> Column:
        return Column(word, title, holds, word)

    fields = [
        [plain(side, f"{names[side]} field"), Column(f"label_{side}", f"{names[side]} label", Holds.INFO, side=side)]
        for side in SIDES
    ]
    return (
        Column("id", "Id", Holds.ID),
        *fields[0],
        *fields[1],
        plain("kind", "Format", Holds.WORD),
        plain("to_left", f"To {left}", Holds.WORD),
        plain("to_right", f"To {right}", Holds.WORD),
        plain("conflict", "Both changed", Holds.WINNER),
        plain("group", "Group"),
        plain("first_meeting", "First meeting", Holds.WINNER),
        plain("on_blank", "On blank", Holds.WORD),
        plain("on_invalid", "On invalid", Holds.WORD),
        *both("default", "Default for {}", Holds.VALUE),
        *both("keep_old", "Keep old value of {} in"),
        plain("region", "Region"),
        plain("currency", "Currency"),
        *both("currency_field", "Currency of {} named by"),
        plain("through", "Linked by sync"),
        *both("restricted_when", "Restricted in {} when", Holds.VALUE),
        plain("value_map", "Drop-down pairs"),
        plain("read_left", f"Clean-up reading {left}"),
        plain("write_left", f"Clean-up writing {left}"),
        plain("read_right", f"Clean-up reading {right}"),
        plain("write_right", f"Clean-up writing {right}"),
    )


def _option_columns(names: Mapping[str, str]) -> tuple[Column, ...]:
    defaults = [Column(f"default_{side}", f"Default for {names[side]}", word="default", side=side) for side in SIDES]
    return (
        Column("name", "Name"),
        *(Column(side, f"Option in {names[side]}") for side in SIDES),
        Column("unmapped", "Options without a pair", Holds.WORD, "unmapped"),
        *defaults,
    )
