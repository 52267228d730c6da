"""Spreadsheets of people: read row by row, never written to, and what is wrong in them told by its row."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from openpyxl import Workbook

from connectors.models import setting_defaults
from connectors.records import (
    ConnectorError,
    Duplicate,
    NeedsAttention,
    Page,
    Record,
    Rejected,
    Temporary,
    Unknown,
    Values,
    Write,
)
from connectors.systems.spreadsheet import Spreadsheet
from connectors.tables.cells import unescape
from tests.connectors.contract import Bench, ConnectorContract, error_of_write
from tests.mappings.test_sheet_files import ods, ods_cell, ods_row

COLUMNS = ("Id", "First name", "Last name", "CRM id")
CHANGES = "*-changes-*.csv"
FAULTS: dict[str, OSError] = {
    "unauthorized": PermissionError(errno.EACCES, "Permission denied"),
    "server_error": OSError(errno.EIO, "Input/output error"),
}


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.FILES_FOLDER = tmp_path
    return tmp_path


def open_to(path: str = "people.csv", key: str = "Id", **settings: Any) -> Spreadsheet:
    return Spreadsheet({**setting_defaults(Spreadsheet), "path": path, "key": key, **settings})


def records(system: Spreadsheet, cursor: Any = None, *fields: str) -> list[Record]:
    return [record for page in system.poll("rows", cursor, fields or COLUMNS) for record in page.records]


def pages(system: Spreadsheet, cursor: Any = None) -> list[Page]:
    return list(system.poll("rows", cursor, COLUMNS))


def by_id(system: Spreadsheet, *fields: str) -> dict[str, Record]:
    return {record.id: record for record in records(system, None, *fields)}


def put(folder: Path, text: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


class Office:
    """People who keep a list: a second reader of the files, with the standard library alone."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "people.csv"
        self.save({})

    def rows(self) -> dict[str, dict[str, str]]:
        """The list with what the files beside it say, as somebody would take it in."""
        found: dict[str, dict[str, str]] = {}
        for path in (self.file, *sorted(self.file.parent.glob(CHANGES))):
            with path.open(encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file):
                    plain = unescape if path != self.file else str
                    found[row["Id"]] = {name: plain(row[name]) for name in COLUMNS}
        return found

    def save(self, rows: dict[str, dict[str, str]]) -> None:
        for path in self.file.parent.glob(CHANGES):
            path.unlink()
        with self.file.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows.values())


class SpreadsheetBench(Bench):
    object_type = "rows"
    fields = ("First name", "Last name")
    key_field = "CRM id"
    impossible = frozenset({"lone surrogate"})
    possible_faults = frozenset(FAULTS)

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.connector = self.reopen()

    def reopen(self) -> Spreadsheet:
        system = open_to()
        system.page_rows = self.page_size
        return system

    def person(self, number: int) -> Values:
        return {"Id": f"P{number}", "First name": f"Ann{number}", "Last name": "Example"}

    def fill(self, count: int) -> list[str]:
        rows = self.office.rows()
        people = [{**self.person(len(rows) + 100 + number), "CRM id": ""} for number in range(count)]
        self.office.save({**rows, **{person["Id"]: person for person in people}})
        return [person["Id"] for person in people]

    def alter(self, id: str, values: Values) -> None:
        rows = self.office.rows()
        self.office.save({**rows, id: {**rows[id], **values}})

    def values(self, id: str) -> Values:
        return {name: self.office.rows()[id][name] for name in (*self.fields, self.key_field)}

    def ids(self) -> set[str]:
        return set(self.office.rows())

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        with patch("connectors.systems.spreadsheet.source.stamp_of", side_effect=FAULTS[name]):
            yield


class TestSpreadsheet(ConnectorContract):
    @pytest.fixture
    def bench(self, folder: Path) -> Iterator[Bench]:
        bench = SpreadsheetBench(folder)
        yield bench
        bench.connector.close()

    @pytest.mark.parametrize("fault", sorted(FAULTS))
    def test_a_wrong_answer_to_a_create_without_key(self, bench: Bench, fault: str) -> None:
        """A file that can't be opened was not written to: that is known."""
        error = error_of_write(bench, fault, Write(None, bench.person(1)))
        assert isinstance(error, NeedsAttention if fault == "unauthorized" else Temporary)
        assert not bench.ids()


