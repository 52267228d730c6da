"""A file of field pairs or drop-down pairs → its rows as texts, or a sentence about why not."""

from __future__ import annotations

import io
from collections.abc import Iterable

from connectors.cells import escape, unescape
from connectors.tables.archives import archived, is_archive
from connectors.tables.rows import BROKEN, Formula, Limits, Row, TooLarge, UnreadableTable
from connectors.tables.separated import separated

LARGEST = 5_000_000
UNPACKED = 50_000_000
MOST_ROWS = 5_000
MOST_SCANNED = 200_000
MOST_COLUMNS = 100
MOST_BYTES = 1_000_000
"""Of the text in all cells together."""

Grid = list[list[str]]
Wrong = tuple[str, str]
"""Where in the file, and a sentence."""

TOO_LARGE = (
    f"The file is too large: {MOST_ROWS:,} rows, {MOST_COLUMNS} columns and {MOST_BYTES:,} bytes of text are the most. "
    "Delete what is not field pairs or drop-down pairs, empty rows beneath them too."
)
ENCODING = "The file's letters can't be told apart: it is not in UTF-8. In Excel choose “CSV UTF-8” when saving."
FORMULA = "“{}” is worked out by a formula, or is an error of the spreadsheet. Put the value itself there."


class UnreadableSheet(Exception):
    """A file that can't be taken. wrong: where and why, in sentences for people."""

    def __init__(self, sentence: str = "", wrong: Iterable[Wrong] = ()) -> None:
        self.wrong = tuple(wrong) or (("The file", sentence),)
        super().__init__(" ".join(sentence for _, sentence in self.wrong))


def read_grid(data: bytes) -> Grid:
    """The rows of the first sheet, the first one first, blank rows in between too. Raises UnreadableSheet."""
    if len(data) > LARGEST:
        raise UnreadableSheet(f"The file is larger than {LARGEST // 1_000_000} MB, so it was not read. {TOO_LARGE}")
    if not data.strip():
        raise UnreadableSheet("The file is empty. Download the sheet, edit it, and upload that file.")
    try:
        rows = _bounded(_rows(data))
    except TooLarge as error:
        raise UnreadableSheet(TOO_LARGE) from error
    except UnreadableTable as error:
        raise UnreadableSheet(str(error)) from error
    _refuse_formulas(rows)
    return [[_plain(cell) for cell in row] for row in rows]


def _rows(data: bytes) -> Iterable[Row]:
    file = io.BytesIO(data)
    if is_archive(file):
        return archived(file, Limits(MOST_COLUMNS, MOST_ROWS + 1, UNPACKED, UNPACKED))
    return separated(io.StringIO(_decoded(data), newline=""))


def _plain(text: str) -> str:
    """What a cell says. Only an apostrophe that `escape` put there is taken off: a clean-up may begin with its own."""
    text = text.replace("\r\n", "\n")
    plain = unescape(text)
    return plain if escape(plain) == text else text


def _bounded(rows: Iterable[Row]) -> Grid:
    """The rows without what is blank at their ends; no more of them than anybody needs."""
    grid: Grid = []
    size = 0
    for count, row in enumerate(rows, start=1):
        if row.problem:
            raise UnreadableTable(BROKEN)
        cells = row.cells[: max((place for place, cell in enumerate(row.cells, start=1) if cell), default=0)]
        if cells:
            # Spreadsheets keep rows that were only ever looked at: blank ones count where another follows.
            grid += [*([] for _ in range(min(row.number - len(grid) - 1, MOST_ROWS + 1))), cells]
        size += sum(len(cell.encode(errors="replace")) for cell in cells)
        if len(grid) > MOST_ROWS + 1 or len(cells) > MOST_COLUMNS or size > MOST_BYTES or count > MOST_SCANNED:
            raise TooLarge
    return grid


def _refuse_formulas(grid: Grid) -> None:
    wrong = [
        (f"Row {line}", FORMULA.format(cell))
        for line, row in enumerate(grid, start=1)
        for cell in row
        if isinstance(cell, Formula)
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
