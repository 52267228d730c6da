"""A file that somebody made with a spreadsheet → its rows as texts, or a sentence about why not.

The libraries' own readers are not used as they are: one shifts the cells of an ODS file whose neighbours are equal, one
reads a formula as a blank, and all of them unpack whatever they are given.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

from openpyxl import load_workbook

from connectors.cells import escape, unescape

LARGEST = 5_000_000
UNPACKED = 50_000_000
MOST_ENTRIES = 1_000
MOST_ROWS = 5_000
MOST_SCANNED = 200_000
MOST_COLUMNS = 100
MOST_BYTES = 1_000_000
"""Of the text in all cells together."""

Grid = list[list[str]]
Wrong = tuple[str, str]
"""Where in the file, and a sentence."""

SAVE_AGAIN = "Save it again as an Excel workbook (.xlsx), an OpenDocument spreadsheet (.ods) or CSV UTF-8."
TOO_LARGE = (
    f"The file is too large: {MOST_ROWS:,} rows, {MOST_COLUMNS} columns and {MOST_BYTES:,} bytes of text are the most. "
    "Delete what is not field pairs or drop-down pairs, empty rows beneath them too."
)
BROKEN = f"The file is damaged or is no spreadsheet, so nothing could be read from it. {SAVE_AGAIN}"
LOCKED = "The file is protected by a password, so it can't be read. Save it without the password."
OLD = f"The file is of an old kind that is not read here (.xls), or it is protected by a password. {SAVE_AGAIN}"
ENCODING = "The file's letters can't be told apart: it is not in UTF-8. In Excel choose “CSV UTF-8” when saving."
FORMULA = "“{}” is worked out by a formula, or is an error of the spreadsheet. Put the value itself there."

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
WHITE = {f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}


class UnreadableSheet(Exception):
    """A file that can't be taken. wrong: where and why, in sentences for people."""

    def __init__(self, sentence: str = "", wrong: Iterable[Wrong] = ()) -> None:
        self.wrong = tuple(wrong) or (("The file", sentence),)
        super().__init__(" ".join(sentence for _, sentence in self.wrong))


class _Formula(str):
    """A cell that is not a value of its own."""

    __slots__ = ()


def read_grid(data: bytes) -> Grid:
    """The rows of the first sheet, the first one first, blank rows in between too. Raises UnreadableSheet."""
    if len(data) > LARGEST:
        raise UnreadableSheet(f"The file is larger than {LARGEST // 1_000_000} MB, so it was not read. {TOO_LARGE}")
    if not data.strip():
        raise UnreadableSheet("The file is empty. Download the sheet, edit it, and upload that file.")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableSheet(LOCKED if "EncryptedPackage".encode("utf-16-le") in data else OLD)
    rows = _bounded(_zipped(data) if data.startswith(b"PK") else _separated(_decoded(data)))
    _refuse_formulas(rows)
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(text: str) -> str:
    """What a cell says. Only an apostrophe that `escape` put there is taken off: a clean-up may begin with its own."""
    text = text.replace("\r\n", "\n")
    plain = unescape(text)
    return plain if escape(plain) == text else text


def _bounded(rows: Iterable[list[str]]) -> Grid:
    """The rows without what is blank at their ends; no more of them than anybody needs."""
    grid: Grid = []
    size = 0
    for line, row in enumerate(rows, start=1):
        cells = row[: max((place for place, cell in enumerate(row, start=1) if cell), default=0)]
        if cells:
            # Spreadsheets keep rows that were only ever looked at: blank ones count where another follows.
            grid += [*([] for _ in range(min(line - len(grid) - 1, MOST_ROWS + 1))), cells]
        size += sum(len(cell.encode(errors="replace")) for cell in cells)
        if len(grid) > MOST_ROWS + 1 or len(cells) > MOST_COLUMNS or size > MOST_BYTES or line > MOST_SCANNED:
            raise UnreadableSheet(TOO_LARGE)
    return grid


def _refuse_formulas(grid: Grid) -> None:
    wrong = [
        (f"Row {line}", FORMULA.format(cell))
        for line, row in enumerate(grid, start=1)
        for cell in row
        if isinstance(cell, _Formula)
    ]
    if wrong:
        raise UnreadableSheet(wrong=wrong)


def _decoded(data: bytes) -> str:
    # What Excel calls Unicode text is UTF-16, with a mark at its beginning.
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableSheet(ENCODING) from error
    if "\0" in text:
        raise UnreadableSheet(BROKEN)
    return text


def _separated(text: str) -> Iterator[list[str]]:
    def read(mark: str) -> Iterator[list[str]]:
        return csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)

    try:
        # Where a comma is the decimal point, spreadsheets put semicolons between the cells.
        yield from read(max(",;\t", key=lambda mark: len(next(read(mark), []))))
    except csv.Error as error:
        raise UnreadableSheet(BROKEN) from error


def _zipped(data: bytes) -> list[list[str]]:
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            names = _checked(archive)
            if "content.xml" in names:
                return list(_bounded(_ods_rows(archive)))
        if "xl/workbook.xml" in names:
            return list(_bounded(_xlsx_rows(data)))
    except UnreadableSheet:
        raise
    # Whatever is wrong inside, the libraries fail in their own ways; for people it is one and the same.
    except Exception as error:
        raise UnreadableSheet(BROKEN) from error
    raise UnreadableSheet(BROKEN)


def _checked(archive: ZipFile) -> set[str]:
    """The names in it. No more is ever unpacked of an entry than it declares."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED:
        raise UnreadableSheet(TOO_LARGE)
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableSheet(LOCKED)
    names = {entry.filename for entry in entries}
    manifest = "META-INF/manifest.xml"
    if manifest in names and b"encryption-data" in archive.read(manifest):
        raise UnreadableSheet(LOCKED)
    return names


def _xlsx_rows(data: bytes) -> Iterator[list[str]]:
    # Not only the values: a formula whose value was never stored would read as a blank.
    book = load_workbook(io.BytesIO(data), read_only=True)
    try:
        # One column more than is allowed, so that it is seen where there is one.
        for row in book.worksheets[0].iter_rows(max_col=MOST_COLUMNS + 1):
            yield [_xlsx_cell(cell) for cell in row]
    finally:
        book.close()


def _xlsx_cell(cell: Any) -> str:
    text = _text(cell.value)
    return _Formula(text) if getattr(cell, "data_type", "") in ("f", "e") else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _ods_rows(archive: ZipFile) -> Iterator[list[str]]:
    content = archive.read("content.xml")
    # No office program writes one, and it is what makes small XML large.
    if b"<!DOCTYPE" in content:
        raise UnreadableSheet(BROKEN)
    for _, element in iterparse(io.BytesIO(content)):  # noqa: S314 - without a document type it is harmless
        if element.tag == f"{TABLE}table":
            return
        if element.tag == f"{TABLE}table-row":
            yield from [_ods_row(element)] * min(_repeated(element, "rows"), MOST_ROWS + 1)
            element.clear()


def _ods_row(element: Element) -> list[str]:
    row: list[str] = []
    for cell in element:
        if cell.tag in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            text = _ods_cell(cell)
            # The last cell stands for all the blank ones to the sheet's edge.
            row += [text] * min(_repeated(cell, "columns"), MOST_COLUMNS + 1)
    return row


def _repeated(element: Element, what: str) -> int:
    return int(element.get(f"{TABLE}number-{what}-repeated", "1"))


def _ods_cell(cell: Element) -> str:
    # As it was typed, not as it is shown: a date's or a number's text depends on the cell's looks.
    typed = cell.get(f"{OFFICE}date-value") or cell.get(f"{OFFICE}boolean-value") or cell.get(f"{OFFICE}value")
    text = typed or "\n".join(_ods_text(part) for part in cell.iterfind(f"{TEXT}p"))
    return _Formula(text) if cell.get(f"{TABLE}formula") else text


def _ods_text(element: Element) -> str:
    if element.tag == f"{TEXT}s":
        return " " * min(int(element.get(f"{TEXT}c", "1")), MOST_BYTES)
    if element.tag in WHITE:
        return WHITE[element.tag]
    if element.tag == f"{OFFICE}annotation":
        return ""
    inside = "".join(_ods_text(part) + (part.tail or "") for part in element)
    return (element.text or "") + inside
