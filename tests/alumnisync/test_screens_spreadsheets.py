"""The spreadsheets of a sync: down for whoever may look, up by way of a preview for whoever may edit."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from alumnisync.roles import EDITORS, VIEWERS
from mappings.models import FieldMapping, Sync
from mappings.resources import FORMATS
from mappings.versions import draft_of
from tests.factories import World

pytestmark = pytest.mark.django_db
MOST_STATEMENTS = 15
PAIRS: tuple[dict[str, Any], ...] = (
    {"left": "first", "right": "first"},
    {"left": "last", "right": "last"},
    {"left": "email", "right": "email", "kind": "email"},
    {"left": "status", "right": "status", "kind": "choice", "value_map": {"pairs": [["a", "A"]]}},
)


@pytest.fixture
def sync() -> Sync:
    sync = World(PAIRS).sync
    for side, name in (("left", "Directory"), ("right", "CRM")):
        there = sync.versions.get().sides.get(side=side).connection
        there.name = name
        there.save()
    return sync


def client_of(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def viewer() -> Client:
    return client_of(VIEWERS)


@pytest.fixture
def editor() -> Client:
    return client_of(EDITORS)


def address(sync: Sync, name: str, *more: str) -> str:
    return reverse(f"admin:mappings_sync_{name}", args=[sync.pk, *more])


def upload(client: Client, sync: Sync, content: bytes | str, name: str = "rules.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post(address(sync, "spreadsheet_up"), {"file": SimpleUploadedFile(name, data)})


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def sheet(answer: Any) -> list[tuple[Any, ...]]:
    return list(load_workbook(io.BytesIO(answer.content)).worksheets[0].iter_rows(values_only=True))


@pytest.mark.quick(3)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("which", ["field-pairs", "drop-down-pairs"])
def test_a_viewer_downloads_every_file_and_it_comes_up_as_it_was(
    sync: Sync, viewer: Client, editor: Client, which: str, form: str
) -> None:
    page = viewer.get(address(sync, "spreadsheets"))
    link = address(sync, "spreadsheet_down", which, form)
    assert link in page.content.decode()
    answer = viewer.get(link)
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="{sync.name}-{which}-version-1.{form}"'
    shown = upload(editor, sync, answer.content, f"rules.{form}")
    assert "Nothing to do" in text_of(shown)
    assert "Store in the draft" not in text_of(shown)


def test_a_viewer_may_not_upload(sync: Sync, viewer: Client) -> None:
    assert "Upload" not in text_of(viewer.get(address(sync, "spreadsheets")))
    assert upload(viewer, sync, "left,right\n").status_code == 403
    assert viewer.post(address(sync, "spreadsheet_store"), {"rows": "x"}).status_code == 403


def test_without_a_role_there_is_nothing_to_see(sync: Sync) -> None:
    nobody = Client()
    nobody.force_login(User.objects.create_user("nobody", is_staff=True))
    for link in (address(sync, "spreadsheets"), address(sync, "spreadsheet_down", "field-pairs", "csv")):
        assert nobody.get(link).status_code == 403
        assert Client().get(link).status_code == 302


def test_nothing_is_stored_by_get(sync: Sync, editor: Client) -> None:
    for name in ("spreadsheet_up", "spreadsheet_store"):
        assert editor.get(address(sync, name)).status_code == 405


@pytest.mark.parametrize(("which", "form"), [("field-pairs", "exe"), ("people", "csv"), ("template-field", "csv")])
def test_what_there_is_not_is_not_found(sync: Sync, viewer: Client, which: str, form: str) -> None:
    assert viewer.get(address(sync, "spreadsheet_down", which, form)).status_code == 404


def rows_in(answer: Any, name: str = "rows") -> str:
    """What the form that stores holds; the first on the page is the one for keeping, where there is one."""
    assert answer.status_code == 200
    return str(answer.context[name])


def test_a_preview_shows_what_changes_and_stores_nothing(sync: Sync, editor: Client) -> None:
    ids = dict(FieldMapping.objects.values_list("left", "stable_id"))
    content = f"id,left,right,To CRM,Note\n{ids['first']},first,first,review,x\n,city,city,,\n"
    text = text_of(upload(editor, sync, content))
    assert "The column “Note” is not known here" in text
    assert "To CRM: automatic → becomes review" in text
    assert "added city ↔ city" in text
    assert "Removed, because not in the file: 3" in text
    assert "last ↔ last" in text
    assert draft_of(sync) is None


def test_what_was_shown_is_stored_as_a_draft_by_who_did_it(sync: Sync, editor: Client) -> None:
    shown = upload(editor, sync, "left;right;To CRM\nfirst;first;review\n")
    assert editor.post(address(sync, "spreadsheet_store"), {"rows": rows_in(shown)}).status_code == 302
    draft = draft_of(sync)
    assert draft is not None
    assert draft.created_by == EDITORS
    assert list(draft.field_mappings.values_list("left", "to_right")) == [("first", "review")]


def test_rows_that_are_not_in_the_file_are_kept_where_somebody_says_so(sync: Sync, editor: Client) -> None:
    shown = upload(editor, sync, "left,right,To CRM\nfirst,first,review\n")
    kept = editor.post(address(sync, "spreadsheet_up"), {"rows": rows_in(shown, "rows_otherwise")})
    assert "Kept, though not in the file: 3" in text_of(kept)
    assert not kept.context["proposal"].count("removed")
    editor.post(address(sync, "spreadsheet_store"), {"rows": rows_in(kept)})
    draft = draft_of(sync)
    assert draft is not None
    assert draft.field_mappings.count() == len(PAIRS)
    assert draft.field_mappings.get(left="first").to_right == "review"


def test_wrong_rows_are_told_and_nothing_is_stored(sync: Sync, editor: Client) -> None:
    answer = upload(editor, sync, "left,right,Both changed\nfirst,first,newst\nlast,last,\n")
    assert "Row 2 “newst” is not a word for “Both changed”; did you mean “newest”?" in text_of(answer)
    assert "Store in the draft" not in text_of(answer)
    assert draft_of(sync) is None


def test_a_damaged_file_and_no_file_are_told(sync: Sync, editor: Client) -> None:
    assert "damaged" in text_of(upload(editor, sync, b"PK\x03\x04...", "rules.xlsx"))
    assert "The file is empty" in text_of(upload(editor, sync, " ", "rules.csv"))
    assert "Choose a file first" in text_of(editor.post(address(sync, "spreadsheet_up"), {}))


def test_a_preview_that_is_outdated_is_not_stored(sync: Sync, editor: Client) -> None:
    first = upload(editor, sync, "left,right,To CRM\nfirst,first,review\n")
    second = upload(editor, sync, "left,right,To CRM\nlast,last,review\n")
    editor.post(address(sync, "spreadsheet_store"), {"rows": rows_in(second)})
    answer = editor.post(address(sync, "spreadsheet_store"), {"rows": rows_in(first)}, follow=True)
    assert "Somebody saved these rules since the file was shown" in text_of(answer)
    draft = draft_of(sync)
    assert draft is not None
    assert list(draft.field_mappings.values_list("left", flat=True)) == ["last"]


def test_rows_are_taken_only_as_they_were_shown_and_for_this_sync(sync: Sync, editor: Client) -> None:
    rows = rows_in(upload(editor, sync, "left,right\nfirst,first\n"))
    other = World(PAIRS).sync
    for where, sent in ((sync, rows[:-2]), (sync, ""), (other, rows)):
        answer = editor.post(address(where, "spreadsheet_store"), {"rows": sent})
        assert "not the one that was shown" in text_of(answer)
        assert draft_of(where) is None


def test_labels_and_ids_stand_beside_the_fields(sync: Sync, viewer: Client) -> None:
    heads, *rows = sheet(viewer.get(address(sync, "spreadsheet_down", "field-pairs", "xlsx")))
    assert heads[:5] == ("Id", "Directory field", "Directory label", "CRM field", "CRM label")
    assert [row[1] for row in rows] == [pair["left"] for pair in PAIRS]
    assert {row[0] for row in rows} == set(FieldMapping.objects.values_list("stable_id", flat=True))


def test_a_vendors_template_is_offered_where_its_system_takes_part(sync: Sync, viewer: Client) -> None:
    side = sync.versions.get().sides.get(side="right")
    assert "Template" not in text_of(viewer.get(address(sync, "spreadsheets")))
    type(side.connection).objects.filter(pk=side.connection_id).update(system="alumni360")
    side.object_type = "user"
    side.save()
    assert "sorted by Preferred Order" in text_of(viewer.get(address(sync, "spreadsheets")))
    heads, *rows = sheet(viewer.get(address(sync, "spreadsheet_down", "template-preferred", "xlsx")))
    assert heads[:2] == ("Preferred Order", "JSON field")
    assert "Directory field" in heads
    assert [row[1] for row in rows] == ["email", "first", "last", "status"]


def test_a_sync_without_rules_says_what_to_do(viewer: Client, editor: Client) -> None:
    sync = Sync.objects.create(name="begun")
    assert "has no rules yet" in text_of(viewer.get(address(sync, "spreadsheets")))
    assert viewer.get(address(sync, "spreadsheet_down", "field-pairs", "csv")).status_code == 404
    assert upload(editor, sync, "left,right\n").status_code == 404


def test_few_statements_however_many_pairs_there_are(editor: Client) -> None:
    fields = ("first", "last", "email", "city", "zip", "crm_id", "old_email", "no_mail", "dead")
    sync = World(tuple({"left": name, "right": name} for name in fields)).sync
    content = "left,right,group\n" + "".join(f"{name},{name},all\n" for name in fields)
    with CaptureQueriesContext(
        connection,
    ) as page:
        assert editor.get(address(sync, "spreadsheets")).status_code == 200
    with CaptureQueriesContext(connection) as down:
        assert editor.get(address(sync, "spreadsheet_down", "field-pairs", "csv")).status_code == 200
    with CaptureQueriesContext(connection) as shown:
        assert upload(editor, sync, content).status_code == 200
    seen = [len(page), len(down), len(shown)]
    assert max(seen) <= MOST_STATEMENTS, seen
