"""A quick look at what is there: flat, of any connection, kept nowhere."""

from __future__ import annotations

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from connectors.described import remember
from connectors.looking import EXAMPLES, MOST_RECORDS, csv_of, flat, look
from connectors.models import Connection, RemoteRecord
from connectors.records import NeedsAttention
from connectors.systems.memory import MemoryConnector, Store
from tests.factories import connect, person_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def store() -> Store:
    return Store(person_type(whole_lists=True))


@pytest.fixture
def connection(store: Store) -> Connection:
    row = connect(store, "Somewhere")
    remember(row, [person_type()])
    return row


def test_nested_fields_get_the_paths_that_field_pairs_use() -> None:
    person = {
        "name": {"first": "Ada", "last": "Byrne"},
        "emails": [{"label": "work", "address": "ada@example.org"}, {"label": "home", "address": ""}],
        "ids": [{"key": "crm", "value": "7"}],
        "tags": ["a", "b"],
        "twice": [{"label": "x"}, {"label": "x"}],
        "nothing": {},
    }
    assert dict(flat(person)) == {
        "name.first": "Ada",
        "name.last": "Byrne",
        "emails[work].address": "ada@example.org",
        "emails[home].address": "",
        "ids[crm].value": "7",
        "tags": ["a", "b"],
        "twice": [{"label": "x"}, {"label": "x"}],
        "nothing": {},
    }


def test_what_is_nested_deep_is_not_taken_apart() -> None:
    value: dict[str, object] = {"end": 1}
    for _ in range(900):
        value = {"in": value}
    ((path, _),) = flat(value)
    assert path == ".".join(["in"] * 9)


def test_half_characters_and_code_in_names_are_shown_as_text(store: Store, connection: Connection) -> None:
    store.put("person", {"first": "Ada\ud800", "last": 2**80, "email": ["\ud800"], "\ud800": "x"}, "7")
    table = csv_of(look(connection, "person"))
    assert table.encode().decode() == table
    assert "Ada?" in table


def test_a_few_records_are_all_there_is(store: Store, connection: Connection) -> None:
    store.put("person", {"first": "Ada", "last": "", "email": "ada@example.org"}, "7")
    store.put("person", {"first": "Bo", "phone": None}, "8")
    sample = look(connection, "person")
    columns = {column.name: column for column in sample.columns}
    assert sample.is_all
    assert list(columns)[:3] == ["Record id", "first", "last"]
    assert [row[:2] for row in sample.rows] == [("7", "Ada"), ("8", "Bo")]
    assert (columns["first"].filled, columns["first"].examples) == (2, ("Ada", "Bo"))
    assert (columns["last"].filled, columns["phone"].filled, columns["email"].filled) == (0, 0, 1)


def test_of_many_only_the_first_are_read(store: Store, connection: Connection) -> None:
    for number in range(4 * MOST_RECORDS):
        store.put("person", {"first": f"Person {number}"}, f"{number:04}")
    sample = look(connection, "person")
    assert len(sample.rows) == MOST_RECORDS
    assert not sample.is_all
    assert len(sample.columns[1].examples) == EXAMPLES


def test_nothing_of_it_is_kept(store: Store, connection: Connection) -> None:
    store.put("person", {"first": "Ada"}, "7")
    look(connection, "person")
    assert not RemoteRecord.objects.exists()


def test_where_reading_uses_up_what_is_read_nothing_is_read(
    store: Store, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryConnector, "may_look", False)
    with pytest.raises(NeedsAttention, match="uses up what is read"):
        look(connection, "person")
    assert "poll" not in [call[0] for call in store.calls]


def test_the_file_holds_no_formula(store: Store, connection: Connection) -> None:
    store.put("person", {"first": "=1+1", "phone": "+1 573 555 0100"}, "7")
    rows = list(csv.reader(io.StringIO(csv_of(look(connection, "person")).removeprefix("\ufeff"))))
    assert rows[0][0] == "Record id"
    assert "'=1+1" in rows[1]
    assert "'+1 573 555 0100" in rows[1]


def address(connection: Connection) -> str:
    return reverse("admin:connectors_connection_look", args=[connection.pk])


def test_the_page_shows_records_and_their_fields(admin_client: Client, store: Store, connection: Connection) -> None:
    store.put("person", {"first": "<b>Ada</b>", "email": "ada@example.org"}, "7")
    page = admin_client.post(address(connection), {"name": "person"}).content.decode()
    assert "All 1 records" not in page
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    assert "<b>Ada</b>" not in page
    assert "1 of 1" in page


def test_the_file_comes_down(admin_client: Client, store: Store, connection: Connection) -> None:
    store.put("person", {"first": "Ada"}, "7")
    answer = admin_client.post(address(connection), {"name": "person", "form": "csv"})
    assert answer["Content-Disposition"] == 'attachment; filename="person.csv"'
    assert "Ada" in answer.content.decode()


def test_what_went_wrong_is_said_on_the_page_of_the_kind(
    admin_client: Client, store: Store, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryConnector, "may_look", False)
    answer = admin_client.post(address(connection), {"name": "person"}, follow=True)
    assert "uses up what is read" in answer.content.decode()


def test_a_kind_that_nobody_described_is_not_there(admin_client: Client, connection: Connection) -> None:
    assert admin_client.post(address(connection), {"name": "unheard"}).status_code == 404


def test_who_may_not_see_people_may_not_look(client: Client, connection: Connection) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.post(address(connection), {"name": "person"}).status_code == 403
