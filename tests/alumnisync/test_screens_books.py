"""The screens of gifts: a later change can only be ticked off, and a run's page shows whether the totals agree."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from alumnisync.deciding import mark_of
from alumnisync.inbox.alike import Format
from alumnisync.models import Review, SyncRun
from mappings.models import FieldMapping, Sync
from tests.alumnisync.gifts import Office

pytestmark = pytest.mark.django_db


@pytest.fixture
def changed() -> tuple[Office, Review]:
    office = Office()
    there, _ = office.person("Ada")
    gift = office.give(there, "25.00")
    office.run_both()
    office.vault.alter("transaction", gift, {"value": "40.00"})
    office.run()
    return office, office.asked()[0]


def post(client: Client, review: Review, choice: str) -> str:
    address = reverse("admin:alumnisync_review_decide", args=[review.pk])
    answer = client.post(address, {"choice": choice, "seen": mark_of(review)}, follow=True)
    return str(answer.content.decode())


def test_the_page_of_a_later_change_says_what_changed_and_offers_nothing_but_the_tick(
    admin_client: Client, changed: tuple[Office, Review]
) -> None:
    page = admin_client.get(reverse("admin:alumnisync_review_change", args=[changed[1].pk])).content.decode()
    assert "Later change" in page
    assert "Changed in Vault after it was recorded in CRM: value ↔ amount." in page
    assert "Correct it by hand in CRM, then tick it off." in page
    assert 'value="leave"' in page
    assert 'value="approve"' not in page
    assert 'value="refuse"' not in page
    assert "LAB" not in page


@pytest.fixture
def rewritten() -> tuple[Office, str]:
    """A gift of 70.00 that both systems write as 70 by now."""
    office = Office()
    there, _ = office.person("Ada")
    gift = office.give(there, "70.00")
    office.run_both()
    (row,) = office.crm.live("gift")
    office.crm.alter("gift", row, {"amount": 70})
    office.vault.alter("transaction", gift, {"value": "70"})
    return office, gift


def page_of_question(client: Client, office: Office) -> str:
    return client.get(reverse("admin:alumnisync_review_change", args=[office.asked()[0].pk])).content.decode()


def test_an_amount_that_is_only_written_otherwise_is_not_said_to_have_changed(
    admin_client: Client, rewritten: tuple[Office, str]
) -> None:
    office, gift = rewritten
    office.vault.alter("transaction", gift, {"fund": "ART"})
    office.run()
    assert "Changed in Vault after it was recorded in CRM: fund." in page_of_question(admin_client, office)


def test_amounts_that_are_the_same_are_not_marked_as_different(
    admin_client: Client, rewritten: tuple[Office, str]
) -> None:
    office, gift = rewritten
    office.vault.alter("transaction", gift, {"status": "refunded"})
    office.run()
    page = page_of_question(admin_client, office)
    assert page.count('<span class="as-value">70.00</span>') >= 2
    assert "<mark>70" not in page


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        ("money", "70.00", 70, True),
        ("money", "70 USD", "70.0", True),
        ("money", "70.001", "70", False),
        ("money", "seventy", "70", False),
        ("phone", "(573) 555-0100", "+1 573 555 0100", True),
        ("date", "05.08.1982", "1982-08-05", True),
        ("text", "Ada", "ada", False),
        ("text", "", None, False),
        ("choice", "LAB", "lab", False),
    ],
)
def test_values_are_compared_by_what_they_are(kind: str, one: object, other: object, expected: bool) -> None:
    there = Format(FieldMapping(kind=kind, currency="USD" if kind == "money" else "", region="US"))
    assert there.is_same(one, other) is expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(70, "70.00"), ("70.5", "70.50"), ("0.1250", "0.125"), ("70 EUR", "70.00 EUR"), ("seventy", "seventy"), ("", "")],
)
def test_an_amount_is_shown_with_all_its_decimals_and_the_currency_that_it_names(amount: object, expected: str) -> None:
    assert Format(FieldMapping(kind="money", currency="USD")).shown(amount) == expected


def test_it_is_ticked_off_and_not_asked_again(admin_client: Client, changed: tuple[Office, Review]) -> None:
    office, review = changed
    assert "Nothing is sent for this" in post(admin_client, review, "approve")
    post(admin_client, review, "leave")
    office.run()
    assert office.asked() == []
    page = admin_client.get(reverse("admin:alumnisync_review_changelist") + "?state=closed").content.decode()
    assert "Ticked off" in page


def test_many_are_ticked_off_together(admin_client: Client, changed: tuple[Office, Review]) -> None:
    _, review = changed
    address = reverse("admin:alumnisync_review_changelist")
    page = admin_client.get(address).content.decode()
    assert "Tick them off" in page
    assert "Let them through" not in page
    page = admin_client.get(address + f"?sync={review.link.sync_id}&of=recorded").content.decode()
    assert "Tick them off" in page
    assert "Let them through" not in page
    given = {"tick": f"{review.pk}.{mark_of(review)}", "choice": "leave", "of": "recorded", "sure": "yes"}
    admin_client.post(reverse("admin:alumnisync_review_decide_many"), given)
    review.refresh_from_db()
    assert (review.state, review.choice, review.decided_by) == ("decided", "leave", "admin")


def test_a_gift_that_was_paid_back_shows_the_whole_gift(admin_client: Client) -> None:
    office = Office()
    there, _ = office.person("Ada")
    gift = office.give(there)
    office.run_both()
    office.vault.alter("transaction", gift, {"status": "refunded"})
    office.run()
    page = admin_client.get(reverse("admin:alumnisync_review_change", args=[office.asked()[0].pk])).content.decode()
    assert "It no longer takes part, as Vault has it now; in CRM it is recorded." in page
    assert "LAB" in page


def test_a_gift_that_waits_says_for_what_and_that_it_goes_by_itself(admin_client: Client) -> None:
    office = Office()
    there, _ = office.person("Ada", linked=False)
    office.give(there)
    office.run_both()
    page = admin_client.get(reverse("admin:alumnisync_changerecord_changelist") + "?waiting=yes").content.decode()
    assert f"person: “{there}” is not linked by “people” yet; this goes by itself once it is." in page
    assert "every run looks whether it can go" in page


def test_the_page_of_a_run_shows_whether_the_totals_agree(admin_client: Client, changed: tuple[Office, Review]) -> None:
    run = SyncRun.objects.filter(sync__name="gifts").latest("pk")
    page = admin_client.get(reverse("admin:alumnisync_syncrun_change", args=[run.pk])).content.decode()
    assert "Do the totals agree?" in page
    assert "Counted by Vault" in page
    assert "1 · 40.00" in page
    assert "1 record not in CRM as Vault has it: 15.00 in all." in page
    earlier = SyncRun.objects.filter(sync__name="people").latest("pk")
    page = admin_client.get(reverse("admin:alumnisync_syncrun_change", args=[earlier.pk])).content.decode()
    assert "Do the totals agree?" not in page


def test_the_page_of_the_sync_says_that_records_are_written_once(
    admin_client: Client, changed: tuple[Office, Review]
) -> None:
    sync = Sync.objects.get(name="gifts")
    page = admin_client.get(reverse("admin:mappings_sync_change", args=[sync.pk])).content.decode()
    assert "Records here are written once and never changed" in page
    assert 'list="syncs"' in page
    assert '<option value="people">' in page
