"""Web services as they are: lists that move or go in circles, sign-ins that end, answers of every shape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.answers import Answer
from connectors.records import (
    Duplicate,
    Gone,
    NeedsAttention,
    Outcome,
    Record,
    Rejected,
    Stale,
    Unknown,
    Values,
    Write,
)
from connectors.sandbox.rest import SECRET
from connectors.sandbox.server import start
from connectors.systems.rest import Rest
from connectors.systems.rest.answers import at, refused_fields, total_of
from connectors.systems.rest.since import Since
from tests.connectors.rest import There, faulty, open_to, poll, records


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[There]:
    with start("rest", people=7, page_size=3) as there:
        assert isinstance(there, There)
        yield there


def answering(monkeypatch: pytest.MonkeyPatch, system: Rest, *pages: Any) -> None:
    """Let the list's pages be these, in turn and then the last for ever; a number is a status."""
    left = list(pages)

    def get(path: str, params: Any = None) -> Answer:
        page = left.pop(0) if len(left) > 1 else left[0]
        if page == 404:
            raise Gone("Nothing there.")
        body, headers = page if isinstance(page, tuple) else (page, {})
        return Answer(200, headers, body)

    monkeypatch.setattr(system._session, "get", get)


def rows(*ids: Any, **more: Any) -> Values:
    return {"data": [{"id": id} for id in ids], **more}


def counted(*ids: Any, total: int) -> Any:
    return rows(*ids), {"X-Total-Count": str(total)}


def written(system: Rest, write: Write) -> Outcome:
    (outcome,) = system.write("person", [write])
    return outcome


# Lists


@pytest.mark.parametrize(
    ("pages", "ids", "is_whole"),
    [
        ([rows(1, 2), rows(3), rows()], "123", True),
        ([rows(1, 2), rows(2, 3), rows()], "1223", False),
        ([counted(1, 2, total=3), counted(3, total=3), counted(total=3)], "123", True),
        ([counted(1, 2, total=3), counted(3, total=4), counted(total=4)], "123", False),
        ([counted(1, total=4), counted(total=4)], "1", False),
        ([rows(1, 2, total=3), rows(3, total=3), rows(total=3)], "123", True),
        ([rows(1, 2, total=9), rows(total=9)], "12", False),
        ([rows(1, 2, count=2), rows(3, count=1), rows(count=0)], "123", True),
        ([rows(1, 2), rows(3), 404], "123", True),
        ([rows(1, 2), rows(3, 4), 404], "1234", False),
        ([rows()], "", True),
    ],
)
def test_when_a_list_by_numbers_is_whole(
    there: There, monkeypatch: pytest.MonkeyPatch, pages: list[Any], ids: str, is_whole: bool
) -> None:
    system = open_to(there)
    answering(monkeypatch, system, *pages)
    found = poll(system)
    assert [record.id for record in records(found)] == list(ids)
    assert any(page.complete for page in found) is is_whole


@pytest.mark.parametrize(
    "pages",
    [
        [rows(1, 2)],
        [rows(1, 2), rows(2, 1)],
        [rows(1, 2), rows(3, 4), rows(1, 2)],
        [rows(1)],
    ],
)
def test_a_page_that_comes_again_ends_the_list(there: There, monkeypatch: pytest.MonkeyPatch, pages: list[Any]) -> None:
    system = open_to(there)
    answering(monkeypatch, system, *pages)
    with pytest.raises(NeedsAttention, match="had sent before"):
        poll(system)


def test_marks_that_go_in_circles_or_lead_through_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with start("rest", people=1, paging="cursor") as there:
        assert isinstance(there, There)
        system = open_to(there)
        answering(monkeypatch, system, *(rows(n, meta={"next": f"m{n % 3}"}) for n in range(9)))
        with pytest.raises(NeedsAttention, match="had sent before"):
            poll(system)
        answering(monkeypatch, system, *(rows(meta={"next": f"m{n}"}) for n in range(99)))
        with pytest.raises(NeedsAttention, match="had sent before"):
            poll(system)


def test_a_mark_may_be_the_last_record_s_own_field(monkeypatch: pytest.MonkeyPatch) -> None:
    with start("rest", people=1, paging="cursor") as there:
        assert isinstance(there, There)
        system = open_to(there, paging__field="data.-1.id")
        answering(monkeypatch, system, rows(1, 2), rows(3), rows())
        assert [record.id for record in records(poll(system))] == ["1", "2", "3"]


@pytest.mark.parametrize("link", ["https://other.example/v1/people?page=2", "//other.example/people", "http://[/x"])
def test_a_link_to_another_host_is_not_followed(monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    with start("rest", people=1, paging="next_url", auth="bearer") as there:
        assert isinstance(there, There)
        system = open_to(there)
        before = there.counts["requests"]
        answering(monkeypatch, system, rows(1, links={"next": link}))
        with pytest.raises(NeedsAttention, match="That is not followed"):
            poll(system)
        assert there.counts["requests"] == before


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("?page=2", "//v1/people?page=2"),
        ("people/more?x=1&api_key=old", "//v1/people/more?x=1"),
        ("https://127.0.0.1/v1/people?page=2", "//v1/people?page=2"),
        ("http://127.0.0.1:1/other", "//other"),
    ],
)
def test_links_stay_at_the_address_we_were_given_and_lose_its_key(link: str, path: str) -> None:
    with start("rest", people=1, auth="query") as there:
        assert isinstance(there, There)
        assert open_to(there)._session.link("/people", link) == path


@pytest.mark.parametrize("base", ["", "/"])
def test_an_address_may_end_in_a_slash(there: There, base: str) -> None:
    system = open_to(there, base_url=there.settings["base_url"] + base)
    assert len(records(poll(system))) == 7
    assert there.log[0].path == "/v1/people"


@pytest.mark.parametrize("answer", [{"data": "x"}, {"items": []}, [1], "text", {"data": {"a": 1}}])
def test_an_answer_without_a_list(there: There, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    system = open_to(there)
    answering(monkeypatch, system, answer)
    with pytest.raises(NeedsAttention, match="is no list under “data”"):
        poll(system)


def test_a_wrong_path_of_the_list(there: There) -> None:
    with pytest.raises(NeedsAttention, match="The list at /nobody can't be read"):
        open_to(there, list__path="/nobody").check()


def test_what_has_no_id_is_set_aside_alone(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    system = open_to(there)
    answering(monkeypatch, system, {"data": [{"id": 1}, "what?", {"name": "x"}, {"id": True}, {"id": ""}]}, rows())
    found = poll(system)
    assert [(record.id, bool(record.problem)) for record in records(found)] == [
        ("1", False),
        ("?1", True),
        ("?2", True),
        ("?3", True),
        ("?4", True),
    ]
    assert [record.values for record in records(found)[1:3]] == [{}, {"name": "x"}]
    assert not any(page.complete for page in found)


def test_a_filter_narrows_the_list(there: There) -> None:
    there.change("person", "3", status="abroad")
    assert [record.id for record in records(poll(open_to(there), narrow="status=abroad"))] == ["3"]


# What changed


def test_a_list_that_moved_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with start("rest", people=1, since="raw", paging="offset") as there:
        assert isinstance(there, There)
        system = open_to(there)
        row = {"id": 1, "updated": 5}
        answering(monkeypatch, system, {"data": [row]}, rows(2), rows())
        assert poll(system)[-1].cursor == {"since": 5}
        answering(monkeypatch, system, {"data": [row]}, {"data": [row, {"id": 2, "updated": 9}]}, rows())
        assert poll(system)[-1].cursor is None


@pytest.mark.parametrize("since", ["iso", "date", "epoch", "epoch_ms", "raw"])
def test_deleted_records_are_told_where_the_list_names_them(since: str) -> None:
    with start("rest", people=3, since=since) as there:
        assert isinstance(there, There)
        system = open_to(there)
        cursor = poll(system)[-1].cursor
        there.remove("person", "2")
        assert ("2", True) in [(record.id, record.deleted) for record in records(poll(system, cursor))]
        (described,) = system.describe()
        assert not described.whole_lists


@pytest.mark.parametrize(
    ("format", "value", "asked"),
    [
        ("iso", "2026-03-01T08:30:00Z", "2026-03-01T08:20:00Z"),
        ("iso", "2026-03-01 08:30:00", "2026-03-01 08:20:00"),
        ("iso", "2026-03-01T08:30:00.250+01:00", "2026-03-01T08:20:00.250+01:00"),
        ("iso", "2026-03-01T08:30:00.123456Z", "2026-03-01T08:20:00.123456Z"),
        ("iso", 1772353800, "2026-03-01T08:20:00Z"),
        ("date", "2026-03-01T08:30:00Z", "2026-02-28"),
        ("date", "2026-03-01", "2026-02-28"),
        ("epoch", 1772353800, "1772353200"),
        ("epoch", "2026-03-01T08:30:00Z", "1772353200"),
        ("epoch_ms", 1772353800123, "1772353200123"),
        ("raw", 1772353800123, "1772353800123"),
        ("raw", "W/abc", "W/abc"),
    ],
)
def test_how_a_time_is_asked_for(format: str, value: Any, asked: str) -> None:
    assert Since(format, ZoneInfo("UTC")).asked(value) == asked


def test_times_without_a_zone_stand_where_the_system_stands() -> None:
    moment = Since("iso", ZoneInfo("America/New_York")).moment("2026-03-01 08:30:00")
    assert moment == datetime(2026, 3, 1, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("format", "values", "latest"),
    [
        ("iso", ["2026-03-01T10:00:00+02:00", "2026-03-01T09:00:00Z", "2026-02-01"], "2026-03-01T09:00:00Z"),
        ("iso", [None, "soon", True, {}, "2026-01-01"], "2026-01-01"),
        ("iso", ["2026-01-01", "2999-01-01"], "2026-01-01"),
        ("raw", [9, 10, "11", "x"[:0], None], "11"),
        ("raw", ["a", "b", True], "b"),
    ],
)
def test_the_latest_counts_and_never_one_that_can_not_be(format: str, values: list[Any], latest: Any) -> None:
    since, best = Since(format, ZoneInfo("UTC")), None
    for value in values:
        best = since.later(best, value)
    assert best == latest
    tomorrow = datetime.now(UTC) + timedelta(hours=5)
    assert Since("iso", ZoneInfo("UTC")).later(None, tomorrow.isoformat())


# Reading, finding and writing


def test_what_is_not_described_is_not_offered(there: There) -> None:
    system = open_to(there, objects={"person": {"list": {"path": "/people", "records": "data"}}})
    (described,) = system.describe(["person"])
    assert (described.can_create, described.can_update, described.findable) == (False, False, frozenset())
    assert described.whole_lists
    assert not any(field.writable for field in described.fields)
    for act in (
        lambda: list(system.read("person", ["1"], [])),
        lambda: list(system.find("person", "email", ["x"])),
        lambda: written(system, Write("1", {"email": "x"})),
        lambda: written(system, Write(None, {"email": "x"})),
        lambda: list(system.poll("gift", None, [])),
    ):
        with pytest.raises(NeedsAttention):
            act()


def test_fields_are_those_described_or_those_seen(there: There) -> None:
    (seen,) = open_to(there).describe()
    assert not seen.fields_known
    assert seen.field("email") is not None
    assert seen.volatile == {"revision"}
    kept = {field.name for field in seen.fields if not field.writable}
    assert kept == {"id", "revision"}


def test_a_question_that_is_not_understood_is_no_answer(there: There) -> None:
    with pytest.raises(NeedsAttention, match="answered with others"):
        list(open_to(there, find__param="mail").find("person", "mail", ["nobody@example.org"]))


def test_found_whatever_the_case_and_only_whole(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    system = open_to(there)
    page = {"data": [{"id": 1, "email": "ANN@example.org"}, {"id": 2, "email": "joann@example.org"}]}
    answering(monkeypatch, system, page, rows())
    assert [record.id for record in system.find("person", "email", ["ann@example.org"])] == ["1"]


@pytest.mark.parametrize("id", ["..", ".", "../people", "1/2", "?page=1", "a b"])
def test_ids_can_not_leave_their_place_in_the_address(there: There, id: str) -> None:
    system = open_to(there)
    assert isinstance(written(system, Write(id, {"email": None})).error, Gone | Rejected)
    assert [line.path for line in there.log if line.method != "GET"] in ([], [f"/v1/people/{id}"])


def test_another_record_than_asked_for_is_refused(there: There) -> None:
    there.change("person", "2", first_name="Moved")
    described = {**there.described(), "id": "revision"}
    with pytest.raises(NeedsAttention, match="another record than it was asked for"):
        list(open_to(there, objects={"person": described}).read("person", ["2"], []))


@pytest.mark.parametrize("says", ["record", "location", "nothing"])
def test_a_create_says_which(says: str) -> None:
    with start("rest", people=1, says=says) as there:
        assert isinstance(there, There)
        outcome = written(open_to(there), Write(None, {"first_name": "Ann"}))
        assert (outcome.id == there.ids("person")[-1]) is (says != "nothing")
        assert isinstance(outcome.error, Unknown) is (says == "nothing")
        assert there.counts["creates"] == 1


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut", "reset"])
def test_a_create_whose_answer_is_lost_is_not_sent_again(there: There, kind: str) -> None:
    there.faults.next(kind, times=99, method="POST")
    assert isinstance(written(open_to(there), Write(None, {"first_name": "Ann"})).error, Unknown)
    assert there.counts["creates"] == (0 if kind == "reset" else 1)


def test_a_put_sends_the_whole_record(there: There) -> None:
    before = dict(there.records["person"]["1"])
    outcome = written(open_to(there, update__method="PUT"), Write("1", {"first_name": "New"}))
    assert outcome.error is None
    after = there.records["person"]["1"]
    assert {name for name in before if after[name] != before[name]} - {"updated"} == {"first_name", "revision"}


@pytest.mark.parametrize(("status", "error"), [(409, Duplicate), (412, Stale)])
def test_what_a_conflict_means(there: There, monkeypatch: pytest.MonkeyPatch, status: int, error: type) -> None:
    system = open_to(there)

    def send(method: str, path: str, **options: Any) -> Answer:
        raise Stale("It has changed.")

    monkeypatch.setattr(system._session, "send", send)
    write = Write(None, {"email": "a@example.org"}) if status == 409 else Write("1", {"email": None})
    assert type(written(system, write).error) is error


def test_a_refused_field_is_named(there: There) -> None:
    outcome = written(open_to(there), Write("1", {"email": "nonsense"}))
    assert isinstance(outcome.error, Rejected)
    assert outcome.error.fields == {"email": "This is no e-mail address."}


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"errors": {"email": ["Bad."]}}, {"email": "Bad."}),
        ({"errors": [{"field": "email", "message": "Bad."}]}, {"email": "Bad."}),
        ({"details": [{"name": "data.email", "description": "Bad."}]}, {"email": "Bad."}),
        ({"detail": [{"loc": ["body", "email"], "msg": "Bad."}]}, {"email": "Bad."}),
        ({"email": ["Bad."]}, {"email": "Bad."}),
    ],
)
def test_fields_are_named_in_the_usual_ways(data: Any, fields: dict[str, str]) -> None:
    error = refused_fields(Answer(400, {}, data), "The CRM")
    assert isinstance(error, Rejected)
    assert error.fields == fields


@pytest.mark.parametrize("data", [{"message": "Bad."}, {"details": {"ssn": "1"}}, None, [], {"errors": "Bad."}])
def test_no_field_is_made_up(data: Any) -> None:
    assert refused_fields(Answer(400, {}, data), "The CRM") is None


# Signing in


def test_a_token_that_ended_is_renewed_once() -> None:
    with start("rest", people=1, auth="oauth2") as there:
        assert isinstance(there, There)
        system = open_to(there)
        poll(system)
        there.expire_tokens()
        assert records(poll(system))
        with faulty(there, "401"), pytest.raises(NeedsAttention):
            poll(system)
        # The first, the one after it ended, and one for a refusal that wasn't its fault.
        assert len([line for line in there.log if line.path == "/oauth/token"]) == 3


def test_a_wrong_client_secret_is_told_with_what_to_do() -> None:
    with start("rest", people=1, auth="oauth2") as there:
        assert isinstance(there, There)
        with pytest.raises(NeedsAttention, match=r"gives us no token.*Check the sign-in's address") as caught:
            open_to(there, auth_client_secret="other-secret").check()
        assert "other-secret" not in caught.value.message


@pytest.mark.parametrize("auth", ["basic", "bearer", "header", "query"])
def test_a_wrong_key(auth: str) -> None:
    with start("rest", people=1, auth=auth) as there:
        assert isinstance(there, There)
        name = {"basic": "auth_password", "bearer": "auth_token"}.get(auth, "auth_value")
        with pytest.raises(NeedsAttention, match="doesn't accept our key"):
            open_to(there, **{name: "wrong"}).check()


def test_a_key_in_the_address_is_in_no_cursor() -> None:
    with start("rest", people=9, page_size=3, auth="query", paging="next_url", since="iso") as there:
        assert isinstance(there, There)
        pages = poll(open_to(there))
        assert len(records(pages)) == 9
        assert SECRET not in str([page.cursor for page in pages])


# What answers say


def test_where_a_path_leads() -> None:
    data = {"a": {"b": [{"c": 1}, {"c": 2}]}}
    assert at(data, "a.b.-1.c") == 2
    assert at(data, "") == data
    assert not isinstance(at(data, "a.x"), int | dict)
    assert not isinstance(at(data, "a.b.7"), int | dict)


@pytest.mark.parametrize(
    ("body", "headers", "total"),
    [
        ({"data": [], "total": 5}, {}, 5),
        ({"data": [], "meta": {"total": 5}}, {}, 5),
        ({"result": {"data": [], "totalCount": 5}}, {}, 5),
        ({"data": [], "count": 2}, {}, None),
        ({"data": [], "total": "5"}, {}, None),
        ([], {"X-Total-Count": "5"}, 5),
        ([], {"X-Total-Count": "many"}, None),
    ],
)
def test_how_long_a_list_says_it_is(body: Any, headers: dict[str, str], total: int | None) -> None:
    place = "result.data" if isinstance(body, dict) and "result" in body else "data"
    assert total_of(Answer(200, headers, body), place, 2) == total


def test_a_record_knows_its_version_and_time() -> None:
    with start("rest", people=1, since="iso") as there:
        assert isinstance(there, There)
        (record,) = open_to(there).read("person", ["1"], [])
    assert isinstance(record, Record)
    assert record.version == "1"
    assert record.modified is not None
