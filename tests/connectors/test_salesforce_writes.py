"""Writes to Salesforce's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from connectors.records import Gone, NeedsAttention, Rejected, Temporary, Unknown, Write
from connectors.sandbox.salesforce import Salesforce as StandInSalesforce
from connectors.sandbox.server import start
from connectors.systems.salesforce.soql import long_id
from tests.connectors.salesforce import contacts, open_to, write


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[StandInSalesforce]:
    with start("salesforce", people=5) as there:
        yield cast(StandInSalesforce, there)


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


def test_a_text_for_a_number_stops_no_other_record(there: StandInSalesforce) -> None:
    ids = contacts(there, 9)
    writes = [Write(id, {"Alumnus__c": "x" if n == 4 else True}) for n, id in enumerate(ids)]
    assert [type(outcome.error) for outcome in write(open_to(there), *writes)] == [
        Rejected if n == 4 else type(None) for n in range(9)
    ]


def test_a_key_that_ends_between_two_halves_hides_no_create(
    there: StandInSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = open_to(there)
    answers: list[Any] = [Rejected("Unreadable."), [{"success": True, "id": "003000000000001"}], NeedsAttention("No.")]

    def call(*args: Any, **options: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(crm._session, "call", call)
    first, second = write(crm, Write(None, {"LastName": "One"}), Write(None, {"LastName": "Two"}))
    assert (first.id, first.error) == (long_id("003000000000001"), None)
    assert isinstance(second.error, Temporary)


def test_a_create_that_names_no_record_is_unknown(there: StandInSalesforce, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = open_to(there)
    monkeypatch.setattr(crm._session, "call", lambda *args, **options: [{"success": True}])
    (outcome,) = write(crm, Write(None, {"LastName": "One"}))
    assert (outcome.id, type(outcome.error)) == ("", Unknown)


@pytest.mark.parametrize(("field", "value"), [("FirstName", "Ludmilla" * 40), ("Email", "ada at example")])
def test_a_refusal_repeats_no_value(there: StandInSalesforce, field: str, value: str) -> None:
    (id,) = contacts(there, 1)
    (outcome,) = write(open_to(there), Write(id, {field: value}))
    assert isinstance(outcome.error, Rejected)
    assert field in outcome.error.fields
    assert value[:8] not in f"{outcome.error.message} {outcome.error.fields}"
    assert "…" in outcome.error.message


def test_what_was_written_is_told_before_a_wrong_key(there: StandInSalesforce) -> None:
    (id,) = contacts(there, 1)
    there.faults.next("401", times=99, method="POST", path="composite")
    update, plain = write(open_to(there), Write(id, {"Title": "New"}), Write(None, {"LastName": "Plain"}))
    assert update.error is None
    assert isinstance(plain.error, Temporary)
