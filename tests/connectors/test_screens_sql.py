"""Tables and views in the browser: a form for each, stored as a setup file says them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from connectors.models import Connection

pytestmark = pytest.mark.django_db

ADD = reverse("admin:connectors_connection_add_system", args=["sql"])
STORED = {"person": {"table": "people", "key": "id", "changed_since": "moved"}}


@pytest.fixture(autouse=True)
def _database(settings: Any, tmp_path: Path) -> None:
    settings.FILES_FOLDER = tmp_path
    with sqlite3.connect(tmp_path / "crm.db") as there:
        there.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, moved INTEGER)")
        there.execute("CREATE TABLE gifts (id INTEGER PRIMARY KEY, amount TEXT)")


def entered(**changed: str) -> dict[str, str]:
    """What somebody types; the second form is left empty."""
    return {
        "connection-name": "Database",
        "url": "sqlite:///crm.db",
        "objects-0-name": "person",
        "objects-0-table": "people",
        "objects-0-key": "id",
        "objects-0-changed_since": "moved",
        "objects-1-name": "",
        "objects-1-table": "",
        "objects-1-key": "",
        "objects-1-changed_since": "",
        **{f"objects-{name}": text for name, text in changed.items()},
    }


def edited(client: Client, **changed: str) -> Connection:
    row = Connection.objects.get()
    given = entered(**changed) | {"url": ""}
    assert client.post(reverse("admin:connectors_connection_edit", args=[row.pk]), given).status_code == 302
    row.refresh_from_db()
    return row


def test_what_is_typed_is_stored_as_a_setup_file_says_it(admin_client: Client) -> None:
    assert admin_client.post(ADD, entered()).status_code == 302
    row = Connection.objects.get()
    assert row.settings == {"objects": STORED}
    page = admin_client.post(reverse("admin:connectors_connection_check", args=[row.pk]), follow=True).content.decode()
    assert "person" in page
    row.refresh_from_db()
    assert row.checked_at is not None


def test_a_form_shows_what_is_stored_and_one_for_another(admin_client: Client) -> None:
    admin_client.post(ADD, entered())
    row = Connection.objects.get()
    page = admin_client.get(reverse("admin:connectors_connection_edit", args=[row.pk])).content.decode()
    assert 'name="objects-0-table" value="people"' in page
    assert 'name="objects-1-table"' in page
    assert "{&quot;" not in page


def test_another_is_added_and_one_removed(admin_client: Client) -> None:
    admin_client.post(ADD, entered())
    gift = {"1-name": "gift", "1-table": "gifts", "1-key": "id"}
    assert edited(admin_client, **gift).settings["objects"] == {**STORED, "gift": {"table": "gifts", "key": "id"}}
    left = edited(admin_client, **gift, **{"0-remove": "on"})
    assert left.settings["objects"] == {"gift": {"table": "gifts", "key": "id"}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"0-key": ""}, "person: Column with the key is missing."),
        ({"0-table": " "}, "person: Table or view is missing."),
        ({"0-name": ""}, "Without a name: Give it a name"),
        ({"0-name": "a;b"}, "a;b: Give it a name"),
        ({"0-name": "", "0-table": "", "0-key": "", "0-changed_since": ""}, "This field is required."),
    ],
)
def test_what_is_missing_is_said_and_nothing_lost(admin_client: Client, changed: dict[str, str], said: str) -> None:
    page = admin_client.post(ADD, entered(**changed)).content.decode()
    assert said in page
    assert not Connection.objects.exists()
    if "0-key" in changed and "0-name" not in changed:
        assert 'name="objects-0-table" value="people"' in page
