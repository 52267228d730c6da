"""A second client: plain requests, as http://docs.alumnispaces.com tells to make them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors.sandbox.server import StandIn, start

KEY = "x-alumnispaces-key"
TYRION: dict[str, Any] = {
    "name": {"first": "Tyrion", "last": "Lannister"},
    "emails": [
        {"label": "work", "address": "tlannister@meereen.example"},
        {"label": "personal", "address": "tyrionthetall@wmail.example"},
    ],
    "externalIDs": [{"key": "yourExternalDB", "value": "lannister_t"}],
    "gender": "male",
    "birthday": "01.01.1971",
    "phones": [{"label": "pager", "number": "1234"}, {"label": "mobile", "number": "5678"}],
}


@pytest.fixture
def there() -> Iterator[StandIn]:
    with start("alumni_spaces", people=5) as stand_in:
        yield stand_in


@pytest.fixture
def session(there: StandIn) -> Iterator[requests.Session]:
    with signed_in(there) as session:
        yield session


def signed_in(there: StandIn) -> requests.Session:
    session = requests.Session()
    session.auth = (there.settings["username"], there.settings["password"])
    session.headers[KEY] = there.settings["api_key"]
    return session


def ask(there: StandIn, session: requests.Session, question: str) -> Any:
    """What /transaction/query says, numbers with all their digits."""
    answer = session.get(f"{there.url}/transaction/query?{question}")
    assert answer.status_code == 200
    return json.loads(answer.content, parse_float=Decimal)


def give(there: StandIn, **values: Any) -> str:
    return there.create("transaction", {"currency": "USD", "status": "settled", **values})


def test_both_ways_of_authentication_are_needed(there: StandIn) -> None:
    auth = (there.settings["username"], there.settings["password"])
    key = {KEY: there.settings["api_key"]}
    wrong: list[dict[str, Any]] = [
        {"auth": auth},
        {"headers": key},
        {"auth": (auth[0], "wrong"), "headers": key},
        {"auth": auth, "headers": {KEY: "wrong"}},
    ]
    statuses = [requests.get(f"{there.url}/person/", timeout=10, **given).status_code for given in wrong]
    assert statuses == [401] * 4
    assert requests.get(f"{there.url}/person/", timeout=10, auth=auth, headers=key).status_code == 200


@pytest.mark.parametrize("refusal", [403, 405])
def test_the_key_decides_which_verbs_are_taken(refusal: int) -> None:
    with start("alumni_spaces", people=1, verbs="GET", refusal=refusal) as there, signed_in(there) as session:
        assert session.get(f"{there.url}/person").status_code == 200
        assert session.post(f"{there.url}/person", json=TYRION).status_code == refusal
        assert session.put(f"{there.url}/transaction", json={}).status_code == refusal
        assert there.counts["creates"] == 0


def test_all_people_come_as_one_array(there: StandIn, session: requests.Session) -> None:
    for path in ("person", "person/"):
        people = session.get(f"{there.url}/{path}").json()
        assert [person["_id"] for person in people] == there.ids("person")


def test_a_person_by_id(there: StandIn, session: requests.Session) -> None:
    id = there.ids("person")[2]
    assert session.get(f"{there.url}/person/{id}").json() == there.records["person"][id]
    assert session.get(f"{there.url}/person/598cd8a53fe352252b6ffbcd").status_code == 404


def test_a_person_is_created_and_an_id_is_returned(there: StandIn, session: requests.Session) -> None:
    answer = session.post(f"{there.url}/person", json=TYRION)
    assert list(answer.json()) == ["_id"]
    person = session.get(f"{there.url}/person/{answer.json()['_id']}").json()
    assert person["_created"].endswith("Z")
    assert "_updated" not in person
    assert (person["gender"], person["birthday"]) == ("male", "01.01.1971")
    assert person["_gender_updated"] == person["name"]["_updated"] == person["_created"]


def test_nobody_is_de_duplicated(there: StandIn, session: requests.Session) -> None:
    ids = {session.post(f"{there.url}/person", json=TYRION).json()["_id"] for _ in range(5)}
    assert len(ids) == 5
    assert len(session.get(f"{there.url}/person/").json()) == 10


def test_a_human_has_a_person_record_for_each_transaction() -> None:
    with start("alumni_spaces", people=2, gifts=5) as there:
        assert (len(there.ids("person")), len(there.ids("transaction"))) == (10, 10)
        givers = [row["person"] for row in there.records["transaction"].values()]
        assert sorted(givers) == there.ids("person")
        assert len({json.dumps(row["name"]["last"]) for row in there.records["person"].values()}) <= 2


def test_people_can_not_be_changed(there: StandIn, session: requests.Session) -> None:
    id = there.ids("person")[0]
    before = dict(there.records["person"][id])
    for path in ("person", f"person/{id}"):
        assert session.put(f"{there.url}/{path}", json={"_id": id, "gender": "male"}).status_code >= 400
    assert there.records["person"][id] == before


def test_each_property_bears_the_time_of_its_change(there: StandIn, session: requests.Session) -> None:
    id = session.post(f"{there.url}/person", json=TYRION).json()["_id"]
    before = session.get(f"{there.url}/person/{id}").json()
    emails = [TYRION["emails"][0], {"label": "personal", "address": "new@wmail.example"}]
    there.change("person", id, gender="m", emails=emails)
    after = session.get(f"{there.url}/person/{id}").json()
    assert after["_updated"] > before["_created"]
    assert after["_gender_updated"] == after["emails"][1]["_updated"] == after["_updated"]
    assert after["emails"][0] == before["emails"][0]
    assert after["name"] == before["name"]


def test_a_transaction_is_created_and_updated(there: StandIn, session: requests.Session) -> None:
    body = '{"value": 25.10, "currency": "USD", "status": "pending"}'
    made = session.post(f"{there.url}/transaction", data=body, headers={"Content-Type": "application/json"})
    id = made.json()["_id"]
    assert b'"value":25.10,' in session.get(f"{there.url}/transaction/{id}").content
    updated = session.put(f"{there.url}/transaction", json={"_id": id, "status": "settled"}).json()
    assert (updated["_id"], updated["status"], updated["currency"]) == (id, "settled", "USD")
    assert updated == session.get(f"{there.url}/transaction/{id}").json()
    assert session.put(f"{there.url}/transaction", json={"_id": "none", "status": "x"}).status_code == 404
    assert session.put(f"{there.url}/transaction", json={"status": "x"}).status_code == 404


@pytest.mark.parametrize("body", ["", "[]", "{}", "nonsense"])
def test_what_is_no_record_is_refused(there: StandIn, session: requests.Session, body: str) -> None:
    assert session.post(f"{there.url}/transaction", data=body).status_code == 400


def test_order_and_groups(there: StandIn, session: requests.Session) -> None:
    there.records["transaction"].clear()
    for site, value in (("bigstate_19", 900), ("bigstate_37", 100), ("bigstate_19", 500), ("bigstate_19", 800)):
        give(there, asSiteID=site, value=value)
    groups = ask(there, session, "order=DESC&order_by=value&group_by=asSiteID")
    assert {site: [row["value"] for row in rows] for site, rows in groups.items()} == {
        "bigstate_19": [900, 800, 500],
        "bigstate_37": [100],
    }
    assert [row["value"] for row in ask(there, session, "order_by=value")] == [100, 500, 800, 900]


@pytest.mark.parametrize(
    "question",
    [
        "order=DESC",
        "group_by=method",
        "aggregate_by=status",
        "aggregate_by=status&aggregate_sum=value&status=settled",
        "aggregate_by=method&aggregate_sum=value",
        "aggregate_by=status&aggregate_mean=value",
    ],
)
def test_what_does_not_go_together(there: StandIn, session: requests.Session, question: str) -> None:
    assert session.get(f"{there.url}/transaction/query?{question}").status_code == 400


def test_aggregates(there: StandIn, session: requests.Session) -> None:
    there.records["transaction"].clear()
    days = ("2017-05-01T00:00:00.000Z", "2017-07-01T00:00:00.000Z")
    for site, value, day in (("bigstate_39", "25.10", 0), ("bigstate_39", "0.20", 1), ("bigstate_38", "20", 0)):
        give(there, asSiteID=site, value=Decimal(value), transDate=days[day])
    assert ask(there, session, "aggregate_by=asSiteID&aggregate_sum=value") == [
        {"_id": "bigstate_39", "_count": 2, "value_sum": Decimal("25.30")},
        {"_id": "bigstate_38", "_count": 1, "value_sum": 20},
    ]
    latest = ask(there, session, "aggregate_by=asSiteID&aggregate_max=transDate&order_by=_id")
    assert [(row["_id"], row["transDate_max"]) for row in latest] == [
        ("bigstate_38", days[0]),
        ("bigstate_39", days[1]),
    ]
    assert ask(there, session, "aggregate_by=asSiteID&aggregate_avg=value")[0]["value_avg"] == Decimal("12.65")


def test_ranges_hold_their_start_and_not_their_end(there: StandIn, session: requests.Session) -> None:
    there.records["transaction"].clear()
    days = ("2017-05-31", "2017-06-01", "2017-08-09", "2017-08-10")
    ids = [give(there, transDate=f"{day}T23:59:00.000Z") for day in days]
    found = ask(there, session, "transDate_start=2017-06-01&transDate_end=2017-08-10")
    assert [row["_id"] for row in found] == ids[1:3]


def test_filters_reach_into_objects(there: StandIn, session: requests.Session) -> None:
    there.records["transaction"].clear()
    paid = give(there, disbursement={"complete": True}, contentID="bigstate_38_268")
    open_ = give(there, disbursement={"complete": False}, person="58e7f325")
    for question, id in (
        ("disbursement.complete=true", paid),
        ("contentID=bigstate_38_268", paid),
        ("person=58e7f325", open_),
        ("disbursement.complete=false&order_by=_created&order=DESC", open_),
    ):
        assert [row["_id"] for row in ask(there, session, question)] == [id]


def test_those_without_a_time_come_last_when_the_newest_are_first(there: StandIn, session: requests.Session) -> None:
    first, second, third = there.ids("transaction")[:3]
    there.change("transaction", second, status="refunded")
    found = [row["_id"] for row in ask(there, session, "order_by=_updated&order=DESC")]
    assert found[0] == second
    assert {first, third} < set(found[1:])


def test_a_long_list_is_invented_while_it_is_sent() -> None:
    with start("alumni_spaces", people=1201, generated=True) as there, signed_in(there) as session:
        answer = session.get(f"{there.url}/person/")
        assert there.ids("person") == []
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert len({person["_id"] for person in answer.json()}) == 1201


def test_an_unknown_place(there: StandIn, session: requests.Session) -> None:
    assert session.get(f"{there.url}/people/").status_code == 404
    assert session.post(f"{there.url}/transaction/query", json={"a": 1}).status_code == 404
