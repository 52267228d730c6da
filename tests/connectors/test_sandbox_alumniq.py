"""A second client: plain requests, as https://help.alumniq.com/recipes/profile-work and …/data-sync/api tell."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.sandbox.alumniq import AlumnIQ
from connectors.sandbox.server import start

WORK = "address-change/work"
NOON = datetime(2026, 11, 27, 17, tzinfo=UTC)
OpenWith = Callable[..., AlumnIQ]


@pytest.fixture
def open_with() -> Iterator[OpenWith]:
    running: list[AlumnIQ] = []

    def open_with(**options: Any) -> AlumnIQ:
        there = start("alumniq", **{"people": 0, **options})
        assert isinstance(there, AlumnIQ)
        there.clock = lambda: NOON
        running.append(there)
        return there

    yield open_with
    for there in running:
        there.stop()


def get(there: AlumnIQ, path: str = f"sync/{WORK}", **params: str) -> requests.Response:
    given = {"apikey": there.settings["api_key"], **params}
    return requests.get(f"{there.settings['base_url']}/{path}", params=given, timeout=10)


def put(there: AlumnIQ, change_ids: list[str], **body: str) -> requests.Response:
    said = {"apikey": there.settings["api_key"], "changeIdList": ",".join(change_ids), **body}
    return requests.put(f"{there.settings['base_url']}/sync/{WORK}", json=said, timeout=10)


def add(there: AlumnIQ, count: int = 1, days_ago: float = 0, **values: Any) -> list[str]:
    when = NOON - timedelta(days=days_ago)
    return [there.create(WORK, {"xid": "1001", **values, "changedOn": when}) for _ in range(count)]


def ids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200
    return [str(row["changeId"]) for row in answer.json()]


def test_the_recommended_workflow(open_with: OpenWith) -> None:
    there = open_with()
    made = add(there, 3)
    block = get(there, changedSinceDate="2026-11-20")
    assert ids(block) == made
    # As the page writes it: add each changeId that was handled to a list, and PUT that list.
    assert put(there, ids(block)[:2]).status_code == 200
    assert ids(get(there, changedSinceDate="2026-11-20")) == made[2:]
    assert there.marked == {made[0]: 1, made[1]: 1}


def test_the_alternate_workflow(open_with: OpenWith) -> None:
    there = open_with()
    made = add(there, 3)
    assert ids(get(there, changedSinceDate="2026-11-20", markAsProcessed="true")) == made
    assert ids(get(there, changedSinceDate="2026-11-20")) == []
    assert there.marked == dict.fromkeys(made, 1)


def test_since_brings_500_at_most_and_on_brings_all(open_with: OpenWith) -> None:
    there = open_with()
    made = add(there, 600)
    assert ids(get(there, changedSinceDate="2026-11-27")) == made[:500]
    assert ids(get(there, changedOnDate="2026-11-27")) == made
    # Exactly 500: mark them processed, then run the request again.
    put(there, made[:500])
    assert ids(get(there, changedSinceDate="2026-11-27")) == made[500:]


def test_days_are_those_of_the_campus(open_with: OpenWith) -> None:
    there = open_with(time_zone="America/New_York")
    (evening,) = add(there, 1, days_ago=-11.9 / 24)
    (night,) = add(there, 1, days_ago=-12.1 / 24)
    assert ids(get(there, changedOnDate="2026-11-27")) == [evening]
    assert ids(get(there, changedOnDate="2026-11-28")) == [night]


def test_rows_come_by_day_in_whatever_order_they_were_made(open_with: OpenWith) -> None:
    there = open_with()
    (today,) = add(there, changeId=9)
    (yesterday,) = add(there, changeId=4, days_ago=1)
    assert ids(get(there, changedOnDate="2026-11-26")) == [yesterday] == ["4"]
    assert ids(get(there, changedSinceDate="2026-11-26")) == [today, yesterday]
    assert add(there) == ["10"]


def test_whether_dates_bring_processed_rows_is_an_option(open_with: OpenWith) -> None:
    there = open_with(repeats=True)
    made = add(there, 2)
    put(there, made)
    assert ids(get(there, changedOnDate="2026-11-27")) == made
    assert ids(get(there, changedSinceDate="2026-11-27")) == made
    assert ids(get(there, xid="1001")) == []


def test_an_xid_brings_what_is_unprocessed_newest_first(open_with: OpenWith) -> None:
    there = open_with()
    (old,) = add(there, days_ago=40)
    (new,) = add(there)
    (done,) = add(there)
    add(there, xid="1002")
    put(there, [done])
    assert ids(get(there, xid="1001")) == [new, old]
    assert ids(get(there, xid="nobody")) == []


def test_somebody_unmatched_has_no_xid(open_with: OpenWith) -> None:
    there = open_with(people=10)
    assert [row["xid"] for row in get(there, "sync/identity-change").json()].count("") == 1


@pytest.mark.parametrize(
    "filters",
    [
        {"changedOnDate": "2026-11-27", "changedSinceDate": "2026-11-27"},
        {"changedOnDate": "2026-11-27", "xid": "1001"},
        {"changedSinceDate": "2026-11-27", "xid": "1001"},
    ],
)
def test_two_filters_are_refused(open_with: OpenWith, filters: dict[str, str]) -> None:
    there = open_with()
    add(there)
    answer = get(there, **filters, markAsProcessed="true")
    assert answer.status_code == 400
    assert "mutually exclusive" in answer.json()["message"]
    assert not there.marked


@pytest.mark.parametrize("day", ["27.11.2026", "yesterday", ""])
def test_a_date_that_is_none_is_refused(open_with: OpenWith, day: str) -> None:
    assert get(open_with(), changedOnDate=day).status_code == 400


def test_a_list_of_changes_is_required(open_with: OpenWith) -> None:
    there = open_with()
    assert put(there, []).status_code == 400
    assert put(there, ["99"]).status_code == 200
    assert not there.marked


def test_the_three_feeds_and_nothing_else(open_with: OpenWith) -> None:
    there = open_with()
    paths = ["identity-change", "address-change/home", WORK, "address-change", "people"]
    assert [get(there, f"sync/{path}").status_code for path in paths] == [200, 200, 200, 404, 404]
    assert requests.post(f"{there.settings['base_url']}/sync/{WORK}", json={}, timeout=10).status_code == 401
    body = {"apikey": there.settings["api_key"]}
    assert requests.post(f"{there.settings['base_url']}/sync/{WORK}", json=body, timeout=10).status_code == 405


def test_the_key_is_in_the_address_or_in_the_body_of_a_put(open_with: OpenWith) -> None:
    there = open_with()
    (made,) = add(there)
    assert get(there, apikey="wrong").status_code == 401
    assert put(there, [made], apikey="wrong").status_code == 401
    address = f"{there.settings['base_url']}/sync/{WORK}?apikey={there.settings['api_key']}"
    assert requests.put(address, json={"changeIdList": made}, timeout=10).status_code == 401
    assert requests.put(address, data=b"what?", timeout=10).status_code == 401
    assert not there.marked


def test_every_answer_is_compressed(open_with: OpenWith) -> None:
    there = open_with()
    for answer in (get(there), get(there, apikey="wrong"), put(there, ["1"])):
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.json() is not None
    url = f"{there.settings['base_url']}/sync/{WORK}?apikey={there.settings['api_key']}"
    with requests.get(url, stream=True, timeout=10) as answer:
        assert gzip.decompress(answer.raw.read(decode_content=False)) == b"[]"


def test_the_key_s_days_are_in_a_header_until_it_expires(open_with: OpenWith) -> None:
    there = open_with(days_remaining=12)
    assert get(there).headers["x-api-key-days-remaining"] == "12"
    there.days_remaining = -1
    assert get(there).status_code == 401


@pytest.mark.parametrize("shape", ["object", "text"])
def test_a_key_is_traded_in_for_a_fresh_one(open_with: OpenWith, shape: str) -> None:
    there = open_with(days_remaining=5, new_key=shape)
    old = there.settings["api_key"]
    answer = get(there, "exchange", emailaddress=there.settings["key_email"])
    new = answer.json()["apikey"] if shape == "object" else answer.json()
    assert new not in ("", old)
    assert get(there, apikey=new).headers["x-api-key-days-remaining"] == "365"
    assert get(there, apikey=old).status_code == 401
    assert get(there, "exchange", emailaddress="somebody@example.org").status_code == 400


def test_an_expired_key_can_not_be_traded_in(open_with: OpenWith) -> None:
    there = open_with(days_remaining=-1)
    assert get(there, "exchange", emailaddress=there.settings["key_email"]).status_code == 401


def test_the_log_holds_no_key(open_with: OpenWith) -> None:
    there = open_with()
    get(there)
    assert there.log == [("GET", f"/api/v1/index.cfm/sync/{WORK}", 200)]


def test_somebody_who_edits_their_profile_writes_to_the_feed_of_what_they_changed(open_with: OpenWith) -> None:
    there = open_with(people=2, has_changes=False)
    id = there.ids("profile")[0]
    there.change("profile", id, employer="Ironwood Legal", title="Attorney", pronouns="they/them")
    there.change("profile", id, employer="Ironwood Legal")
    (work,) = get(there, changedOnDate="2026-11-27").json()
    (identity,) = get(there, "sync/identity-change", changedOnDate="2026-11-27").json()
    assert work == {"changeId": work["changeId"], "xid": id, "employer": "Ironwood Legal", "title": "Attorney"}
    assert identity["pronouns"] == "they/them"
    assert "employer" not in identity
    assert there.ids("address-change/home") == []


def test_promises_of_the_documents_are_kept_in_what_is_invented(open_with: OpenWith) -> None:
    there = open_with(people=20)
    rows = [row for feed in ("address-change/home", WORK) for row in there.records[feed].values()]
    assert {row["countryiso"] for row in rows if "countryiso" in row} == {"US"}
    assert all(len(row["stateiso"]) == 2 for row in rows if "stateiso" in row)
    phones = [value for row in rows for name, value in row.items() if "phone" in name]
    assert phones
    assert all(phone.startswith("+1") and len(phone) == 12 for phone in phones)


def test_names_may_be_in_capitals(open_with: OpenWith) -> None:
    there = open_with(letters="upper")
    add(there, employer="Ironwood Legal")
    assert set(get(there).json()[0]) == {"CHANGEID", "XID", "EMPLOYER"}


def test_a_row_may_be_taken_away(open_with: OpenWith) -> None:
    there = open_with()
    (made,) = add(there)
    there.remove(WORK, made)
    assert ids(get(there)) == []


def test_it_is_steered_from_another_process(open_with: OpenWith) -> None:
    there = open_with()
    said = {"object_type": WORK, "values": {"xid": "1001", "employer": "X", "changedOn": "2026-11-20T12:00:00+00:00"}}
    made = requests.post(f"{there.url}/_sandbox/create", json=said, timeout=10).json()["id"]
    assert ids(get(there, changedOnDate="2026-11-20")) == [made]
