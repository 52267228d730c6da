"""A row of a table, what its cells say, and why a file can't be read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

SAVE_AGAIN: Final = "Save it again as an Excel workbook (.xlsx), an OpenDocument spreadsheet (.ods) or CSV UTF-8."
BROKEN: Final = f"The file is damaged or is no spreadsheet, so nothing could be read from it. {SAVE_AGAIN}"
LOCKED: Final = "The file is protected by a password, so it can't be read. Save it without the password."
OLD: Final = f"The file is of an old kind that is not read here (.xls), or it is protected by a password. {SAVE_AGAIN}"


class UnreadableTable(Exception):
    """A file that can't be read, in a sentence for people."""


class TooLarge(UnreadableTable):
    """A file with more in it than is taken."""


class Formula(str):
    """A cell that is not a value of its own: worked out by a formula, or an error of the spreadsheet."""

    __slots__ = ()


class Row(NamedTuple):
    """A row of a table.

    number   which row of the sheet it is, as a spreadsheet counts: the first is 1
    line     where it begins in the file, as an editor of texts counts; a cell may hold several lines
    cells    what they say; blank ones at the end may be left out, and so may blank rows
    problem  why it can't be read, for people; then it has no cells
    """

    number: int
    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class Limits:
    """How much is unpacked from a file, so that a small one can't fill memory.

    columns   more than so many cells are not looked at
    rows      how often a row that stands for several is repeated, at most
    unpacked  bytes of all parts of an archive together
    shared    bytes of the part of a workbook that has to be held in memory: its texts
    """

    columns: int
    rows: int
    unpacked: int
    shared: int
