"""The receiver as a system: the contract where it applies, and what was received on its way to the other side."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from connectors.checking import check
from connectors.models import Connection, ReceivedRecord
from connectors.receiving import inbox
from connectors.receiving.inbox import Entry, save
from connectors.receiving.tokens import make_token
from connectors.records import NeedsAttention, ObjectType, Record, Rejected, Values, Write
from connectors.systems.intouch_receiver import InTouchReceiver, InTouchSettings
from connectors.systems.intouch_receiver.keeping import keep_person
from tests.connectors.contract import Bench, ConnectorContract

pytestmark = pytest.mark.django_db

SETTINGS = {"client_id": "C-77", "club_ids": ["12", "13"]}


def connected(name: str = "Clubs", **settings: Any) -> Connection:
    return Connection.objects.create(name=name, system="intouch_receiver", settings={**SETTINGS, **settings})


def opened(connection: Connection, page_size: int = 10) -> InTouchReceiver:
    connector = connection.open()
    assert isinstance(connector, InTouchReceiver)
    vars(connector)["page_size"] = page_size
    return connector


class InTouchBench(Bench):
    """Staff, the one kind of record that an engine writes here with fields to compare."""

    object_type = "staff"
    fields = ("name", "email")
    key_field = "external_id"
    guards_stale = True
    # What comes in is JSON as the standard says.
    impossible = frozenset({"lone surrogate"})

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.connector = self.reopen()

    def reopen(self) -> InTouchReceiver:
        return opened(self.connection)

    def person(self, number: int) -> Values:
        return {"name": f"Sam Rowan {number}", "email": f"sam{number}@example.org"}

    def fill(self, count: int) -> list[str]:
        saved = save(self.connection.pk, "staff", [Entry(self.person(number)) for number in range(count)])
        return [str(one.row.pk) for one in saved if one.row]

    def alter(self, id: str, values: Values) -> None:
        (saved,) = save(self.connection.pk, "staff", [Entry(values, id)])
        assert saved.error is None

    def values(self, id: str) -> Values:
        row = ReceivedRecord.objects.get(pk=int(id))
        return {**row.values, "external_id": row.sender_id}

    def ids(self) -> set[str]:
        return {str(row.pk) for row in inbox.there(self.connection.pk, "staff")}

    def fault(self, name: str) -> AbstractContextManager[object]:
        pytest.skip("its records are in our own database: nothing is asked over a network")


class TestInTouchReceiverContract(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return InTouchBench(connected())


def person(connection: Connection, id: str, club: str = "12", stage: str = "prospect", **values: Any) -> str:
    saved = keep_person(connection.pk, club, stage, {"external_id": id, "last_name": "Ashgrove", **values}, id=None)
    assert saved.row
    return str(saved.row.pk)


def polled(connector: InTouchReceiver, object_type: str, cursor: Any = None) -> tuple[dict[str, Record], Any]:
    pages = list(connector.poll(object_type, cursor, []))
    return {record.id: record for page in pages for record in page.records}, pages[-1].cursor if pages else cursor


def kind(connector: InTouchReceiver, name: str) -> ObjectType:
    (found,) = connector.describe((name,))
    return found


def test_prospects_are_everybody_and_members_those_who_joined() -> None:
    connection = connected()
    connector = opened(connection)
    ada, rob = person(connection, "a"), person(connection, "r", "13", "member")
    everybody, cursor = polled(connector, "prospect")
    assert {id: (one.values["stage"], one.values["place"]) for id, one in everybody.items()} == {
        ada: ("prospect", "12"),
        rob: ("member", "13"),
    }
    assert set(polled(connector, "member")[0]) == {rob}
    person(connection, "a", stage="member")
    again, _ = polled(connector, "prospect", cursor)
    assert {id: one.values["stage"] for id, one in again.items()} == {ada: "member"}
    assert set(polled(connector, "member")[0]) == {ada, rob}


def test_what_was_saved_unchanged_is_no_change() -> None:
    connection = connected()
    connector = opened(connection)
    person(connection, "a", email="ada@example.org")
    _, cursor = polled(connector, "prospect")
    person(connection, "a", email="ada@example.org")
    assert polled(connector, "prospect", cursor) == ({}, cursor)


def test_another_connection_has_another_inbox() -> None:
    here, there = connected(), connected("Others")
    id = person(here, "a")
    assert polled(opened(there), "prospect")[0] == {}
    assert list(opened(there).read("prospect", [id], [])) == []
    assert person(there, "a") != id


def test_a_field_that_no_document_lists_is_learned() -> None:
    connection = connected()
    connector = opened(connection)
    assert kind(connector, "prospect").field("locker") is None
    id = person(connection, "a", locker="7")
    learned = kind(connector, "member").field("locker")
    assert learned is not None
    assert not learned.writable
    assert polled(connector, "prospect")[0][id].values["locker"] == "7"


def test_whom_the_connector_sends_nobody_writes() -> None:
    connector = opened(connected())
    for name in ("prospect", "member"):
        assert not kind(connector, name).can_create
        assert not kind(connector, name).can_update
        assert not any(field.writable for field in kind(connector, name).fields)
        with pytest.raises(NeedsAttention, match="never reads them"):
            list(connector.write(name, [Write(None, {"last_name": "Ashgrove"})]))


@pytest.mark.parametrize(
    ("values", "field"),
    [({"nickname": "Sam"}, "nickname"), ({"name": 7}, "name"), ({"email": "x" * 255}, "email")],
)
def test_what_staff_can_not_hold_is_refused_alone(values: Values, field: str) -> None:
    connector = opened(connected())
    good = {"name": "Sam Rowan", "email": "sam@example.org"}
    first, refused, last = connector.write("staff", [Write(None, v) for v in (good, values, good)])
    assert isinstance(refused.error, Rejected)
    assert list(refused.error.fields) == [field]
    assert [outcome.record.values["name"] for outcome in (first, last) if outcome.record] == ["Sam Rowan"] * 2


def test_who_was_removed_is_reported_as_deleted_and_listed_no_longer() -> None:
    connection = connected()
    connector = opened(connection)
    (saved,) = save(connection.pk, "staff", [Entry({"name": "Sam", "email": "sam@example.org"})])
    assert saved.row
    _, cursor = polled(connector, "staff")
    inbox.remove(inbox.there(connection.pk, "staff"), connection.pk)
    gone, _ = polled(connector, "staff", cursor)
    assert [record.deleted for record in gone.values()] == [True]
    assert not inbox.there(connection.pk, "staff").exists()
    assert list(connector.read("staff", [str(saved.row.pk)], [])) == []


def test_a_check_says_who_it_is_and_which_club_has_no_token() -> None:
    connection = connected()
    make_token(connection, "12", by="ada")
    checked = check(connection, look=True)
    assert (checked.identity.organisation, checked.identity.label) == ("C-77", "Client C-77")
    assert "No token was made yet for 13" in " ".join(checked.identity.notes)
    assert [each.name for each in checked.described] == ["prospect", "member", "staff", "lead_source"]
    make_token(connection, "13", by="ada")
    assert "No token" not in " ".join(check(connection).identity.notes)


def test_a_connection_that_is_not_stored_has_received_nothing() -> None:
    with pytest.raises(NeedsAttention, match="Store this connection"):
        InTouchReceiver({**SETTINGS}).check()


@pytest.mark.parametrize("clubs", ["", "a/b", "x" * 101])
def test_club_ids_have_to_fit_an_address(clubs: str) -> None:
    form = InTouchSettings({"client_id": "C-77", "club_ids": clubs})
    assert "club_ids" in form.errors


def test_club_ids_are_kept_once_each() -> None:
    form = InTouchSettings({"client_id": "C-77", "club_ids": "12, 13, 12"})
    assert form.is_valid()
    assert form.cleaned_data["club_ids"] == ["12", "13"]


def test_many_are_saved_in_few_statements() -> None:
    connection = connected()

    def statements(count: int) -> int:
        entries = [Entry({"name": f"N{n}"}, sender_id=f"{count}-{n}") for n in range(count)]
        with CaptureQueriesContext(database) as captured:
            save(connection.pk, "staff", entries)
            save(connection.pk, "staff", [Entry({"name": "N"}, sender_id=one.sender_id) for one in entries])
        return len(captured)

    assert statements(2) == statements(60)
    assert ReceivedRecord.objects.count() == 62
