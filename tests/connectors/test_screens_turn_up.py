"""The turn-up page: how to call, tokens that are shown once, what has come, staff typed by hand."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from connectors.models import AccessToken, Connection, ReceivedRecord, ServiceNote
from connectors.receiving import uses
from connectors.receiving.inbox import Entry, save, there
from connectors.receiving.staff import read_lines
from connectors.receiving.standing import standings
from connectors.receiving.tokens import holder, make_token
from connectors.receiving.uses import note_use
from connectors.records import Rejected
from connectors.systems.intouch_receiver import InTouchReceiver

pytestmark = pytest.mark.django_db

TOKEN = re.compile(r"as_[A-Za-z0-9_-]{40,}")
MOST_STATEMENTS = 20


@pytest.fixture
def clubs() -> Connection:
    settings = {"client_id": "C-77", "club_ids": ["12", "13"]}
    return Connection.objects.create(name="Clubs", system="intouch_receiver", settings=settings)


def url(name: str, connection: Connection) -> str:
    return reverse(f"admin:connectors_connection_{name}", args=[connection.pk])


def words(answer: Any) -> str:
    return " ".join(unescape(strip_tags(answer.content.decode().replace("<", " <"))).split())


def token_of(connection: Connection, club: str = "12") -> AccessToken:
    found = holder(make_token(connection, club, by="ada"))
    assert found
    return found


def states(connection: Connection, club: str = "12") -> dict[str, str]:
    standing = next(one for one in standings(InTouchReceiver, connection) if one.place == club)
    return {one.service.name: one.state for one in standing.services}


def test_the_page_says_how_each_service_is_called(
    admin_client: Client, clubs: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(MOST_STATEMENTS):
        page = words(admin_client.get(url("turn_up", clubs)))
    for service in InTouchReceiver.services:
        path = service.path.format(place="12", id="OUR-ID")
        assert f"{service.method} http://testserver/api/intouch_receiver{path} " in f"{page} ", service.name
    assert "Authorization: Bearer" in page
    assert "ada.ashgrove@example.org" in page
    assert "10 services not called yet" in page
    assert "http://testserver/api/docs" in page
    assert "Turn-up" in words(admin_client.get(url("change", clubs)))


def test_a_token_is_shown_once_and_kept_nowhere(admin_client: Client, clubs: Connection) -> None:
    answer = admin_client.post(url("make_token", clubs), {"place": "12"})
    (token,) = TOKEN.findall(answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    made = holder(token)
    assert made is not None
    assert (made.place, made.made_by) == ("12", "admin")
    assert not TOKEN.search(admin_client.get(url("turn_up", clubs)).content.decode())
    kept: list[object] = [*AccessToken.objects.values_list(), *LogEntry.objects.values_list()]
    kept += [session.get_decoded() for session in Session.objects.all()]
    assert token not in repr(kept)
    assert "Added" in LogEntry.objects.latest("pk").get_change_message()


def test_a_token_is_made_only_for_what_the_settings_name(admin_client: Client, clubs: Connection) -> None:
    assert admin_client.post(url("make_token", clubs), {"place": "99"}).status_code == 302
    assert not AccessToken.objects.exists()


def test_a_token_is_withdrawn(admin_client: Client, clubs: Connection) -> None:
    old, other = token_of(clubs), token_of(clubs)
    elsewhere = token_of(
        Connection.objects.create(name="Others", system="intouch_receiver", settings={"club_ids": ["12"]})
    )
    admin_client.post(url("withdraw_token", clubs), {"token": str(old.pk)})
    for wrong in ("", "x", "9" * 30, str(elsewhere.pk)):
        admin_client.post(url("withdraw_token", clubs), {"token": wrong})
    assert set(AccessToken.objects.values_list("pk", flat=True)) == {other.pk, elsewhere.pk}


def test_a_service_is_ticked_off_once_it_worked(admin_client: Client, clubs: Connection) -> None:
    caller = token_of(clubs)
    note_use(caller, "list_staff", status=422, why=["No."])
    assert "Called, but refused every time" in words(admin_client.get(url("turn_up", clubs)))
    assert states(clubs)["list_staff"] == "waited_for"
    note_use(caller, "list_staff", status=200)
    assert states(clubs)["list_staff"] == "used"
    assert states(clubs, "13")["list_staff"] == "waited_for"


def test_one_save_is_as_good_as_create_and_update(clubs: Connection) -> None:
    caller = token_of(clubs)
    note_use(caller, "save_prospect", status=201)
    now = states(clubs)
    assert [now[f"{verb}_prospect"] for verb in ("save", "create", "update")] == ["used", "instead", "instead"]
    note_use(caller, "create_member", status=201)
    assert states(clubs)["save_member"] == "waited_for"
    note_use(caller, "update_member", status=200)
    assert states(clubs)["save_member"] == "instead"


def test_what_a_client_does_without_is_not_waited_for(clubs: Connection) -> None:
    clubs.settings |= {"staff_owners": False, "lead_sources": False}
    clubs.save()
    left_out = {name for name, state in states(clubs).items() if state == "left_out"}
    assert left_out == {"list_staff", "list_lead_sources", "create_lead_source", "update_lead_source"}


def test_the_log_says_why(admin_client: Client, clubs: Connection) -> None:
    note_use(token_of(clubs), "create_prospect", status=422, record="guid-7", why=["email: This is not an address."])
    page = words(admin_client.get(url("turn_up", clubs)))
    assert "Refused Create a prospect Club 12 guid-7 email: This is not an address." in page


def test_old_notes_make_room(clubs: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "MOST_NOTES", 3)
    monkeypatch.setattr(uses, "NOTES_PRUNED_EACH", 1)
    caller = token_of(clubs)
    for number in range(6):
        note_use(caller, "create_prospect", status=422, why=[f"No {number}."])
    assert [note.why for note in ServiceNote.objects.all()] == ["No 5.", "No 4.", "No 3."]


def test_staff_are_typed_changed_and_taken_out(admin_client: Client, clubs: Connection) -> None:
    save(clubs.pk, "staff", [Entry({"name": "Rob", "email": "rob@example.org"}, sender_id="crm-1")])
    first = "Sam Rowan, sam@example.org\n\nElm, Kim <kim@example.org>"
    admin_client.post(url("type_staff", clubs), {"staff": first})
    sam = there(clubs.pk, "staff").get(number=2)
    assert "Elm, Kim, kim@example.org" in words(admin_client.get(url("turn_up", clubs)))
    admin_client.post(url("type_staff", clubs), {"staff": "Samuel Rowan;SAM@example.org"})
    rows = there(clubs.pk, "staff").order_by("pk")
    assert [(row.values["name"], row.values["email"]) for row in rows] == [
        ("Rob", "rob@example.org"),
        ("Samuel Rowan", "SAM@example.org"),
    ]
    assert rows[1].pk == sam.pk
    assert ReceivedRecord.objects.exclude(removed_at=None).count() == 1


@pytest.mark.parametrize(
    "line", ["Sam Rowan", "Sam sam at example.org", "sam@example.org", f"{'x' * 256}, s@example.org"]
)
def test_a_line_that_is_no_staff_is_named_and_nothing_is_stored(
    admin_client: Client, clubs: Connection, line: str
) -> None:
    answer = admin_client.post(url("type_staff", clubs), {"staff": f"Kim Elm, kim@example.org\n{line}"})
    page = words(answer)
    assert "Nothing was stored. Line 2:" in page
    assert line in page
    assert not ReceivedRecord.objects.exists()


def test_more_staff_than_anybody_types_is_refused() -> None:
    with pytest.raises(Rejected, match="5,000"):
        read_lines("Sam, sam@example.org\n" * 5001)


def test_only_a_hash_of_a_token_is_in_the_database(clubs: Connection) -> None:
    token = make_token(clubs, "12", by="ada")
    with database.cursor() as sql:
        sql.execute("SELECT * FROM connectors_accesstoken")
        assert token not in repr(sql.fetchall())
    assert holder(token[:-1]) is None
