"""Salesforce against its stand-in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.answers import Answer
from connectors.base import Connector
from connectors.models import setting_defaults
from connectors.records import Gone, NeedsAttention, Outcome, Record, Rejected, Temporary, Unknown, Values, Write
from connectors.sandbox.salesforce import Salesforce as StandInSalesforce
from connectors.sandbox.server import start
from connectors.systems.salesforce import Salesforce
from connectors.systems.salesforce.errors import error_of, refusal_of
from connectors.systems.salesforce.fields import object_type_of
from connectors.systems.salesforce.soql import LONGEST_CONDITION, literal_of, long_id, moment, one_of, selected
from tests.connectors.contract import Bench, ConnectorContract, last_cursor

FAULTS = {"unauthorized": "401", "too_many": "429", "server_error": "500", "cut_off": "cut", "html": "html"}
FIELDS = ("FirstName", "LastName", "Email")


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


class SalesforceBench(Bench):
    object_type = "Contact"
    fields = ("Title", "LastName")
    key_field = "Alumni_Id__c"
    impossible = frozenset({"lone surrogate"})

    def __init__(self, there: StandInSalesforce) -> None:
        self.there = there
        self.connector = self.reopen()
        self.secrets = (there.settings["client_secret"], "sandbox-token")

    def reopen(self) -> Connector:
        return open_to(self.there)

    def person(self, number: int) -> Values:
        return {"Title": f"Curator {number}", "LastName": f"Example{number}"}

    def fill(self, count: int) -> list[str]:
        return [self.there.create("Contact", self.person(100 + number)) for number in range(count)]

    def alter(self, id: str, values: Values) -> None:
        self.there.change("Contact", id, **values)

    def values(self, id: str) -> Values:
        row = self.there.records["Contact"][id]
        return {name: row[name] for name in (*self.fields, self.key_field)}

    def ids(self) -> set[str]:
        return set(self.there.ids("Contact"))

    def fault(self, name: str) -> AbstractContextManager[None]:
        return faulty(self.there, FAULTS[name])


class TestSalesforce(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with start("salesforce", people=3, query_batch=10) as there:
            yield SalesforceBench(cast(StandInSalesforce, there))


@pytest.fixture
def there() -> Iterator[StandInSalesforce]:
    with start("salesforce", people=5) as there:
        yield cast(StandInSalesforce, there)


@contextmanager
def faulty(there: StandInSalesforce, kind: str, path: str = "/services/data/") -> Iterator[None]:
    there.faults.next(kind, times=10**6, path=path, retry_after=7200)
    yield
    there.faults.clear()


def open_to(there: StandInSalesforce, **settings: Any) -> Salesforce:
    return Salesforce({**setting_defaults(Salesforce), "requests_per_second": 100_000, **there.settings, **settings})


def contacts(there: StandInSalesforce, count: int, **values: Any) -> list[str]:
    return [there.create("Contact", {"LastName": f"Example{n}", **values}) for n in range(count)]


def write(crm: Salesforce, *writes: Write) -> list[Outcome]:
    return list(crm.write("Contact", writes))


def poll(crm: Salesforce, cursor: Any = None, fields: Sequence[str] = FIELDS, **options: Any) -> list[Record]:
    return [record for page in crm.poll("Contact", cursor, fields, **options) for record in page.records]


def test_it_says_which_organisation(there: StandInSalesforce) -> None:
    identity = open_to(there).check()
    assert identity.organisation == "00D5e000000SbxAEAS"
    assert (identity.label, identity.environment) == ("Awesome University", "test")
    assert identity.user == "sync@example.edu"
    assert "2 of 100,000 calls used" in identity.notes[-1] or "1 of 100,000 calls used" in identity.notes[-1]


def test_a_user_without_profile_is_no_trouble(there: StandInSalesforce) -> None:
    there.faults.next("500", times=99, path="userinfo")
    assert open_to(there).check().user == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"client_secret": "wrong"}, "doesn't accept the client secret"),
        ({"client_id": "wrong"}, "doesn't know the client id"),
        ({"api_version": "latest"}, "must look like v61.0"),
        ({"base_url": "example"}, "must look like https://"),
    ],
)
def test_wrong_settings(there: StandInSalesforce, wrong: dict[str, str], words: str) -> None:
    with pytest.raises(NeedsAttention, match=words):
        open_to(there, **wrong).check()


@pytest.mark.parametrize("version", ["v60.0", "60.0", "60", " v60 "])
def test_ways_to_write_the_version(there: StandInSalesforce, version: str) -> None:
    assert open_to(there, api_version=version).check().label == "Awesome University"


def test_an_ended_session_is_renewed_once(there: StandInSalesforce) -> None:
    crm = open_to(there)
    crm.check()
    there.expire_tokens()
    assert len(poll(crm)) == 5
    assert sum("oauth2/token" in line.path for line in there.log) == 2


def test_threads_renew_a_session_together(there: StandInSalesforce) -> None:
    crm = open_to(there)
    crm.check()
    there.expire_tokens()
    ids = there.ids("Contact")
    threads = [Thread(target=lambda: list(crm.read("Contact", ids, FIELDS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("oauth2/token" in line.path for line in there.log) == 2


def test_fields_are_described(there: StandInSalesforce) -> None:
    (contact,) = open_to(there).describe(["Contact"])
    email, status, name = (contact.field(name) for name in ("Email", "Status__c", "Name"))
    assert email is not None
    assert (email.label, email.type, email.kind, email.length) == ("Email", "email", "email", 80)
    assert status is not None
    assert (status.kind, status.options) == ("choice", ("Active", "Lost alum", "Friend"))
    assert name is not None
    assert not name.writable
    assert [field.name for field in contact.fields if field.required] == ["LastName"]
    assert {"SystemModstamp", "LastModifiedDate"} <= contact.volatile
    assert contact.can_find("Alumni_Id__c")
    assert not contact.can_find("Description")


def test_hidden_and_locked_fields() -> None:
    with start("salesforce", people=1, hidden=["Email"], read_only=["Title"]) as there:
        crm = open_to(cast(StandInSalesforce, there))
        (contact,) = crm.describe(["Contact"])
        assert contact.field("Email") is None
        title = contact.field("Title")
        assert title is not None
        assert not title.writable
        with pytest.raises(NeedsAttention, match="shows no field Email of Contacts to this user"):
            poll(crm)


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"type": "currency"}, "money"),
        ({"type": "double"}, "number"),
        ({"type": "datetime"}, "datetime"),
        ({"type": "reference"}, "text"),
        ({"type": "multipicklist"}, ""),
        ({"type": "picklist", "name": "MailingStateCode"}, "state"),
        ({"type": "string", "name": "OtherCountry"}, "country"),
        ({"type": "boolean", "name": "Is_Out_Of_State"}, "yes_no"),
    ],
)
def test_the_kind_that_usually_fits(described: dict[str, str], kind: str) -> None:
    (field,) = object_type_of({"name": "X", "fields": [{"name": "F", **described}]}).fields
    assert field.kind == kind


def test_closed_options_are_left_out() -> None:
    options = [{"value": "Old", "active": False}, {"value": "New", "active": True}]
    described = {"name": "X", "fields": [{"name": "F", "type": "picklist", "picklistValues": options}]}
    assert object_type_of(described).fields[0].options == ("New",)


def test_other_objects_are_listed_in_outline(there: StandInSalesforce) -> None:
    kinds = {kind.name: kind for kind in open_to(there).describe()}
    assert kinds["Contact"].fields_known
    assert kinds["Account"].fields
    assert not kinds["Organization"].fields
    assert not kinds["Organization"].fields_known


def test_an_object_that_is_not_there(there: StandInSalesforce) -> None:
    crm = open_to(there)
    assert crm.describe(["Wizard__c"]) == ()
    with pytest.raises(NeedsAttention, match="has no Wizard__c"):
        list(crm.poll("Wizard__c", None, []))


def test_a_record_says_when_and_what_it_is(there: StandInSalesforce) -> None:
    (id,) = contacts(there, 1, Email="ann@example.org")
    record = next(record for record in poll(open_to(there)) if record.id == id)
    assert record.values == {"FirstName": None, "LastName": "Example0", "Email": "ann@example.org"}
    assert record.modified is not None
    assert record.modified == moment(record.version)
    assert record.created is not None
    assert record.created.tzinfo is not None


def test_related_fields_come_without_notes(there: StandInSalesforce) -> None:
    account = there.ids("Account")[0]
    (id,) = contacts(there, 1, AccountId=account)
    crm = open_to(there)
    expected = {"Account": {"Name": there.records["Account"][account]["Name"]}}
    assert next(record for record in poll(crm, None, ["Account.Name"]) if record.id == id).values == expected
    assert [record.values for record in crm.read("Contact", [id], ["Account.Name"])] == [expected]


def test_only_what_moved_since_comes(there: StandInSalesforce) -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    there.clock = lambda: now
    old, other = contacts(there, 2)
    crm = open_to(there)
    cursor = last_cursor(list(crm.poll("Contact", None, FIELDS)))
    there.clock = lambda: now + timedelta(hours=1)
    there.change("Contact", other, Title="Director")
    cursor = last_cursor(list(crm.poll("Contact", cursor, FIELDS)))
    assert {record.id for record in poll(crm, cursor)} == {other}
    assert old not in {record.id for record in poll(crm, cursor)}


def test_a_change_that_was_finished_late_is_seen(there: StandInSalesforce) -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    there.clock = lambda: now
    contacts(there, 1)
    crm = open_to(there)
    cursor = last_cursor(list(crm.poll("Contact", None, FIELDS)))
    there.clock = lambda: now - timedelta(seconds=10)
    (late,) = contacts(there, 1)
    assert late in {record.id for record in poll(crm, cursor)}


def test_an_idle_poll_moves_no_cursor_back(there: StandInSalesforce) -> None:
    future = {"since": "2099-01-01T00:00:00+00:00"}
    assert list(open_to(there).poll("Contact", future, FIELDS))[-1].cursor == future


def test_thousands_of_one_moment(there: StandInSalesforce) -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    there.clock = lambda: now
    ids = set(contacts(there, 4_100))
    crm = open_to(there)
    pages = list(crm.poll("Contact", None, ["LastName"]))
    assert [len(page.records) for page in pages] == [2000, 2000, 105]
    cursor = last_cursor(pages[:2])
    assert ids <= {record.id for record in poll(crm, cursor, ["LastName"])}


def test_deletions_and_merges_are_seen(there: StandInSalesforce) -> None:
    gone, loser, winner = contacts(there, 3)
    crm = open_to(there)
    cursor = last_cursor(list(crm.poll("Contact", None, FIELDS)))
    there.remove("Contact", gone)
    there.merge("Contact", winner, loser)
    found = {record.id: record for record in poll(crm, cursor)}
    assert found[gone].deleted
    assert (found[loser].deleted, found[loser].merged_into) == (True, winner)
    assert not found[winner].deleted


def test_a_filter_narrows_but_hides_no_deletion(there: StandInSalesforce) -> None:
    alumnus, gone = contacts(there, 2, Alumnus__c=True)
    (other,) = contacts(there, 1)
    there.change("Contact", gone, Alumnus__c=False)
    there.remove("Contact", gone)
    narrow = "Alumnus__c = true OR LastName = 'Nobody'"
    found = {record.id for record in poll(open_to(there), narrow=narrow)}
    assert {alumnus, gone} <= found
    assert other not in found


def test_a_filter_that_is_none(there: StandInSalesforce) -> None:
    with pytest.raises(NeedsAttention, match="Check the fields and the filter"):
        poll(open_to(there), narrow="Nonsense = 'x'")


@pytest.mark.parametrize("path", ["addresses[Home].city", "Name FROM User", "1st", "", "a..b"])
def test_what_can_not_be_a_field(path: str) -> None:
    with pytest.raises(NeedsAttention, match="can't be a field"):
        selected([path])


def test_reads_go_200_a_call(there: StandInSalesforce) -> None:
    ids = contacts(there, 401)
    crm = open_to(there)
    assert {record.id for record in crm.read("Contact", ids, ["LastName"])} == set(ids)
    assert sum("composite/sobjects" in line.path for line in there.log) == 3


def test_ids_of_15_letters_are_the_same_records(there: StandInSalesforce) -> None:
    (id,) = contacts(there, 1)
    crm = open_to(there)
    assert [record.id for record in crm.read("Contact", [id[:15]], FIELDS)] == [id]
    (outcome,) = write(crm, Write(id[:15], {"Title": "Director"}))
    assert (outcome.id, outcome.error) == (id, None)


def test_a_deleted_record_is_not_read(there: StandInSalesforce) -> None:
    kept, gone = contacts(there, 2)
    there.remove("Contact", gone)
    assert [record.id for record in open_to(there).read("Contact", [gone, kept], FIELDS)] == [kept]


TRICKY = ["O'Brien", "back\\slash", 'quo"te', "%_", "a' OR Id != '", "new\nline", "emoji 🎓"]


@pytest.mark.parametrize("text", TRICKY)
def test_values_are_found_as_they_are(there: StandInSalesforce, text: str) -> None:
    (id,) = contacts(there, 1, Title=text)
    found = list(open_to(there).find("Contact", "Title", [text, "Nobody's"]))
    assert [record.id for record in found] == [id]
    assert found[0].values == {"Title": text}


def test_finding_splits_what_no_address_could_hold(there: StandInSalesforce) -> None:
    ids = contacts(there, 600)
    for number, id in enumerate(ids):
        there.change("Contact", id, Email=f"a.rather.long.name.{number}@alumni.example.org")
    emails = [there.records["Contact"][id]["Email"] for id in ids]
    assert {record.id for record in open_to(there).find("Contact", "Email", emails)} == set(ids)


def test_what_is_looked_for_stands_in_no_address(there: StandInSalesforce) -> None:
    contacts(there, 1, Email="ada@example.org")
    crm = open_to(there)
    crm.describe(["Contact"])
    asked = len(there.log)
    assert len(list(crm.find("Contact", "Email", ["ada@example.org"]))) == 1
    assert [(line.method, line.path.rpartition("/composite/")[2]) for line in there.log[asked:]] == [("POST", "batch")]


def test_finding_nothing_asks_nothing(there: StandInSalesforce) -> None:
    crm = open_to(there)
    assert list(crm.find("Contact", "Email", [])) == []
    assert list(crm.find("Contact", "Email", ["", "half \ud800"])) == []


def test_a_field_that_can_not_be_looked_up(there: StandInSalesforce) -> None:
    with pytest.raises(NeedsAttention, match="can't look up Contacts by Description"):
        list(open_to(there).find("Contact", "Description", ["x"]))


@given(st.lists(st.text(min_size=1, max_size=300), max_size=60))
def test_conditions_hold_every_value_and_fit(values: list[str]) -> None:
    values = [value for value in values if value.isprintable()]
    conditions = list(one_of("Title", "string", values))
    assert all(len(condition) <= LONGEST_CONDITION for condition in conditions)
    joined = "".join(conditions)
    assert all(literal_of(value, "string") in joined for value in values)


@given(st.text())
def test_no_text_ends_its_literal(text: str) -> None:
    literal = literal_of(text, "string")
    assert literal == "" or re.fullmatch(r"'(\\.|[^'\\])*'", literal, re.DOTALL)


@pytest.mark.parametrize(
    ("value", "type", "literal"),
    [
        ("5", "double", "5"),
        ("-5.25", "currency", "-5.25"),
        ("5 OR 1=1", "double", ""),
        ("true", "boolean", "true"),
        ("yes", "boolean", ""),
        ("2026-05-01", "date", "2026-05-01"),
        ("05/01/2026", "date", ""),
        ("2026-05-01T10:00:00Z", "datetime", "2026-05-01T10:00:00Z"),
        ("5", "string", "'5'"),
    ],
)
def test_literals_by_type(value: str, type: str, literal: str) -> None:
    assert literal_of(value, type) == literal


def test_the_long_form_of_an_id() -> None:
    # https://help.salesforce.com/s/articleView?id=000385585: the last three letters say where capitals are.
    assert long_id("0035e00000AbCdE") == "0035e00000AbCdEAAV"
    assert long_id("003000000000000") == "003000000000000AAA"
    assert long_id("ABCDEABCDEABCDE") == "ABCDEABCDEABCDE555"
    assert long_id("0035e00000AbCdEAAV") == "0035e00000AbCdEAAV"
    assert long_id("") == ""
    assert long_id("not an id here!") == "not an id here!"


@given(st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True), st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True))
def test_long_ids_differ_even_without_case(one: str, other: str) -> None:
    assert (long_id(one).lower() == long_id(other).lower()) is (one == other)


def test_a_batch_of_every_kind_keeps_its_order(there: StandInSalesforce) -> None:
    first, second = contacts(there, 2)
    outcomes = write(
        open_to(there),
        Write(None, {"LastName": "Keyed"}, key=("Alumni_Id__c", "77")),
        Write(first, {"Title": "One"}),
        Write(None, {"LastName": "Plain"}),
        Write(None, {"LastName": "By mail"}, key=("Email", "mail@example.org")),
        Write(second, {"Title": "Two"}),
        Write(None, {"LastName": "Half \ud800"}),
    )
    rows = there.records["Contact"]
    names = [rows[outcome.id]["LastName"] for outcome in outcomes[:5]]
    assert names == ["Keyed", "Example0", "Plain", "By mail", "Example1"]
    assert (outcomes[1].id, outcomes[4].id) == (first, second)
    assert rows[outcomes[0].id]["Alumni_Id__c"] == "77"
    assert rows[outcomes[3].id]["Email"] == "mail@example.org"
    assert isinstance(outcomes[5].error, Rejected)


def test_200_writes_are_one_call_and_one_refusal_is_alone(there: StandInSalesforce) -> None:
    ids = contacts(there, 200)
    writes = [Write(id, {"Email": "nonsense" if n == 7 else f"p{n}@example.org"}) for n, id in enumerate(ids)]
    outcomes = write(open_to(there), *writes)
    assert [n for n, outcome in enumerate(outcomes) if outcome.error] == [7]
    error = outcomes[7].error
    assert isinstance(error, Rejected)
    assert "Email" in error.fields
    assert sum("composite" in line.path for line in there.log) == 1


def test_one_record_that_spoils_a_call_is_found(there: StandInSalesforce, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = contacts(there, 9)
    crm = open_to(there)
    call = crm._session.call

    def choosy(method: str, path: str, **options: Any) -> Any:
        if any("Bad__c" in row for row in options.get("json", {}).get("records", ())):
            raise Rejected("Salesforce refuses this.")
        return call(method, path, **options)

    monkeypatch.setattr(crm._session, "call", choosy)
    writes = [Write(id, {"Bad__c": "x"} if n == 4 else {"Title": "New"}) for n, id in enumerate(ids)]
    assert [n for n, outcome in enumerate(write(crm, *writes)) if outcome.error] == [4]


def test_an_update_of_a_deleted_record_says_gone(there: StandInSalesforce) -> None:
    kept, gone = contacts(there, 2)
    there.remove("Contact", gone)
    outcomes = write(open_to(there), Write(gone, {"Title": "X"}), Write(kept, {"Title": "X"}))
    assert isinstance(outcomes[0].error, Gone)
    assert outcomes[1].error is None


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut", "reset", "html", "429"])
def test_a_keyed_create_is_repeated_and_happens_once(there: StandInSalesforce, kind: str) -> None:
    there.faults.next(kind, times=2, path="composite")
    (outcome,) = write(open_to(there), Write(None, {"LastName": "Keyed"}, key=("Alumni_Id__c", "77")))
    assert outcome.error is None
    assert there.counts["creates"] == 1


@pytest.mark.parametrize("kind", ["lost", "500_after", "cut"])
def test_a_plain_create_whose_answer_is_lost_is_not_sent_again(there: StandInSalesforce, kind: str) -> None:
    there.faults.next(kind, times=99, path="composite")
    (outcome,) = write(open_to(there), Write(None, {"LastName": "Plain"}))
    assert isinstance(outcome.error, Unknown)
    assert there.counts["creates"] == 1


def test_trouble_of_one_kind_of_write_leaves_the_others(there: StandInSalesforce) -> None:
    (id,) = contacts(there, 1)
    there.faults.next("lost", times=99, method="POST", path="composite")
    plain, update = write(open_to(there), Write(None, {"LastName": "Plain"}), Write(id, {"Title": "New"}))
    assert isinstance(plain.error, Unknown)
    assert update.error is None


def test_what_was_written_is_told_before_a_wrong_key(there: StandInSalesforce) -> None:
    (id,) = contacts(there, 1)
    there.faults.next("401", times=99, method="POST", path="composite")
    update, plain = write(open_to(there), Write(id, {"Title": "New"}), Write(None, {"LastName": "Plain"}))
    assert update.error is None
    assert isinstance(plain.error, Temporary)


def test_used_up_calls_are_waited_for() -> None:
    with start("salesforce", people=1, daily_limit=1) as there:
        crm = open_to(cast(StandInSalesforce, there))
        crm.describe(["Contact"])
        with pytest.raises(Temporary, match="limit of calls is used up") as caught:
            poll(crm)
        assert caught.value.retry_after
        assert crm.limits == "1 of 1 calls used"


@pytest.mark.parametrize(
    ("header", "limits"),
    [
        ("api-usage=10018/100000", "10,018 of 100,000 calls used"),
        ("api-usage=5/100; api-bursts=1/750", "5 of 100 calls used"),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", "25 of 5,000 calls used"),
        ("per-app-api-usage=17/250(appName=sample-app)", ""),
        ("", ""),
    ],
)
def test_limits_are_read_tolerantly(there: StandInSalesforce, header: str, limits: str) -> None:
    crm = open_to(there)
    crm._session._note(Answer(200, {"Sforce-Limit-Info": header}))
    assert crm.limits == limits


# Codes: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
@pytest.mark.parametrize(
    ("code", "fields", "kind"),
    [
        ("UNABLE_TO_LOCK_ROW", [], Temporary),
        ("REQUEST_LIMIT_EXCEEDED", [], Temporary),
        ("SERVER_UNAVAILABLE", [], Temporary),
        ("QUERY_TIMEOUT", [], Temporary),
        ("ENTITY_IS_DELETED", [], Gone),
        ("NOT_FOUND", [], Gone),
        ("INVALID_CROSS_REFERENCE_KEY", [], Gone),
        ("INVALID_CROSS_REFERENCE_KEY", ["Id"], Gone),
        ("INVALID_CROSS_REFERENCE_KEY", ["AccountId"], Rejected),
        ("DUPLICATES_DETECTED", [], Rejected),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", [], Rejected),
        ("STRING_TOO_LONG", ["FirstName"], Rejected),
    ],
)
def test_what_a_code_means(code: str, fields: list[str], kind: type[Exception]) -> None:
    error = error_of([{"statusCode": code, "message": "Said.", "fields": fields}])
    assert type(error) is kind
    assert "Said." in error.message
    assert code in error.message
    if isinstance(error, Rejected):
        assert error.fields == dict.fromkeys(fields, "Said.")


@pytest.mark.parametrize("errors", [None, [], "text", [5]])
def test_an_error_without_words(errors: Any) -> None:
    assert error_of(errors).message == "Salesforce refuses this. It doesn't say why."


@pytest.mark.parametrize("data", [None, {}, [], ["x"], "text", {"error": 5}])
def test_what_is_not_their_error_is_read_as_usual(data: Any) -> None:
    assert refusal_of(Answer(400, {}, data)) is None


def test_a_lost_place_in_a_long_list_is_temporary(there: StandInSalesforce) -> None:
    refused = Answer(400, {}, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}])
    assert isinstance(refusal_of(refused), Temporary)


def test_closing_before_use(there: StandInSalesforce) -> None:
    open_to(there).close()
    crm = open_to(there)
    crm.check()
    crm.close()
