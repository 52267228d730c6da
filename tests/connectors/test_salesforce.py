"""Salesforce against its stand-in: who we are, what is there, what is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any, cast

import pytest

from connectors.answers import Answer
from connectors.base import Connector
from connectors.records import Duplicate, NeedsAttention, Temporary, Values, Write
from connectors.sandbox.salesforce import Salesforce as StandInSalesforce
from connectors.sandbox.server import start
from connectors.systems.salesforce import Salesforce
from connectors.systems.salesforce.errors import refusal_of
from connectors.systems.salesforce.soql import moment
from tests.connectors.contract import Bench, ConnectorContract, last_cursor
from tests.connectors.salesforce import FIELDS, contacts, faulty, open_to, poll, write

FAULTS = {"unauthorized": "401", "too_many": "429", "server_error": "500", "cut_off": "cut", "html": "html"}


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
        ({"api_version": "v999.0"}, "Check base_url and api_version"),
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
    there.clock = lambda: now - timedelta(minutes=9)
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


@pytest.mark.parametrize("key", [None, ("Alumni_Id__c", "1002")])
def test_a_create_that_a_duplicate_rule_refuses_names_whom_it_found(
    there: StandInSalesforce, key: tuple[str, str] | None
) -> None:
    there.writes.blocks_duplicates = True
    known = there.create("Contact", {"LastName": "Byron", "Email": "ada@example.org"})
    outcome, other = open_to(there).write(
        "Contact",
        [
            Write(None, {"LastName": "King", "Email": "ada@example.org"}, key),
            Write(None, {"LastName": "King", "Email": "king@example.org"}),
        ],
    )
    assert isinstance(outcome.error, Duplicate)
    assert (outcome.error.others, other.error) == ((known,), None)
    assert "ada@example.org" not in outcome.error.message


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


def test_a_lost_place_in_a_long_list_is_temporary(there: StandInSalesforce) -> None:
    refused = Answer(400, {}, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}])
    assert isinstance(refusal_of(refused), Temporary)


def test_closing_before_use(there: StandInSalesforce) -> None:
    open_to(there).close()
    crm = open_to(there)
    crm.check()
    crm.close()


@pytest.mark.parametrize("base_url", ["https://example.my.salesforce.com", "https://example.my.salesforce.com/"])
def test_a_records_page_is_its_id_behind_the_organisations_address(base_url: str) -> None:
    page = Salesforce.page_of({"base_url": base_url}, "Contact", "0035e00000AbCdEAAV")
    assert page == "https://example.my.salesforce.com/0035e00000AbCdEAAV"


@pytest.mark.parametrize(
    ("given", "record_id"),
    [({}, "003"), ({"base_url": "https://example.org"}, ""), ({"base_url": "javascript:alert(1)"}, "003")],
)
def test_no_page_is_made_up(given: dict[str, str], record_id: str) -> None:
    assert Salesforce.page_of(given, "Contact", record_id) == ""


def test_a_page_never_leads_elsewhere() -> None:
    settings = {"base_url": "https://example.my.salesforce.com"}
    assert Salesforce.page_of(settings, "Contact", "../x?y#z") == "https://example.my.salesforce.com/..%2Fx%3Fy%23z"
