"""The stand-ins' pages, over HTTP: somebody over there finds a person and changes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote

import pytest
import requests

from connectors.sandbox.server import StandIn, stand_ins, start

FIRST_NAME = {
    "alumni360": "first_name",
    "alumniq": "firstname",
    "rest": "first_name",
    "salesforce": "FirstName",
    "alumni_spaces": "name.first",
}
LAST_NAME = {
    "rest": "last_name",
    "alumni360": "last_name",
    "alumniq": "lastname",
    "salesforce": "LastName",
    "alumni_spaces": "name.last",
}
PHONE = {
    "rest": "phone",
    "alumni360": "phone",
    "alumniq": "workphone",
    "salesforce": "Phone",
    "alumni_spaces": "phones.mobile",
}
STAMP = {
    "rest": "updated",
    "alumni360": "updated_at",
    "alumniq": "updated",
    "salesforce": "SystemModstamp",
    "alumni_spaces": "_updated",
}
HOSTILE = "<script>alert('x')</script>\"&"


@pytest.fixture(params=sorted(stand_ins()))
def there(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with start(request.param, people=4) as stand_in:
        yield stand_in


def first_id(there: StandIn) -> str:
    return there.ids(there.people_type)[0]


def row(there: StandIn, record_id: str) -> dict[str, object]:
    return there.form_row(there.records[there.people_type][record_id])


def get(there: StandIn, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{there.url}{path}", headers=headers, timeout=10)


def form_of(text: str) -> dict[str, str]:
    """What a browser would send back if nobody typed anything."""
    inputs = re.findall(r'<input [^>]*?name="([^"]+)" value="([^"]*)"', text)
    selects = re.findall(r'<select [^>]*name="([^"]+)">.*?value="(\w+)" selected', text)
    return {name: unescape(value) for name, value in [*inputs, *selects]}


def save(there: StandIn, record_id: str, **typed: str) -> requests.Response:
    form = {**form_of(get(there, f"/{record_id}").text), **typed}
    return requests.post(f"{there.url}/{record_id}", data=form, timeout=10)


def test_the_root_lists_the_people_without_any_key(there: StandIn) -> None:
    answer = get(there, "/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"Stand-in of {there.label} – invented people" in answer.text  # noqa: RUF001
    assert "4 of 4 people" in answer.text
    for record_id in there.ids(there.people_type):
        assert f'href="/{record_id}"' in answer.text


def test_the_list_is_searched(there: StandIn) -> None:
    record_id = there.ids(there.people_type)[2]
    there.change(there.people_type, record_id, **{LAST_NAME[there.system]: "Zyzzyva"})
    text = get(there, "/?q=zyzzyva").text
    assert "1 of 4 people" in text
    assert re.findall(r'<td><a href="/(\w+)">', text) == [record_id]
    assert "0 of 4 people" in get(there, "/?q=nobody-is-called-so").text


def test_a_person_is_shown_with_what_they_have(there: StandIn) -> None:
    record_id = first_id(there)
    form = form_of(get(there, f"/{record_id}").text)
    assert form[FIRST_NAME[there.system]] == row(there, record_id)[FIRST_NAME[there.system]]
    assert form[PHONE[there.system]] == (row(there, record_id).get(PHONE[there.system]) or "")


def test_saving_changes_what_was_typed_and_nothing_else(there: StandIn) -> None:
    record_id = first_id(there)
    before = dict(row(there, record_id))
    answer = save(there, record_id, **{PHONE[there.system]: "573-555-0142"})
    assert (answer.status_code, answer.history[0].status_code) == (200, 303)
    assert "Saved." in answer.text
    after = row(there, record_id)
    moved = {name for name in after if after[name] != before.get(name)}
    assert after[PHONE[there.system]] == "573-555-0142"
    moved -= {*STAMP.values(), "LastModifiedDate", "revision"}
    assert moved - {PHONE[there.system].split(".")[0]} | {PHONE[there.system]} == {PHONE[there.system]}


def test_times_move_as_in_the_system_itself(there: StandIn) -> None:
    record_id = first_id(there)
    stamp = STAMP[there.system]
    there.clock = lambda: datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    save(there, record_id, **{PHONE[there.system]: "573-555-0143"})
    assert str(row(there, record_id)[stamp]).startswith("2031-05-04")


def test_a_form_saved_as_it_was_changes_nothing(there: StandIn) -> None:
    record_id = first_id(there)
    before = dict(row(there, record_id))
    assert save(there, record_id).status_code == 200
    assert row(there, record_id) == before


def test_a_field_is_emptied(there: StandIn) -> None:
    record_id = first_id(there)
    there.change(there.people_type, record_id, **{PHONE[there.system]: "573-555-0142"})
    save(there, record_id, **{PHONE[there.system]: ""})
    assert row(there, record_id).get(PHONE[there.system]) is None


def test_what_must_be_filled_is_said_and_what_was_typed_stays(there: StandIn) -> None:
    record_id = first_id(there)
    before = dict(row(there, record_id))
    answer = save(there, record_id, **{LAST_NAME[there.system]: " ", PHONE[there.system]: "573-555-0199"})
    assert answer.status_code == 400
    assert "must not be empty" in answer.text.lower()
    assert form_of(answer.text)[PHONE[there.system]] == "573-555-0199"
    assert row(there, record_id) == before


@pytest.mark.parametrize("token", [None, "", "guessed", "ümlaut"])
def test_another_sites_form_is_refused(there: StandIn, token: str | None) -> None:
    record_id = first_id(there)
    before = dict(row(there, record_id))
    form = {PHONE[there.system]: "573-555-0199"} | ({} if token is None else {"token": token})
    assert requests.post(f"{there.url}/{record_id}", data=form, timeout=10).status_code == 403
    assert row(there, record_id) == before


def test_another_name_for_this_machine_is_refused(there: StandIn) -> None:
    assert get(there, "/", Host="attacker.example.org").status_code == 403
    assert get(there, "/", Host=there.url.replace("http://127.0.0.1", "localhost")).status_code == 200


def test_nothing_anybody_typed_becomes_a_part_of_the_page(there: StandIn) -> None:
    record_id = first_id(there)
    there.change(there.people_type, record_id, **{FIRST_NAME[there.system]: HOSTILE, LAST_NAME[there.system]: HOSTILE})
    for path in ("/", f"/{record_id}", f"/?q={quote(HOSTILE)}"):
        text = get(there, path).text
        assert "<script" not in text, path
        assert "&lt;script&gt;" in text, path
    assert form_of(get(there, f"/{record_id}").text)[FIRST_NAME[there.system]] == HOSTILE


def test_only_looking_and_saving_are_possible(there: StandIn) -> None:
    record_id = first_id(there)
    for path in ("/", f"/{record_id}"):
        assert requests.delete(f"{there.url}{path}", timeout=10).status_code == 405
    assert requests.post(f"{there.url}/", timeout=10).status_code == 405


def test_the_interface_counts_nothing_of_it_and_keeps_its_own_addresses(there: StandIn) -> None:
    get(there, "/")
    save(there, first_id(there), **{PHONE[there.system]: "573-555-0142"})
    assert (there.counts["requests"], list(there.log)) == (0, [])
    assert get(there, "/no-such-person").status_code in (401, 404)
    assert there.counts["requests"] == 1


def test_a_record_address_takes_both_forms_of_an_id() -> None:
    with start("salesforce", people=2) as there:
        record_id = first_id(there)
        assert form_of(get(there, f"/{record_id[:15]}").text) == form_of(get(there, f"/{record_id}").text)


def test_somebody_who_was_deleted_is_not_listed() -> None:
    with start("salesforce", people=3) as there:
        there.remove("Contact", first_id(there))
        assert f'href="/{first_id(there)}"' not in get(there, "/").text
