"""A second client: plain requests, as https://www.360alumni.com/api/creating-and-updating-users tells to make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from connectors.sandbox.alumni360 import parse_form, problems
from connectors.sandbox.server import StandIn, start

OpenWith = Callable[..., tuple[StandIn, str]]
REQUIRED: dict[str, Any] = {"first_name": "Maria", "last_name": "Reile", "enabled": 1}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["X-API-KEY"] = "sandbox-360-key"
        yield session


@pytest.fixture
def open_with(session: requests.Session) -> Iterator[OpenWith]:
    running: list[StandIn] = []

    def open_with(**options: Any) -> tuple[StandIn, str]:
        running.append(start("alumni360", **options))
        return running[-1], f"{running[-1].url}/api/users/"

    yield open_with
    for there in running:
        there.stop()


def test_the_key_goes_into_a_header_whose_name_is_a_setting(open_with: OpenWith) -> None:
    there, users = open_with(people=1, key_header="X-360-Key")

    assert there.settings["key_header"] == "X-360-Key"
    sent = [None, {"X-360-Key": "wrong"}, {"X-360-Key": there.settings["api_key"]}]
    statuses = [requests.get(users, headers=headers, timeout=10).status_code for headers in sent]

    assert statuses == [401, 401, 200]
    assert there.counts["reads"] == 1


def test_settings_say_where_it_is(open_with: OpenWith) -> None:
    there, users = open_with(people=0)

    assert f"{there.settings['base_url']}/users/" == users


def test_pages_hold_everybody_once(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=25, page_size=10)
    pages = [session.get(users, params={"page": page}).json() for page in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [user["user_id"] for page in pages for user in page] == there.ids("user")


def test_the_page_is_1_where_none_is_named(open_with: OpenWith, session: requests.Session) -> None:
    _, users = open_with(people=3, page_size=2)

    assert session.get(users).json() == session.get(users, params={"page": 1}).json()


@pytest.mark.parametrize("page", ["0", "-1", "two", ""])
def test_a_page_that_is_none_is_a_bad_request(open_with: OpenWith, session: requests.Session, page: str) -> None:
    _, users = open_with(people=1)

    assert session.get(users, params={"page": page}).status_code == 400


def test_a_list_may_come_in_an_envelope(open_with: OpenWith, session: requests.Session) -> None:
    _, users = open_with(people=5, page_size=2, envelope="users")
    answer = session.get(users, params={"page": 3}).json()

    assert [len(answer["users"]), answer["total"], answer["page"]] == [1, 5, 3]


@pytest.mark.parametrize(("ids", "expected"), [("text", "1001"), ("number", 1001)])
def test_ids_are_text_or_numbers(open_with: OpenWith, session: requests.Session, ids: str, expected: Any) -> None:
    _, users = open_with(people=1, ids=ids)

    assert session.get(users).json()[0]["user_id"] == expected
    assert session.get(f"{users}1001").json()["user_id"] == expected


def test_a_user_is_created_with_the_three_required_fields(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=2)
    answer = session.post(users, json=REQUIRED)

    assert answer.status_code == 201
    assert answer.json()["user_id"] == "1003"
    assert session.get(f"{users}1003").json() == answer.json() == there.records["user"]["1003"]
    assert there.counts["creates"] == 1


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_that_is_missing_is_named(open_with: OpenWith, session: requests.Session, name: str) -> None:
    there, users = open_with(people=0)
    answer = session.post(users, json={key: value for key, value in REQUIRED.items() if key != name})

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [name]
    assert there.ids("user") == []


@pytest.mark.parametrize(
    ("accepts", "as_json", "as_form"), [("json", 201, 400), ("form", 400, 201), ("both", 201, 201)]
)
def test_which_content_type_is_taken_is_an_option(
    open_with: OpenWith, session: requests.Session, accepts: Any, as_json: int, as_form: int
) -> None:
    _, users = open_with(people=0, accepts=accepts)

    assert session.post(users, json=REQUIRED).status_code == as_json
    assert session.post(users, data=REQUIRED).status_code == as_form


def test_form_parameters_become_what_json_would_be(open_with: OpenWith, session: requests.Session) -> None:
    _, users = open_with(people=0, accepts="both")
    form = {**REQUIRED, "groups[]": ["user"], "no_email": "1", "addresses[0][label]": "Home"}
    from_form = session.post(users, data=form).json()
    body = {**REQUIRED, "groups": ["user"], "no_email": True, "addresses": [{"label": "Home"}]}
    from_json = session.post(users, json=body).json()

    apart = {"user_id", "created_at", "updated_at"}
    assert {name: from_form[name] for name in from_form.keys() - apart} == {
        name: from_json[name] for name in from_json.keys() - apart
    }


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("a=1", {"a": "1"}),
        ("a=", {"a": ""}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[0][b]=x&a[1][b]=y", {"a": [{"b": "x"}, {"b": "y"}]}),
        ("a[b]=x", {"a": {"b": "x"}}),
        ("n=Z%C3%B6e", {"n": "Zöe"}),
        ("", {}),
    ],
)
def test_form_parameters(form: str, values: dict[str, Any]) -> None:
    assert parse_form(form) == values


@pytest.mark.parametrize("form", ["a=1&a[b]=2", "just text", "a=%ff"])
def test_form_parameters_that_make_no_sense(form: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_form(form)


def test_a_put_touches_what_it_names(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=1)
    before = session.get(f"{users}1001").json()
    there.clock = lambda: datetime(2026, 5, 1, 7, 25, 37, tzinfo=UTC)
    after = session.put(f"{users}1001", json={"phone": "573-555-0111"}).json()

    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"phone", "updated_at"}
    assert session.get(f"{users}1001").json() == after


def test_a_put_may_blank_what_it_leaves_out(open_with: OpenWith, session: requests.Session) -> None:
    _, users = open_with(people=1, put_blanks=True)
    partial = session.put(f"{users}1001", json={"phone": "573-555-0111"})
    whole = session.put(f"{users}1001", json={**REQUIRED, "phone": "573-555-0111"}).json()

    assert (partial.status_code, sorted(partial.json()["errors"])) == (400, ["first_name", "last_name"])
    assert (whole["phone"], whole["email"], whole["addresses"]) == ("573-555-0111", None, [])


def test_a_put_that_changes_nothing_is_counted_apart(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=1)
    phone = session.get(f"{users}1001").json()["phone"]
    session.put(f"{users}1001", json={"phone": phone})
    session.put(f"{users}1001", json={"phone": "573-555-0111"})

    assert (there.counts["unchanged"], there.counts["updates"]) == (1, 1)


def test_a_whole_record_may_be_sent_back(open_with: OpenWith, session: requests.Session) -> None:
    _, users = open_with(people=1)
    user = session.get(f"{users}1001").json()

    assert session.put(f"{users}1001", json={**user, "phone": None}).json()["phone"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("birthdate", "05/08/1982"),
        ("class_year", "'82"),
        ("enabled", "yes"),
        ("preferred_phone", "fax"),
        ("groups", "user"),
        ("groups", ["king"]),
        ("addresses", "Columbia"),
        ("shoe_size", 42),
    ],
)
def test_a_value_that_is_not_taken_is_named(
    open_with: OpenWith, session: requests.Session, field: str, value: Any
) -> None:
    there, users = open_with(people=1)
    before = dict(there.records["user"]["1001"])
    answer = session.put(f"{users}1001", json={field: value})

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert there.records["user"]["1001"] == before
    assert there.counts["updates"] == 0


def test_a_blank_is_no_bad_value() -> None:
    assert problems({"email": "", "birthdate": None, "class_year": ""}) == {}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b'{"first_name": "\\ud800"}'])
def test_a_body_that_is_no_object_is_a_bad_request(open_with: OpenWith, session: requests.Session, body: Any) -> None:
    _, users = open_with(people=0)

    answer = session.post(users, data=body, headers={"Content-Type": "application/json"})
    assert answer.json() == {"code": 400, "message": "Bad Request"}


@pytest.mark.parametrize("text", ["Zoë 李 O'Brien", "a\u0000b", "👩🏽\u200d🎓", ""])
def test_text_comes_back_as_sent(open_with: OpenWith, session: requests.Session, text: str) -> None:
    _, users = open_with(people=1)
    session.put(f"{users}1001", json={"nickname": text})

    assert session.get(f"{users}1001").json()["nickname"] == text


def test_what_is_not_there_is_404_and_what_is_not_offered_405(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=1)

    assert session.get(f"{users}7").status_code == 404
    assert session.put(f"{users}7", json={"phone": "1"}).status_code == 404
    assert session.get(f"{there.url}/api/nothing/").status_code == 404
    assert session.delete(f"{users}1001").status_code == 405
    assert session.put(users, json={}).status_code == 405


def test_changes_behind_its_back_move_its_own_time(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=2, time_zone="America/New_York")
    there.clock = lambda: datetime(2026, 5, 1, 3, 25, 37, tzinfo=UTC)
    there.change("user", "1002", enabled=0)

    # No zone is given, as in the vendor's own sample; it is the system's.
    assert session.get(f"{users}1002").json()["updated_at"] == "2026-04-30 23:25:37"
    assert session.get(f"{users}1002").json()["enabled"] == 0
    assert there.settings["time_zone"] == "America/New_York"


def test_who_is_removed_is_missing_from_the_list(open_with: OpenWith, session: requests.Session) -> None:
    there, users = open_with(people=3)
    there.remove("user", "1002")

    assert [user["user_id"] for user in session.get(users).json()] == ["1001", "1003"]
    assert there.create("user", REQUIRED) == "1004"


def test_people_of_the_other_system_are_left_out_and_ids_stay(open_with: OpenWith) -> None:
    there, _ = open_with(people=200, overlap={"crm_only": 0.5})
    everybody, _ = open_with(people=200)

    assert 50 < len(there.ids("user")) < 150
    for user_id, user in there.records["user"].items():
        assert everybody.records["user"][user_id]["email"] == user["email"]


def test_a_page_costs_the_same_however_many_there_are(open_with: OpenWith, session: requests.Session) -> None:
    small, many = open_with(people=100, page_size=50), open_with(people=3000, page_size=50)
    pages = [len(session.get(users, params={"page": 2}).content) for _, users in (small, many)]

    assert pages[0] == pages[1]
