"""What becomes of records that an undone run had created: unlinked, switched off, or left; each for a person to say."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine import created
from alumnisync.models import ChangeRecord, FieldChange, Link, Match, Review
from alumnisync.review import Refusal, approve, reject, tick_off
from alumnisync.undo import settle_created
from tests.alumnisync.undos import Office

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

MARY = {"first": "Mary", "last": "Somerville", "email": "mary@example.org", "phone": ""}


class Maker(Office):
    """Creates on both sides, and has created Mary on the right."""

    def __init__(self, **options: Any) -> None:
        right = {"create": "automatic", **options.pop("right", {})}
        super().__init__(right=right, left={"create": "automatic"}, **options)
        self.mary = self.left.put("person", dict(MARY))
        self.made = self.run()["run"]
        (self.record,) = set(self.right.live("person")) - {right for _, right in self.people}

    def settle(self, choice: str) -> None:
        done = self.undone(self.made)
        assert (done["reviews"], done["state"]) == (1, "done")
        settle_created(self.asked_about(), choice, by="pat")

    def creates(self) -> tuple[int, int]:
        return len(self.left.live("person")), len(self.right.live("person"))


def test_it_is_asked_only_once_the_undo_is_approved() -> None:
    office = Maker()
    shown = office.undo(office.made)
    assert (shown.state, office.reviews()) == ("held", [])
    lines = ChangeRecord.objects.filter(run=shown).order_by("pk")
    assert [(one.kind, one.state, one.reason) for one in lines] == [("create", "left_alone", created.ASKED)]
    with pytest.raises(Refusal, match="Decide about run"):
        settle_created(Review.objects.get(unit="created"), "leave", by="pat")
    office.run()
    assert Review.objects.get(unit="created").state == "held"
    office.approve(shown.pk)
    review = office.asked_about()
    assert review.shown["left"]["email|email"] == review.shown["right"]["email|email"] == "mary@example.org"
    office.run()
    assert office.asked_about() == review


def test_a_rejected_undo_asks_nothing() -> None:
    office = Maker()
    reject(office.undo(office.made), by="pat", why="No.")
    assert Review.objects.get(unit="created").state == "closed"
    assert office.undo(office.made).state == "held"


def test_left_it_stays_linked() -> None:
    office = Maker()
    office.settle("leave")
    assert office.is_quiet()
    assert (office.mary, office.record) in office.linked()
    assert Review.objects.get(unit="created").state == "closed"


@pytest.mark.parametrize("key", ["left_id", ""])
def test_unlinked_neither_is_linked_or_created_again(key: str) -> None:
    office = Maker(right={"key_field": key})
    office.settle("unlink")
    office.run(preview=True)
    assert (office.mary, office.record) in office.linked()
    counts = office.creates()
    assert office.is_quiet()
    assert (office.mary, office.record) not in office.linked()
    office.left.alter("person", office.mary, {"last": "Greig"})
    office.right.alter("person", office.record, {"first": "Maria"})
    office.run()
    assert office.is_quiet()
    assert (office.creates(), office.matches(), Link.objects.count()) == (counts, [], 1)
    (told,) = Match.objects.filter(choice="unlink")
    assert (told.decided_by, told.state) == ("pat", "closed")


def test_who_was_unlinked_may_still_be_somebody_else() -> None:
    office = Maker()
    office.settle("unlink")
    office.run()
    office.right.remove("person", office.record)
    other = office.right.put("person", {**MARY, "left_id": ""})
    office.run()
    assert (office.mary, other) in office.linked() or office.matches()


def test_switched_off_as_the_rules_say_and_only_once() -> None:
    office = Maker(right={"deactivate": {"status": "off"}})
    office.settle("deactivate")
    office.run(preview=True)
    assert office.right.values("person", office.record).get("status") != "off"
    run = office.run()["run"]
    assert office.right.values("person", office.record)["status"] == "off"
    assert Review.objects.get(unit="created").state == "closed"
    assert (office.is_quiet(), (office.mary, office.record) in office.linked()) == (True, True)
    assert [row.rule for row in FieldChange.objects.filter(change__run=run)] == ["switched off"]


def test_switching_off_is_undone_too() -> None:
    office = Maker(right={"deactivate": {"status": "off"}, "on_create": {"status": "on"}})
    office.settle("deactivate")
    run = office.run()["run"]
    office.undone(run)
    assert office.right.values("person", office.record)["status"] == "on"
    assert office.is_quiet()


def test_no_safety_limit_holds_what_a_person_decided() -> None:
    office = Maker(right={"deactivate": {"status": "off"}}, guards={"changed": {"floor": 0, "share": 0}})
    office.settle("deactivate")
    assert office.run()["state"] == "done"
    assert office.right.values("person", office.record)["status"] == "off"


def test_switching_off_is_offered_only_where_the_rules_say_how() -> None:
    office = Maker()
    office.undone(office.made)
    with pytest.raises(Refusal, match="Do it by hand in the system"):
        settle_created(office.asked_about(), "deactivate", by="pat")


def test_where_the_rules_no_longer_say_how_it_is_asked_again() -> None:
    office = Maker(right={"deactivate": {"status": "off"}})
    office.settle("deactivate")
    office.version.sides.filter(side="right").update(deactivate={})
    office.run()
    assert office.asked_about().suggestion == "deactivate"


def test_a_record_that_is_gone_by_then_needs_no_switching_off() -> None:
    office = Maker(right={"deactivate": {"status": "off"}})
    office.settle("deactivate")
    office.right.remove("person", office.record)
    office.run()
    assert Review.objects.get(unit="created").state == "closed"


def test_other_answers_are_refused_in_words() -> None:
    office = Maker()
    office.undone(office.made)
    review = office.asked_about()
    with pytest.raises(Refusal, match="unlink, deactivate or leave"):
        approve(review, by="pat")
    with pytest.raises(Refusal, match="unlink, deactivate or leave"):
        reject(review, by="pat", why="No.")
    with pytest.raises(Refusal, match="ticked off"):
        tick_off(review, by="pat")
    with pytest.raises(Refusal, match="is no choice"):
        settle_created(review, "delete", by="pat")
    settle_created(review, "leave", by="pat")
    with pytest.raises(Refusal, match="closed already"):
        settle_created(review, "leave", by="pat")


def test_it_is_asked_once() -> None:
    office = Maker()
    office.undone(office.made)
    again = office.undo(office.made)
    assert (again.state, office.reasons(again.pk)) == ("done", [created.ASKED_ALREADY])


def test_a_run_that_created_and_changed_is_undone_in_both() -> None:
    office = Maker()
    office.edit("left", last="Lovelace")
    office.left.put("person", {**MARY, "email": "other@example.org"})
    run = office.run()["run"]
    office.undone(run)
    assert office.held("right")["last"] != "Lovelace"
    assert len(office.reviews()) == 1
