"""Sheets of field pairs and of drop-down pairs as files, by django-import-export: CSV, TSV, XLSX and ODS.

Only the way down. What comes up goes through the setup's reader (`mappings.sheets.changes`), since a resource's import
would write past it. Every cell is text by its type, and escaped by `connectors.cells`: none becomes a formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

from import_export import fields, resources, widgets
from import_export.formats import base_formats
from odf import number, opendocument, style, table, text  # type: ignore[import-untyped]
from odf.teletype import addTextToElement  # type: ignore[import-untyped]
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from connectors.cells import escape
from mappings.sheets import Column, Row

BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the letters of its own region."""
TEXT_FORMAT = "@"
WIDEST = 48
REPLACED = "\ufffd"


class TextWidget(widgets.Widget):  # type: ignore[misc]
    """A cell's text, as no spreadsheet takes it for a formula."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return escape(ILLEGAL_CHARACTERS_RE.sub(REPLACED, str(value or "")))


class SheetResource(resources.Resource):  # type: ignore[misc]
    """The rows of a sheet under its headings."""

    def __init__(self, columns: Iterable[Column]) -> None:
        super().__init__()
        self.fields = {
            column.key: fields.Field(attribute=column.key, column_name=column.title, widget=TextWidget())
            for column in columns
        }


class CSV(base_formats.CSV):  # type: ignore[misc]
    """For Excel, which needs to be told that it is UTF-8."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        return f"{BOM}{super().export_data(dataset, **kwargs)}".encode()


class TSV(base_formats.TSV):  # type: ignore[misc]
    """Like CSV, with tabs."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        return f"{BOM}{super().export_data(dataset, **kwargs)}".encode()


class XLSX(base_formats.XLSX):  # type: ignore[misc]
    """Every cell is a text, whatever it looks like; the library's own writer makes formulas."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        book = Workbook()
        sheet = book.worksheets[0]
        sheet.title = dataset.title
        rows = [dataset.headers, *dataset]
        for line, row in enumerate(rows, start=1):
            for place, cell in enumerate(row, start=1):
                _fill_cell(sheet.cell(line, place), cell, is_heading=line == 1)
        for place, width in enumerate(_widths(rows), start=1):
            column = sheet.column_dimensions[get_column_letter(place)]
            # For the cells beneath too, so that what somebody adds there stays as it was typed.
            column.width, column.number_format = width, TEXT_FORMAT
        sheet.freeze_panes = "A2"
        return _saved(book)


def _fill_cell(cell: Any, value: str, *, is_heading: bool) -> None:
    cell.number_format = TEXT_FORMAT
    if value:
        cell.value = value
        # Set last: the value's own setter makes a formula of what begins with “=”, an error of “#N/A”.
        cell.data_type = "s"
    if is_heading:
        cell.font = Font(bold=True)
    if "\n" in value:
        cell.alignment = Alignment(wrap_text=True)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [min(max(map(len, column)) + 2, WIDEST) for column in zip(*rows, strict=True)]


def _saved(document: Any) -> bytes:
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


class ODS(base_formats.ODS):  # type: ignore[misc]
    """Every cell is a text, and keeps its blanks and lines; the library's own writer lets them run together."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        book = opendocument.OpenDocumentSpreadsheet()
        as_text = _text_style(book)
        sheet = table.Table(name=dataset.title)
        sheet.addElement(table.TableColumn(numbercolumnsrepeated=dataset.width, defaultcellstylename=as_text))
        book.spreadsheet.addElement(sheet)
        for row in [dataset.headers, *dataset]:
            line = table.TableRow()
            for cell in row:
                line.addElement(_ods_cell(cell, as_text))
            sheet.addElement(line)
        return _saved(book)


def _text_style(book: Any) -> Any:
    """A style in which what somebody types stays the text that it is."""
    plain = number.TextStyle(name="plain-text")
    plain.addElement(number.TextContent())
    cell = style.Style(name="text-cell", family="table-cell", datastylename=plain, parentstylename="Default")
    book.automaticstyles.addElement(plain)
    book.automaticstyles.addElement(cell)
    return cell


def _ods_cell(value: str, as_text: Any) -> Any:
    cell = table.TableCell(valuetype="string", stylename=as_text)
    for line in value.split("\n"):
        paragraph = text.P()
        addTextToElement(paragraph, line)
        cell.addElement(paragraph)
    return cell


FORMATS: dict[str, Any] = {"xlsx": XLSX, "ods": ODS, "csv": CSV, "tsv": TSV}
"""The ends of file names, in the order they are offered."""


def written(rows: Iterable[Row], columns: Sequence[Column], form: str, *, title: str) -> tuple[bytes, str]:
    """A file in one of FORMATS, and its content type."""
    dataset = SheetResource(columns).export(list(rows))
    dataset.title = title
    maker = FORMATS[form]()
    return maker.export_data(dataset), maker.get_content_type()
