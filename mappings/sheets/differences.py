"""What differs between the rules and what a sheet makes of them, pair by pair, in the words of its headings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mappings.models import FieldMapping
from mappings.setup.contents import PAIR_WORDS, Contents, Plain, defaults_of
from mappings.sheets import Column, Current, Holds, Kind, Row, option_rows, pair_row
from mappings.sheets.rows import SaidMap, SaidPair

ALWAYS_TOLD = dict.fromkeys(("kind", "to_left", "to_right", "conflict"), "")
"""What is told of a new pair even where it is the usual: nobody should overlook that it writes."""


@dataclass(frozen=True)
class Change:
    """What becomes of a field pair or of drop-down pairs: added, changed or removed.

    line   its row in the sheet; None where it is not in the file
    cells  (heading, before, after) of what differs
    """

    state: str
    name: str
    line: int | None = None
    cells: tuple[tuple[str, str, str], ...] = ()


def pair_name(pair: Plain) -> str:
    return f"{pair.get('left', '')} ↔ {pair.get('right', '')}"


def pair_changes(current: Current, contents: Contents, said: Sequence[SaidPair]) -> Iterator[Change]:
    """The field pairs that are added or changed; said: what each pair of the contents was made from."""
    columns = [column for column in current.columns(Kind.PAIRS) if column.holds not in (Holds.ID, Holds.INFO)]
    usual = defaults_of(FieldMapping, PAIR_WORDS)
    for pair, each in zip(contents.pairs.values(), said, strict=True):
        known = current.contents.pairs.get(each.key)
        before = pair_row(known, columns) if known else {**pair_row(usual, columns), **ALWAYS_TOLD}
        cells = _differing(columns, before, pair_row(pair, columns))
        if known is None:
            yield Change("added", pair_name(pair), each.line, cells)
        elif cells:
            yield Change("changed", pair_name(known), each.line, cells)


def _differing(columns: Iterable[Column], before: Row, after: Row) -> tuple[tuple[str, str, str], ...]:
    pairs = ((column.title, before[column.key], after[column.key]) for column in columns)
    return tuple(each for each in pairs if each[1] != each[2])


def map_changes(current: Current, contents: Contents, said: Mapping[str, SaidMap]) -> Iterator[Change]:
    """The drop-down pairs that are added, changed or removed."""
    columns = current.columns(Kind.OPTIONS)
    before = current.contents.value_maps
    for name, settings in contents.value_maps.items():
        cells = tuple(_map_cells(name, before.get(name), settings, columns))
        line = said[name].line if name in said else None
        if name not in before:
            yield Change("added", name, line, cells)
        elif cells:
            yield Change("changed", name, line, cells)
    yield from (Change("removed", name) for name in before if name not in contents.value_maps)


def _map_cells(
    name: str, before: Plain | None, after: Plain, columns: Sequence[Column]
) -> Iterator[tuple[str, str, str]]:
    known: Plain = before or {"pairs": []}
    shown = [option_rows(name, settings, columns)[0] for settings in (known, after)]
    yield from _differing([column for column in columns if column.word], *shown)
    old, new = ([f"{left} ↔ {right}" for left, right in settings["pairs"]] for settings in (known, after))
    was, now = set(old), set(new)
    yield from (("Option removed", option, "") for option in old if option not in now)
    yield from (("Option added", "", option) for option in new if option not in was)
    if sorted(old) == sorted(new) and old != new:
        yield "Order of the options", "; ".join(old), "; ".join(new)
