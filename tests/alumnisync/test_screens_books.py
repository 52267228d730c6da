"""The screens of gifts: a later change can only be ticked off, and a run's page shows whether the totals agree."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from alumnisync.deciding import mark_of
from alumnisync.models import Review, SyncRun
from mappings.models import Sync
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
