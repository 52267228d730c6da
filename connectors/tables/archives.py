"""Rows of the first sheet of an Excel workbook or an OpenDocument spreadsheet, one after the other.

The libraries' own readers are not used as they are: one shifts the cells of an ODS file whose neighbours are equal, one
reads a formula as a blank, and all of them unpack whatever they are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from defusedxml.ElementTree import iterparse
from openpyxl import load_workbook

from connectors.tables.rows import BROKEN, LOCKED, OLD, Formula, Limits, Row, TooLarge, UnreadableTable

MOST_ENTRIES = 1_000
MOST_SPACES = 10_000
ZIP, OLE = b"PK", b"\xd0\xcf\x11\xe0"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
WHITE = {f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}


def is_archive(file: BinaryIO) -> bool:
    """Whether the file is one of these, by its first bytes. Raises UnreadableTable for what Excel wrote before 2007."""
    file.seek(0)
    head = file.read(512)
    if head.startswith(OLE):
        file.seek(0)
        raise UnreadableTable(LOCKED if "EncryptedPackage".encode("utf-16-le") in file.read(1 << 20) else OLD)
    return head.startswith(ZIP)


def archived(file: BinaryIO, limits: Limits) -> Iterator[Row]:
    """The rows of the first sheet; dates and numbers as ISO text, a formula as `Formula`."""
    try:
        with ZipFile(file) as archive:
            names = _checked(archive, limits)
            if "content.xml" in names:
                yield from _ods_rows(archive, limits)
                return
        if "xl/workbook.xml" not in names:
            raise UnreadableTable(BROKEN)
        yield from _xlsx_rows(file, limits)
    except UnreadableTable:
        raise
    # Whatever is wrong inside, the libraries fail in their own ways; for people it is one and the same.
    except Exception as error:
        raise UnreadableTable(BROKEN) from error


def _checked(archive: ZipFile, limits: Limits) -> set[str]:
    """The names in it. No more is ever unpacked of an entry than it declares."""
    entries = archive.infolist()
    shared = sum(entry.file_size for entry in entries if entry.filename == "xl/sharedStrings.xml")
    size = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_ENTRIES or size > limits.unpacked or shared > limits.shared:
        raise TooLarge
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableTable(LOCKED)
    names = {entry.filename for entry in entries}
    manifest = "META-INF/manifest.xml"
    if manifest in names and b"encryption-data" in archive.read(manifest):
        raise UnreadableTable(LOCKED)
    return names


def _xlsx_rows(file: BinaryIO, limits: Limits) -> Iterator[Row]:
    # Not only the values: a formula whose value was never stored would read as a blank.
    book = load_workbook(file, read_only=True)
    try:
        # One column more than is allowed, so that it is seen where there is one.
        rows = book.worksheets[0].iter_rows(max_col=limits.columns + 1)
        for number, row in enumerate(rows, start=1):
            yield Row(number, number, [_xlsx_cell(cell) for cell in row])
    finally:
        book.close()


def _xlsx_cell(cell: Any) -> str:
    text = _text(cell.value)
    return Formula(text) if getattr(cell, "data_type", "") in ("f", "e") else text


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


def _ods_rows(archive: ZipFile, limits: Limits) -> Iterator[Row]:
    number = 1
    inside: list[Element] = []
    with archive.open("content.xml") as content:
        # No office program writes a document type, and it is what makes small XML large.
        for event, element in iterparse(content, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                inside.append(element)
                continue
            inside.pop()
            if element.tag == f"{TABLE}table":
                return
            if element.tag == f"{TABLE}table-row":
                times = _repeated(element, "rows")
                yield from _ods_repeated(_ods_row(element, limits), number, min(times, limits.rows))
                number += times
                # Clearing it would leave an empty element for each row that was read.
                inside[-1].remove(element)


def _ods_repeated(cells: list[str], number: int, times: int) -> Iterator[Row]:
    # A blank row stands for all of them to the sheet's edge.
    if any(cells):
        for after in range(times):
            yield Row(number + after, number + after, list(cells))


def _ods_row(element: Element, limits: Limits) -> list[str]:
    row: list[str] = []
    for cell in element:
        if cell.tag in (f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            text = _ods_cell(cell)
            # The last cell stands for all the blank ones to the sheet's edge.
            row += [text] * min(_repeated(cell, "columns"), limits.columns + 1 - len(row))
    return row


def _repeated(element: Element, what: str) -> int:
    return int(element.get(f"{TABLE}number-{what}-repeated", "1"))


def _ods_cell(cell: Element) -> str:
    # As it was typed, not as it is shown: a date's or a number's text depends on the cell's looks.
    typed = cell.get(f"{OFFICE}date-value") or cell.get(f"{OFFICE}boolean-value") or cell.get(f"{OFFICE}value")
    text = typed or "\n".join(_ods_text(part) for part in cell.iterfind(f"{TEXT}p"))
    return Formula(text) if cell.get(f"{TABLE}formula") else text


def _ods_text(element: Element) -> str:
    if element.tag == f"{TEXT}s":
        return " " * min(int(element.get(f"{TEXT}c", "1")), MOST_SPACES)
    if element.tag in WHITE:
        return WHITE[element.tag]
    if element.tag == f"{OFFICE}annotation":
        return ""
    inside = "".join(_ods_text(part) + (part.tail or "") for part in element)
    return (element.text or "") + inside
