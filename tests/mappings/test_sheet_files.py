"""Files that people upload: read as they meant them, or refused in words before they do harm."""

from __future__ import annotations

import io
import zipfile

import pytest
from openpyxl import Workbook

from mappings.sheets import files as sheet_files
from mappings.sheets.files import MOST_ROWS, UnreadableSheet, Wrong, read_grid


def refused(data: bytes) -> tuple[Wrong, ...]:
    with pytest.raises(UnreadableSheet) as error:
        read_grid(data)
    return error.value.wrong


def saved(book: Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"left,right\n\x8e,x\n", "UTF-8"),
        (b"left,right\n\x00,x\n", "damaged"),
        (b"PK\x03\x04 torn", "damaged"),
        (b"\xd0\xcf\x11\xe0 old", "old kind"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"left,right\n" + b"a,b\n" * (MOST_ROWS + 1), "too large"),
        (b"left,right\n" + b"a" * 1_000_001, "damaged"),
        (b"a" * 200_000, "damaged"),
        (b"left,right\n" + (b"a" * 100_000 + b",b\n") * 11, "too large"),
        (b"x," * 120, "too large"),
        (b"x" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_in_words(data: bytes, told: str) -> None:
    assert told in refused(data)[0][1]


def zipped(**entries: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = zipped(**{"xl/workbook.xml": b"<a/>", "xl/worksheets/sheet1.xml": b" " * 60_000_000})
    assert len(bomb) < 100_000
    assert "too large" in refused(bomb)[0][1]


def test_an_archive_that_is_no_spreadsheet_or_hides_something_is_refused() -> None:
    entities = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    locked = zipped(**{"content.xml": b"x", "META-INF/manifest.xml": b"<manifest:encryption-data/>"})
    assert "damaged" in refused(zipped(readme=b"hello"))[0][1]
    assert "damaged" in refused(zipped(**{"content.xml": entities}))[0][1]
    assert "damaged" in refused(zipped(**{"xl/workbook.xml": b"<a>"}))[0][1]
    assert "password" in refused(locked)[0][1]


def test_a_workbook_with_a_cell_far_away_is_refused_or_read_without_the_void() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["left", "right"])
    sheet.cell(MOST_ROWS + 500, 1).number_format = "@"
    assert read_grid(saved(book)) == [["left", "right"]]
    sheet.cell(MOST_ROWS + 500, 2).value = "far"
    assert "too large" in refused(saved(book))[0][1]


def test_no_more_rows_are_looked_at_than_a_spreadsheet_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_files, "MOST_SCANNED", 10)
    assert read_grid(b"left,right\n" + b"\n" * 9) == [["left", "right"]]
    with pytest.raises(UnreadableSheet, match="too large"):
        read_grid(b"left,right\n" + b"\n" * 10)


def test_a_formula_is_told_instead_of_being_read_as_a_blank() -> None:
    book = Workbook()
    book.worksheets[0].append(["left", "right", "group"])
    book.worksheets[0].append(["first", "first", '="na"&"me"'])
    ((where, sentence),) = refused(saved(book))
    assert where == "Row 2"
    assert "formula" in sentence


def ods(rows: str) -> bytes:
    spaces = ("table", "text", "office")
    names = "".join(f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in spaces)
    content = f"<office:x{names}><table:table>{rows}</table:table></office:x>"
    return zipped(**{"content.xml": content.encode()})


def ods_row(*cells: str, times: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'


def ods_cell(inside: str = "", about: str = "") -> str:
    return f"<table:table-cell {about}>{inside}</table:table-cell>"


def test_an_ods_file_as_office_programs_save_it_is_understood() -> None:
    thrice, to_the_edge = (f'table:number-columns-repeated="{times}"' for times in (3, 16_000))
    number = ods_cell("<text:p>7.00</text:p>", 'office:value-type="float" office:value="7"')
    lines = ods_cell('<text:p>a<text:s text:c="2"/><text:span>b</text:span></text:p><text:p>c</text:p>')
    grid = read_grid(
        ods(
            ods_row(ods_cell("<text:p>left</text:p>"))
            + ods_row(ods_cell(), times=2)
            + ods_row(ods_cell("<text:p>off</text:p>", thrice), number, lines, ods_cell("", to_the_edge))
            + ods_row(ods_cell(), times=1_048_000)
        )
    )
    assert grid == [["left"], [], [], ["off", "off", "off", "7", "a  b\nc"]]


def test_a_formula_in_an_ods_file_is_told() -> None:
    with pytest.raises(UnreadableSheet, match="formula"):
        read_grid(ods(ods_row(ods_cell("", 'table:formula="of:=1+1" office:value="2"'))))
