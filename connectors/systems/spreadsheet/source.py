"""Which file is read, and its rows as they come."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from connectors.folder import UPLOADS, file_trouble, inside, name_of
from connectors.records import NeedsAttention, Temporary
from connectors.systems.spreadsheet.written import is_written_here
from connectors.tables.archives import archived, is_archive
from connectors.tables.rows import Limits, Row, TooLarge, UnreadableTable
from connectors.tables.separated import encoding_of, separated

KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".ods")
LIMITS = Limits(columns=1_000, rows=10_000, unpacked=4_000_000_000, shared=200_000_000)
TOO_LARGE = (
    "The workbook holds more text than can be read from this kind of file. "
    "Save it as CSV UTF-8, which is read to any length."
)


@dataclass(frozen=True)
class Stamp:
    """What tells without reading it whether a file is still the same."""

    path: Path
    size: int
    modified: int


def place_of(path: str) -> str:
    """The folder, file or pattern that a path setting names, from our folder on."""
    return name_of(inside(path)) if path else ""


def place_in_words(place: str) -> str:
    """A place in our folder as people know it. What was uploaded lies under a name that only we use."""
    if not place:
        return "The folder for files"
    if place.startswith(f"{UPLOADS}/"):
        return "The uploaded file"
    if inside(place).is_dir():
        return f"The folder {place}"
    folder, _, name = place.rpartition("/")
    return f"{name} in the folder {folder}" if folder else name


def find(path: str) -> Stamp:
    """The file that a path setting means now: itself, or the newest in a folder that fits."""
    place = inside(path)
    try:
        if place.is_dir():
            return _newest(place, "*")
        if any(mark in place.name for mark in "*?["):
            return _newest(place.parent, place.name)
        return stamp_of(place)
    except OSError as error:
        raise file_trouble(error, name_of(place)) from None


def stamp_of(path: Path) -> Stamp:
    facts = path.stat()
    return Stamp(path, facts.st_size, facts.st_mtime_ns)


@contextmanager
def opened(stamp: Stamp) -> Iterator[BinaryIO]:
    """The file, open; Temporary where somebody changed it while it was read."""
    try:
        with stamp.path.open("rb") as file:
            yield file
        if stamp_of(stamp.path) != stamp:
            raise Temporary(f"{name_of(stamp.path)} was changed while it was read. It is read again with the next run.")
    except OSError as error:
        raise file_trouble(error, name_of(stamp.path)) from None


def letters_of(file: BinaryIO) -> str:
    """How the letters of an open file are written, as far as it can be told; "" where the file says so itself."""
    try:
        return "" if is_archive(file) else encoding_of(file)
    except UnreadableTable:
        return ""


def rows_of(file: BinaryIO, name: str, encoding: str) -> Generator[Row, None, None]:
    """The rows of an open file, one after the other."""
    try:
        if is_archive(file):
            yield from archived(file, LIMITS)
            return
        file.seek(0)
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            yield from separated(text)
        finally:
            text.detach()
    except TooLarge:
        raise NeedsAttention(f"{name}: {TOO_LARGE}") from None
    except UnreadableTable as error:
        raise NeedsAttention(f"{name}: {error}") from None
    except UnicodeDecodeError:
        raise NeedsAttention(
            f"{name}: some of its letters are not written in the encoding {encoding}. Save it as CSV UTF-8, or choose "
            "its encoding in the connection's settings."
        ) from None


def _newest(folder: Path, pattern: str) -> Stamp:
    # A folder inside ours may hold a link that leads out of it.
    found = [inside(str(path)) for path in folder.iterdir() if _fits(path, pattern)]
    files = [stamp_of(path) for path in found if path.is_file()]
    if not files:
        raise NeedsAttention(
            f"No file in {name_of(folder)} fits {pattern}. Put one there that ends in {', '.join(KINDS)}."
        )
    return max(files, key=lambda each: (each.modified, each.path.name))


def _fits(path: Path, pattern: str) -> bool:
    # Office programs put files of their own, beginning so, beside the one that is open.
    is_ours = path.suffix.lower() in KINDS and not path.name.startswith((".", "~"))
    return is_ours and fnmatchcase(path.name, pattern) and not is_written_here(path.name)
