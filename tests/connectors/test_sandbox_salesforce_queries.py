"""Queries and their batches."""

# ruff: noqa: S608 - queries of tests
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from connectors.sandbox.salesforce import Salesforce
from tests.connectors.sandbox_salesforce import Client, OpenWith, error, opening


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


def test_a_query_answers_as_documented(there: Salesforce, client: Client) -> None:
    answer = client.query("SELECT Id, LastName FROM Contact LIMIT 1").json()
    first = there.ids("Contact")[0]

    assert answer == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {"type": "Contact", "url": f"/services/data/v60.0/sobjects/Contact/{first}"},
                "Id": first,
                "LastName": there.records["Contact"][first]["LastName"],
            }
        ],
    }


def test_names_are_found_whatever_their_case_and_come_back_as_they_are(client: Client) -> None:
    [record] = client.query("select ID, lastname from CONTACT limit 1").json()["records"]

    assert record.keys() == {"attributes", "Id", "LastName"}


def test_a_field_of_the_account_comes_with_the_contact(there: Salesforce, client: Client) -> None:
    working, idle = there.ids("Contact")[:2]
    there.change("Contact", working, AccountId=there.ids("Account")[2])
    there.change("Contact", idle, AccountId=None)
    records = client.query(f"SELECT Account.Name FROM Contact WHERE Id IN ('{working}', '{idle}')").json()["records"]

    assert records[0]["Account"]["attributes"]["type"] == "Account"
    assert records[0]["Account"]["Name"] == "Delta Rivers Bank"
    assert records[1]["Account"] is None
    assert working in client.ids("SELECT Id FROM Contact WHERE Account.Name = 'Delta Rivers Bank'")


def test_counting(client: Client) -> None:
    assert client.query("SELECT COUNT() FROM Contact").json() == {"totalSize": 5, "done": True, "records": []}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Shoe FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Shoe = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Shoe", "INVALID_FIELD"),
        ("SELECT Id, id FROM Contact", "INVALID_FIELD"),
        ("SELECT Owner.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Person", "INVALID_TYPE"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_query_that_is_refused(client: Client, text: str, code: str) -> None:
    assert error(client.query(text)) == (400, code)


def follow(client: Client, answer: requests.Response) -> list[dict[str, Any]]:
    """All pages of a query, from its first answer."""
    pages = [answer.json()]
    while not pages[-1]["done"]:
        pages.append(client.session.get(client.there.url + pages[-1]["nextRecordsUrl"]).json())
    return pages


def test_batches_follow_each_other(open_with: OpenWith) -> None:
    there, client = open_with(people=501)
    pages = follow(client, client.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": "batchSize=200"}))

    assert [len(page["records"]) for page in pages] == [200, 200, 101]
    assert {page["totalSize"] for page in pages} == {501}
    assert [record["Id"] for page in pages for record in page["records"]] == there.ids("Contact")
    assert "nextRecordsUrl" not in pages[-1]


@pytest.mark.parametrize(
    ("asked", "given"), [("batchSize=300", 300), ("batchSize=5", 200), ("batchSize=9999", 2000), ("", 2000)]
)
def test_the_size_of_a_batch_has_its_bounds(open_with: OpenWith, asked: str, given: int) -> None:
    _, client = open_with(people=2001)
    answer = client.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": asked}).json()

    assert len(answer["records"]) == given


def test_a_batch_may_be_smaller_than_asked(open_with: OpenWith) -> None:
    _, client = open_with(people=7, query_batch=3)
    pages = follow(client, client.query("SELECT Id FROM Contact"))

    assert [len(page["records"]) for page in pages] == [3, 3, 1]


def test_old_results_are_forgotten(open_with: OpenWith) -> None:
    _, client = open_with(people=2, query_batch=1)
    first = client.query("SELECT Id FROM Contact").json()["nextRecordsUrl"]
    for _ in range(10):
        client.query("SELECT Id FROM Contact")

    assert error(client.session.get(client.there.url + first)) == (400, "INVALID_QUERY_LOCATOR")


def test_following_batches_look_at_nothing_again(open_with: OpenWith, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch costs what it holds: the rows are judged once, whatever their number."""
    there, client = open_with(people=60, query_batch=20)
    answer = client.query("SELECT Id FROM Contact WHERE Alumnus__c = true ORDER BY SystemModstamp, Id")
    monkeypatch.setattr(type(there.rows["Contact"]), "candidates", None)

    assert len(follow(client, answer)) == 3


def test_changes_since_a_moment_read_only_those(open_with: OpenWith, monkeypatch: pytest.MonkeyPatch) -> None:
    there, client = open_with(people=300)
    for record_id in there.ids("Contact")[10:13]:
        there.change("Contact", record_id, Phone="573-555-0100")
    looked_at = []
    candidates = type(there.rows["Contact"]).candidates

    def counted(rows: Any, where: Any) -> Any:
        found, in_order = candidates(rows, where)
        looked_at.extend(rows := list(found))
        return rows, in_order

    monkeypatch.setattr(type(there.rows["Contact"]), "candidates", counted)
    found = client.ids(
        "SELECT Id FROM Contact WHERE SystemModstamp >= 2026-05-01T07:25:37Z ORDER BY SystemModstamp, Id"
    )
    by_email = client.ids("SELECT Id FROM Contact WHERE Email IN ('nobody@example.org') AND Phone != null")

    assert found == there.ids("Contact")[10:13]
    assert by_email == []
    assert len(looked_at) == 3


@pytest.mark.parametrize("order", ["SystemModstamp, Id", "Id", "SystemModstamp DESC, Id DESC", "LastName, Id"])
def test_orders(open_with: OpenWith, order: str) -> None:
    there, client = open_with(people=450)
    there.change("Contact", there.ids("Contact")[3], Phone="1")
    text = f"SELECT Id FROM Contact WHERE SystemModstamp > 2026-01-01T00:00:00Z ORDER BY {order}"
    fields = [part.split()[0] for part in order.split(", ")]
    rows = sorted(
        there.records["Contact"].values(),
        key=lambda row: [row[name].casefold() if name == "LastName" else row[name] for name in fields],
        reverse="DESC" in order,
    )

    assert client.ids(text) == [row["Id"] for row in rows]


def test_a_limit_holds_in_any_order(open_with: OpenWith) -> None:
    there, client = open_with(people=6)
    where = "WHERE SystemModstamp > 2026-01-01T00:00:00Z"
    texts = [f"SELECT Id FROM Contact {where} ORDER BY {order} LIMIT 2" for order in ("SystemModstamp, Id", "Id")]

    assert [client.ids(text) for text in texts] == [there.ids("Contact")[:2]] * 2


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Phone", [1, 0, 2]),
        ("Phone NULLS LAST", [0, 2, 1]),
        ("Phone DESC", [1, 2, 0]),
        ("Phone DESC NULLS LAST", [2, 0, 1]),
    ],
)
def test_blanks_come_first_unless_told(open_with: OpenWith, order: str, expected: Any) -> None:
    there, client = open_with(people=3)
    ids = there.ids("Contact")
    for record_id, phone in zip(ids, ("1", None, "2"), strict=True):
        there.change("Contact", record_id, Phone=phone)

    assert client.ids(f"SELECT Id FROM Contact ORDER BY {order}") == [ids[place] for place in expected]


def test_many_share_a_second(open_with: OpenWith) -> None:
    there, _ = open_with(people=450)
    stamps = [row["SystemModstamp"] for row in there.records["Contact"].values()]

    assert len(set(stamps)) == 3
    assert all(stamp.endswith(".000+0000") for stamp in stamps)
