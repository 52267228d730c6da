"""Many records in one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.sandbox.salesforce import Salesforce
from tests.connectors.sandbox_salesforce import Client, OpenWith, codes, error, opening


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


def test_results_come_in_the_order_of_the_request(there: Salesforce, client: Client) -> None:
    ids = there.ids("Contact")
    records = [{"id": ids[2], "Title": "A"}, {"id": ids[0], "Status__c": "No"}, {"Id": ids[1][:15], "Title": "C"}]
    answer = client.collect("PATCH", records)

    assert codes(answer) == ["", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ""]
    assert answer.json()[1]["errors"] == [
        {
            "statusCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "message": "Status: bad value for restricted picklist field: No",
            "fields": ["Status__c"],
        }
    ]
    assert [answer.json()[place]["id"] for place in (0, 2)] == [ids[2], ids[1]]
    assert [there.records["Contact"][ids[place]]["Title"] for place in (2, 1)] == ["A", "C"]


def test_one_bad_record_does_not_stop_the_199(open_with: OpenWith) -> None:
    there, client = open_with(people=200)
    records = [{"id": record_id, "Title": "Owner"} for record_id in there.ids("Contact")]
    records[117]["Email"] = "nobody"

    assert [place for place, code in enumerate(codes(client.collect("PATCH", records))) if code] == [117]
    assert there.counts["updates"] + there.counts["unchanged"] == 199


def test_all_or_none(there: Salesforce, client: Client) -> None:
    first, second = there.ids("Contact")[:2]
    records = [{"id": first, "Title": "Owner"}, {"id": second, "Email": "nobody"}]
    answer = client.collect("PATCH", records, allOrNone=True)

    assert codes(answer) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_EMAIL_ADDRESS"]
    assert there.counts["updates"] == 0


def test_200_records_and_not_one_more(there: Salesforce, client: Client) -> None:
    assert error(client.collect("POST", [{"LastName": "Ortiz"}] * 201)) == (400, "NUMBER_OUTSIDE_VALID_RANGE")
    assert codes(client.collect("POST", [{"LastName": "Ortiz"}] * 200)) == [""] * 200
    assert there.counts["creates"] == 200
    assert there.creates_of == {"None Ortiz <None>": 200}


def test_creating_several(there: Salesforce, client: Client) -> None:
    answer = client.collect(
        "POST", [{"LastName": "Ortiz", "Alumni_Id__c": "7"}, {}, {"LastName": "Rao", "Alumni_Id__c": "7"}]
    )

    assert codes(answer) == ["", "REQUIRED_FIELD_MISSING", "DUPLICATE_VALUE"]
    assert answer.json()[0].keys() == {"id", "success", "errors"}
    assert answer.json()[1]["errors"][0]["fields"] == ["LastName"]


def test_upserting_several(there: Salesforce, client: Client) -> None:
    path = "/composite/sobjects/Contact/Alumni_Id__c"
    known = there.ids("Contact")[0]
    there.change("Contact", known, Alumni_Id__c="known")
    records = [
        {"Alumni_Id__c": "known", "Title": "Owner"},
        {"Alumni_Id__c": "new", "LastName": "Ortiz"},
        {"LastName": "Nobody"},
        {"Alumni_Id__c": "id too", "id": known},
        {"Alumni_Id__c": "no name"},
        {"Alumni_Id__c": "Twice", "LastName": "One"},
        {"Alumni_Id__c": "twice", "LastName": "Two"},
    ]
    answer = client.collect("PATCH", records, path)

    assert codes(answer) == [
        "",
        "",
        "MISSING_ARGUMENT",
        "INVALID_FIELD",
        "REQUIRED_FIELD_MISSING",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
    ]
    assert [result["created"] for result in answer.json()[:2]] == [False, True]
    assert answer.json()[0]["id"] == known


def test_upserting_again_creates_nobody_twice(there: Salesforce, client: Client) -> None:
    path = "/composite/sobjects/Contact/Alumni_Id__c"
    for _ in range(3):
        client.collect("PATCH", [{"Alumni_Id__c": "7", "LastName": "Ortiz"}], path)

    assert there.counts["creates"] == 1


def test_upserting_where_several_match(there: Salesforce, client: Client) -> None:
    for record_id in there.ids("Contact")[:2]:
        there.change("Contact", record_id, Email="both@example.org")
    records = [{"Email": "both@example.org", "Title": "Owner"}]

    assert codes(client.collect("PATCH", records, "/composite/sobjects/Contact/Email")) == ["DUPLICATE_EXTERNAL_ID"]


def test_updates_that_have_no_record(there: Salesforce, client: Client) -> None:
    gone, twice = there.ids("Contact")[:2]
    there.remove("Contact", gone)
    ids = [gone, twice, twice, "0035e0000009999", "nonsense", there.ids("Account")[0], None]
    answer = client.collect("PATCH", [{"id": record_id, "Title": "Owner"} for record_id in ids])

    assert codes(answer) == [
        "ENTITY_IS_DELETED",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
    ]


def test_deleting_several(there: Salesforce, client: Client) -> None:
    first, second = there.ids("Contact")[:2]
    answer = client.call("DELETE", "/composite/sobjects", params={"ids": f"{first},{second[:15]},nonsense"})

    assert codes(answer) == ["", "", "MALFORMED_ID"]
    assert there.counts["deletes"] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "JSON_PARSER_ERROR"),
        ({"records": ["x"]}, "JSON_PARSER_ERROR"),
        ({"records": [{"LastName": "x"}]}, "INVALID_TYPE"),
        ({"records": [{"attributes": {"type": "Person"}}]}, "INVALID_TYPE"),
    ],
)
def test_a_collection_that_makes_no_sense(client: Client, body: Any, code: str) -> None:
    assert error(client.call("POST", "/composite/sobjects", json=body)) == (400, code)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_reading_several_leaves_null_for_the_missing(there: Salesforce, client: Client, method: str) -> None:
    first, second, gone = there.ids("Contact")[:3]
    there.remove("Contact", gone)
    ids = [second, "0035e0000009999AAA", gone, "x", first[:15]]
    path = "/composite/sobjects/Contact"
    if method == "POST":
        answer = client.call("POST", path, json={"ids": ids, "fields": ["Email"]}).json()
    else:
        answer = client.call("GET", path, params={"ids": ",".join(ids), "fields": "Email"}).json()

    assert [record and record["Id"] for record in answer] == [second, None, None, None, first]
    assert answer[0].keys() == {"attributes", "Id", "Email"}


def test_reading_several_needs_fields_there_are(there: Salesforce, client: Client) -> None:
    path, ids = "/composite/sobjects/Contact", there.ids("Contact")

    assert error(client.call("POST", path, json={"ids": ids, "fields": ["Shoe"]})) == (400, "INVALID_FIELD")
    assert error(client.call("POST", path, json={"ids": ids})) == (400, "JSON_PARSER_ERROR")


# https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_duplicaterules.htm
def test_a_duplicate_rule_refuses_and_names_whom_it_found(there: Salesforce, client: Client) -> None:
    there.writes.blocks_duplicates = True
    known = there.create("Contact", {"LastName": "Byron", "Email": "ada@example.org"})
    records = [{"LastName": "King", "Email": "ADA@example.org"}, {"LastName": "King", "Email": "king@example.org"}]
    answer = client.collect("POST", [{"attributes": {"type": "Contact"}, **record} for record in records])
    assert codes(answer) == ["DUPLICATES_DETECTED", ""]
    (error,) = answer.json()[0]["errors"]
    (match,) = error["duplicateResut"]["matchResults"]
    assert [one["record"]["Id"] for one in match["matchRecords"]] == [known]
