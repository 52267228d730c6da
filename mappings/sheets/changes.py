"""What an uploaded sheet would change: its rows found again in the rules, judged, compared, and kept in a draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mappings.forms.wording import in_words
from mappings.models import MappingVersion, Sync, new_stable_id
from mappings.setup.contents import Contents, Plain, stable_ids_of
from mappings.setup.editing import document_of, read_rules, says_the_same
from mappings.setup.nodes import Place
from mappings.setup.sections import SetupError
from mappings.sheets import SIDES, Column, Current, Kind, Row, current_of
from mappings.sheets.differences import Change, map_changes, pair_changes, pair_name
from mappings.sheets.files import Grid, UnreadableSheet
from mappings.sheets.rows import SaidMap, SaidPair, said_maps, said_pairs
from mappings.versions import Outdated, revise

NEEDED = {Kind.PAIRS: ((("id",), SIDES)), Kind.OPTIONS: (("name", *SIDES),)}
"""The columns without which rows can't be found again: one of these sets."""
SETTING = re.compile(r"“(\w+)((?:: [^”]*)?)”")
OUTDATED = (
    "Somebody saved these rules since the file was shown to you, so it was not stored. "
    "Upload it again to see what it changes now."
)
OF_THE_SYNC = 2_000_000
NOT_IN_FILE = 1_000_000
"""Lines from here on are those of rules that the file doesn't hold."""


@dataclass(frozen=True)
class Given:
    """A sheet as it was uploaded: its known columns, and their cells with each row's number."""

    kind: Kind
    keys: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    unknown: tuple[str, ...] = ()

    def each(self) -> Iterator[tuple[int, Row]]:
        """Row's number, and its cells by column."""
        for line, cells in self.rows:
            yield line, dict(zip(self.keys, cells, strict=True))

    def as_plain(self) -> list[Any]:
        """What JSON can keep, for `given_of`."""
        return [self.kind.value, self.keys, self.rows, self.unknown]


def given_of(plain: Sequence[Any]) -> Given:
    kind, keys, rows, unknown = plain
    return Given(Kind(kind), tuple(keys), tuple((line, tuple(cells)) for line, cells in rows), tuple(unknown))


def recognised(grid: Grid, current: Current) -> Given:
    """The sheet that a file holds, by its headings. Raises UnreadableSheet."""
    first = next((place for place, row in enumerate(grid) if _is_said(row)), 0)
    heads = grid[first] if grid else []
    kind, places = _kind_of(heads, current)
    unknown = (head.strip() for place, head in enumerate(heads) if place not in places)
    body = enumerate(grid[first + 1 :], start=first + 2)
    rows = ((line, tuple((*row, *[""] * len(heads))[place] for place in places)) for line, row in body)
    said = tuple((line, cells) for line, cells in rows if _is_said(cells))
    return Given(kind, tuple(places.values()), said, tuple(filter(None, unknown)))


def _is_said(row: Iterable[str]) -> bool:
    return any(cell.strip() for cell in row)


def _kind_of(heads: Sequence[str], current: Current) -> tuple[Kind, dict[int, str]]:
    """What a sheet with these headings holds, and which column is where."""
    found = {kind: _known(heads, current.columns(kind)) for kind in Kind}
    kind = max(found, key=lambda each: len(found[each]))
    keys = list(found[kind].values())
    if not any(set(needed) <= set(keys) for needed in NEEDED[kind]):
        raise UnreadableSheet(_unknown_headings(current))
    twice = [heads[place] for place, key in found[kind].items() if keys.count(key) > 1]
    if twice:
        raise UnreadableSheet(f"Two columns say the same: “{'” and “'.join(twice)}”. Delete one of them.")
    return kind, found[kind]


def _heading(text: str) -> str:
    return re.sub(r"[\s_]+", " ", text.strip().casefold())


def _known(heads: Sequence[str], columns: Iterable[Column]) -> dict[int, str]:
    """Place in a row → key of the column that its heading names."""
    keys = {_heading(name): column.key for column in columns for name in (column.key, column.title)}
    return {place: keys[_heading(head)] for place, head in enumerate(heads) if _heading(head) in keys}


def _unknown_headings(current: Current) -> str:
    left, right = (current.names[side] for side in SIDES)
    return (
        f"The first row of the first sheet must hold the headings, as in the file to download: “Id”, or “{left} field” "
        f"and “{right} field”, for field pairs; “Name”, “Option in {left}” and “Option in {right}” for drop-down pairs."
    )


@dataclass(frozen=True)
class Proposal:
    """What the rules would be with a sheet.

    missing  by name, what is in the rules but not in the file: removed, unless it is kept
    ids      pair → the id that it keeps
    """

    contents: Contents
    changes: tuple[Change, ...]
    unchanged: int
    missing: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)
    is_same: bool = False

    def count(self, state: str) -> int:
        return sum(each.state == state for each in self.changes)


def propose(sync: Sync, current: Current, given: Given, *, keep: bool = False) -> Proposal:
    """What the rules would be with this sheet. Raises UnreadableSheet with every row that is wrong; stores nothing.

    keep: what is not in the file stays, instead of being removed
    """
    if given.kind == Kind.PAIRS:
        return _propose_pairs(sync, current, given, keep=keep)
    return _propose_maps(sync, current, given, keep=keep)


def store_sheet(
    sync: Sync, given: Given, *, by: str, based_on: tuple[int, int], keep: bool = False
) -> MappingVersion | None:
    """Keeps what a sheet says in the sync's draft; None where the rules say it already.

    based_on: number and edit of the version that the sheet was shown with. Raises Outdated where it is another by now,
    and UnreadableSheet like `propose`.
    """
    current = current_of(sync)
    if current is None or (current.number, current.edit) != based_on:
        raise Outdated(OUTDATED)
    proposal = propose(sync, current, given, keep=keep)
    if proposal.is_same:
        return None
    before, used = stable_ids_of(sync), set(proposal.ids.values())
    # A pair that is new here may have had an id once, which another pair has by now.
    added = [key for key in proposal.contents.pairs if key not in proposal.ids and before.get(key) in used]
    ids = {**proposal.ids, **{key: new_stable_id() for key in added}}
    return revise(sync, proposal.contents, by=by, based_on=based_on, stable_ids=ids)


def _propose_pairs(sync: Sync, current: Current, given: Given, *, keep: bool) -> Proposal:
    before = current.contents.pairs
    said = said_pairs(list(given.each()), given.keys, current)
    left_out = [key for key in before if key not in {each.key for each in said}]
    missing = tuple(pair_name(before[key]) for key in left_out)
    ordered = _in_order([*said, *(SaidPair(before[key], None, key) for key in left_out if keep)], current)
    wanted = {str(place): each.settings for place, each in enumerate(ordered)}
    lines = _Lines([each.line for each in ordered], [pair_name(each.settings) for each in ordered])
    contents = _judged(sync, current, replace(current.contents, pairs=wanted), lines)
    found = list(pair_changes(current, contents, ordered))
    return Proposal(
        contents,
        (*found, *(Change("removed", name) for name in missing if not keep)),
        len(ordered) - len(found),
        missing,
        {key: current.ids[each.key] for key, each in zip(contents.pairs, ordered, strict=True) if each.key},
        says_the_same(current.contents, contents),
    )


def _in_order(pairs: Iterable[SaidPair], current: Current) -> list[SaidPair]:
    """Sorting the rows of a sheet is no change: pairs stay in their order, and new ones follow."""
    order = {key: place for place, key in enumerate(current.contents.pairs)}
    return sorted(pairs, key=lambda each: order.get(each.key, len(order)))


def _propose_maps(sync: Sync, current: Current, given: Given, *, keep: bool) -> Proposal:
    said = said_maps(list(given.each()), given.keys, current, keep=keep)
    before = current.contents.value_maps
    left_out = [name for name in before if name not in said]
    wanted = {name: each.settings for name, each in said.items()}
    wanted |= {name: before[name] for name in left_out} if keep else {}
    names = [pair_name(pair) for pair in current.contents.pairs.values()]
    lines = _Lines([None] * len(names), names, list(said.values()))
    contents = _judged(sync, current, replace(current.contents, value_maps=wanted), lines)
    changes = list(map_changes(current, contents, said))
    missing = [f"{name} ({_options(before[name])})" for name in left_out]
    return Proposal(
        contents,
        tuple(changes),
        len(contents.value_maps) - sum(change.state != "removed" for change in changes),
        (*missing, *(option for each in said.values() for option in each.missing)),
        current.ids,
        says_the_same(current.contents, contents),
    )


def _options(settings: Plain) -> str:
    count = len(settings["pairs"])
    return f"{count:,} option{'' if count == 1 else 's'}"


def _judged(sync: Sync, current: Current, wanted: Contents, lines: _Lines) -> Contents:
    """The rules as the setup's reader takes them. Raises UnreadableSheet."""
    try:
        return read_rules(sync, document_of(sync, wanted), lines.line_at).contents
    except SetupError as error:
        found = [(lines.words(line), _sentence(sentence, current, lines)) for line, sentence in error.found]
        raise UnreadableSheet(wrong=found) from error


def _sentence(sentence: str, current: Current, lines: _Lines) -> str:
    """What the reader says, with the headings of the sheet for its settings."""
    headings = _headings(current)
    said = SETTING.sub(lambda found: f"“{headings.get(found[1], found[1])}{found[2]}”", sentence)
    return in_words(said.replace("in this file", "in this sync"), current.names, lines.words)


def _headings(current: Current) -> dict[str, str]:
    """Setting → its heading; of one that has a heading for each side, both."""
    found: dict[str, list[str]] = {}
    for column in (column for kind in Kind for column in current.columns(kind) if column.word not in ("", *SIDES)):
        found.setdefault(column.word, []).append(column.title)
    return {word: "” or “".join(dict.fromkeys(titles)) for word, titles in found.items()}


class _Lines:
    """Which row of the sheet a place in the rules comes from, and how that is said."""

    def __init__(
        self,
        pairs: Sequence[int | None],
        names: Sequence[str],
        maps: Sequence[SaidMap] = (),
    ) -> None:
        self._pairs, self._names, self._maps = pairs, names, maps

    def line_at(self, place: Place) -> int:
        if place[:3] == ("syncs", 0, "fields") and len(place) > 3:
            at = int(place[3])
            return self._pairs[at] or NOT_IN_FILE + at
        if place[:1] == ("value_maps",) and len(place) > 1 and int(place[1]) < len(self._maps):
            said = self._maps[int(place[1])]
            is_option = place[2:3] == ("pairs",) and len(place) > 3
            return said.lines[int(place[3])] if is_option and int(place[3]) < len(said.lines) else said.line
        return OF_THE_SYNC

    def words(self, line: int) -> str:
        if line >= OF_THE_SYNC:
            return "the sync's other rules"
        if line >= NOT_IN_FILE:
            return f"the field pair {self._names[line - NOT_IN_FILE]}"
        return f"row {line}"
