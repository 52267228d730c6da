"""Files of a connection in the browser: uploaded, looked at, used, replaced; and what was written, to download."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from connectors import uploads
from connectors.models import Connection
from connectors.records import Write
from connectors.systems.spreadsheet.source import place_in_words, place_of

pytestmark = pytest.mark.django_db
PEOPLE = b"Id,Name\n007,Zo\xc3\xab\n"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.FILES_FOLDER = tmp_path / "files"
    return Path(settings.FILES_FOLDER)


@pytest.fixture
def somebody(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


@pytest.fixture
def connection() -> Connection:
    return Connection.objects.create(name="List", system="spreadsheet")


def at(page: str, connection: Connection, *others: str) -> str:
    return reverse(f"admin:connectors_connection_{page}", args=[connection.pk, *others])


def upload(client: Client, connection: Connection, data: bytes = PEOPLE, name: str = "list.csv") -> str:
    answer = client.post(at("files", connection), {"file": SimpleUploadedFile(name, data)}, follow=True)
    return str(answer.content.decode())


def test_a_file_is_looked_at_then_used_and_the_one_before_deleted(
    somebody: Client, connection: Connection, folder: Path
) -> None:
    shown = upload(somebody, connection)
    assert "Zoë" in shown
    assert "007" in shown
    connection.refresh_from_db()
    assert connection.settings == {}
    somebody.post(at("use_file", connection), {"column": "Id"})
    connection.refresh_from_db()
    assert connection.settings == {"path": uploads.folder_of(connection), "key": "Id"}
    (kept,) = (path for path in folder.rglob("*") if path.is_file())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    upload(somebody, connection, b"Id\tName\n1\tAnn\n", "list.tsv")
    somebody.post(at("use_file", connection), {"column": "Id"})
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["people.tsv"]
    connection.refresh_from_db()
    assert [record.id for page in connection.open().poll("rows", None, ["Name"]) for record in page.records] == ["1"]


def test_an_uploaded_file_is_not_called_by_the_name_that_only_we_use(somebody: Client, connection: Connection) -> None:
    upload(somebody, connection)
    somebody.post(at("use_file", connection), {"column": "Id"})
    page = somebody.post(at("check", connection), follow=True).content.decode()
    assert "<dd>The uploaded file</dd>" in page
    assert uploads.folder_of(connection) not in page


@pytest.mark.parametrize(
    ("path", "said"),
    [("people.csv", "people.csv"), ("crm/people-*.csv", "people-*.csv in the folder crm"), ("crm", "The folder crm"),
     ("", "The folder for files")],
)  # fmt: skip
def test_files_in_the_folder_are_called_by_their_names(
    somebody: Client, connection: Connection, folder: Path, path: str, said: str
) -> None:
    (folder / "crm").mkdir(parents=True)
    for place in ("people.csv", "crm/people-1.csv"):
        (folder / place).write_bytes(PEOPLE)
    assert place_in_words(place_of(path)) == said
    if path:
        Connection.objects.update(settings={"path": path, "key": "Id"})
        assert f"<dd>{said}</dd>" in somebody.post(at("check", connection), follow=True).content.decode()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("list.exe", PEOPLE, "must end in"),
        ("list.csv", b"", "empty"),
        ("list.xlsx", b"PK\x03\x04 torn", "damaged"),
        ("list.csv", b"Id,Id\n1,2\n", "called “Id”"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    somebody: Client, connection: Connection, name: str, data: bytes, told: str
) -> None:
    said = upload(somebody, connection, data, name)
    assert told in said
    # By this name nobody here knows the file.
    assert "people." not in said


def test_a_file_that_was_thought_better_of_is_deleted(somebody: Client, connection: Connection, folder: Path) -> None:
    upload(somebody, connection)
    somebody.post(at("discard_file", connection))
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_nothing_is_used_without_a_key_or_without_a_file(somebody: Client, connection: Connection) -> None:
    somebody.post(at("use_file", connection), {"column": "Id"})
    upload(somebody, connection)
    somebody.post(at("use_file", connection), {"column": "Nobody"})
    connection.refresh_from_db()
    assert connection.settings == {}


def test_a_connection_to_a_folder_takes_no_uploads(somebody: Client, connection: Connection) -> None:
    Connection.objects.update(settings={"path": "crm/people.csv", "key": "Id"})
    assert 'type="file"' not in somebody.get(at("files", connection)).content.decode()
    assert "takes no uploaded files" in upload(somebody, connection)
    assert uploads.look(connection) is None


def test_what_was_written_can_be_downloaded_and_nothing_else(
    somebody: Client, connection: Connection, folder: Path
) -> None:
    upload(somebody, connection)
    somebody.post(at("use_file", connection), {"column": "Id"})
    connection.refresh_from_db()
    system = connection.open()
    list(system.write("rows", [Write("007", {"Name": "Zoe"})]))
    system.close()
    (written,) = uploads.written(connection)
    answer = somebody.get(at("written_file", connection, written.name))
    assert b"Zoe" in b"".join(answer)
    assert somebody.get(at("written_file", connection, "people.csv")).status_code == 302


def test_other_systems_take_no_files(somebody: Client) -> None:
    other = Connection.objects.create(name="Other", system="memory")
    assert 'type="file"' not in somebody.get(at("files", other)).content.decode()
    assert "takes no uploaded files" in upload(somebody, other)
    assert at("files", other) not in somebody.get(at("change", other)).content.decode()
