"""Gifts are the books: written once, never changed by us; what changes later is work for a person."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.models import ChangeRecord, Review
from alumnisync.review import Refusal, approve, reject, tick_off
from connectors.records import Rejected
from tests.alumnisync.gifts import Office
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained"), pytest.mark.quick(1)]


def recorded(**options: Any) -> tuple[Office, str]:
    """An office with one gift that is written down in the CRM."""
    office = Office(**options)
    there, _ = office.person("Ada")
    gift = office.give(there)
    office.run_both()
    assert len(office.gifts()) == 1
    return office, gift


def test_only_settled_gifts_are_written_and_one_that_settles_later_goes_then() -> None:
    office = Office()
    there, _ = office.person("Ada")
    gift = office.give(there, status="pending")
    office.run_both()
    assert office.gifts() == []
    office.vault.alter("transaction", gift, {"status": "settled"})
    office.run()
    assert len(office.gifts()) == 1


def test_gifts_wait_for_a_review_and_what_was_approved_is_what_somebody_saw() -> None:
    office = Office(create="review")
    there, _ = office.person("Ada")
    gift = office.give(there)
    office.run_both()
    (review,) = office.asked()
    approve(review, by="pat")
    office.vault.alter("transaction", gift, {"value": "2500.00"})
    office.run()
    assert office.gifts() == []
    (again,) = office.asked()
    assert again.shown["left"]["value|amount"] == "2500.00"
    approve(again, by="pat")
    office.run()
    assert [row["amount"] for row in office.gifts()] == ["2500"]


def test_a_changed_amount_is_work_for_a_person_and_is_never_written() -> None:
    office, gift = recorded()
    office.vault.alter("transaction", gift, {"value": "30.00"})
    done = office.run()
    assert done["updated"]["right"] == 0
    assert [row["amount"] for row in office.gifts()] == ["25"]
    (review,) = office.asked()
    assert (review.unit, review.reason) == ("recorded", "changed after it was recorded")
    assert review.shown["was"]["left"]["value|amount"] == "25.00"


def test_what_was_ticked_off_is_not_asked_again_until_it_changes_once_more() -> None:
    office, gift = recorded()
    office.vault.alter("transaction", gift, {"value": "30.00"})
    office.run()
    tick_off(office.asked()[0], by="pat")
    for _ in range(2):
        office.run()
        assert office.asked() == []
    assert set(Review.objects.values_list("state", "choice")) == {("closed", "leave")}
    assert [row["amount"] for row in office.gifts()] == ["25"]
    office.vault.alter("transaction", gift, {"value": "31.00"})
    office.run()
    assert office.asked()[0].shown["was"]["left"]["value|amount"] == "30.00"


def test_a_preview_carries_no_tick_out() -> None:
    office, gift = recorded()
    office.vault.alter("transaction", gift, {"value": "30.00"})
    office.run()
    tick_off(office.asked()[0], by="pat")
    office.run(preview=True)
    assert Review.objects.get().state == "decided"


def test_what_is_corrected_by_hand_closes_itself() -> None:
    office, gift = recorded()
    office.vault.alter("transaction", gift, {"value": "30.00"})
    office.run()
    ((id, _),) = office.crm.live("gift").items()
    office.crm.alter("gift", id, {"amount": "30"})
    office.run()
    assert office.asked() == []
    assert office.crm.effects["updated"] == 0


@pytest.mark.parametrize("how", ["refunded", "deleted"])
def test_a_gift_that_no_longer_takes_part_is_shown_to_a_person_until_it_is_ticked_off(how: str) -> None:
    office, gift = recorded()
    if how == "refunded":
        office.vault.alter("transaction", gift, {"status": "refunded"})
    else:
        office.vault.remove("transaction", gift)
    office.run()
    (review,) = office.asked()
    assert "after it was recorded" in review.reason
    assert review.side == "right"
    tick_off(review, by="pat", comment="reversed in the ledger")
    for _ in range(2):
        office.run()
        assert office.asked() == []
    assert [row["amount"] for row in office.gifts()] == ["25"]


def test_a_refund_that_was_ticked_off_and_moves_again_is_asked_again() -> None:
    office, gift = recorded()
    office.vault.alter("transaction", gift, {"status": "refunded"})
    office.run()
    tick_off(office.asked()[0], by="pat")
    office.run()
    office.vault.alter("transaction", gift, {"value": "1.00"})
    office.run()
    assert len(office.asked()) == 1


def test_a_gift_changed_in_the_books_alone_is_nobody_s_work() -> None:
    office, _ = recorded()
    ((id, _),) = office.crm.live("gift").items()
    office.crm.alter("gift", id, {"amount": "26"})
    office.run()
    assert office.asked() == []


def test_such_an_item_can_only_be_ticked_off_and_nothing_else_can_be() -> None:
    office, gift = recorded(create="automatic")
    office.vault.alter("transaction", gift, {"value": "30.00"})
    office.run()
    (review,) = office.asked()
    with pytest.raises(Refusal, match="Nothing is sent for this"):
        approve(review, by="pat")
    with pytest.raises(Refusal, match="Nothing is sent for this"):
        reject(review, by="pat", why="no")
    review.unit = "value|amount"
    review.save()
    with pytest.raises(Refusal, match="Only what changed after it was recorded"):
        tick_off(review, by="pat")


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"fund": "GYM"}, "fund: “GYM” has no pair among the drop-down pairs."),
        ({"currency": "EUR"}, "value: This amount is in EUR, the field pair takes USD; we convert nothing."),
        ({"currency": ""}, "value: The record does not say which currency this amount is in."),
        ({"currency": "ZZZ"}, "value: The record names a currency that doesn't exist."),
        ({"value": "a lot"}, "value: This is not an amount of money."),
    ],
)
def test_a_gift_that_can_t_be_said_whole_is_not_written_at_all(odd: dict[str, Any], why: str) -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there, **odd)
    office.run_both()
    assert office.gifts() == []
    assert office.waiting() == [why]


def test_a_new_pair_of_options_releases_the_gift_that_waits() -> None:
    office = Office()
    there, _ = office.person("Ada")
    gift = office.give(there, fund="GYM")
    office.run_both()
    office.vault.alter("transaction", gift, {"fund": "ART"})
    office.run()
    assert [row["fund"] for row in office.gifts()] == ["Art fund"]


def test_a_gift_that_is_refused_for_one_field_is_not_written_without_it() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there)
    office.run("people")
    office.crm.fail(Rejected("No.", {"donor": "No such contact."}))
    office.run()
    assert office.gifts() == []
    (change,) = ChangeRecord.objects.filter(state="set_aside")
    assert change.kind == "create"


def test_a_gift_that_is_there_already_is_linked_and_neither_changed_nor_stamped() -> None:
    office = Office()
    there, here = office.person("Ada")
    gift = office.give(there)
    office.crm.put("gift", {"source_id": gift, "amount": "20", "donor": here, "fund": "Lab fund"})
    office.run_both()
    assert [row["amount"] for row in office.gifts()] == ["20"]
    assert office.asked() == []


# --- systems that take no changes ---------------------------------------------------------------------


def taking_no_changes() -> World:
    return World(
        PAIRS,
        left={"create": "automatic"},
        right={"create": "automatic"},
        left_type={"can_update": False},
    )


def test_a_system_that_takes_no_changes_gets_new_records_and_later_differences_are_nobody_s_work() -> None:
    world = taking_no_changes()
    here = world.right.put("person", {"first": "Ada", "last": "Byron", "email": "ada@example.org", "phone": ""})
    world.go()
    ((there, _),) = world.left.live("person").items()
    world.right.alter("person", here, {"last": "King"})
    done = world.run()
    assert (done["updated"]["left"], done["reviews"], done["set_aside"]) == (0, 0, 0)
    assert world.left.values("person", there)["last"] == "Byron"


def test_what_changes_there_still_comes_here() -> None:
    world = taking_no_changes()
    there, here = world.pair_up()
    world.go()
    world.left.alter("person", there, {"last": "King"})
    world.run()
    assert world.right.values("person", here)["last"] == "King"


def test_no_id_is_stamped_where_nothing_can_be_changed() -> None:
    pairs = tuple({**pair, "to_left": "off"} for pair in PAIRS)
    world = World(pairs, left={"key_field": "crm_id"}, right={"create": "automatic"}, left_type={"can_update": False})
    world.left.put("person", {"first": "Ada", "last": "Byron", "email": "ada@example.org", "phone": "", "crm_id": ""})
    world.pair_up()
    done = world.go()
    assert done["stamped"]["left"] == 0
    assert (done["created"]["right"], done["set_aside"]) == (1, 0)
