"""A quick look at the records of any connection, before anything is mapped: the first ones, as a flat table.

Nothing of it is kept: it is people's data that no sync has asked for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from connectors.cells import escape
from connectors.checking import opened, type_of
from connectors.models import Connection
from connectors.records import MISSING, Field, NeedsAttention, ObjectType, Page, Record
from connectors.showing import as_text, is_nothing, sayable

MOST_RECORDS = 50
MOST_FIELDS = 150
"""How many fields are asked for: a CRM's object may have eight hundred, and some name them all in an address."""
EXAMPLES = 3
DEEPEST = 8
"""How many objects one within the other are taken apart; what is deeper is shown as it is."""
LABELS = ("label", "key")
"""What tells the elements of a list apart, as in `emails[work]`."""


@dataclass(frozen=True)
class Column:
    """One field of the records looked at. filled: in how many it has a value; examples: some of its values."""

    name: str
    label: str
    type: str
    filled: int
    examples: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Sample:
    """The first records of a kind as a table.

    rows       one text for each column; "" where a record has nothing
    is_all     there are no more of them
    left_out   how many fields were not asked for
    problems   why some records could not be read, a sentence each
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...] = field(repr=False)
    is_all: bool
    left_out: int = 0
    problems: tuple[str, ...] = ()


def look(connection: Connection, name: str) -> Sample:
    """Reads the first records of a kind. Raises ConnectorError."""
    with closing(opened(connection)) as connector:
        if not connector.may_look:
            raise NeedsAttention(
                f"Reading from {connection.name} uses up what is read, so nothing is read just to look at it. "
                "Its records are seen once a sync reads them."
            )
        described = type_of(connection, connector, name)
        readable = [each.name for each in described.fields if each.readable]
        pages = connector.poll(name, None, readable[:MOST_FIELDS])
        records, is_all = _first(pages)
    return sample_of(described, records, is_all=is_all, left_out=max(0, len(readable) - MOST_FIELDS))


def csv_of(sample: Sample) -> str:
    """The table as CSV; no cell of it is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([escape(column.name) for column in sample.columns])
    writer.writerows([escape(cell) for cell in row] for row in sample.rows)
    # Excel takes a file for UTF-8 only by this mark.
    return "\ufeff" + text.getvalue()


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path → value, paths as field pairs write them: `name.first`, `emails[work].address`."""
    for name, value in values.items():
        path = f"{prefix}{name}"
        if prefix.count(".") >= DEEPEST:
            yield path, value
        elif isinstance(value, dict) and value:
            yield from flat(value, f"{path}.")
        elif labelled := _labelled(value):
            for label, element in labelled.items():
                yield from flat(element, f"{path}[{label}].")
        else:
            yield path, value


def _first(pages: Iterator[Page]) -> tuple[list[Record], bool]:
    """The first records, one more than are shown at most; whether the list ended with them."""
    records: list[Record] = []
    for page in pages:
        records += [record for record in page.records if not record.deleted]
        if len(records) > MOST_RECORDS:
            return records, False
    return records, True


def _labelled(value: Any) -> dict[str, dict[str, Any]]:
    """Label → element of a list whose elements are told apart by one; empty for anything else."""
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        return {}
    for name in LABELS:
        labels = [element.get(name) for element in value]
        if labels and all(isinstance(label, str) and label for label in labels) and len({*labels}) == len(labels):
            return {element[name]: {k: v for k, v in element.items() if k != name} for element in value}
    return {}


def sample_of(described: ObjectType, records: Sequence[Record], *, is_all: bool, left_out: int = 0) -> Sample:
    """The table of these records."""
    shown = records[:MOST_RECORDS]
    readable = [(record.id, dict(flat(record.values))) for record in shown if not record.problem]
    names = _in_order(described.fields, readable)
    cells = [(("id", id), *((name, values.get(name, MISSING)) for name in names)) for id, values in readable]
    rows = tuple(tuple("" if is_nothing(value) else as_text(value) for _, value in row) for row in cells)
    columns = tuple(_column(name, described, [row[place] for row in rows]) for place, name in enumerate(["", *names]))
    problems = tuple(dict.fromkeys(record.problem for record in shown if record.problem))
    return Sample(columns, rows, is_all and len(records) <= MOST_RECORDS, left_out, problems)


def _in_order(fields: Iterable[Field], records: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Every path there is: in the order the system describes its fields, then as they came."""
    places = {each.name: place for place, each in enumerate(fields)}
    found = dict.fromkeys(name for _, values in records for name in values)
    return sorted(found, key=lambda name: places.get(_root(name), len(places)))


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _column(name: str, described: ObjectType, texts: Sequence[str]) -> Column:
    """name: "" is the records' own ids."""
    known = described.field(name)
    filled = [text for text in texts if text]
    shown = sayable(name) or "Record id"
    return Column(
        shown,
        known.label if known and known.label else shown,
        known.type if known else "",
        len(filled),
        tuple(dict.fromkeys(filled))[:EXAMPLES],
    )
