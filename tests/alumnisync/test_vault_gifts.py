"""The Vault's people and gifts end to end, over HTTP: several records of one human, and the books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alumnisync.review import approve
from tests.alumnisync.vault_office import GIFTS, PEOPLE, VaultOffice, office

pytestmark = pytest.mark.django_db
FUNDS = {"funds": [["fund_1", "Lab fund"]], "payment_methods": [["Check", "Cheque"]]}


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[VaultOffice]:
    with office() as found:
        yield found


def test_five_records_of_one_human_are_one_contact_and_a_sixth_joins(there: VaultOffice) -> None:
    ids = [there.person() for _ in range(5)]
    done = there.run(PEOPLE)
    assert (done["state"], done["created"]["right"], done["matches"]) == ("done", 1, 0)
    (contact,) = there.contacts()
    assert contact["Name"] == "Tyrion Lannister"
    assert there.people_of(contact) == set(ids)
    assert there.is_at_rest()
    sixth = there.person()
    before = there.written()
    done = there.run(PEOPLE)
    assert (done["created"], done["matches"], done["conflicts"]) == ({"left": 0, "right": 0}, 0, 0)
    assert there.people_of(contact) == {*ids, sixth}
    assert there.written() == before
    assert there.is_at_rest()


def test_gifts_of_all_their_records_are_one_humans(there: VaultOffice) -> None:
    ids = [there.person() for _ in range(5)]
    amounts = ("25.10", "0.30", "100", "1250.75", "10.00")
    given = [there.give(id, value) for id, value in zip(ids, amounts, strict=True)]
    there.run_both()
    (contact,) = there.contacts()
    assert {row["Contact__c"] for row in there.gifts()} == {contact["Id"]}
    assert {row["Vault_Id__c"]: Decimal(str(row["Amount__c"])) for row in there.gifts()} == dict(
        zip(given, map(Decimal, amounts), strict=True)
    )
    assert {row["Date__c"] for row in there.gifts()} == {"2026-03-05"}
    assert there.is_at_rest()


def test_a_gift_waits_for_its_person_and_goes_by_itself(there: VaultOffice) -> None:
    person = there.person()
    gift = there.give(person)
    done = there.run(GIFTS)
    assert (done["set_aside"], there.gifts()) == (1, [])
    (why,) = there.waiting()
    assert why == f"person: “{person}” is not linked by “{PEOPLE}” yet; this goes by itself once it is."
    there.run_both()
    assert [row["Vault_Id__c"] for row in there.gifts()] == [gift]
    assert there.waiting() == []
    assert there.is_at_rest()


def test_a_gift_that_settles_is_seen_and_written_then(there: VaultOffice) -> None:
    gift = there.give(there.person(), status="pending")
    there.run_both()
    assert there.gifts() == []
    there.vault.change("transaction", gift, status="settled")
    assert there.run_both()["created"]["right"] == 1
    assert [row["Vault_Id__c"] for row in there.gifts()] == [gift]
    assert there.is_at_rest()


def test_another_currency_is_refused_and_waits(there: VaultOffice) -> None:
    gift = there.give(there.person(), currency="EUR")
    there.run_both()
    assert there.gifts() == []
    (why,) = there.waiting()
    assert "EUR" in why
    there.vault.change("transaction", gift, currency="USD")
    there.run_both()
    assert (len(there.gifts()), there.waiting()) == (1, [])


def test_a_refund_is_work_for_a_person_and_nothing_is_written(there: VaultOffice) -> None:
    gift = there.give(there.person())
    there.run_both()
    before = there.written()
    there.vault.change("transaction", gift, status="refunded")
    for _ in range(2):
        there.run_both()
        (review,) = there.asked()
        assert review.unit == "recorded"
    assert there.written() == before
    assert len(there.gifts()) == 1
    assert there.totals()["refunded"]["apart"] == [gift]


def test_gifts_wait_for_gift_processing_where_the_rules_say_so() -> None:
    with office(create="review") as there:
        there.give(there.person())
        there.run_both()
        (review,) = there.asked()
        assert there.gifts() == []
        approve(review, by="pat")
        there.run_both()
        assert len(there.gifts()) == 1
        assert there.is_at_rest()


def test_the_totals_agree_after_the_run(there: VaultOffice) -> None:
    for value in ("0.10", "0.20", "25.10"):
        there.give(there.person(), value)
    there.give(there.person(), "5.00", status="pending")
    there.run_both()
    settled = there.totals()["settled"]
    assert all(settled[name] == {"count": 3, "sum": "25.4"} for name in ("there", "read", "wanted", "recorded"))
    assert there.totals()["pending"]["there"] == {"count": 1, "sum": "5"}
    assert all(line["apart"] == [] for line in there.totals().values())


def test_a_gift_that_never_came_is_named_with_its_id(there: VaultOffice) -> None:
    there.give(there.person())
    there.run_both()
    there.crm.faults.next("500", times=100, method="PATCH", path="Gift__c")
    never = there.give(there.person(), "7.00")
    there.run_both()
    settled = there.totals()["settled"]
    assert (settled["apart"], settled["read"], settled["recorded"]["sum"]) == (
        [never],
        {"count": 2, "sum": "32.1"},
        "25.1",
    )
    there.crm.faults.clear()
    there.run_both()
    assert there.totals()["settled"]["apart"] == []


def test_what_no_poll_showed_is_named_from_the_whole_list(there: VaultOffice) -> None:
    person = there.person()
    there.give(person)
    there.run_both()
    # Stored late under an earlier time: behind everything that the next poll asks for.
    there.vault.clock = lambda: datetime.now(UTC) - timedelta(days=30)
    late = there.give(person, "7.00")
    there.run_both()
    settled = there.totals()["settled"]
    assert (settled["there"], settled["read"]) == ({"count": 2, "sum": "32.1"}, {"count": 1, "sum": "25.1"})
    assert (settled["missed"]["unread"], settled["unnamed"]) == ({"ids": [late], "count": 1}, "")


def test_the_preset_for_gifts_makes_an_opportunity_of_what_is_settled(there: VaultOffice) -> None:
    there.gifts_by_preset(FUNDS)
    ada = there.person()
    there.give(ada, "70.00", contentID="fund_1", method="Check")
    there.give(ada, "5.00", contentID="fund_1", method="Check", status="pending")
    there.give(ada, "6.00", contentID="fund_2", method="Check")
    there.run(PEOPLE)
    there.run("opportunities")
    (made,) = there.crm.records["Opportunity"].values()
    (contact,) = there.contacts()
    assert (made["Amount"], made["ContactId"], made["StageName"]) == (Decimal("70"), contact["Id"], "Closed Won")
    assert (made["Fund__c"], made["Payment_Method__c"]) == ("Lab fund", "Cheque")
    assert made["Name"] == f"Alumni.Fund {made['Vault_Id__c']}"
    assert len(there.waiting("opportunities")) == 1
    assert "fund_2" in there.waiting("opportunities")[0]


@pytest.mark.quick(1)
@pytest.mark.parametrize(("fault", "is_made"), [("lost", True), ("500_after", True), ("reset", False)])
def test_a_person_whose_adding_was_not_answered_is_looked_for_first(
    fault: str, is_made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alumnisync.engine.recover.time.sleep", lambda seconds: None)
    with office(adds_people=True) as there:
        there.run(PEOPLE)
        there.crm.create("Contact", {"FirstName": "Mary", "LastName": "Somerville", "Email": "m@example.org"})
        there.vault.faults.next(fault, method="POST")
        there.run(PEOPLE)
        assert len(there.vault.records["person"]) == int(is_made)
        lists = there.vault.counts["reads"]
        for _ in range(2):
            there.run(PEOPLE)
        assert there.vault.counts["reads"] > lists
        assert there.vault.counts["creates"] == 1
        (made,) = there.vault.records["person"]
        (contact,) = there.contacts()
        assert there.people_of(contact) == {made}
        # Her next transaction makes another record, which is hers too.
        later = there.person("Mary", "Somerville", email="m@example.org")
        there.run(PEOPLE)
        assert there.people_of(contact) == {made, later}
        assert there.is_at_rest()
