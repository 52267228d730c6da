"""360Alumni against its stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from connectors.answers import Answer
from connectors.base import Connector
from connectors.models import setting_defaults
from connectors.records import Gone, NeedsAttention, Page, Record, Rejected, Unknown, Values, Write
from connectors.sandbox.server import start
from connectors.sandbox.stand_in import StandIn
from connectors.systems.alumni360 import Alumni360
from connectors.systems.alumni360.answers import environment_of, id_of, page_of, unwrapped
from tests.connectors.contract import Bench, ConnectorContract
from tests.connectors.servers import raiser

FAULTS = {"unauthorized": "401", "too_many": "429", "server_error": "500", "cut_off": "cut", "html": "html"}


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


class Alumni360Bench(Bench):
    object_type = "user"
    fields = ("first_name", "last_name", "nickname")
    impossible = frozenset({"lone surrogate"})

    def __init__(self, there: StandIn) -> None:
        self.there = there
        self.connector = self.reopen()
        self.secrets = (there.settings["api_key"],)

    def reopen(self) -> Connector:
        return open_to(self.there)

    def person(self, number: int) -> Values:
        return {"first_name": f"Ann{number}", "last_name": "Example", "nickname": f"N{number}", "enabled": 1}

    def fill(self, count: int) -> list[str]:
        return [self.there.create("user", self.person(100 + number)) for number in range(count)]

    def alter(self, id: str, values: Values) -> None:
        self.there.change("user", id, **values)

    def values(self, id: str) -> Values:
        return {name: self.there.records["user"][id][name] for name in self.fields}

    def ids(self) -> set[str]:
        return set(self.there.ids("user"))

    def fault(self, name: str) -> AbstractContextManager[None]:
        return faulty(self.there, FAULTS[name])


class TestAlumni360(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with start("alumni360", people=3, page_size=10) as there:
            yield Alumni360Bench(there)


@contextmanager
def faulty(there: StandIn, kind: str) -> Iterator[None]:
    there.faults.next(kind, times=10**6, retry_after=7200)
    yield
    there.faults.clear()


def open_to(there: StandIn, **settings: Any) -> Alumni360:
    # Where requests are counted, none is spent on finding out what a PUT does.
    usual = {**setting_defaults(Alumni360), "requests_per_second": 100_000, "put": "changed"}
    return Alumni360({**usual, **there.settings, **settings})


@pytest.fixture
def there() -> Iterator[StandIn]:
    with start("alumni360", people=7, page_size=3) as there:
        yield there


def poll(system: Alumni360) -> list[Page]:
    return list(system.poll("user", None, ["email"]))


def records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def answering(monkeypatch: pytest.MonkeyPatch, system: Alumni360, *pages: Any) -> None:
    """Let the system's pages be these, whatever its stand-in has; a number is a status."""

    def get(path: str, params: Any) -> Answer:
        number = int(params["page"])
        page = pages[number - 1] if number <= len(pages) else []
        if page == 404:
            raise Gone("Nothing there.")
        return Answer(200, {}, page)

    monkeypatch.setattr(system._http, "get", get)


def users(*ids: object) -> list[Values]:
    return [{"user_id": id, "first_name": "Ann"} for id in ids]


@pytest.mark.parametrize("options", [{"envelope": "users"}, {"envelope": "data"}, {"ids": "number"}, {}])
def test_every_shape_of_list(options: dict[str, Any]) -> None:
    with start("alumni360", people=7, page_size=3, **options) as there:
        pages = poll(open_to(there))
        assert [record.id for record in records(pages)] == there.ids("user")
        assert pages[-1].complete
        assert records(pages)[0].values["user_id"] == there.ids("user")[0]


def test_an_envelope_saves_asking_for_an_empty_page() -> None:
    with start("alumni360", people=6, page_size=3, envelope="users") as there:
        poll(open_to(there))
        assert there.counts["requests"] == 2


def test_an_empty_list_is_whole() -> None:
    with start("alumni360", people=0) as there:
        assert poll(open_to(there)) == [Page((), complete=True)]


@pytest.mark.parametrize(
    ("pages", "ids", "is_whole"),
    [
        ([users(1, 2), users(3)], "123", True),
        ([users(1, 2), users(2, 3)], "1223", False),
        ([{"users": users(1, 2), "total": 3}, {"users": users(3), "total": 3}], "123", True),
        ([{"users": users(1, 2), "total": 3}, {"users": users(3), "total": 4}], "123", False),
        ([{"users": users(1), "total": 4}, {"users": [], "total": 4}], "1", False),
        ([{"users": users(1, 2), "total": 3}, 404], "12", False),
        ([{"data": users(1, 2), "meta": {"last_page": 1}}, users(3)], "12", True),
        ([{"results": users(1, 2), "next": "/api/users/?page=2"}, {"results": users(3), "next": None}], "123", True),
        ([users(1, 2), 404], "12", False),
        ([{"users": users(1), "total": "1"}], "1", True),
        ([{"users": users(1, 2), "count": 2}, {"users": users(3), "count": 1}], "123", True),
        ([{"users": users(1, 2), "count": 3}, {"users": users(3), "count": 3}], "123", True),
        ([{"users": users(1, 2), "count": 2}, {"users": [], "count": 2}], "12", True),
        ([{"users": users(1, 2), "count": 3}, {"users": [], "count": 3}], "12", False),
        ([{"users": users(1, 2), "next_page": 2}, {"users": users(3), "next_page": ""}, users(4)], "123", True),
    ],
)
def test_when_a_list_is_whole(
    there: StandIn, monkeypatch: pytest.MonkeyPatch, pages: list[Any], ids: str, is_whole: bool
) -> None:
    system = open_to(there)
    answering(monkeypatch, system, *pages)
    found = poll(system)
    assert [record.id for record in records(found)] == list(ids)
    assert any(page.complete for page in found) is is_whole
    assert all(page.cursor is None for page in found)


@pytest.mark.parametrize("error", [Gone("404"), Rejected("400")])
def test_an_address_without_users(there: StandIn, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    system = open_to(there)
    monkeypatch.setattr(system._http, "get", raiser(error))
    with pytest.raises(NeedsAttention, match="no list of users"):
        system.check()


def test_a_repeated_page_ends_the_list(there: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    system = open_to(there)
    answering(monkeypatch, system, users(1, 2), users(1, 2))
    with pytest.raises(NeedsAttention, match="page 2 of its users with page 1 again"):
        poll(system)


def test_what_is_no_user_is_set_aside_alone(there: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    system = open_to(there)
    answering(monkeypatch, system, [*users(1), "what?", {"first_name": "No id"}, *users(True, 2)])
    pages = poll(system)
    assert [(record.id, bool(record.problem)) for record in records(pages)] == [
        ("1", False),
        ("?1.1", True),
        ("?1.2", True),
        ("?1.3", True),
        ("2", False),
    ]
    assert [record.values for record in records(pages)[1:3]] == [{}, {"first_name": "No id"}]
    assert not any(page.complete for page in pages)


def test_times_stand_in_the_zone_of_the_site() -> None:
    with start("alumni360", people=1, time_zone="America/New_York") as there:
        (record,) = records(poll(open_to(there)))
    assert record.created is not None
    assert record.created.utcoffset() in (timedelta(hours=-5), timedelta(hours=-4))
    assert record.version == record.values["updated_at"]


def test_a_disabled_user_is_not_gone(there: StandIn) -> None:
    id = there.ids("user")[0]
    there.change("user", id, enabled=0)
    (record,) = open_to(there).read("user", [id], ["enabled"])
    assert record.values["enabled"] == 0
    assert not record.deleted


@pytest.mark.parametrize("accepts", ["json", "form", "both"])
@pytest.mark.parametrize("ids", ["text", "number"])
def test_writes_in_either_content_type(accepts: str, ids: str) -> None:
    with start("alumni360", people=1, accepts=accepts, ids=ids) as there:
        system = open_to(there)
        new = {"first_name": "Zoë", "last_name": "Example", "enabled": 1, "no_email": True, "email": None}
        (created,) = system.write("user", [Write(None, new)])
        (updated,) = system.write("user", [Write(created.id, {"phone": "573-555-0100", "email": None})])
        user = there.records["user"][created.id]
    assert (created.error, updated.error) == (None, None)
    assert (user["first_name"], user["phone"], user["no_email"]) == ("Zoë", "573-555-0100", True)
    assert created.record is not None
    assert created.record.values["enabled"] == 1
    assert updated.record is not None
    assert updated.record.id == created.id


def test_json_is_remembered_once_it_was_taken() -> None:
    with start("alumni360", people=1, accepts="json") as there:
        system = open_to(there)
        for number in range(3):
            list(system.write("user", [Write(there.ids("user")[0], {"phone": f"573-555-010{number}"})]))
        assert there.counts["requests"] == 4


def test_nested_values_are_json_at_once() -> None:
    with start("alumni360", people=1, accepts="json") as there:
        id = there.ids("user")[0]
        (outcome,) = open_to(there).write("user", [Write(id, {"groups": ["user", "admin"]})])
        assert outcome.error is None
        assert there.counts["requests"] == 1
        assert there.records["user"][id]["groups"] == ["user", "admin"]


@pytest.mark.parametrize(("body", "requests"), [("form", 1), ("json", 1), ("auto", 2)])
def test_a_refused_field_is_named(body: str, requests: int) -> None:
    with start("alumni360", people=1, accepts="both") as there:
        (outcome,) = open_to(there, body=body).write("user", [Write(there.ids("user")[0], {"email": "nonsense"})])
        assert there.counts["requests"] == requests
    assert isinstance(outcome.error, Rejected)
    assert outcome.error.fields == {"email": "This value is not a valid email address."}


def test_one_refused_write_leaves_the_others(there: StandIn) -> None:
    ids = there.ids("user")[:3]
    writes = [
        Write(id, {"email": email}) for id, email in zip(ids, ["a@example.org", "?", "c@example.org"], strict=True)
    ]
    outcomes = list(open_to(there).write("user", writes))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]


@pytest.mark.parametrize(("put", "phone"), [("changed", None), ("whole", "573-555-0100")])
def test_what_a_put_sends(put: str, phone: str | None) -> None:
    with start("alumni360", people=1, put_blanks=True) as there:
        id = there.ids("user")[0]
        there.change("user", id, phone="573-555-0100")
        values = {"first_name": "New", "last_name": "Example", "enabled": 1}
        (outcome,) = open_to(there, put=put).write("user", [Write(id, values)])
        assert outcome.error is None
        assert (there.records["user"][id]["first_name"], there.records["user"][id]["phone"]) == ("New", phone)


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut", "reset"])
def test_a_create_whose_answer_is_lost_is_not_sent_again(there: StandIn, kind: str) -> None:
    there.faults.next(kind, times=99, method="POST")
    new = {"first_name": "Ann", "last_name": "Example", "enabled": 1}
    (outcome,) = open_to(there, body="json").write("user", [Write(None, new)])
    assert isinstance(outcome.error, Unknown)
    assert there.counts["creates"] == (0 if kind == "reset" else 1)


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut", "reset", "html", "429"])
def test_an_update_is_repeated(there: StandIn, kind: str) -> None:
    there.faults.next(kind, times=2, method="PUT")
    id = there.ids("user")[0]
    (outcome,) = open_to(there).write("user", [Write(id, {"phone": "573-555-0199"})])
    assert outcome.error is None
    assert there.records["user"][id]["phone"] == "573-555-0199"


def test_a_create_without_an_id_in_its_answer_is_unknown(there: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    system = open_to(there)
    monkeypatch.setattr(system._http, "send", lambda *args, **options: Answer(200, {}, {"message": "ok"}))
    (outcome,) = system.write("user", [Write(None, {"first_name": "Ann"})])
    assert isinstance(outcome.error, Unknown)


@pytest.mark.parametrize(
    "data",
    [{"user_id": 5}, {"user": {"user_id": 5}}, {"data": {"user": {"id": "5"}}}, [{"id": 5}], {"data": [{"id": 5}]}],
)
def test_one_user_in_any_envelope(data: Any) -> None:
    assert id_of(unwrapped(data)) == "5"


def test_a_user_s_own_data_field_is_no_envelope() -> None:
    user = {"user_id": 5, "data": {"id": 9}}
    assert unwrapped(user) == user


def test_fields_are_those_published_and_those_seen(there: StandIn) -> None:
    (kind,) = open_to(there).describe(["user"])
    assert kind.field("phone") is not None
    assert not kind.fields_known
    required = {field.name for field in kind.fields if field.required}
    assert required == {"first_name", "last_name", "enabled"}
    assert not any(field.writable for field in kind.fields if field.name in ("user_id", "created_at", "updated_at"))


def test_another_header_name() -> None:
    with start("alumni360", people=1, key_header="Authorization-Key") as there:
        assert open_to(there).check().label == "127.0.0.1"
        with pytest.raises(NeedsAttention, match="doesn't accept our key"):
            open_to(there, key_header="X-API-KEY").check()


def test_a_wrong_key(there: StandIn) -> None:
    with pytest.raises(NeedsAttention, match="Enter it again"):
        open_to(there, api_key="wrong").check()


def test_a_wrong_address(there: StandIn) -> None:
    with pytest.raises(NeedsAttention, match="no list of users"):
        open_to(there, base_url=there.url).check()


@pytest.mark.parametrize("data", [{"hello": "world"}, "text", 5])
def test_an_address_of_something_else(data: Any) -> None:
    with pytest.raises(NeedsAttention, match="isn't a list of users"):
        page_of(1, data)


@pytest.mark.parametrize(
    ("host", "environment"),
    [
        ("demo.360alumni.com", "test"),
        ("demo.s.360alumni.com", "test"),
        ("awesome.s.360alumni.com", "test"),
        ("awesome.360alumni.com", "production"),
        ("127.0.0.1", ""),
    ],
)
def test_test_systems_are_known_by_their_hosts(host: str, environment: str) -> None:
    assert environment_of(host) == environment


def test_closing_twice_or_before_use(there: StandIn) -> None:
    system = open_to(there)
    system.close()
    system.check()
    system.close()
    system.close()


def test_ids_can_not_leave_their_place_in_the_address(there: StandIn) -> None:
    assert list(open_to(there).read("user", ["../users", "1/2", "?page=1"], [])) == []


@pytest.mark.parametrize("put_blanks", [True, False])
def test_the_first_update_finds_out_what_a_put_does_and_loses_nothing(put_blanks: bool) -> None:
    with start("alumni360", people=3, put_blanks=put_blanks) as there:
        before = deepcopy(there.records["user"])
        platform = open_to(there, put="auto")
        ids = list(before)
        for id in ids:
            (outcome,) = platform.write("user", [Write(id, {"phone": "573-555-0142"})])
            assert outcome.error is None
        for id in ids:
            after = dict(there.records["user"][id])
            assert after.pop("phone") == "573-555-0142"
            assert {name: after[name] for name in after if name != "updated_at"} == {
                name: value for name, value in before[id].items() if name not in ("phone", "updated_at")
            }


@pytest.mark.parametrize(("method", "path"), [("PUT", "users/"), ("GET", "users/")])
def test_a_first_update_whose_answer_is_lost_empties_nothing(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    with start("alumni360", people=1, put_blanks=True) as there:
        (id,) = there.ids("user")
        before = deepcopy(there.records["user"][id])
        system = open_to(there, put="auto")
        replace = system._replace

        def lose_the_answer(*args: Any) -> Any:
            monkeypatch.setattr(system, "_replace", replace)
            # As many as a call is tried.
            there.faults.next("lost", times=5, method=method, path=path)
            return replace(*args)

        monkeypatch.setattr(system, "_replace", lose_the_answer)
        (outcome,) = system.write("user", [Write(id, {"first_name": "New"})])
        after = there.records["user"][id]
    assert outcome.error is None
    assert {**after, "updated_at": ""} == {**before, "first_name": "New", "updated_at": ""}
