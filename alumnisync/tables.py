"""Rows of text as files for spreadsheets, CSV and XLSX, made piece by piece. No cell of them is ever a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from connectors.cells import escape
from connectors.showing import as_text, is_blank

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


def as_csv(columns: Row, rows: Iterable[Row]) -> Iterator[bytes]:
    """The file, piece by piece. Every cell is escaped (`connectors.cells`): none is taken for a formula."""
    writer = csv.writer(_Echo())
    yield BOM.encode()
    for row in chain([columns], rows):
        yield _written(writer, row)


def as_xlsx(title: str, columns: Row, rows: Iterable[Row]) -> IO[bytes]:
    """The workbook, as an open file at its beginning. Every cell is text by its type, so nothing is escaped."""
    book = Workbook(write_only=True)
    left = iter(rows)
    number = 1
    while True:
        sheet = book.create_sheet(title if number == 1 else f"{title} {number}")
        written = _fill(sheet, columns, islice(left, ROWS_A_SHEET))
        if written < ROWS_A_SHEET:
            break
        number += 1
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    book.save(file)
    file.seek(0)
    return file


def cell_text(value: Any) -> str:
    """A value as a cell holds it."""
    return "" if is_blank(value) else as_text(value)


def fitting(text: str) -> str:
    """A text as a workbook can hold it: what was left out is said, never silently."""
    clean = str(ILLEGAL_CHARACTERS_RE.sub(REPLACED, text))
    if len(clean) <= LONGEST_CELL:
        return clean
    note = f"… (cut here: {len(clean):,} characters)"
    return clean[: LONGEST_CELL - len(note)] + note


def _written(writer: Any, row: Row) -> bytes:
    text: str = writer.writerow([escape(cell) for cell in row])
    return text.encode()


def _fill(sheet: Any, columns: Row, rows: Iterable[Row]) -> int:
    """Writes the heading and these rows; how many rows they were."""
    sheet.append([_cell(sheet, text) for text in columns])
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
