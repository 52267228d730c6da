"""The rows of an uploaded sheet, each found again in the rules: by its id, else by the fields that it pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mappings.setup.contents import Plain, pair_key
from mappings.sheets import SIDES, Column, Current, Holds, Kind, Row, option_rows, pair_row
from mappings.sheets.files import UnreadableSheet, Wrong

Rows = Sequence[tuple[int, Row]]
"""Row's number in the file, and its cells."""


@dataclass(frozen=True)
class SaidPair:
    """A field pair as a row says it. line: None where no row does; key: of the pair that it was, or ""."""

    settings: Plain
    line: int | None
    key: str


@dataclass(frozen=True)
class SaidMap:
    """Drop-down pairs as some rows say them. lines: each option's row; missing: options that no row has."""

    settings: Plain
    line: int
    lines: tuple[int, ...]
    missing: tuple[str, ...] = ()


def said_pairs(rows: Rows, keys: Sequence[str], current: Current) -> list[SaidPair]:
    """What each row says; settings without a column stay as they are. Raises UnreadableSheet."""
    found = _found_again(rows, current)
    columns = [column for column in current.columns(Kind.PAIRS) if column.key in keys]
    wrong = [
        mistake for (line, row), key in zip(rows, found, strict=True) if (mistake := _blank(line, row, key, current))
    ]
    if wrong:
        raise UnreadableSheet(wrong=wrong)
    return [_said(line, row, key, columns, current) for (line, row), key in zip(rows, found, strict=True)]


def _blank(line: int, row: Row, key: str, current: Current) -> Wrong | None:
    """What is wrong with a row that doesn't name two fields."""
    blank = [current.names[side] for side in SIDES if not row.get(side, "" if not key else "-").strip()]
    if not blank:
        return None
    columns = "” and “".join(f"{name} field" for name in blank)
    return f"Row {line}", f"“{columns}” is blank here. A field pair names a field of each system."


def _said(line: int, row: Row, key: str, columns: Sequence[Column], current: Current) -> SaidPair:
    known = current.contents.pairs.get(key)
    shown = pair_row(known, columns) if known else {}
    settings = dict(known or {})
    for column in columns:
        is_told = column.holds not in (Holds.ID, Holds.INFO)
        # A cell that nobody touched says exactly what it said, whatever a spreadsheet can't say of it.
        if is_told and row[column.key] != shown.get(column.key):
            column.put(settings, row[column.key], current.names)
    return SaidPair(settings, line, key)


def _found_again(rows: Rows, current: Current) -> list[str]:
    """The pair that each row is about, or "" for a new one. Raises UnreadableSheet."""
    by_id = {stable_id: key for key, stable_id in current.ids.items()}
    named = [pair_key(row.get("left", "").strip(), row.get("right", "").strip()) for _, row in rows]
    found = [by_id.get(row.get("id", "").strip(), "") for _, row in rows]
    _tell_copies_apart(rows, named, found)
    taken = set(found)
    for place, name in enumerate(named):
        if not found[place] and name in current.contents.pairs and name not in taken:
            found[place] = name
            taken.add(name)
    return found


def _tell_copies_apart(rows: Rows, named: Sequence[str], found: list[str]) -> None:
    """Whoever copies a row copies its id: the row that still pairs the same fields keeps it, the others are new."""
    wrong = []
    for key in [key for key, count in Counter(found).items() if key and count > 1]:
        places = [place for place, each in enumerate(found) if each == key]
        originals = [place for place in places if named[place] == key]
        if len(originals) != 1:
            lines = " and ".join(str(rows[place][0]) for place in places)
            said = "have the same id. Clear the id of each row that is new."
            wrong += [(f"Row {rows[places[-1]][0]}", f"Rows {lines} {said}")]
        for place in places:
            if place not in originals:
                found[place] = ""
    if wrong:
        raise UnreadableSheet(wrong=wrong)


def said_maps(rows: Rows, keys: Sequence[str], current: Current, *, keep: bool) -> dict[str, SaidMap]:
    """Name → what its rows say, in their order. Raises UnreadableSheet."""
    known = current.contents.value_maps
    names = {name.strip(): name for name in known}
    wrong = [
        (f"Row {line}", "“Name” is blank. Each option names its drop-down pairs.")
        for line, row in rows
        if not row["name"].strip()
    ]
    grouped: dict[str, list[tuple[int, Row]]] = {}
    for line, row in rows:
        name = row["name"].strip()
        grouped.setdefault(names.get(name, name), []).append((line, row))
    columns = [column for column in current.columns(Kind.OPTIONS) if column.key in keys]
    found = {
        name: _said_map(each, known.get(name), columns, current.names, wrong, keep) for name, each in grouped.items()
    }
    if wrong:
        raise UnreadableSheet(wrong=wrong)
    return found


def _said_map(
    rows: Rows, known: Plain | None, columns: Sequence[Column], names: Mapping[str, str], wrong: list[Wrong], keep: bool
) -> SaidMap:
    before: Plain = known or {"pairs": []}
    own = {side: {pair[place] for pair in before["pairs"]} for place, side in enumerate(SIDES)}
    said = [(line, _options(row, own)) for line, row in rows if row["left"] or row["right"]]
    gone, stays = _not_said(before, [pair for _, pair in said])
    settings = {**before, "pairs": [*(pair for _, pair in said), *(stays if keep else ())]}
    shown = option_rows("", before, columns)[0] if known else {}
    for column in columns:
        if column.word and (text := _agreed(rows, column, wrong)) != shown.get(column.key):
            column.put(settings, text, names)
    name = rows[0][1]["name"].strip()
    missing = tuple(f"{name}: {left} ↔ {right}" for left, right in gone)
    return SaidMap(settings, rows[0][0], tuple(line for line, _ in said), missing)


def _not_said(before: Plain, said: Sequence[Sequence[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """The options of ours that no row has, and those of them whose left one no row pairs otherwise."""
    pairs, lefts = {tuple(pair) for pair in said}, {pair[0] for pair in said}
    gone = [pair for pair in before["pairs"] if tuple(pair) not in pairs]
    return gone, [pair for pair in gone if pair[0] not in lefts]


def _options(row: Row, own: Mapping[str, set[str]]) -> list[str]:
    """A row's two options; blanks around one are a slip, unless the system's own option has them."""
    return [row[side] if row[side] in own[side] else row[side].strip() for side in SIDES]


def _agreed(rows: Rows, column: Column, wrong: list[Wrong]) -> str:
    """What is said once for all rows of a name: in any of them, but not two different things."""
    said = [(line, row[column.key]) for line, row in rows if row[column.key].strip()]
    for line, text in said:
        if text.strip() != said[0][1].strip():
            first = f"row {said[0][0]}"
            wrong.append(
                (f"Row {line}", f"“{column.title}” is “{text}” here and “{said[0][1]}” in {first}. It is one.")
            )
    return said[0][1] if said else ""
