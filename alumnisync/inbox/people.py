"""Possible matches: a record and those it may be the same person as, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alumnisync.choosing import NOT_TAKING_PART, linkable, taken_of, takes_part
from alumnisync.engine.identity import MERGED
from alumnisync.engine.plan import Planner
from alumnisync.inbox.outlook import linking_says
from alumnisync.inbox.wording import Wording
from alumnisync.models import Match
from alumnisync.naming import person
from alumnisync.wording import whole
from connectors.models import RemoteRecord
from connectors.moments import when
from connectors.records import MISSING
from connectors.showing import is_nothing
from mappings import paths
from mappings.models import SyncSide
from mappings.rules import Side
from mappings.translate import same

CREATES: Mapping[str, str] = {
    "off": "Not linked. No record is made in {there}: the sync's rules don't create any there.",
    "review": "Not linked. Before a record is made in {there}, you are asked under “To review”.",
    "automatic": "Not linked. The next run makes a record in {there}.",
}
LINKS = "The next run links the two."
LINKS_MERGED = (
    "From the next run on these two are linked, and what changed is handled by the rules of each field. "
    "The other person stays as it is, linked with nobody."
)
LATER = "Neither linked nor made new. You are asked again when one of these records changes."
NEVER = "Never asked about these again. {create}"
WAITS = "The change waits until {here} says whom it is about."
LATER_UNNAMED = "Not linked. {waits} You are asked again when one of these records changes."


@dataclass(frozen=True)
class PersonRow:
    """A possible match in a list."""

    match: Match
    person: str
    sync: str
    side: str
    candidates: Sequence[tuple[str, str]]
    reason: str
    asked: str
    decision: str
    mark: str = ""

    @property
    def question(self) -> Match:
        return self.match

    @property
    def can_be_ticked(self) -> bool:
        """Whether it can be answered along with others."""
        return self.match.rule != MERGED


@dataclass(frozen=True)
class Column:
    """A record of a possible match.

    token    what tells which one somebody chose
    problem  why it can't be linked
    outlook  what linking it would do
    """

    record: RemoteRecord
    token: str
    heading: str
    person: str
    side: str
    address: str
    flags: Sequence[str]
    problem: str
    outlook: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A value of a candidate. verdict: how it compares with the record's, in a word."""

    heading: str
    value: Any
    verdict: str


@dataclass(frozen=True)
class Line:
    """A field, as the record and each candidate hold it."""

    label: str
    cells: Sequence[Cell]


def find(pk: str) -> Match | None:
    """A possible match with its record and candidates: two statements. None where there is none."""
    return Match.objects.select_related("sync", "record").prefetch_related("candidates").filter(pk=whole(pk)).first()


def person_row(match: Match, word: Wording, mark: str = "") -> PersonRow:
    """A possible match with its record and candidates at hand; no statement."""
    there = [(person([one]), _where(match, one, word)) for one in match.candidates.all()]
    return PersonRow(
        match,
        person([match.record]),
        match.sync.name,
        word.side(match.side),
        there,
        reason_of(match, word),
        when(match.created_at),
        chosen(match),
        mark,
    )


def reason_of(match: Match, word: Wording) -> str:
    """Why it was asked, with the fields in words."""
    return match.reason.replace(match.rule, word.rule(match.rule)) if match.rule else match.reason


def chosen(match: Match) -> str:
    """What was decided, in words; "" where nothing was."""
    words = {
        "link": "Same person",
        "create": "New person",
        "never": "Not the same",
        "ignore": "Later, when one of the records changes",
    }
    return words.get(match.choice, "")


@dataclass(frozen=True)
class Comparison:
    """The page of a possible match, and what each answer does; "" for one that can't be given."""

    columns: Sequence[Column]
    lines: Sequence[Line]
    link: str
    create: str = ""
    never: str = ""
    later: str = ""


def compare(match: Match, word: Wording, planner: Planner | None, found: Sequence[RemoteRecord] = ()) -> Comparison:
    """A possible match in full: a statement besides its own rows. found: others that somebody looked for."""
    offered = [match.record, *match.candidates.all()]
    others = [one for one in found if one not in offered]
    taken = taken_of(match, others)
    columns = [_column(match, one, number, word, planner, taken) for number, one in enumerate([*offered, *others])]
    columns = [_looked_for(column) if column.record in others else column for column in columns]
    answers = _answers(match, word, planner, has_others=len(offered) > 1)
    return Comparison(columns, list(_lines(match, columns, word, planner)), **answers)


def _looked_for(column: Column) -> Column:
    """Nobody asked about it, so only its number tells whether it is still what was shown."""
    return replace(column, token=f"{column.record.pk}.{column.record.change_no}")


def _answers(match: Match, word: Wording, planner: Planner | None, *, has_others: bool) -> dict[str, str]:
    """Answer → what it does; without those that `settle_match` refuses."""
    if match.rule == MERGED:
        return {"link": LINKS_MERGED}
    here = Side(match.side)
    word_of_create = planner.rules.sides[here.other].create.value if planner else "off"
    create = CREATES[word_of_create].format(there=word.side(here.other))
    waits = WAITS.format(here=word.side(here))
    is_unnamed = match.record.unnamed
    return {
        "link": LINKS,
        "create": "" if is_unnamed else create,
        "never": NEVER.format(create=waits if is_unnamed else create) if has_others else "",
        "later": LATER_UNNAMED.format(waits=waits) if is_unnamed else LATER,
    }


def _column(
    match: Match, record: RemoteRecord, number: int, word: Wording, planner: Planner | None, taken: set[int]
) -> Column:
    side = _side(match, record)
    problem = linkable(match, record, taken) or _not_taking_part(record, side, word) if number else ""
    if number and match.record_id in taken:
        problem = "The record that was asked about is linked already."
    pair = {side: record, side.other: match.record}
    # To merged records what was agreed before counts, so it is no first meeting.
    is_first = number and not problem and match.rule != MERGED
    outlook = linking_says(word, planner, pair[Side.LEFT], pair[Side.RIGHT]) if is_first else []
    return Column(
        record,
        str(record.pk),
        f"{word.side(side)}: {record.remote_id}",
        person([record]),
        word.side(side),
        word.names.address_of(side, record.remote_id),
        list(_flags(record, side, word, taken)),
        problem,
        outlook,
    )


def _flags(record: RemoteRecord, side: Side, word: Wording, taken: set[int]) -> Iterable[str]:
    if record.gone_at:
        yield "no longer found"
    if record.pk in taken:
        yield "linked already"
    if record.problem:
        yield "could not be read"
    elif _not_taking_part(record, side, word):
        yield "not taking part"


def _not_taking_part(record: RemoteRecord, side: Side, word: Wording) -> str:
    row: SyncSide | None = next((one for one in word.version.sides.all() if one.side == side), None)
    return "" if takes_part(row, record) else NOT_TAKING_PART


def _lines(match: Match, columns: Sequence[Column], word: Wording, planner: Planner | None) -> Iterable[Line]:
    """The mapped fields first, then whatever else is kept of the records."""
    shown: set[tuple[str, str]] = set()
    for pair, at in word.names.pairs.items():
        cells = [_cell(match, column, columns[0], pair, at, planner) for column in columns]
        shown |= {(side, paths.root(path)) for side, path in at.items()}
        if any(not is_nothing(cell.value) for cell in cells):
            yield Line(word.names.pair(pair), cells)
    for side in Side:
        yield from _unmapped(match, columns, word, side, shown)


def _cell(
    match: Match, column: Column, first: Column, pair: str, at: Mapping[str, str], planner: Planner | None
) -> Cell:
    side = _side(match, column.record)
    value = paths.get(column.record.values, at[side])
    return Cell(column.heading, value, _verdict(match, column, first, pair, planner))


def _verdict(match: Match, column: Column, first: Column, pair: str, planner: Planner | None) -> str:
    if column is first or planner is None:
        return ""
    translator = planner.translators[pair]
    one, other = (translator.read(_side(match, each.record), each.record.values) for each in (first, column))
    if any(reading.is_missing or reading.is_blank for reading in (one, other)):
        return ""
    return "same" if same(one, other) else "differs"


def _unmapped(
    match: Match, columns: Sequence[Column], word: Wording, side: Side, shown: set[tuple[str, str]]
) -> Iterable[Line]:
    mine = [column.record.values for column in columns if _side(match, column.record) == side]
    for name in dict.fromkeys(name for values in mine for name in values if (side.value, name) not in shown):
        cells = [Cell(column.heading, _plain(match, column, side, name), "") for column in columns]
        if any(not is_nothing(cell.value) for cell in cells):
            yield Line(f"{word.names.field(side, name)} (only in {word.side(side)})", cells)


def _plain(match: Match, column: Column, side: Side, name: str) -> Any:
    return column.record.values.get(name, MISSING) if _side(match, column.record) == side else MISSING


def _side(match: Match, record: RemoteRecord) -> Side:
    side = Side(match.side)
    return side if record.cursor_id == match.record.cursor_id else side.other


def _where(match: Match, record: RemoteRecord, word: Wording) -> str:
    return f"{word.side(_side(match, record))} {record.remote_id}"
