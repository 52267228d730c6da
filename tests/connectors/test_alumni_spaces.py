"""Alumni Spaces against its stand-in."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from connectors.answers import Answer
from connectors.models import setting_defaults
from connectors.records import NeedsAttention, Outcome, Page, Record, Rejected, Temporary, Unknown, Write
from connectors.sandbox.server import start
from connectors.sandbox.stand_in import StandIn
from connectors.systems.alumni_spaces import AlumniSpaces, lists
from connectors.systems.alumni_spaces.answers import record_of
from tests.connectors.alumni_spaces import VaultBench, open_to
from tests.connectors.contract import Bench, ConnectorContract
from tests.connectors.servers import Server, serving


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


class TestPeople(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with start("alumni_spaces", people=3) as there:
            yield VaultBench(there, "person", ("gender", "birthday"))


class TestTransactions(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with start("alumni_spaces", people=3) as there:
            yield VaultBench(there, "transaction", ("method", "type", "contentID"))


@pytest.fixture
def there() -> Iterator[StandIn]:
    with start("alumni_spaces", people=5) as stand_in:
        yield stand_in


def poll(vault: AlumniSpaces, kind: str, *fields: str, cursor: Any = None, narrow: str = "") -> list[Page]:
    return list(vault.poll(kind, cursor, fields or ("_id",), narrow=narrow))


def records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def ids(pages: list[Page]) -> list[str]:
    return [record.id for record in records(pages)]


def read(vault: AlumniSpaces, kind: str, id: str, *fields: str) -> Record:
    (record,) = vault.read(kind, [id], fields)
    return record


def served(*bodies: bytes) -> AbstractContextManager[Server]:
    return serving(*[(200, {}, body) for body in bodies])


def open_at(url: str, **settings: Any) -> AlumniSpaces:
    given = {"base_url": url, "username": "u", "password": "p", "api_key": "k", "requests_per_second": 1e6}
    return AlumniSpaces({**setting_defaults(AlumniSpaces), **given, **settings})


def test_who_we_are(there: StandIn) -> None:
    identity = open_to(there).check()
    assert (identity.label, identity.user, identity.environment) == ("127.0.0.1", "sandbox-vault", "")
    assert identity.notes == ("The key may use GET, POST, PUT, by this connection's settings.", "5 transactions.")
    assert "only read" in open_to(there, verbs="GET").check().notes[0]
    assert there.counts["creates"] == there.counts["updates"] == 0


@pytest.mark.parametrize(
    ("address", "environment"),
    [
        ("https://vault.alumnispaces.com", "production"),
        ("https://vault-dev.alumnispaces.com/", "test"),
        ("https://vault.alumnispaces.com.example.org", ""),
    ],
)
def test_production_and_test_are_told_by_the_address(
    monkeypatch: pytest.MonkeyPatch, address: str, environment: str
) -> None:
    vault = open_at(address)
    monkeypatch.setattr(vault._http, "get", lambda *args: Answer(200, {}, []))
    assert vault.check().environment == environment


def test_another_address_or_user_is_another_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    for address, user in (("https://vault.alumnispaces.com", "a"), ("https://vault.alumnispaces.com", "b"),
                          ("https://vault-dev.alumnispaces.com", "a")):  # fmt: skip
        vault = open_at(address, username=user)
        monkeypatch.setattr(vault._http, "get", lambda *args: Answer(200, {}, []))
        seen.add(vault.check().organisation)
    assert len(seen) == 3


def test_a_wrong_address_is_for_a_person(there: StandIn) -> None:
    with pytest.raises(NeedsAttention, match="no Vault"):
        open_to(there, base_url=f"{there.url}/api").check()
    with served(b'{"hello": "world"}') as server, pytest.raises(NeedsAttention, match="list of sums"):
        open_at(server.url).check()


@pytest.mark.parametrize(
    ("verbs", "can"),
    [("GET", (False, False, False)), ("GET, POST", (True, True, False)), ("GET, POST, PUT", (True, True, True))],
)
def test_what_can_be_done_is_what_the_key_may(there: StandIn, verbs: str, can: tuple[bool, bool, bool]) -> None:
    person, transaction = open_to(there, verbs=verbs).describe()
    assert (person.can_create, transaction.can_create, transaction.can_update) == can
    assert not person.can_update


def test_a_verb_beyond_the_settings_is_never_tried(there: StandIn) -> None:
    vault = open_to(there, verbs="GET")
    for kind, write in (("person", Write(None, {})), ("transaction", Write(there.ids("transaction")[0], {}))):
        with pytest.raises(NeedsAttention, match="What the key may do"):
            list(vault.write(kind, [write]))
    assert there.counts["requests"] == 0


@pytest.mark.parametrize("refusal", [403, 405])
def test_a_refused_verb_says_so_once(refusal: int) -> None:
    with start("alumni_spaces", people=2, verbs="GET", refusal=refusal) as there:
        vault = open_to(there, verbs="GET, POST, PUT")
        with pytest.raises(NeedsAttention, match="may not use PUT: ask Alumni Spaces to allow it") as caught:
            list(vault.write("transaction", [Write(id, {"status": "settled"}) for id in there.ids("transaction")]))
        assert "Not permitted" in caught.value.message
        with pytest.raises(NeedsAttention, match="may not use POST"):
            list(vault.write("person", [Write(None, {"gender": "f"})] * 3))
        assert there.counts["requests"] == 2


def test_a_page_is_bounded_in_bytes_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with start("alumni_spaces", people=1000, generated=True) as there:
        vault = open_to(there)
        vault.page_records = 10_000
        monkeypatch.setattr(lists, "PAGE_BYTES", 100_000)
        assert 4 < len(poll(vault, "person")) < 20
        monkeypatch.setattr(lists, "PAGE_BYTES", 10**9)
        monkeypatch.setattr(lists, "PAGE_SECONDS", 0)
        pages = poll(vault, "person")
        assert [len(page.records) for page in pages].count(1) == 1000
        # While the rest comes, empty pages show that somebody is still at work.
        assert any(not page.records and not page.complete for page in pages)
        assert pages[-1].complete


def test_the_first_page_is_here_before_the_rest() -> None:
    with start("alumni_spaces", people=50_000, generated=True) as there:
        vault = open_to(there)
        with closing(cast(Generator[Page, None, None], vault.poll("person", None, ("_id",)))) as pages:
            assert len(next(pages).records) == 10
        assert vault.check().organisation


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'[{"_id": "1"}', Temporary),
        (b'[{"_id": "1"}, ', Temporary),
        (b'[{"_id": "1"}] [', Temporary),
        (b'[{"_id": "1"}, {"_id": NaN}]', Temporary),
        (b'["\xff"]', Temporary),
        (b"null", Temporary),
        (b"", Temporary),
        (b'{"people": []}', NeedsAttention),
    ],
)
@pytest.mark.parametrize("object_type", ["person", "transaction"])
def test_a_list_that_is_not_whole_is_never_complete(object_type: str, body: bytes, kind: type[Exception]) -> None:
    pages: list[Page] = []
    with served(body) as server, pytest.raises(kind):
        pages.extend(open_at(server.url).poll(object_type, None, ("_id",)))
    assert not any(page.complete or page.cursor for page in pages)


def test_a_list_that_breaks_off_is_begun_again() -> None:
    with served(b'[{"_id": "1"}, ', b'[{"_id": "1"}, {"_id": "2"}]') as server:
        pages = poll(open_at(server.url), "person")
        assert len(server.seen) == 2
    assert ids(pages) == ["1", "2"]
    assert pages[-1].complete


def test_an_empty_list_is_whole() -> None:
    with served(b" [ ] ") as server:
        assert poll(open_at(server.url), "person") == [Page((), complete=True)]
        assert poll(open_at(server.url), "transaction") == []


def test_what_is_no_person_is_set_aside_alone() -> None:
    with served(b'[{"_id": "1"}, "what?", {"name": {}}, {"_id": 7}, {"_id": "2"}]') as server:
        pages = poll(open_at(server.url), "person")
    assert [(record.id, bool(record.problem)) for record in records(pages)] == [
        ("1", False), ("?1", True), ("?2", True), ("?3", True), ("2", False),
    ]  # fmt: skip
    assert [record.values for record in records(pages)[1:3]] == [{}, {"name": {}}]
    assert not any(page.complete for page in pages)


def test_five_records_of_one_person_are_five() -> None:
    with start("alumni_spaces", people=1, gifts=5) as there:
        found = records(poll(open_to(there), "person", "name", "emails[personal]"))
        assert [record.id for record in found] == there.ids("person")
        assert len({str(record.values["emails"]) for record in found}) == 1


def test_each_property_tells_when_it_was_changed(there: StandIn) -> None:
    id = there.ids("person")[0]
    there.clock = lambda: datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    there.change("person", id, gender="f", **{"name.first": "New", "emails.work": "w@example.org"})
    record = read(open_to(there), "person", id, "name.first", "gender", "emails[Work]", "birthday", "externalIDs[a]")
    moved = {path for path, time in record.field_times.items() if time.year == 2031}
    assert moved == {
        "name", "name.first", "name.last", "gender", "emails[work]", "emails[work].label", "emails[work].address",
    }  # fmt: skip
    assert {"birthday", "emails[personal]", "externalIDs[braintree].value"} <= record.field_times.keys()
    assert "phones[mobile]" not in record.field_times
    assert record.modified == there.clock()


def test_times_beside_a_property_and_within_it_count_both() -> None:
    row = {
        "_id": "1",
        "name": {"first": "A", "_updated": "2020-01-01T00:00:00Z"},
        "_name_updated": "2021-01-01T00:00:00Z",
        "disbursement": {"complete": True},
        "_disbursement_updated": "2022-01-01T00:00:00",
        "emails": [
            {"label": "work", "address": "a", "_updated": "2020-01-01T00:00:00Z"},
            {"label": "work", "address": "b", "_updated": "2023-01-01T00:00:00Z"},
            {"address": "c", "_updated": "2024-01-01T00:00:00Z"},
            "odd",
        ],
        "note": ["a"],
        "_note_updated": "not a time",
    }
    times = record_of(row, ("name", "disbursement", "emails", "note", "gone"), "?").field_times
    assert {path: time.year for path, time in times.items()} == {
        "name": 2021, "name.first": 2021, "disbursement": 2022, "disbursement.complete": 2022,
        "emails[work]": 2020, "emails[work].label": 2020, "emails[work].address": 2020,
    }  # fmt: skip
    assert all(time.tzinfo for time in times.values())


def test_times_are_no_values(there: StandIn) -> None:
    for record in [*records(poll(open_to(there), "person")), *records(poll(open_to(there), "transaction"))]:
        assert "_updated" not in str(record.values)
        assert {"_id", "_created"} <= record.values.keys()


def test_a_list_and_a_single_record_say_the_same(there: StandIn) -> None:
    there.change("transaction", there.ids("transaction")[0], value=Decimal("1234567890123.10"))
    vault = open_to(there)
    for kind in ("person", "transaction"):
        for record in records(poll(vault, kind, "value", "name")):
            assert read(vault, kind, record.id, "value", "name") == record


@pytest.mark.parametrize(
    ("sent", "kept"), [("25.10", "25.10"), ("0.1", "0.1"), ("1234567890123.10", "1234567890123.10"), ("25", 25)]
)
def test_money_keeps_its_digits_both_ways(there: StandIn, sent: str, kept: Any) -> None:
    vault = open_to(there)
    (outcome,) = vault.write("transaction", [Write(None, {"value": sent, "items": [{"label": "a", "price": sent}]})])
    assert there.records["transaction"][outcome.id]["value"] == Decimal(sent)
    record = read(vault, "transaction", outcome.id)
    assert (record.values["value"], record.values["items"][0]["price"]) == (kept, kept)
    assert "float" not in str({type(value) for value in record.values.values()})


@pytest.mark.parametrize("value", ["USD 25", "1,000", "twenty"])
def test_an_amount_that_is_none_is_refused_alone(there: StandIn, value: str) -> None:
    writes = [Write(None, {"value": value}), Write(None, {"value": "1"}), Write(None, {"value": None, "items": ["a"]})]
    refused, *others = open_to(there).write("transaction", writes)
    assert isinstance(refused.error, Rejected)
    assert list(refused.error.fields) == ["value"]
    assert [other.error for other in others] == [None, None]


def test_a_person_is_created_with_the_other_side_s_id(there: StandIn) -> None:
    values = {
        "name": {"first": "Ann", "last": "Example"},
        "phones": [{"label": "mobile", "number": "+1 573-555-0100"}, "odd"],
        "externalIDs": [{"label": "other", "value": "7"}, {"key": "yourdb", "value": "old"}],
    }
    key = ("externalIDs[yourdb].value", "003A")
    (outcome,) = open_to(there).write("person", [Write(None, values, key=key)])
    made = there.records["person"][outcome.id]
    assert [(item["key"], item["value"]) for item in made["externalIDs"]] == [("other", "7"), ("yourdb", "003A")]
    assert made["phones"][0]["number"] == "15735550100"
    assert made["name"]["last"] == "Example"


@pytest.mark.parametrize("path", ["externalIDs", "gender", "externalIDs[a].key"])
def test_a_key_elsewhere_is_refused_with_the_right_place(there: StandIn, path: str) -> None:
    (outcome,) = open_to(there).write("person", [Write(None, {}, key=(path, "1"))])
    assert isinstance(outcome.error, Rejected)
    assert "externalIDs[yourDB].value" in outcome.error.message


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut", "reset"])
@pytest.mark.parametrize("object_type", ["person", "transaction"])
def test_a_create_whose_answer_is_lost_is_not_sent_again(there: StandIn, object_type: str, kind: str) -> None:
    there.faults.next(kind, times=99, method="POST")
    (outcome,) = open_to(there).write(object_type, [Write(None, {"gender": "f"})])
    assert isinstance(outcome.error, Unknown)
    assert there.counts["creates"] == (0 if kind == "reset" else 1)


def test_a_create_without_an_id_in_its_answer_is_unknown() -> None:
    with served(b'{"message": "thanks"}') as server:
        (outcome,) = open_at(server.url, verbs="GET, POST").write("person", [Write(None, {"gender": "f"})])
    assert isinstance(outcome.error, Unknown)


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut", "429"])
def test_an_update_is_repeated_and_answers_with_the_record(there: StandIn, kind: str) -> None:
    there.faults.next(kind, times=2, method="PUT")
    id = there.ids("transaction")[0]
    (outcome,) = open_to(there).write("transaction", [Write(id, {"status": "refunded"})])
    assert outcome.record is not None
    assert outcome.record == read(open_to(there), "transaction", id, "status")
    assert there.records["transaction"][id]["status"] == "refunded"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"_id": "2", "status": "x"}', b'{"_id": "1"}'])
def test_an_update_whose_answer_shows_another_record_shows_none(body: bytes) -> None:
    with served(body) as server:
        (outcome,) = open_at(server.url, verbs="GET, POST, PUT").write("transaction", [Write("1", {"status": "x"})])
    assert outcome == Outcome("1")


@pytest.mark.parametrize("body", [b"[]", b'{"_id": "2"}', b"7"])
def test_a_record_that_is_another_is_not_taken_for_gone(body: bytes) -> None:
    with served(body) as server, pytest.raises(Temporary, match="another record"):
        list(open_at(server.url).read("person", ["1"], ()))


def test_what_changed_since_is_asked_for_from_its_end() -> None:
    with start("alumni_spaces", people=200) as there:
        now = datetime(2030, 1, 1, tzinfo=UTC)
        vault = open_to(there)
        (*_, last) = poll(vault, "transaction")
        there.clock = lambda: now
        old, pending = there.ids("transaction")[3], there.ids("transaction")[150]
        there.change("transaction", pending, status="settled")
        new = there.create("transaction", {"value": 5})
        there.log.clear()
        pages = poll(vault, "transaction", cursor=last.cursor)
        assert {pending, new} <= set(ids(pages))
        assert len(there.log) == 2
        (*_, last) = pages
        there.change("transaction", old, note=["late"])
        # Nothing older than the overlap comes again.
        assert set(ids(poll(vault, "transaction", cursor=last.cursor))) == {pending, new, old}


def test_one_who_was_never_updated_is_found_by_its_creation(there: StandIn) -> None:
    (*_, last) = poll(open_to(there), "transaction")
    there.clock = lambda: datetime(2030, 1, 1, tzinfo=UTC)
    new = there.create("transaction", {"value": 5})
    assert "_updated" not in there.records["transaction"][new]
    assert new in ids(poll(open_to(there), "transaction", cursor=last.cursor))


def test_a_row_without_times_ends_no_list() -> None:
    rows = b'[{"_id": "1", "_updated": "2030-01-01T00:00:00Z"}, {"_id": "2"}, "odd", {"_id": "3", "_updated": "x"}]'
    with served(rows) as server:
        pages = poll(open_at(server.url), "transaction", cursor="2029-01-01T00:00:00+00:00")
    assert ids(pages)[:4] == ["1", "2", "?_updated.0.2", "3"]
    assert pages[-1].cursor == "2030-01-01T00:00:00+00:00"


def test_the_vault_s_own_filters_narrow_a_poll(there: StandIn) -> None:
    settled = [id for id, row in there.records["transaction"].items() if row["status"] == "settled"]
    assert sorted(ids(poll(open_to(there), "transaction", narrow="status=settled"))) == settled
    assert len(ids(poll(open_to(there), "person", narrow="status=settled"))) == 5


@pytest.mark.parametrize("by", ["status", "asSiteID", "contentID", "person", "taxed"])
def test_totals_are_the_vault_s_own(there: StandIn, by: str) -> None:
    there.create("transaction", {"value": Decimal("0.10"), "taxed": None})
    there.create("transaction", {"taxed": True, "status": "settled"})
    vault = open_to(there)
    totals = vault.totals("transaction", by, "value")
    rows = there.records["transaction"].values()
    assert sum(total.count for total in totals.values()) == len(rows)
    assert sum(total.sum for total in totals.values()) == sum(row.get("value") or 0 for row in rows)
    assert all(isinstance(total.sum, Decimal) for total in totals.values())
    assert "" in totals
    if by == "taxed":
        assert set(totals) == {"", "true", "false"}
    assert by in next(kind for kind in vault.describe() if kind.name == "transaction").totals


def test_other_totals_are_not_known(there: StandIn) -> None:
    for kind, by in (("person", "status"), ("transaction", "method")):
        with pytest.raises(NeedsAttention, match="does not add up"):
            open_to(there).totals(kind, by, "value")


def test_ids_can_not_leave_their_place_in_the_address(there: StandIn) -> None:
    assert list(open_to(there).read("person", ["../transaction", "1/2", "?a=1"], [])) == []


def test_fields_are_documented_with_their_formats(there: StandIn) -> None:
    person, transaction = open_to(there).describe()
    known = {name: transaction.field(name) for name in ("value", "person", "transDate", "status")}
    assert {name: field.kind for name, field in known.items() if field} == {
        "value": "money", "person": "reference", "transDate": "datetime", "status": "choice",
    }  # fmt: skip
    assert known["status"]
    assert known["status"].options == ("pending", "failed", "settled", "refunded")
    assert not {field.name for field in person.fields if not field.writable} & {"name", "emails", "externalIDs"}


def test_closing_twice_or_before_use(there: StandIn) -> None:
    vault = open_to(there)
    vault.close()
    vault.check()
    vault.close()
    vault.close()
