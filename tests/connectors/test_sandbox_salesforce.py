"""Getting in, limits, how the fields describe themselves, and what somebody there does."""

# ruff: noqa: S608 - queries of tests
from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from connectors.sandbox.salesforce import Salesforce
from connectors.sandbox.server import start
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


def test_a_token_is_given_for_client_credentials(there: Salesforce, client: Client) -> None:
    answer = client.sign_in().json()

    assert answer["instance_url"] == there.url
    assert answer["token_type"] == "Bearer"
    assert answer["id"].startswith(f"{there.url}/id/00D")


def test_client_credentials_may_be_sent_as_basic(there: Salesforce) -> None:
    secrets = there.settings["client_id"], there.settings["client_secret"]
    token = f"{there.url}/services/oauth2/token"

    assert requests.post(token, data={"grant_type": "client_credentials"}, auth=secrets, timeout=10).ok


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": "somebody"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
    ],
)
def test_signing_in_with_something_wrong_is_an_oauth_object(there: Salesforce, given: Any, expected: Any) -> None:
    secrets = {name: there.settings[name] for name in ("client_id", "client_secret")}
    body = {"grant_type": "client_credentials", **secrets, **given}
    answer = requests.post(f"{there.url}/services/oauth2/token", data=body, timeout=10)

    assert answer.status_code == 400
    assert answer.json()["error"] == expected
    assert answer.json()["error_description"]


def test_without_a_good_token_the_session_is_invalid(there: Salesforce, client: Client) -> None:
    client.session.headers["Authorization"] = "Bearer made-up"
    assert error(client.call("GET", "/sobjects")) == (401, "INVALID_SESSION_ID")
    client.sign_in()
    assert client.call("GET", "/sobjects").ok
    there.expire_tokens()
    assert error(client.call("GET", "/sobjects")) == (401, "INVALID_SESSION_ID")


def test_a_token_ends_by_the_clock(open_with: OpenWith) -> None:
    there, client = open_with(people=0, token_seconds=60)
    there.clock = lambda: NOW + timedelta(seconds=59)
    assert client.call("GET", "/sobjects").ok
    there.clock = lambda: NOW + timedelta(seconds=60)
    assert error(client.call("GET", "/sobjects")) == (401, "INVALID_SESSION_ID")


def test_who_and_where_we_are(open_with: OpenWith) -> None:
    there, client = open_with(people=0, is_sandbox=False)
    user = client.session.get(f"{there.url}/services/oauth2/userinfo").json()
    [organization] = client.query("SELECT Id, Name, IsSandbox, OrganizationType FROM Organization").json()["records"]

    assert user["organization_id"] == organization["Id"]
    assert organization["Name"] == "Awesome University"
    assert organization["IsSandbox"] is False


def test_every_answer_says_what_is_used(client: Client) -> None:
    used = [client.call("GET", "/sobjects").headers["Sforce-Limit-Info"] for _ in range(3)]

    assert used == ["api-usage=1/100000", "api-usage=2/100000", "api-usage=3/100000"]


def test_when_the_limit_is_used_up_everything_is_refused(open_with: OpenWith) -> None:
    _, client = open_with(people=0, daily_limit=2)

    assert client.call("GET", "/sobjects").ok
    assert client.call("GET", "/sobjects").ok
    assert error(client.call("GET", "/sobjects")) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_an_address_can_be_too_long(client: Client) -> None:
    ids = ",".join(f"'{number:018}'" for number in range(800))

    assert client.query(f"SELECT Id FROM Contact WHERE Id IN ({ids})").status_code == 414


def test_versions_are_told_to_everybody(there: Salesforce) -> None:
    versions = requests.get(f"{there.url}/services/data/", timeout=10).json()

    assert {"label", "url", "version"} == versions[0].keys()
    assert "/services/data/v60.0" in [version["url"] for version in versions]


@pytest.mark.parametrize("path", ["/services/data/v99.0/sobjects", "/services/data/v60.0/nothing", "/elsewhere"])
def test_an_unknown_address_is_not_found(there: Salesforce, client: Client, path: str) -> None:
    assert error(client.session.get(there.url + path)) == (404, "NOT_FOUND")


def test_objects_are_listed(client: Client) -> None:
    answer = client.call("GET", "/sobjects/").json()

    assert [kind["name"] for kind in answer["sobjects"]] == ["Account", "Contact", "Organization"]
    assert answer["sobjects"][1]["urls"]["describe"] == "/services/data/v60.0/sobjects/Contact/describe"
    assert [kind["createable"] for kind in answer["sobjects"]] == [True, True, False]


def test_fields_describe_themselves(client: Client) -> None:
    fields = {field["name"]: field for field in client.call("GET", "/sobjects/Contact/describe").json()["fields"]}

    assert fields["LastName"]["nillable"] is False
    assert (fields["LastName"]["type"], fields["LastName"]["length"]) == ("string", 80)
    assert fields["SystemModstamp"]["updateable"] is fields["SystemModstamp"]["createable"] is False
    assert fields["Alumni_Id__c"]["externalId"] is fields["Alumni_Id__c"]["unique"] is True
    assert fields["Alumni_Id__c"]["custom"] is True
    assert fields["Email"]["idLookup"] is True
    assert fields["Email"]["externalId"] is False
    assert fields["Status__c"]["restrictedPicklist"] is True
    assert [option["value"] for option in fields["Status__c"]["picklistValues"]] == ["Active", "Lost alum", "Friend"]
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["HasOptedOutOfEmail"]["nillable"] is False


def test_every_described_field_can_be_asked_for(client: Client) -> None:
    for kind in ("Account", "Contact", "Organization"):
        names = [field["name"] for field in client.call("GET", f"/sobjects/{kind}/describe").json()["fields"]]
        records = client.query(f"SELECT {', '.join(names)} FROM {kind}").json()["records"]
        assert all(set(names) | {"attributes"} == record.keys() for record in records)


def test_what_a_user_may_not_see_or_write_shows_in_the_fields(open_with: OpenWith) -> None:
    there, client = open_with(people=1, hidden=["Birthdate"], read_only=["Phone"])
    fields = {field["name"]: field for field in client.call("GET", "/sobjects/Contact/describe").json()["fields"]}
    refused = client.call("PATCH", f"/sobjects/Contact/{there.ids('Contact')[0]}", json={"Phone": "1"})

    assert "Birthdate" not in fields
    assert fields["Phone"]["updateable"] is False
    assert error(client.query("SELECT Birthdate FROM Contact")) == (400, "INVALID_FIELD")
    assert error(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_a_change_moves_the_stamps_in_whole_seconds(there: Salesforce, client: Client) -> None:
    first = there.ids("Contact")[0]
    there.change("Contact", first, FirstName="Rosa", LastName="Rao")
    row = client.call("GET", f"/sobjects/Contact/{first}").json()

    assert row["SystemModstamp"] == row["LastModifiedDate"] == "2026-05-01T07:25:37.000+0000"
    assert row["CreatedDate"] < row["SystemModstamp"]
    assert row["Name"] == "Rosa Rao"


def test_the_deleted_are_for_query_all_only(there: Salesforce, client: Client) -> None:
    first = there.ids("Contact")[0]
    there.remove("Contact", first)

    assert first not in client.ids("SELECT Id FROM Contact")
    assert client.ids("SELECT Id FROM Contact WHERE IsDeleted = true", "/queryAll") == [first]
    assert first in there.records["Contact"]


def test_a_merged_contact_says_where_it_went(there: Salesforce, client: Client) -> None:
    winner, loser = there.ids("Contact")[:2]
    there.merge("Contact", winner, loser)
    [row] = client.query("SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true", "/queryAll").json()["records"]

    assert (row["Id"], row["MasterRecordId"]) == (loser, winner)
    assert error(client.call("GET", f"/sobjects/Contact/{loser}")) == (404, "ENTITY_IS_DELETED")


WINDOW = {"start": "2026-05-01T07:00:00+00:00", "end": "2026-05-01T08:00:00Z"}


def test_updated_and_deleted_within_a_time(there: Salesforce, client: Client) -> None:
    changed, removed = there.ids("Contact")[:2]
    there.change("Contact", changed, Phone="1")
    there.remove("Contact", removed)
    updated = client.call("GET", "/sobjects/Contact/updated/", params=WINDOW).json()
    deleted = client.call("GET", "/sobjects/Contact/deleted/", params=WINDOW).json()

    assert updated == {"ids": [changed], "latestDateCovered": "2026-05-01T08:00:00.000+0000"}
    assert deleted["deletedRecords"] == [{"id": removed, "deletedDate": "2026-05-01T07:25:37.000+0000"}]
    assert deleted["earliestDateAvailable"] == "2026-04-16T07:25:37.900+0000"


@pytest.mark.parametrize(
    ("path", "window"),
    [
        ("updated", {**WINDOW, "start": "2026-03-31T00:00:00Z"}),
        ("deleted", {**WINDOW, "start": "2026-04-16T00:00:00Z"}),
        ("deleted", {"start": WINDOW["end"], "end": WINDOW["start"]}),
        ("updated", {**WINDOW, "start": "2026-05-01T07:00:00"}),
        ("updated", {"start": "yesterday"}),
    ],
)
def test_a_time_that_is_not_covered(client: Client, path: str, window: dict[str, str]) -> None:
    assert error(client.call("GET", f"/sobjects/Contact/{path}", params=window)) == (400, "INVALID_REPLICATION_DATE")


def test_the_same_people_are_in_both_systems(open_with: OpenWith) -> None:
    there, _ = open_with(people=30, linked=True)
    with start("alumni360", people=30) as platform:
        for contact in there.records["Contact"].values():
            user = platform.records["user"][contact["Alumni_Id__c"]]
            assert (contact["LastName"], contact["Email"]) == (user["last_name"], user["email"])
            assert contact["Birthdate"] == user["birthdate"]


def test_shares_make_the_systems_differ(open_with: OpenWith) -> None:
    shares = {"platform_only": 0.2, "crm_only": 0.2, "differing": 0.3}
    there, _ = open_with(people=200, linked=True, overlap=shares)
    with start("alumni360", people=200, overlap=shares) as platform:
        users, contacts = platform.records["user"], there.records["Contact"]
        numbers = {contact["Alumni_Id__c"]: contact for contact in contacts.values()}
        both = users.keys() & numbers.keys()
        off = [number for number in both if users[number]["email"] != numbers[number]["Email"]]

        assert users.keys() | numbers.keys() == {str(1000 + number) for number in range(1, 201)}
        assert users.keys() - both
        assert numbers.keys() - both
        assert 0 < len(off) < len(both) / 2


def test_nobody_is_linked_unless_asked(there: Salesforce) -> None:
    assert {contact["Alumni_Id__c"] for contact in there.records["Contact"].values()} == {None}


def test_requests_in_a_batch_are_answered_each_by_itself(client: Client) -> None:
    query = quote("SELECT Id FROM Contact LIMIT 1")
    inner = [
        {"method": "GET", "url": f"v60.0/query?q={query}"},
        {"method": "GET", "url": "v60.0/sobjects/Nothing/describe"},
    ]
    answer = client.call("POST", "/composite/batch", json={"batchRequests": inner}).json()
    assert answer["hasErrors"] is True
    assert [one["statusCode"] for one in answer["results"]] == [200, 404]
    assert len(answer["results"][0]["result"]["records"]) == 1
    assert error(client.call("POST", "/composite/batch", json={"batchRequests": inner * 13}))[0] == 400
