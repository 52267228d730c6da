"""What the Connector needs of a receiver, called by a client written from its guide alone, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from connectors.erased import remember_erased, sent_as
from connectors.models import AccessToken, Connection, ReceivedRecord, ServiceNote, ServiceUse
from connectors.receiving import tokens
from connectors.receiving.inbox import ERASED, Entry, save
from connectors.receiving.tokens import make_token, withdraw
from tests.connectors.intouch import Hub

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = {"external_id": "guid-1", "first_name": "Ada", "last_name": "Ashgrove", "email": "ada@example.org"}
SAM = {"name": "Sam Rowan", "email": "Sam.Rowan@example.org"}


@pytest.fixture
def client_of_ours() -> Connection:
    return Connection.objects.create(
        name="Clubs", system="intouch_receiver", settings={"client_id": "C-77", "club_ids": ["12", "13"]}
    )


def hub_of(live_server: LiveServer, connection: Connection, club: str = "12") -> Hub:
    token = make_token(connection, club, by="ada")
    return Hub(f"{live_server.url}/api/intouch_receiver/clubs/{club}", token)


@pytest.fixture
def hub(live_server: LiveServer, client_of_ours: Connection) -> Hub:
    return hub_of(live_server, client_of_ours)


def stored(id: str) -> ReceivedRecord:
    return ReceivedRecord.objects.get(pk=int(id))


def test_a_prospect_is_saved_once_and_answered_with_our_id(hub: Hub) -> None:
    first = hub.call("POST", "prospects", PERSON)
    assert first.status_code == 201
    again = hub.ask("POST", "prospects", {**PERSON, "first_name": "Adah"})
    saved = hub.ask("POST", "prospects/save", {"external_id": "guid-1", "email": None})
    assert [first.json()["created"], again["created"], saved["created"]] == [True, False, False]
    assert first.json()["id"] == again["id"] == saved["id"]
    assert stored(saved["id"]).values == {"first_name": "Adah", "last_name": "Ashgrove", "email": None}
    assert ReceivedRecord.objects.count() == 1


def test_an_update_by_our_id_touches_only_what_it_names(hub: Hub) -> None:
    id = hub.ask("POST", "prospects/save", PERSON)["id"]
    answer = hub.ask("PUT", f"prospects/{id}", {"mobile_phone": "+15735550100", "locker": [7, {"key": "A"}]})
    assert answer == {"id": id, "external_id": "guid-1", "stage": "prospect", "created": False, "warnings": []}
    kept = {name: value for name, value in PERSON.items() if name != "external_id"}
    assert stored(id).values == {**kept, "mobile_phone": "+15735550100", "locker": [7, {"key": "A"}]}


def test_a_save_by_our_id_takes_the_senders_other_id(hub: Hub) -> None:
    id = hub.ask("POST", "prospects", PERSON)["id"]
    moved = hub.ask("POST", "members/save", {"id": int(id), "external_id": "member-9"})
    assert (moved["id"], moved["external_id"], moved["stage"]) == (id, "member-9", "member")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "members", PERSON),
        ("POST", "members/save", {"external_id": "guid-1"}),
        ("PUT", "members/{id}", {}),
    ],
)
def test_a_prospect_who_becomes_a_member_stays_the_same_person(hub: Hub, method: str, path: str, body: Any) -> None:
    id = hub.ask("POST", "prospects", PERSON)["id"]
    joined = hub.ask(method, path.format(id=id), body)
    assert (joined["id"], joined["stage"], joined["created"]) == (id, "member", False)
    # The Connector may still push the prospect it knew.
    assert hub.ask("POST", "prospects/save", PERSON)["stage"] == "member"


def test_staff_are_listed_with_their_address_and_matched_by_it(hub: Hub, client_of_ours: Connection) -> None:
    assert hub.ask("GET", "staff") == {"staff": []}
    (sam,) = save(client_of_ours.pk, "staff", [Entry(dict(SAM))])
    assert sam.row
    assert hub.ask("GET", "staff") == {"staff": [{"id": str(sam.row.pk), **SAM}]}
    known = hub.ask("POST", "prospects", {**PERSON, "staff_owner_email": " sam.rowan@EXAMPLE.org"})
    assert known["warnings"] == []
    unknown = hub.ask("PUT", f"prospects/{known['id']}", {"staff_owner_email": "nobody@example.org"})
    assert [warning["field"] for warning in unknown["warnings"]] == ["staff_owner_email"]
    assert stored(known["id"]).values["staff_owner_email"] == "nobody@example.org"
    note = ServiceNote.objects.get()
    assert (note.service, note.status, note.record) == ("update_prospect", 200, known["id"])
    assert "No member of staff" in note.why
    assert "nobody" not in note.why


def test_without_staff_owners_nobody_is_warned(hub: Hub, client_of_ours: Connection) -> None:
    client_of_ours.settings["staff_owners"] = False
    client_of_ours.save()
    assert hub.ask("POST", "prospects", {**PERSON, "staff_owner_email": "nobody@example.org"})["warnings"] == []


def test_lead_sources_are_listed_created_and_updated(hub: Hub) -> None:
    source = {"external_id": "src-1", "name": "Open day"}
    made = hub.ask("POST", "lead_sources", source)
    assert made["created"]
    assert hub.ask("POST", "lead_sources", source) == {**made, "created": False}
    hub.ask("PUT", f"lead_sources/{made['id']}", {"name": "Spring"})
    assert hub.ask("GET", "lead_sources") == {
        "lead_sources": [{"id": made["id"], "external_id": "src-1", "name": "Spring"}]
    }
    known = hub.ask("POST", "prospects", {**PERSON, "lead_source_id": made["id"]})
    assert known["warnings"] == []
    unknown = hub.ask("PUT", f"prospects/{known['id']}", {"lead_source_id": "99999"})
    assert [warning["field"] for warning in unknown["warnings"]] == ["lead_source_id"]


def test_a_club_sees_and_changes_only_its_own(hub: Hub, live_server: LiveServer, client_of_ours: Connection) -> None:
    other = hub_of(live_server, client_of_ours, "13")
    id = hub.ask("POST", "prospects", PERSON)["id"]
    source = hub.ask("POST", "lead_sources", {"external_id": "src-1", "name": "Open day"})["id"]
    assert other.refused("PUT", f"prospects/{id}", {"email": "x@example.org"})[0] == 404
    assert other.refused("PUT", f"lead_sources/{source}", {"name": "Theirs"})[0] == 404
    assert other.ask("GET", "lead_sources") == {"lead_sources": []}
    assert other.ask("POST", "prospects", PERSON)["id"] != id


BAD: dict[str, tuple[str, str, Any, str, str]] = {
    "no id of the sender": ("POST", "prospects", {"last_name": "A"}, "external_id", "required"),
    "nobody named": ("POST", "prospects", {"external_id": "g"}, "", "Nobody is named"),
    "nobody named, saved": ("POST", "members/save", {"external_id": "g"}, "", "Nobody is named"),
    "no id at all": ("POST", "prospects/save", {"last_name": "A"}, "", "external_id"),
    "blank id": ("POST", "prospects", {**PERSON, "external_id": "  "}, "external_id", "not blank"),
    "id with a NUL": ("POST", "prospects", {**PERSON, "external_id": "a\0b"}, "external_id", "line breaks"),
    "long id": ("POST", "prospects", {**PERSON, "external_id": "x" * 256}, "external_id", "255 characters"),
    "address": ("POST", "prospects", {**PERSON, "email": "ada at example"}, "email", "not an e-mail"),
    "number for a name": ("POST", "members", {**PERSON, "first_name": 7}, "first_name", "text"),
    "long name": ("PUT", "prospects/{id}", {"first_name": "x" * 256}, "first_name", "255 characters"),
    "date": ("PUT", "prospects/{id}", {"birth_date": "08.05.1984"}, "birth_date", "1984-05-08"),
    "nested": ("PUT", "members/{id}", {"address": {"city": 7}}, "address.city", "text"),
    "no object": ("PUT", "members/{id}", {"address": "1 Example Road"}, "address", "named fields"),
    "our own field": ("PUT", "prospects/{id}", {"stage": "member"}, "", "receiver's own"),
    "a field's name": ("PUT", "prospects/{id}", {"first name": "x"}, "", "begin with a letter"),
    "too deep": ("PUT", "prospects/{id}", {"deep": json.loads("[" * 300 + "]" * 300)}, "deep", "can't be stored"),
    "too much": ("PUT", "prospects/{id}", {"notes": "x" * 100_001}, "", "100,000 bytes"),
    "a list": ("POST", "prospects", [PERSON], "", "one JSON object"),
    "nothing": ("POST", "prospects", None, "", "one JSON object"),
    "a source without a name": ("POST", "lead_sources", {"external_id": "s"}, "name", "required"),
    "a source with a blank name": ("PUT", "lead_sources/{id}", {"name": ""}, "name", "blank"),
    "a source's other field": ("POST", "lead_sources", {"external_id": "s", "name": "N", "x": 1}, "x", "no such field"),
}


def test_every_bad_input_is_refused_with_the_field_and_the_reason(hub: Hub) -> None:
    id = hub.ask("POST", "prospects", PERSON)["id"]
    before = list(ReceivedRecord.objects.values())
    for what, (method, path, body, field, words) in BAD.items():
        status, errors = hub.refused(method, path.format(id=id), body)
        assert status == 422, what
        assert words in errors.get(field, ""), (what, errors)
    assert list(ReceivedRecord.objects.values()) == before
    assert ServiceNote.objects.count() == len(BAD)


@pytest.mark.parametrize("content", [b"{", b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"<xml/>"])
def test_what_is_not_json_is_said_to_be_none(hub: Hub, content: bytes) -> None:
    status, errors = hub.refused("POST", "prospects", content=content)
    assert (status, list(errors)) == (400, [""])
    assert "JSON" in errors[""]


def test_a_body_that_is_too_large_is_not_even_read(hub: Hub) -> None:
    status, errors = hub.refused("POST", "prospects", content=b"[" * 1_000_001)
    assert status == 413
    assert "1,000,000" in errors[""]


@pytest.mark.parametrize("id", ["999999", "abc", "9" * 40, "-1", "01"])
def test_an_unknown_id_is_not_found(hub: Hub, id: str) -> None:
    status, errors = hub.refused("PUT", f"prospects/{id}", {"first_name": "Ada"})
    assert status == 404
    assert id in errors[""]


def test_a_service_that_is_none_is_told_where_they_are_described(hub: Hub) -> None:
    status, errors = hub.refused("GET", "prospects/1/friends")
    assert status == 404
    assert "/api/docs" in errors[""]


def test_an_id_that_another_record_has_is_refused(hub: Hub) -> None:
    hub.ask("POST", "prospects", PERSON)
    other = hub.ask("POST", "prospects", {**PERSON, "external_id": "guid-2"})["id"]
    status, errors = hub.refused("PUT", f"prospects/{other}", {"external_id": "guid-1"})
    assert (status, list(errors)) == (422, ["external_id"])


def test_only_a_token_of_this_club_opens_its_services(
    hub: Hub, live_server: LiveServer, client_of_ours: Connection
) -> None:
    for token in ("", "as_wrong", "ü", hub.token[:-1]):
        wrong = Hub(hub.address, token.encode("utf-8").decode("latin-1"))
        assert wrong.refused("POST", "prospects", PERSON)[0] == 401
    elsewhere = Hub(hub.address, hub_of(live_server, client_of_ours, "13").token)
    status, errors = elsewhere.refused("GET", "staff")
    assert status == 403
    assert "not for 12" in errors[""]
    assert ServiceNote.objects.get().place == "13"
    assert not ReceivedRecord.objects.exists()


def test_a_club_taken_out_of_the_settings_may_no_longer_call(hub: Hub, client_of_ours: Connection) -> None:
    client_of_ours.settings["club_ids"] = ["13"]
    client_of_ours.save()
    assert hub.refused("GET", "staff")[0] == 403


def test_a_token_is_exchanged_without_a_moment_in_which_none_works(hub: Hub, client_of_ours: Connection) -> None:
    old = AccessToken.objects.get()
    new = Hub(hub.address, make_token(client_of_ours, "12", by="ada"))
    hub.ask("GET", "staff")
    new.ask("GET", "staff")
    withdraw(client_of_ours, old.pk)
    assert hub.refused("GET", "staff")[0] == 401
    new.ask("GET", "staff")


def test_whoever_calls_too_often_is_asked_to_wait(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_A_MINUTE", 2)
    answers = [hub.call("GET", "staff") for _ in range(6)]
    # A minute may begin in between.
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(1 <= int(a.headers["Retry-After"]) <= 60 for a in answers if a.status_code == 429)


def test_uses_are_counted(hub: Hub) -> None:
    hub.ask("POST", "prospects", PERSON)
    hub.ask("POST", "prospects", PERSON)
    hub.refused("POST", "prospects", {"external_id": "g"})
    use = ServiceUse.objects.get()
    assert (use.place, use.service, use.done, use.refused) == ("12", "create_prospect", 2, 1)
    note = ServiceNote.objects.get()
    assert (note.record, note.why) == ("g", "Nobody is named: send first_name, last_name or email.")


def test_somebody_who_was_erased_is_refused_and_not_even_the_note_says_who(
    hub: Hub, client_of_ours: Connection
) -> None:
    remember_erased(client_of_ours.pk, sent_as("person", "12"), ["guid-1"], timezone.now())

    assert hub.refused("POST", "prospects", PERSON) == (422, {"": ERASED})
    assert hub.refused("POST", "members/save", PERSON)[0] == 422

    assert not ReceivedRecord.objects.exists()
    assert {(note.record, note.why) for note in ServiceNote.objects.all()} == {("", ERASED)}
    assert hub.ask("POST", "prospects", {**PERSON, "external_id": "guid-2"})["created"]
