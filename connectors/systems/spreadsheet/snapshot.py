"""A file's rows in a private temporary database: looked up by key, read in pages, never all in memory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from connectors.records import NeedsAttention
from connectors.tables.rows import Formula, Row

# An empty name is SQLite's own way to a file that nobody else sees and that is gone once closed.
PRIVATE = ""
TABLES = """
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
    CREATE TABLE row (place INTEGER PRIMARY KEY, number INTEGER, id TEXT, cells TEXT, problem TEXT);
"""
TWICE = "SELECT id, count(*), min(place), max(place) FROM row WHERE id <> '' GROUP BY id HAVING count(*) > 1"
LOADED = 1_000
PAGE_BYTES = 2_000_000
ID_BYTES = 255
BLOCK = 1 << 20


@dataclass(frozen=True)
class Found:
    """A row of a snapshot. where: for people; values: column → what its cell says; None: a formula."""

    place: int
    where: str
    id: str
    values: dict[str, str | None]
    problem: str


def content_of(file: BinaryIO) -> str:
    """What tells one content of a file from another."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()[:12]


class Snapshot:
    """The rows of one content of a file. Raises NeedsAttention where its columns can't be used.

    content     tells it from others
    is_flawed   some of it could not be told apart, so that rows may be missing
    """

    def __init__(self, content: str, rows: Iterator[Row], name: str, key: str) -> None:
        self.content, self.is_flawed = content, False
        header = next((row for row in rows if any(row.cells)), Row(1, 1, []))
        self.columns = columns_of(header.cells, name)
        self._key = _place_of(key, self.columns, name)
        # Threads take turns: whoever uses it holds a lock.
        self._database = sqlite3.connect(PRIVATE, check_same_thread=False)
        self._database.executescript(TABLES)
        self._load(rows)
        self._mark_twice()
        self._database.execute("CREATE INDEX by_id ON row (id)")

    def close(self) -> None:
        self._database.close()

    def pages(self, after: int, size: int) -> Iterator[list[Found]]:
        """The rows behind a place, at most `size` and about 2 MB at a time."""
        page: list[Found] = []
        room = PAGE_BYTES
        with closing(self._database.execute("SELECT * FROM row WHERE place > ? ORDER BY place", [after])) as rows:
            for row in rows:
                page.append(self._found(row))
                room -= len(row[3])
                if len(page) >= size or room <= 0:
                    yield page
                    page, room = [], PAGE_BYTES
        if page:
            yield page

    def by_id(self, ids: Sequence[str]) -> Iterator[Found]:
        """The rows with these keys."""
        for id in ids:
            if row := self._database.execute("SELECT * FROM row WHERE id = ?", [id]).fetchone():
                yield self._found(row)

    def by_value(self, column: str, values: Sequence[str]) -> Iterator[Found]:
        """The rows whose column says one of these."""
        wanted = set(values)
        for page in self.pages(0, LOADED):
            yield from (row for row in page if not row.problem and row.values.get(column) in wanted)

    def lay_over(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Rows as they should read from now on, by their keys; a new one comes last."""
        with self._database:
            for values in rows:
                id = key_of(values.get(self.key, ""))
                cells = json.dumps([values.get(name, "") for name in self.columns])
                found = self._database.execute("UPDATE row SET cells = ? WHERE id = ?", [cells, id])
                if not found.rowcount:
                    self._insert([(None, 0, id, cells, "")])

    @property
    def key(self) -> str:
        """The column with the keys."""
        return self.columns[self._key]

    def _load(self, rows: Iterator[Row]) -> None:
        """Everything, a thousand rows at a time."""
        with self._database:
            while block := list(islice(rows, LOADED)):
                self._insert(self._judged(row) for row in block if row.problem or any(row.cells))

    def _insert(self, rows: Iterable[tuple[int | None, int, str, str, str]]) -> None:
        self._database.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", rows)

    def _judged(self, row: Row) -> tuple[int, int, str, str, str]:
        cells = row.cells
        self.is_flawed = self.is_flawed or bool(row.problem)
        id = key_of(cells[self._key]) if self._key < len(cells) else ""
        problem = row.problem or self._problem(cells, id)
        if problem:
            problem = f"{where(row.number, row.line)}: {problem}"
            id = id if 0 < len(id.encode(errors="replace")) <= ID_BYTES else ""
        shown = [None if isinstance(cell, Formula) else cell for cell in cells[: len(self.columns)]]
        return row.line, row.number, id, json.dumps(shown), problem

    def _problem(self, cells: Sequence[str], id: str) -> str:
        if any(cells[len(self.columns) :]):
            return f"it has more cells than the {len(self.columns)} columns that have a name in the first row."
        if self._key < len(cells) and isinstance(cells[self._key], Formula):
            return f"“{self.key}” is worked out by a formula. Put the value itself there."
        if not id:
            return f"“{self.key}” is blank, so nobody knows whose row it is. Fill it in."
        if len(id.encode(errors="replace")) > ID_BYTES:
            return f"“{self.key}” is longer than {ID_BYTES} bytes. Shorten it."
        return ""

    def _mark_twice(self) -> None:
        """A key that stands in several rows is nobody's: one of them is kept, to say so."""
        with self._database:
            for id, count, first, last in self._database.execute(TWICE).fetchall():
                numbers = [self._number(place) for place in (first, last)]
                rows = f"{count:,} rows, the first {numbers[0]} and the last {numbers[1]}"
                if count == 2:
                    rows = f"rows {numbers[0]} and {numbers[1]}"
                told = f"“{self.key}” says the same in {rows}. Leave one row of each."
                self._database.execute("DELETE FROM row WHERE id = ? AND place > ?", [id, first])
                self._database.execute("UPDATE row SET problem = ? WHERE place = ?", [told, first])

    def _number(self, place: int) -> str:
        number = self._database.execute("SELECT number FROM row WHERE place = ?", [place]).fetchone()[0]
        return f"{number:,}"

    def _found(self, row: tuple[int, int, str, str, str]) -> Found:
        place, number, id, cells, problem = row
        shown = json.loads(cells)
        shown += [""] * (len(self.columns) - len(shown))
        values = {name: cell for name, cell in zip(self.columns, shown, strict=True) if name}
        return Found(place, where(number, place), id or f"row {place}", values, problem)


def key_of(text: str) -> str:
    """A key as it is compared: spaces around it mean nothing."""
    return text.strip()


def where(number: int, line: int) -> str:
    """A row as people find it again: by its number in a spreadsheet, and in an editor of texts."""
    return f"Row {number:,}" if number == line else f"Row {number:,} (line {line:,} in a text editor)"


def columns_of(cells: Sequence[str], name: str) -> list[str]:
    """What the first row calls the columns; "" where it doesn't, in the middle."""
    columns = [" ".join(cell.split()) for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if not columns or any("\0" in column for column in columns):
        raise NeedsAttention(f"{name} is empty or is no table. Its first row should say what each column is.")
    if twice:
        raise NeedsAttention(f"Two columns of {name} are called “{twice[0]}”. Rename one of them.")
    return columns


def _place_of(key: str, columns: Sequence[str], name: str) -> int:
    wanted = " ".join(key.split())
    if wanted not in columns or not wanted:
        told = "No column is chosen as the key" if not wanted else f"{name} has no column “{wanted}”"
        raise NeedsAttention(
            f"{told}. Choose as the key the column that tells whose row it is; "
            f"its columns are {', '.join(column for column in columns if column)}."
        )
    return columns.index(wanted)
