"""Rows of text with a mark between the cells: CSV, TSV, and what spreadsheets in other countries write."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from statistics import median_low
from typing import BinaryIO, TextIO

from charset_normalizer import from_bytes

from connectors.tables.rows import BROKEN, Row, UnreadableTable

MARKS = ",;\t|"
LOOKED_AT = 20
BLOCK = 1 << 20
SAMPLE = 64_000
WESTERN = "cp1252"
OTHERS = ("cp1250", "cp1251", "cp1253", "mac_roman")
OTHER_LETTERS = ("cp1251", "cp1253")
BAD_QUOTES = "The quotation marks in this row don't fit together, so its cells can't be told apart."


def encoding_of(file: BinaryIO) -> str:
    """How the letters of a file are written. A file without a mark that is not UTF-8 is guessed from a sample."""
    file.seek(0)
    head = file.read(4)
    if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    if len(head) == 4 and head[1::2] == b"\0\0":
        return "utf-16-le"
    if len(head) == 4 and head[::2] == b"\0\0":
        return "utf-16-be"
    strange = _first_outside_utf8(file)
    if strange is None:
        return "utf-8-sig" if head.startswith(BOM_UTF8) else "utf-8"
    file.seek(max(0, strange - SAMPLE // 2))
    return _guessed(file.read(SAMPLE))


def separated(text: TextIO) -> Iterator[Row]:
    """The rows of a text opened with newline="". The mark between cells is the one that fits its first rows.

    A row that can't be read has a problem; those after it are read on.
    """
    mark = max(MARKS, key=lambda each: _cells_by(each, text))
    text.seek(0)
    reader = csv.reader(text, delimiter=mark, strict=True)
    for number in count(1):
        line = reader.line_num + 1
        try:
            yield Row(number, line, next(reader))
        except StopIteration:
            return
        except csv.Error:
            if number == 1:
                raise UnreadableTable(BROKEN) from None
            yield Row(number, line, [], BAD_QUOTES)


def _cells_by(mark: str, text: TextIO) -> tuple[bool, int]:
    """Whether the first row has such marks, and how many cells a row then has: texts may hold other marks."""
    text.seek(0)
    lengths: list[int] = []
    with suppress(csv.Error):
        for row in islice(csv.reader(text, delimiter=mark), LOOKED_AT):
            lengths += [len(row)] if row else []
    return bool(lengths and lengths[0] > 1), median_low(lengths or [0])


def _first_outside_utf8(file: BinaryIO) -> int | None:
    """About where the file stops being UTF-8; None where it never does."""
    file.seek(0)
    decoder = getincrementaldecoder("utf-8")()
    place = 0
    while block := file.read(BLOCK):
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return place + error.start
        place += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return place
    return None


def _guessed(sample: bytes) -> str:
    """Excel's own where that is possible: a few letters don't tell the Latin ones from each other."""
    best = from_bytes(sample, cp_isolation=[WESTERN, *OTHERS]).best()
    if best and best.encoding in OTHER_LETTERS:
        return best.encoding
    try:
        sample.decode(WESTERN)
    except UnicodeDecodeError:
        return best.encoding if best else WESTERN
    return WESTERN
