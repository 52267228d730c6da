"""A spreadsheet of people: CSV, TSV, Excel or OpenDocument, uploaded or found in a folder.

The file is read and never written to. What should change in it is written into a new file beside it, for a person to
take in.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO

from django import forms

from connectors import lastly
from connectors.base import Connector, ConnectorSettings, FileLook
from connectors.folder import file_trouble, inside, name_of, usable_path
from connectors.records import (
    ConnectorError,
    Field,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Temporary,
    Unknown,
    Write,
)
from connectors.systems.spreadsheet.asked import row_or_error
from connectors.systems.spreadsheet.snapshot import Found, Snapshot, columns_of, content_of, key_of
from connectors.systems.spreadsheet.source import (
    KINDS,
    Stamp,
    find,
    letters_of,
    opened,
    place_in_words,
    place_of,
    rows_of,
    stamp_of,
)
from connectors.systems.spreadsheet.written import ChangesFile, is_written_here, rows_written, written_for
from connectors.tables.rows import Row

ROWS = "rows"
PAGE_ROWS = 500
LOOKED_AT = 5
ENCODINGS = {
    "": "found out from the file",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16 (Excel's “Unicode text”)",
    "cp1252": "Windows-1252 (Western Europe, America)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "mac_roman": "Mac Roman (old Macintosh)",
}


class SpreadsheetSettings(ConnectorSettings):
    """Which file, and what its rows mean."""

    path = forms.CharField(
        label="File or folder",
        required=False,
        validators=[usable_path],
        help_text="Where the file lies in the folder for files on this server: people.csv, or crm/ or crm/people-*.csv "
        "for the newest that fits. Whoever installed this can put it there. Leave empty to upload a file afterwards.",
    )
    key = forms.CharField(
        label="Column with the key",
        required=False,
        help_text="The heading of the column that tells whose row it is and stays the same for ever: an id or a number "
        "of the person, no name. Leave empty to choose it when you upload a file.",
    )
    mode = forms.ChoiceField(
        label="What the file holds",
        required=False,
        initial="full",
        choices=[("full", "everybody"), ("changes", "only what changed")],
        help_text="Only from a list of everybody can be told who is no longer in it. "
        "A file with only what changed is read, and nothing is written for it.",
    )
    encoding = forms.ChoiceField(
        label="How letters are written",
        required=False,
        initial="",
        choices=list(ENCODINGS.items()),
        help_text="Leave it unless names come with wrong letters.",
    )


class Spreadsheet(Connector):
    """The rows of one file."""

    name = "spreadsheet"
    label = "Spreadsheet of people"
    about = "A list of people as a CSV, Excel or OpenDocument file, uploaded here or put into a folder of the server."
    ask_for = (
        "A file with one row for each person; its first row says what each column is.",
        "One column that tells whose row it is: an id or a number of the person that never changes.",
        "Whether the file holds everybody, or only those who changed since the last one.",
        "Who takes in the files with changes that AlumniSync writes.",
    )
    Settings = SpreadsheetSettings
    file_kinds = KINDS
    batch_size = 200
    page_rows = PAGE_ROWS

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._lock = RLock()
        self._stamp: Stamp | None = None
        self._snapshot: Snapshot | None = None
        self._changes: ChangesFile | None = None
        self._letters = ""

    @classmethod
    def look_into(cls, path: Path, settings: Mapping[str, Any]) -> FileLook:
        with opened(stamp_of(path)) as file:
            encoding = settings.get("encoding") or letters_of(file)
            with closing(rows_of(file, path.name, encoding)) as rows:
                found = list(islice((row for row in rows if any(row.cells)), LOOKED_AT + 1))
        head, *others = found or [Row(1, 1, [])]
        columns = columns_of(head.cells, path.name)
        return FileLook(columns, [_fitted(row.cells, len(columns)) for row in others], settings.get("key") or "")

    @classmethod
    def with_file(cls, settings: Mapping[str, Any], folder: str, column: str) -> dict[str, Any]:
        return {**settings, "path": folder, "key": column}

    @classmethod
    def reads_from(cls, settings: Mapping[str, Any]) -> str:
        return settings.get("path") or ""

    @classmethod
    def files_written(cls, settings: Mapping[str, Any]) -> list[Path]:
        place = inside(cls.reads_from(settings))
        folder = place if place.is_dir() else place.parent
        found = folder.iterdir() if cls.reads_from(settings) and folder.is_dir() else ()
        return sorted((path for path in found if is_written_here(path.name)), reverse=True)

    @property
    def concurrency(self) -> int:
        """One: it is one file."""
        return 1

    def check(self) -> Identity:
        stamp, snapshot = self._now()
        notes: tuple[str, ...] = (f"The file read now is {stamp.path.name}, with {len(snapshot.columns):,} columns.",)
        if self._letters:
            notes += (f"Its letters are written in {ENCODINGS.get(self._letters, self._letters)}.",)
        place = place_of(self.settings["path"])
        return Identity(place or ".", place_in_words(place), notes=notes)

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """The rows; every column holds text."""
        _, snapshot = self._now()
        fields = tuple(
            Field(name, name, "text", required=name == snapshot.key, unique=name == snapshot.key)
            for name in snapshot.columns
            if name
        )
        return (
            ObjectType(
                ROWS,
                "Rows",
                fields,
                can_create=self._is_whole,
                can_update=self._is_whole,
                whole_lists=self._is_whole,
                findable=None,
                batch_read=self.batch_size,
            ),
        )

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """A cursor is {"file": content, "row": the place of the last row stored}; other content begins anew.

        Of a list of everybody, row 0 stands behind the last page: the next poll reads it all again.
        """
        with self._lock:
            _, snapshot = self._now()
        start = cursor["row"] if cursor and cursor["file"] == snapshot.content else 0
        after, has_problem = start, snapshot.is_flawed
        page = next(pages := snapshot.pages(start, self.page_rows), [])
        while page:
            records = tuple(_record(row, fields) for row in page)
            after = page[-1].place
            has_problem = has_problem or any(record.problem for record in records)
            page = next(pages, [])
            if page:
                yield Page(records, {"file": snapshot.content, "row": after})
                continue
            yield self._last_page(records, snapshot, after, is_whole=not start and not has_problem)
        if after == start and self._is_whole:
            yield self._last_page((), snapshot, after, is_whole=not start and not has_problem)

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        with self._lock:
            _, snapshot = self._now()
            found = list(snapshot.by_id(ids))
        yield from (_record(row, fields) for row in found)

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        with self._lock:
            _, snapshot = self._now()
            found = list(snapshot.by_value(field, values))
        yield from (_record(row, list(row.values)) for row in found)

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        """Into a file of this run beside the one that was read; from then on rows read as if it were taken in."""
        if not self._is_whole:
            raise NeedsAttention("For a file that holds only what changed nothing is written. Use a list of everybody.")
        with self._lock:
            stamp, snapshot = self._now()
            judged = self._judged(snapshot, writes)
            rows = [row for row in judged if not isinstance(row, ConnectorError)]
            lastly.look()
            trouble = self._add(stamp, snapshot, rows)
        for write, row in zip(writes, judged, strict=True):
            if isinstance(row, ConnectorError):
                yield Outcome(write.id or "", error=row)
            elif trouble:
                lost = Unknown(trouble.message) if write.id is None else trouble
                yield Outcome(write.id or "", error=lost)
            else:
                id = key_of(row[1][snapshot.key])
                yield Outcome(id, Record(id, dict(row[1])))

    def close(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = self._stamp = None

    @property
    def _is_whole(self) -> bool:
        return bool(self.settings["mode"] != "changes")

    def _now(self) -> tuple[Stamp, Snapshot]:
        """The file, and its rows as they are now."""
        if not self.settings["path"]:
            raise NeedsAttention(
                "There is no file yet. Upload one on the page of this connection, or enter a path in its settings."
            )
        stamp = find(self.settings["path"])
        if self._snapshot is None or stamp != self._stamp:
            self.close()
            self._snapshot, self._stamp = self._taken(stamp), stamp
        return stamp, self._snapshot

    def _taken(self, stamp: Stamp) -> Snapshot:
        name = name_of(stamp.path)
        with opened(stamp) as file, closing(self._rows(file, name)) as rows:
            content = content_of(file)
            snapshot = Snapshot(content, rows, name, self.settings["key"] or "")
            for path in written_for(stamp.path, content) if self._is_whole else ():
                snapshot.lay_over(rows_written(path))
        return snapshot

    def _rows(self, file: BinaryIO, name: str) -> Generator[Row, None, None]:
        self._letters = self.settings["encoding"] or letters_of(file)
        return rows_of(file, name, self._letters)

    def _judged(self, snapshot: Snapshot, writes: Sequence[Write]) -> list[tuple[str, dict[str, str]] | ConnectorError]:
        """For each write what changes and how its row should read, or why it is refused."""
        new: set[str] = set()
        return [row_or_error(snapshot, write, new) for write in writes]

    def _add(self, stamp: Stamp, snapshot: Snapshot, rows: list[tuple[str, dict[str, str]]]) -> Temporary | None:
        """Writes the rows down; what kept us from it, or None."""
        if not rows:
            return None
        if self._changes is None or self._changes.content != snapshot.content:
            self._changes = ChangesFile(stamp.path, snapshot.content, [name for name in snapshot.columns if name])
        try:
            self._changes.add(rows)
        except OSError as error:
            # What may have been written of it counts or not, as the file says when it is read again.
            self._changes = None
            self.close()
            trouble = file_trouble(error, "The file with changes")
            if isinstance(trouble, Temporary):
                return trouble
            raise trouble from None
        snapshot.lay_over(values for _, values in rows)
        return None

    def _last_page(self, records: tuple[Record, ...], snapshot: Snapshot, after: int, *, is_whole: bool) -> Page:
        place = 0 if self._is_whole else after
        return Page(records, {"file": snapshot.content, "row": place}, complete=self._is_whole and is_whole)


def _record(row: Found, fields: Sequence[str]) -> Record:
    """A row as a record, with all columns but those of formulas."""
    values = {name: cell for name, cell in row.values.items() if cell is not None}
    if row.problem:
        # In a row that is torn, nothing says whether a cell is blank.
        return Record(row.id, {name: cell for name, cell in values.items() if cell}, problem=row.problem)
    wanted = {path.partition(".")[0].partition("[")[0] for path in fields} | set(fields)
    refused = [name for name, cell in row.values.items() if cell is None and name in wanted]
    if refused:
        return Record(
            row.id,
            values,
            problem=f"{row.where}: “{refused[0]}” is worked out by a formula, or is an error of the spreadsheet. "
            "Put the value itself there.",
        )
    return Record(row.id, values)


def _fitted(cells: Sequence[str], count: int) -> list[str]:
    return [str(cell) for cell in [*cells, *[""] * count][:count]]
