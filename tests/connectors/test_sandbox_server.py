"""What every stand-in can do, driven through the simplest of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
import requests

from connectors.sandbox.faults import KINDS, Faults
from connectors.sandbox.server import StandIn, stand_ins, start

MAYA = {"first_name": "Maya", "last_name": "Ortiz", "enabled": 1, "email": "maya@example.org"}


@pytest.fixture
def there() -> Iterator[StandIn]:
    with start("alumni360", people=3) as stand_in:
        yield stand_in


@pytest.fixture
def http(there: StandIn) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers[there.settings["key_header"]] = there.settings["api_key"]
        yield session


@pytest.fixture
def users(there: StandIn) -> str:
    return f"{there.settings['base_url']}/users/"


def test_the_stand_ins_are_found_by_their_modules() -> None:
    assert {"alumni360", "alumni_spaces", "alumniq", "rest", "salesforce"} <= set(stand_ins())


def test_it_is_on_loopback_and_gone_when_stopped(there: StandIn, http: requests.Session, users: str) -> None:
    assert there.url.startswith("http://127.0.0.1:")
    assert http.get(users).status_code == 200

    there.stop()
    there.stop()

    # Neither anew nor over the connection that was kept open.
    with pytest.raises(requests.ConnectionError):
        http.get(users)
    with pytest.raises(RuntimeError):
        there.url  # noqa: B018


def test_connections_are_kept_open(
    there: StandIn, http: requests.Session, users: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = there.server
    assert isinstance(server, ThreadingHTTPServer)
    opened = []
    process_request = server.process_request

    def counted(request: Any, client_address: Any) -> None:
        opened.append(client_address)
        process_request(request, client_address)

    monkeypatch.setattr(server, "process_request", counted)
    for _ in range(3):
        http.get(users)

    assert len(opened) == 1


def test_the_log_has_paths_and_no_values(there: StandIn, http: requests.Session, users: str) -> None:
    http.get(users, params={"page": "1", "secret": "hush"})
    http.post(users, json=MAYA)

    assert there.log == [("GET", "/api/users/", 200), ("POST", "/api/users/", 201)]


def test_a_double_create_is_visible(there: StandIn, http: requests.Session, users: str) -> None:
    for _ in range(2):
        http.post(users, json=MAYA)

    assert there.counts["creates"] == 2
    assert there.creates_of == {"Maya Ortiz <maya@example.org>": 2}


@pytest.mark.parametrize(
    ("kind", "status", "effects"),
    [("429", 429, 0), ("500", 500, 0), ("401", 401, 0), ("500_after", 500, 1), ("slow", 201, 1), ("html", 200, 0)],
)
def test_faults_that_answer(
    there: StandIn, http: requests.Session, users: str, kind: str, status: int, effects: int
) -> None:
    there.faults.next(kind)

    assert http.post(users, json=MAYA).status_code == status
    assert there.counts["creates"] == effects
    assert http.post(users, json=MAYA).status_code == 201


@pytest.mark.parametrize(("kind", "effects"), [("reset", 0), ("lost", 1)])
def test_faults_that_say_nothing(there: StandIn, http: requests.Session, users: str, kind: str, effects: int) -> None:
    there.faults.next(kind)

    with pytest.raises(requests.ConnectionError):
        http.post(users, json=MAYA)
    assert there.counts["creates"] == effects
    assert there.log[-1].status == 0


def test_a_cut_body_is_shorter_than_promised(there: StandIn, http: requests.Session, users: str) -> None:
    there.faults.next("cut")

    with http.get(users, stream=True) as answer:
        promised = int(answer.headers["Content-Length"])
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            answer.content  # noqa: B018

    assert promised == len(http.get(users).content)


def test_an_html_page_says_that_it_is_one(there: StandIn, http: requests.Session, users: str) -> None:
    there.faults.next("html")
    answer = http.get(users)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_retry_after_is_as_given(there: StandIn, http: requests.Session, users: str) -> None:
    there.faults.next("429", retry_after=7)
    there.faults.next("429")

    assert http.get(users).headers["Retry-After"] == "7"
    assert http.get(users).headers["Retry-After"] == "0"


def test_a_fault_waits_for_the_requests_it_is_meant_for(there: StandIn, http: requests.Session, users: str) -> None:
    there.faults.next("500", times=2, method="PUT", path="1002")

    assert http.get(users).status_code == 200
    assert http.put(f"{users}1001", json={"phone": "1"}).status_code == 200
    statuses = [http.put(f"{users}1002", json={"phone": "1"}).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]


def test_a_share_of_the_answers_is_wrong_and_the_kinds_take_turns() -> None:
    faults = Faults(seed=5)
    faults.every(5, ("429", "500", "lost"))
    taken = [faults.take("GET", "/") for _ in range(150)]

    assert Counter(fault.kind for fault in taken if fault) == {"429": 10, "500": 10, "lost": 10}
    assert all(sum(fault is not None for fault in taken[place : place + 5]) == 1 for place in range(0, 150, 5))


def test_the_same_seed_goes_wrong_at_the_same_places_and_not_in_step() -> None:
    def places(seed: int) -> list[int]:
        faults = Faults(seed)
        faults.every(5, ("500",))
        return [number for number in range(100) if faults.take("GET", "/")]

    assert places(1) == places(1) != places(2)
    assert len({number % 5 for number in places(1)}) > 1


def test_a_share_can_be_of_some_requests_only() -> None:
    faults = Faults()
    faults.every(1, ("500",), method="PUT")

    assert faults.take("GET", "/") is None
    assert faults.take("PUT", "/") is not None
    faults.clear()
    assert faults.take("PUT", "/") is None


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="429"):
        Faults().next("meteor")
    with pytest.raises(ValueError, match="429"):
        Faults().every(5, ("500", "meteor"))


def test_every_kind_is_carried_out(there: StandIn, http: requests.Session, users: str) -> None:
    for kind in KINDS:
        there.faults.next(kind)
        try:
            # Whoever is told nothing waits for as long as they like.
            http.get(users, timeout=0.5 if kind == "nothing" else 30).json()
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, ValueError):
            continue

    assert there.counts["requests"] == len(KINDS)


def test_many_at_once_lose_nothing(there: StandIn, users: str) -> None:
    def create(number: int) -> None:
        headers = {there.settings["key_header"]: there.settings["api_key"]}
        for turn in range(10):
            requests.post(users, json={**MAYA, "email": f"m{number}.{turn}@example.org"}, headers=headers, timeout=10)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert there.counts["creates"] == 80
    assert len(there.ids("user")) == len(set(there.ids("user"))) == 83
    assert set(there.creates_of.values()) == {1}


def test_latency_holds_no_other_answer_up(there: StandIn, users: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def sleep(seconds: float) -> None:
        def look() -> None:
            seen.append((seconds, there.lock.acquire(timeout=1)))
            there.lock.release()

        other = threading.Thread(target=look)
        other.start()
        other.join()

    there.latency = 2.5
    monkeypatch.setattr("connectors.sandbox.stand_in.time.sleep", sleep)
    requests.get(users, timeout=10)

    assert seen == [(2.5, True)]


def control(there: StandIn, verb: str, **body: Any) -> requests.Response:
    if body:
        return requests.post(f"{there.url}/_sandbox/{verb}", json=body, timeout=10)
    return requests.get(f"{there.url}/_sandbox/{verb}", timeout=10)


def test_it_is_steered_over_http(there: StandIn, http: requests.Session, users: str) -> None:
    made = control(there, "create", object_type="user", values=MAYA).json()["id"]
    control(there, "change", object_type="user", id=made, values={"phone": "573-555-0199"})
    assert http.get(f"{users}{made}").json()["phone"] == "573-555-0199"

    control(there, "remove", object_type="user", id=made)
    assert http.get(f"{users}{made}").status_code == 404

    control(there, "faults", next={"kind": "500", "times": 2})
    assert http.get(users).status_code == 500
    control(there, "faults", clear=True)
    assert http.get(users).status_code == 200
    control(there, "faults", every={"n": 1, "kinds": ["429"]})
    assert http.get(users).status_code == 429
    control(there, "latency", seconds=0.001)
    assert there.latency == 0.001


def test_it_tells_what_happened_over_http(there: StandIn, http: requests.Session, users: str) -> None:
    http.post(users, json=MAYA)

    assert control(there, "counts").json() == {
        "requests": 1,
        "reads": 0,
        "creates": 1,
        "updates": 0,
        "unchanged": 0,
        "deletes": 0,
        "creates_of": {"Maya Ortiz <maya@example.org>": 1},
    }
    assert control(there, "log").json() == [{"method": "POST", "path": "/api/users/", "status": 201}]
    assert control(there, "records?object_type=user&id=1004").json()["first_name"] == "Maya"
    assert list(control(there, "records?object_type=user").json()) == ["1001", "1002", "1003", "1004"]


def test_steering_is_not_counted_nor_faulty(there: StandIn) -> None:
    there.faults.next("500")

    assert control(there, "counts").json()["requests"] == 0
    assert there.log == []


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("nothing", {"a": 1}, 404),
        ("change", {"object_type": "user"}, 400),
        ("faults", {"next": {"kind": "meteor"}}, 400),
        ("latency", {"seconds": "long"}, 400),
    ],
)
def test_what_steering_does_not_understand_is_said(there: StandIn, verb: str, body: Any, status: int) -> None:
    answer = control(there, verb, **body)

    assert answer.status_code == status
    assert answer.json()["message"]
