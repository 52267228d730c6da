"""One record at a time."""

# ruff: noqa: S608 - queries of tests
from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests

from connectors.sandbox.salesforce import Salesforce
from connectors.sandbox.salesforce.rows import full_id, numbered_id
from tests.connectors.sandbox_salesforce import NOW, Client, OpenWith, error, opening


@pytest.fixture
def open_with() -> Iterator[OpenWith]:
    with opening() as open_with:
        yield open_with


@pytest.fixture
def there_and_client(open_with: OpenWith) -> tuple[Salesforce, Client]:
    return open_with(people=5)


@pytest.fixture
def there(there_and_client: tuple[Salesforce, Client]) -> Salesforce:
    return there_and_client[0]


@pytest.fixture
def client(there_and_client: tuple[Salesforce, Client]) -> Client:
    return there_and_client[1]


def test_create_read_change_delete(there: Salesforce, client: Client) -> None:
    made = client.call("POST", "/sobjects/Contact", json={"LastName": "Ortiz", "Email": ""})
    record_id = made.json()["id"]
    address = f"/sobjects/Contact/{record_id}"

    assert (made.status_code, made.json()["success"], made.json()["errors"]) == (201, True, [])
    assert client.call("PATCH", address, json={"FirstName": "Maya"}).status_code == 204
    row = client.call("GET", address).json()
    assert (row["Name"], row["Email"], row["IsDeleted"]) == ("Maya Ortiz", None, False)
    assert client.call("DELETE", address).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert error(client.call(method, address, json={})) == (404, "ENTITY_IS_DELETED")
    effects = {name: there.counts[name] for name in ("creates", "updates", "unchanged", "deletes")}
    assert effects == {"creates": 1, "updates": 1, "unchanged": 0, "deletes": 1}


def test_some_fields_of_a_record(there: Salesforce, client: Client) -> None:
    address = f"/sobjects/Contact/{there.ids('Contact')[0]}"

    assert client.call("GET", address, params={"fields": "Id,Email"}).json().keys() == {"attributes", "Id", "Email"}
    assert error(client.call("GET", address, params={"fields": "Shoe"})) == (400, "INVALID_FIELD")


@pytest.mark.parametrize("record_id", ["0035e0000009999AAA", "nonsense"])
def test_a_record_that_is_not_there(client: Client, record_id: str) -> None:
    assert error(client.call("GET", f"/sobjects/Contact/{record_id}")) == (404, "NOT_FOUND")


def test_an_unknown_object_is_not_found(client: Client) -> None:
    assert error(client.call("GET", "/sobjects/Person/describe")) == (404, "NOT_FOUND")


def test_a_method_that_is_not_offered(client: Client) -> None:
    assert error(client.call("POST", "/query", json={})) == (405, "METHOD_NOT_ALLOWED")


def test_fifteen_letters_are_enough(there: Salesforce, client: Client) -> None:
    first = there.ids("Contact")[0]

    assert client.call("GET", f"/sobjects/Contact/{first[:15]}").json()["Id"] == first
    assert client.ids(f"SELECT Id FROM Contact WHERE Id = '{first[:15]}'") == [first]


@pytest.mark.parametrize(
    ("short", "whole"), [("001D000000K0fXO", "001D000000K0fXOIAZ"), ("00130000001cSz2", "00130000001cSz2AAE")]
)
def test_the_last_three_letters_follow_from_the_capitals(short: str, whole: str) -> None:
    assert full_id(short) == whole
    assert full_id(whole) == whole
    assert full_id(whole[:-1] + "x") == full_id("short") == ""


def test_numbered_ids_are_in_order() -> None:
    ids = [numbered_id("003", number) for number in range(1, 5000)]

    assert ids == sorted(ids)
    assert {len(record_id) for record_id in ids} == {18}


@pytest.mark.parametrize(
    ("values", "code", "fields"),
    [
        ({"LastName": ""}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"FirstName": "x" * 41}, "STRING_TOO_LONG", ["FirstName"]),
        ({"Status__c": "Unheard of"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Status__c"]),
        ({"Email": "nobody"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"Shoe__c": "42"}, "INVALID_FIELD", ["Shoe__c"]),
        ({"SystemModstamp": "2026-05-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["SystemModstamp"]),
        ({"AccountId": "nonsense"}, "MALFORMED_ID", ["AccountId"]),
        ({"AccountId": "0015e0000009999"}, "INVALID_CROSS_REFERENCE_KEY", ["AccountId"]),
        ({"Alumni_Id__c": "1002"}, "DUPLICATE_VALUE", None),
    ],
)
def test_what_a_record_is_refused_for(
    open_with: OpenWith, values: dict[str, Any], code: str, fields: list[str] | None
) -> None:
    there, client = open_with(people=2, linked=True)
    first = there.ids("Contact")[0]
    before = dict(there.records["Contact"][first])
    changed = client.call("PATCH", f"/sobjects/Contact/{first}", json={"Title": "Owner", **values})
    created = client.call("POST", "/sobjects/Contact", json={"LastName": "Ortiz", **values})

    for answer in (changed, created):
        assert error(answer) == (400, code)
        assert answer.json()[0].get("fields") == fields
    assert there.records["Contact"][first] == before
    assert len(there.ids("Contact")) == 2


@pytest.mark.parametrize(
    "values",
    [{"Birthdate": "05/08/1982"}, {"Birthdate": 5}, {"Deceased__c": "yes"}, {"Gifts_Total__c": "15"}, {"Title": ["a"]}],
)
def test_a_value_of_another_type_makes_the_whole_body_unreadable(
    there: Salesforce, client: Client, values: dict[str, Any]
) -> None:
    good = {"id": there.ids("Contact")[0], "Title": "Owner"}
    bad = {"id": there.ids("Contact")[1], **values}

    assert error(client.collect("PATCH", [good, bad])) == (400, "JSON_PARSER_ERROR")
    assert there.counts["updates"] == 0


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b'{"LastName": "\\ud800"}'])
def test_a_body_that_cannot_be_read(client: Client, body: Any) -> None:
    assert error(client.call("POST", "/sobjects/Contact", data=body)) == (400, "JSON_PARSER_ERROR")
    assert error(client.call("PATCH", "/composite/sobjects", data=body)) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("LastName", "  O'Brien ", "O'Brien"),
        ("LastName", "Zoë 李 👩🏽\u200d🎓", "Zoë 李 👩🏽\u200d🎓"),
        ("Class_Year__c", 1982, "1982"),
        ("Birthdate", "1982-08-05", "1982-08-05"),
        ("Birthdate", "1982-08-05T00:00:00Z", "1982-08-05"),
        ("Gifts_Total__c", 15, 15.0),
        ("Phone", "", None),
        ("Deceased__c", None, False),
    ],
)
def test_how_values_are_kept(there: Salesforce, client: Client, field: str, sent: Any, kept: Any) -> None:
    address = f"/sobjects/Contact/{there.ids('Contact')[0]}"
    client.call("PATCH", address, json={field: sent})

    assert client.call("GET", address).json()[field] == kept


def test_a_write_that_changes_nothing_moves_the_stamp_and_is_counted_apart(there: Salesforce, client: Client) -> None:
    first = there.ids("Contact")[0]
    before = there.records["Contact"][first]["SystemModstamp"]
    client.call("PATCH", f"/sobjects/Contact/{first}", json={"LastName": there.records["Contact"][first]["LastName"]})

    assert (there.counts["unchanged"], there.counts["updates"]) == (1, 0)
    assert there.records["Contact"][first]["SystemModstamp"] > before


def test_a_row_is_changed_only_if_it_has_not_moved(there: Salesforce, client: Client) -> None:
    address = f"/sobjects/Contact/{there.ids('Contact')[0]}"
    there.change("Contact", there.ids("Contact")[0], Phone="1")
    earlier, now = (format_datetime(NOW - timedelta(seconds=ago), usegmt=True) for ago in (2, 0))

    def patch(moment: str) -> requests.Response:
        return client.call("PATCH", address, json={"Phone": "2"}, headers={"If-Unmodified-Since": moment})

    assert error(patch(earlier)) == (412, "PRECONDITION_FAILED")
    assert error(patch("soon")) == (400, "INVALID_HEADER")
    assert there.counts["updates"] == 0
    assert patch(now).status_code == 204
    assert client.call("GET", address, headers={"If-Modified-Since": now}).status_code == 304
    assert client.call("GET", address, headers={"If-Modified-Since": earlier}).status_code == 200


def test_an_upsert_creates_then_changes(there: Salesforce, client: Client) -> None:
    address = "/sobjects/Contact/Alumni_Id__c/A-7"
    created = client.call("PATCH", address, json={"LastName": "Ortiz"})
    changed = client.call("PATCH", address, json={"FirstName": "Maya"})

    assert (created.status_code, created.json()["created"]) == (201, True)
    assert (changed.status_code, changed.json()["created"]) == (200, False)
    assert client.call("GET", address).json()["Name"] == "Maya Ortiz"
    assert there.records["Contact"][created.json()["id"]]["Alumni_Id__c"] == "A-7"
    assert (there.counts["creates"], there.counts["updates"]) == (1, 1)


def test_several_with_one_value_are_listed(there: Salesforce, client: Client) -> None:
    couple = there.ids("Contact")[:2]
    for record_id in couple:
        there.change("Contact", record_id, Email="both@example.org")

    for method in ("GET", "PATCH"):
        answer = client.call(method, "/sobjects/Contact/Email/BOTH@example.org", json={"Title": "Owner"})
        assert answer.status_code == 300
        assert answer.json() == [f"/services/data/v60.0/sobjects/Contact/{record_id}" for record_id in couple]
    assert there.counts["updates"] == 0
    assert there.log[-1].path == "/services/data/v60.0/sobjects/Contact/Email/…"


def test_only_some_fields_can_be_looked_up_by(client: Client) -> None:
    assert error(client.call("PATCH", "/sobjects/Contact/Title/Owner", json={})) == (400, "INVALID_FIELD")
    assert error(client.call("GET", "/sobjects/Contact/Title/Owner")) == (404, "NOT_FOUND")
    assert error(client.call("GET", "/sobjects/Contact/Alumni_Id__c/none")) == (404, "NOT_FOUND")
