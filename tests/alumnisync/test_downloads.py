"""The changes of a run as files: exact, never a formula, and made chunk by chunk."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from alumnisync import downloads, tables
from alumnisync.downloads import COLUMNS, csv_of, rows_of, xlsx_of
from alumnisync.models import SyncRun
from alumnisync.tables import LONGEST_CELL, fitting
from connectors.cells import unescape
from tests.factories import World

pytestmark = pytest.mark.django_db

NASTY = '=HYPERLINK("http://example.org","Ada, ""the"" countess")'


def previewed(*last_names: str) -> SyncRun:
    """A preview that would change each of these people's last name."""
    world = World()
    people = [world.pair_up() for _ in last_names]
    world.go()
    for (left, _), name in zip(people, last_names, strict=True):
        world.left.alter("person", left, {"last": name})
    return SyncRun.objects.get(pk=world.run(preview=True)["run"])


def read_csv(run: SyncRun) -> list[list[str]]:
    text = b"".join(csv_of(run)).decode()
    assert text.startswith("\ufeff")
    return [[unescape(cell) for cell in row] for row in csv.reader(io.StringIO(text[1:], newline=""))]


def read_xlsx(run: SyncRun) -> list[list[str]]:
    with xlsx_of(run) as file:
        book = load_workbook(file)
    return [[cell or "" for cell in row] for sheet in book for row in sheet.iter_rows(values_only=True)]


def cells(row: list[str], *names: str) -> list[str]:
    return [row[COLUMNS.index(name)] for name in names]


def test_a_row_says_who_where_and_what_before_and_after() -> None:
    run = previewed("Lovelace")
    heading, row = read_csv(run)
    change = run.changes.get(kind="update")
    assert change.record is not None
    assert heading == list(COLUMNS)
    assert cells(row, "run", "system", "record id", "kind", "field", "after", "state", "reason") == [
        str(run.pk), f"{run.sync.name} right", change.record.remote_id, "updated", "last", "Lovelace", "not sent yet",
        "",
    ]  # fmt: skip
    assert cells(row, "before")[0].startswith("Byron")


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    "text", [NASTY, "+1 573 555 0100", "-5", "@x", "'tis", "two\r\nlines", "Zoë 王", "a;b,c", "#N/A"]
)
def test_both_forms_give_back_exactly_what_was_there(text: str) -> None:
    run = previewed(text)
    assert [cells(rows[1], "after") for rows in (read_csv(run), read_xlsx(run))] == [
        [text],
        [text.replace("\r\n", "\n")],
    ]


def test_no_cell_of_the_csv_begins_like_a_formula() -> None:
    run = previewed(NASTY, "+1", "-5", "@x")
    text = b"".join(csv_of(run)).decode().removeprefix("\ufeff")
    found = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert f"'{NASTY}" in found
    assert not [cell for cell in found if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_every_cell_of_the_workbook_is_text() -> None:
    with xlsx_of(previewed(NASTY, "+1", "-5", "007", "#N/A")) as file:
        sheet = load_workbook(file).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} <= {"s", "inlineStr"}
    assert "007" in {cell.value for row in sheet.iter_rows() for cell in row}


def test_statements_grow_with_chunks_and_not_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    run = previewed(*(f"Name{number}" for number in range(12)))
    list(rows_of(run))
    counted = {}
    for chunk in (5, 50):
        monkeypatch.setattr(downloads, "CHUNK", chunk)
        with CaptureQueriesContext(connection) as asked:
            assert len(list(rows_of(run))) == 12
        counted[chunk] = len(asked)
    assert counted[5] == 3 * counted[50] < 15


def test_the_first_rows_come_before_the_last_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    run = previewed(*(f"Name{number}" for number in range(12)))
    monkeypatch.setattr(downloads, "CHUNK", 2)
    with CaptureQueriesContext(connection) as asked:
        rows = rows_of(run)
        next(rows)
        begun = len(asked)
        list(rows)
    assert begun < len(asked) / 2


def test_rows_beyond_a_sheet_go_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    run = previewed("A", "B", "C")
    monkeypatch.setattr(tables, "ROWS_A_SHEET", 2)
    with xlsx_of(run) as file:
        sheets = load_workbook(file).worksheets
    assert [(sheet.title, sheet.max_row) for sheet in sheets] == [("Changes", 3), ("Changes 2", 2)]


def test_what_a_workbook_cannot_hold_is_said() -> None:
    long = fitting("x" * (LONGEST_CELL + 1))
    assert len(long) == LONGEST_CELL
    assert long.endswith("(cut here: 32,768 characters)")
    assert fitting("x" * LONGEST_CELL) == "x" * LONGEST_CELL
    assert fitting("a\x00b\x07c\td") == "a\ufffdb\ufffdc\td"


def test_a_run_without_changes_has_its_heading_alone() -> None:
    run = SyncRun.objects.get(pk=World().run(preview=True)["run"])
    assert read_csv(run) == [list(COLUMNS)] == read_xlsx(run)


@pytest.mark.parametrize(("form", "type_"), [("csv", "text/csv"), ("xlsx", "application/vnd.openxmlformats")])
def test_whoever_may_look_may_download(form: str, type_: str, admin_client: Client, client: Client) -> None:
    run = previewed("Lovelace")
    at = reverse("admin:alumnisync_syncrun_download", args=[run.pk, form])
    answer: Any = admin_client.get(at)
    assert b"".join(answer.streaming_content)
    assert answer["Content-Type"].startswith(type_)
    assert f"{run.sync.name}-run-{run.pk}.{form}" in answer["Content-Disposition"]
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    assert client.get(at).status_code == 403
    assert admin_client.post(at).status_code == 405
    assert admin_client.get(at.replace(form, "exe")).status_code == 404
