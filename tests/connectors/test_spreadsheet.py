"""Spreadsheets of people: read row by row, never written to, and what is wrong in them told by its row."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from openpyxl import Workbook

from connectors.cells import unescape
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


def test_a_fault_while_writing_leaves_a_create_unknown(folder: Path) -> None:
    put(folder, "Id,Name\n1,Ann\n")
    with opened() as system, patch("os.fsync", side_effect=OSError(errno.EIO, "Input/output error")):
        new, old = system.write("rows", [Write(None, {"Id": "2"}), Write("1", {"Name": "Anne"})])
    assert isinstance(new.error, Unknown)
    assert isinstance(old.error, Temporary)


@contextmanager
def opened(path: str = "people.csv", key: str = "Id", **settings: Any) -> Iterator[Spreadsheet]:
    system = open_to(path, key, **settings)
    try:
        yield system
    finally:
        system.close()


def test_what_is_wrong_is_told_by_its_row_and_the_others_go_on(folder: Path) -> None:
    put(
        folder,
        'Id,Name,Note\n1,Ann,"two\nlines"\n,Nobody,\n3,Cy,,,too much\n\n5,Eve,x\n6,"Fay"s,\n5,Eva,y\n007,Guy\n',
    )
    with opened() as system:
        found = by_id(system, "Name")
        (last,) = pages(system)
    told = {id: record.problem for id, record in found.items() if record.problem}
    assert told == {
        "row 4": "Row 3 (line 4 in a text editor): “Id” is blank, so nobody knows whose row it is. Fill it in.",
        "3": "Row 4 (line 5 in a text editor): it has more cells than the 3 columns that have a name in the first row.",
        "5": "“Id” says the same in rows 6 and 8. Leave one row of each.",
        "row 8": "Row 7 (line 8 in a text editor): "
        "The quotation marks in this row don't fit together, so its cells can't be told apart.",
    }
    assert {id: found[id].values.get("Name") for id in told} == {
        "row 4": "Nobody",
        "3": "Cy",
        "5": "Eve",
        "row 8": None,
    }
    assert found["1"].values == {"Id": "1", "Name": "Ann", "Note": "two\nlines"}
    assert found["007"].values == {"Id": "007", "Name": "Guy", "Note": ""}
    assert not last.complete


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_marks_and_encodings_are_found_out(folder: Path, mark: str, encoding: str) -> None:
    rows = [["Id", "Name", "Town"], *([str(n), "Zoë Ångström, née “Müßig”", "Orléans"] for n in range(60))]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark).writerows(rows)
    (folder / "people.csv").write_bytes(text.getvalue().encode(encoding))
    with opened() as system:
        assert by_id(system)["59"].values == dict(zip(*(rows[0], rows[60]), strict=True))


def test_an_encoding_can_be_said_where_it_is_guessed_wrong(folder: Path) -> None:
    (folder / "people.csv").write_bytes("Id,Name\n1,Łukasz\n".encode("cp1250"))
    with opened(encoding="cp1250") as system:
        assert by_id(system)["1"].values["Name"] == "Łukasz"
    with opened(encoding="utf-8-sig") as system, pytest.raises(NeedsAttention, match="encoding"):
        system.check()


def workbook(folder: Path, *rows: list[Any]) -> None:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(folder / "people.xlsx")


def test_an_excel_workbook_comes_as_text(folder: Path) -> None:
    workbook(
        folder,
        ["Id", "Born", "Gifts", "Full", "Zip"],
        [1, date(1982, 8, 5), 12.5, '="a"&"b"', "01234"],
        [2.0, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).replace(tzinfo=None), 7, "plain", None],
    )
    with opened("people.xlsx") as system:
        found, asked = by_id(system, "Born"), by_id(system, "Full")
    assert found["1"].values == {"Id": "1", "Born": "1982-08-05", "Gifts": "12.5", "Zip": "01234"}
    assert found["2"].values["Born"] == "2026-01-02T03:04:05"
    assert "Row 2: “Full” is worked out by a formula" in asked["1"].problem
    assert asked["1"].values == found["1"].values
    assert asked["2"].values["Full"] == "plain"


def test_an_ods_file_with_rows_that_stand_for_several(folder: Path) -> None:
    head, name, one, ann, two = (ods_cell(f"<text:p>{text}</text:p>") for text in ("Id", "Name", "1", "Ann", "2"))
    blank = ods_row(ods_cell(), times=3)
    data = ods(ods_row(head, name) + ods_row(one, ann) + blank + ods_row(two, times=2))
    (folder / "people.ods").write_bytes(data)
    with opened("people.ods") as system:
        found = by_id(system)
    assert found["1"].values == {"Id": "1", "Name": "Ann"}
    assert found["2"].problem == "“Id” says the same in rows 6 and 7. Leave one row of each."


@pytest.mark.long
@pytest.mark.slow
def test_two_hundred_thousand_rows_leave_memory_flat(folder: Path) -> None:
    with (folder / "people.csv").open("w", encoding="utf-8") as file:
        file.write("Id,First name,Last name,E-mail\n")
        file.writelines(f"{number},Ann{number},Example,ann{number}@example.edu\n" for number in range(200_000))
    with opened() as system:
        tracemalloc.start()
        try:
            count = sum(len(page.records) for page in system.poll("rows", None, ["E-mail"]))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert count == 200_000
    assert peak < 12_000_000


def test_a_folder_means_its_newest_file_that_fits(folder: Path) -> None:
    for place, (name, text) in enumerate(
        [("people-1.csv", "Id\nold\n"), ("people-2.csv", "Id\nnew\n"), ("other.csv", "Id\nother\n"), ("~lock.csv", "x")]
    ):
        path = put(folder, text, f"crm/{name}") if (folder / "crm").is_dir() else None
        if path is None:
            (folder / "crm").mkdir()
            path = put(folder, text, f"crm/{name}")
        os.utime(path, (1_000 + place, 1_000 + place))
    assert list(by_id(open_to("crm/people-*.csv"))) == ["new"]
    assert list(by_id(open_to("crm"))) == ["other"]
    with pytest.raises(NeedsAttention, match="fits"):
        open_to("crm/*.ods").check()


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.csv", "link.csv", "a/../../x", "linked/x.csv", "x\0y"])
def test_no_file_outside_the_folder_is_read(folder: Path, path: str) -> None:
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    put(outside, "Id\n1\n", "x.csv")
    (folder / "link.csv").symlink_to(outside / "x.csv")
    (folder / "linked").symlink_to(outside)
    assert "path" in Spreadsheet.Settings({"path": path, "key": "Id"}).errors
    with pytest.raises(NeedsAttention, match="folder"):
        open_to(path).check()


def test_a_newest_file_that_is_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "people.csv").symlink_to("/etc/passwd")
    with pytest.raises(NeedsAttention, match="elsewhere"):
        open_to("*.csv").check()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("Id,Name,Name\n1,a,b\n", "“Name”"),
        ("Nr,Name\n1,a\n", "no column “Id”"),
        ("\0\1\2\3\4\n", "no column|no table"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(folder: Path, text: str, told: str) -> None:
    put(folder, text)
    with pytest.raises(NeedsAttention, match=told):
        open_to().check()


def test_a_run_that_stopped_goes_on_in_the_same_file_and_begins_anew_in_another(folder: Path) -> None:
    put(folder, "Id\n" + "".join(f"{number}\n" for number in range(30)))
    system = open_to()
    system.page_rows = 10
    first = pages(system)[0]
    rest = pages(system, json.loads(json.dumps(first.cursor)))
    assert [record.id for page in rest for record in page.records] == [str(number) for number in range(10, 30)]
    assert not any(page.complete for page in rest)
    put(folder, "Id\n" + "".join(f"{number}\n" for number in range(31)))
    assert len(records(system, first.cursor)) == 31
    assert pages(system, first.cursor)[-1].complete
    system.close()


def test_a_file_of_changes_is_read_once_and_never_whole_and_never_written_for(folder: Path) -> None:
    put(folder, "Id,Name\n1,Ann\n")
    with opened(mode="changes") as system:
        (page,) = pages(system)
        assert not page.complete
        assert pages(system, page.cursor) == []
        (kind,) = system.describe()
        assert (kind.whole_lists, kind.can_create, kind.can_update) == (False, False, False)
        with pytest.raises(NeedsAttention, match="only what changed"):
            list(system.write("rows", [Write("1", {"Name": "x"})]))
        put(folder, "Id,Name\n2,Bob\n")
        assert [record.id for record in records(system, page.cursor)] == ["2"]


def test_what_is_written_stands_in_a_private_file_beside_and_counts_until_the_list_changes(folder: Path) -> None:
    source = put(folder, "Id,Name,Town\n1,Ann,Aix\n")
    before = source.read_bytes()
    with opened() as system:
        list(system.write("rows", [Write("1", {"Name": "=1+1"}), Write(None, {"Id": "2", "Name": "Bob"})]))
        list(system.write("rows", [Write("1", {"Town": "Bonn"})]))
    (written,) = folder.glob(CHANGES)
    assert written.read_text("utf-8-sig").splitlines() == [
        "AlumniSync: what changes,Id,Name,Town",
        "Name,1,'=1+1,Aix",
        "new row,2,Bob,",
        "Town,1,'=1+1,Bonn",
    ]
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert source.read_bytes() == before
    assert by_id(open_to())["1"].values == {"Id": "1", "Name": "=1+1", "Town": "Bonn"}
    put(folder, "Id,Name,Town\n1,Ann,Cork\n")
    assert by_id(open_to())["1"].values == {"Id": "1", "Name": "Ann", "Town": "Cork"}
    assert list(by_id(open_to("*.csv"))) == ["1"]


def test_a_row_whose_writing_was_cut_off_does_not_count(folder: Path) -> None:
    put(folder, "Id,Name\n1,Ann\n2,Bob\n")
    with opened() as system:
        list(system.write("rows", [Write("1", {"Name": "Anne"}), Write("2", {"Name": "Robert"})]))
    (written,) = folder.glob(CHANGES)
    written.write_bytes(written.read_bytes()[:-4])
    assert {id: record.values["Name"] for id, record in by_id(open_to()).items()} == {"1": "Anne", "2": "Bob"}


def test_each_bad_write_is_refused_alone(folder: Path) -> None:
    put(folder, "Id,Name\n1,Ann\n2,Bob\n2,Eve\n")
    with opened() as system:
        outcomes = list(
            system.write(
                "rows",
                [
                    Write(None, {"Id": "1"}),
                    Write(None, {"Name": "without key"}),
                    Write("1", {"Nickname": "x"}),
                    Write("1", {"Id": "9"}),
                    Write("2", {"Name": "twice there"}),
                    Write("1", {"Name": ["a", "list"]}),
                    Write("1", {"Name": "fine"}),
                ],
            )
        )
    expected: list[type[ConnectorError] | None] = [Duplicate, *[Rejected] * 5, None]
    assert [type(outcome.error) if outcome.error else None for outcome in outcomes] == expected


def test_a_file_that_changes_while_it_is_read_is_read_again_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folder, "Id\n1\n")

    def grow(file: object) -> str:
        path.write_bytes(b"Id\n1\n2\n")
        return "x"

    monkeypatch.setattr("connectors.systems.spreadsheet.content_of", grow)
    with pytest.raises(Temporary, match="changed"):
        open_to().check()


def test_other_names_for_spaces_do_not_make_another_person(folder: Path) -> None:
    put(folder, "Id ,Name\n 1 ,Ann\n")
    with opened() as system:
        assert by_id(system)["1"].values == {"Id": " 1 ", "Name": "Ann"}
        assert [record.id for record in system.read("rows", ["1", "2"], ["Name"])] == ["1"]
