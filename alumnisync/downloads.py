"""The changes of a run as a file for spreadsheets, a row for each field; made chunk by chunk."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import IO, Any

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from alumnisync.changes import Line, changes_shown, lines_of, loaded
from alumnisync.models import SyncRun
from alumnisync.naming import names_by_version
from connectors.cells import escape
from connectors.showing import as_text, is_blank

COLUMNS = (
    "run", "when", "system", "record id", "person", "kind", "field", "before", "after", "state", "reason",
)  # fmt: skip
CHUNK = 500
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the letters of its own region."""
LONGEST_CELL = 32_767
ROWS_A_SHEET = 1_000_000
"""Excel's own limits (https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3), rows rounded down."""
REPLACED = "\ufffd"

Row = tuple[str, ...]


class _Echo:
    """What is written to it comes back, so that a csv writer makes text instead of a file."""

    def write(self, text: str) -> str:
        return text


def csv_of(run: SyncRun) -> Iterator[bytes]:
    """The file, piece by piece. Every cell is escaped (`connectors.cells`): none is taken for a formula."""
    writer = csv.writer(_Echo())
    yield BOM.encode()
    for row in chain([COLUMNS], rows_of(run)):
        yield _written(writer, row)


def xlsx_of(run: SyncRun) -> IO[bytes]:
    """The workbook, as an open file at its beginning. Every cell is text by its type, so nothing is escaped."""
    book = Workbook(write_only=True)
    rows = rows_of(run)
    number = 1
    while True:
        sheet = book.create_sheet("Changes" if number == 1 else f"Changes {number}")
        written = _fill(sheet, islice(rows, ROWS_A_SHEET))
        if written < ROWS_A_SHEET:
            break
        number += 1
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    book.save(file)
    file.seek(0)
    return file


def rows_of(run: SyncRun) -> Iterator[Row]:
    """A row for each field of each change, in the order they were planned; one for a change without fields."""
    names = names_by_version([run.version])
    last = 0
    while True:
        changes = list(loaded(changes_shown().filter(run=run, pk__gt=last).order_by("pk"))[:CHUNK])
        for line in lines_of(changes, names):
            yield from _rows(line)
        if len(changes) < CHUNK:
            return
        last = changes[-1].pk


def _rows(line: Line) -> Iterator[Row]:
    change = line.change
    at = change.finished_at or change.sent_at or change.run.started_at
    when = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}" if at else ""
    head = (str(change.run_id), when, line.system, line.record_id, line.person, line.kind)
    tail = (line.state.words, change.reason)
    for field in line.fields:
        yield (*head, field.label, _text(field.before), _text(field.after), *tail)
    if not line.fields:
        yield (*head, "", "", "", *tail)


def _text(value: Any) -> str:
    return "" if is_blank(value) else as_text(value)


def _written(writer: Any, row: Row) -> bytes:
    text: str = writer.writerow([escape(cell) for cell in row])
    return text.encode()


def _fill(sheet: Any, rows: Iterable[Row]) -> int:
    """Writes the heading and these rows; how many rows they were."""
    sheet.append([_cell(sheet, text) for text in COLUMNS])
    written = 0
    for row in rows:
        sheet.append([_cell(sheet, text) for text in row])
        written += 1
    return written


def _cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=fitting(text))
    # Set last: the value's own setter makes a formula of what begins with “=”, an error of “#N/A”.
    cell.data_type = "s"
    return cell


def fitting(text: str) -> str:
    """A text as a workbook can hold it: what was left out is said, never silently."""
    clean = str(ILLEGAL_CHARACTERS_RE.sub(REPLACED, text))
    if len(clean) <= LONGEST_CELL:
        return clean
    note = f"… (cut here: {len(clean):,} characters)"
    return clean[: LONGEST_CELL - len(note)] + note
