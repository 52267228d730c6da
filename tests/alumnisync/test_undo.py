"""Undoing a finished run: what is put back, what is left alone and why, and that the next run carries nothing back."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine import reverting, settle, undoing, undone
from alumnisync.engine.units import Base
from alumnisync.models import ChangeRecord, Link, SyncRun
from alumnisync.review import approve, decide
from alumnisync.undo import Refused, told, undo
from connectors.records import MISSING, Rejected
from tests.alumnisync.feed_scene import FeedWorld
from tests.alumnisync.test_drift import found
from tests.alumnisync.test_several import Office as SeveralOffice
from tests.alumnisync.test_statements import statements
from tests.alumnisync.undos import CONSENT, DEAD, HOME, KEPT, Office
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db


def test_what_a_run_wrote_is_put_back_and_no_run_carries_it_back() -> None:
    office = Office()
    was = office.held("right")["last"]
    run = office.carried(last="Lovelace")
    shown = office.undo(run)
    assert (shown.state, shown.kind, shown.undoes_id, office.held("right")["last"]) == ("held", "undo", run, "Lovelace")
    done = office.approve(shown.pk)
    assert (done["state"], done["updated"]) == ("done", {"left": 0, "right": 1})
    assert (office.held("left")["last"], office.held("right")["last"]) == ("Lovelace", was)
    assert office.is_quiet()
    assert found(office) == {"last: undone": 1}


def test_an_edit_after_the_undo_goes_on_as_ever() -> None:
    office = Office()
    office.undone(office.carried(last="Lovelace"))
    office.edit("left", last="King")
    office.run()
    assert office.held("right")["last"] == "King"
    office.undone(office.carried(last="Noel"))
    office.edit("right", last="Byron")
    office.run()
    assert office.held("left")["last"] == "Byron"


def test_a_blank_that_was_filled_is_blank_again() -> None:
    world = World()
    _, right = world.pair_up(phone="573 555 0100")
    world.right.alter("person", right, {"phone": ""})
    run = world.go()["run"]
    assert world.right.values("person", right)["phone"]
    world.approve(undo(SyncRun.objects.get(pk=run), by="pat").pk)
    assert world.right.values("person", right)["phone"] == ""
    written = world.writes()
    world.run()
    assert world.writes() == written
    shown = SyncRun.objects.get(kind="undo")
    assert told(shown)["left_alone"] == [{"reason": undoing.IDS_STAY, "count": 1}]
    assert not shown.changes.filter(state="left_alone").exists()


def test_what_was_edited_since_is_left_alone_and_listed() -> None:
    office = Office(people=2)
    office.edit("left", 1, first="Mary")
    run = office.carried(last="Lovelace", first="Augusta")
    office.edit("right", last="King")
    shown = office.undo(run)
    assert office.reasons(shown.pk) == [reverting.EDITED]
    office.approve(shown.pk)
    assert (office.held("right")["last"], office.held("right")["first"]) == ("King", "Ada")
    assert office.held("right", 1)["first"] == "Ada"
    office.run()
    assert office.held("left")["last"] == "King"


def test_what_was_edited_at_its_source_since_is_left_alone_and_goes_on() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    office.edit("left", last="King")
    shown = office.undo(run)
    assert (shown.state, office.reasons(shown.pk)) == ("done", [reverting.SOURCE_EDITED])
    office.run()
    assert office.held("right")["last"] == "King"


def test_what_is_back_already_is_not_written_again() -> None:
    office = Office(({**PAIRS[1], "to_left": "off"}, PAIRS[2]))
    was = office.held("right")["last"]
    run = office.carried(last="Lovelace")
    office.edit("right", last=was)
    shown = office.undo(run)
    assert (shown.state, office.reasons(shown.pk)) == ("done", [reverting.IS_BACK])


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_moves_after_it_was_shown_is_left_and_the_rest_of_the_record_goes(side: str) -> None:
    office = Office()
    run = office.carried(last="Lovelace", first="Augusta")
    shown = office.undo(run)
    office.edit(side, last="King")
    done = office.approve(shown.pk)
    assert (done["state"], done["updated"]["right"]) == ("done", 1)
    assert office.reasons(shown.pk) == [undone.CHANGED_SINCE]
    assert office.held("right")["first"] == "Ada"
    assert office.held(side)["last"] == "King"


def test_a_group_is_put_back_as_one() -> None:
    office = Office((*PAIRS, *HOME))
    run = office.carried(city="Newburg", zip="65550")
    office.undone(run)
    assert (office.held("right")["city"], office.held("right")["zip"]) == ("Rolla", "65401")
    assert office.is_quiet()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_group_stays_whole_where_another_field_of_it_moved(side: str) -> None:
    office = Office((*PAIRS, *HOME))
    run = office.carried(city="Newburg")
    office.edit(side, zip="65550")
    shown = office.undo(run)
    assert office.reasons(shown.pk) == [reverting.OTHERS_EDITED]


def test_a_group_stays_whole_where_a_later_run_changed_another_field_of_it() -> None:
    office = Office((*PAIRS, *HOME))
    run = office.carried(city="Newburg")
    later = office.carried(zip="65550")
    assert office.reasons(office.undo(run).pk) == [reverting.OTHERS_EDITED]
    office.undone(later)
    office.edit("left", zip="65401")
    office.run()
    office.undone(run)
    assert (office.held("right")["city"], office.held("right")["zip"]) == ("Rolla", "65401")


def test_a_group_falls_whole_after_it_was_shown() -> None:
    office = Office((*PAIRS, *HOME))
    shown = office.undo(office.carried(city="Newburg", zip="65550", first="Augusta"))
    office.edit("right", zip="65551")
    office.approve(shown.pk)
    assert (office.held("right")["city"], office.held("right")["first"]) == ("Newburg", "Ada")


def test_the_old_value_that_was_kept_goes_back_with_it() -> None:
    office = Office(KEPT, values={"old_email": "older@example.org"})
    was = office.held("right")["email"]
    run = office.carried(email="new@example.org")
    assert (office.held("right")["email"], office.held("right")["old_email"]) == ("new@example.org", was)
    office.undone(run)
    assert (office.held("right")["email"], office.held("right")["old_email"]) == (was, "older@example.org")
    assert office.is_quiet()


def test_a_kept_value_that_was_edited_since_keeps_the_whole_unit() -> None:
    office = Office(KEPT)
    run = office.carried(email="new@example.org")
    office.edit("right", old_email="other@example.org")
    assert office.reasons(office.undo(run).pk) == [reverting.EDITED]


def test_an_undo_never_lifts_a_restriction() -> None:
    office = Office((*PAIRS, CONSENT))
    run = office.carried(no_mail=True, last="Lovelace")
    shown = office.undo(run)
    assert office.reasons(shown.pk) == [reverting.LIFTS]
    office.approve(shown.pk)
    assert office.held("right")["no_mail"] is True
    assert office.held("right")["last"] != "Lovelace"
    assert office.is_quiet()


def test_an_undo_never_says_that_somebody_is_alive() -> None:
    office = Office((*PAIRS, DEAD))
    office.edit("left", dead=True)
    office.run()
    (review,) = office.reviews()
    approve(review, by="pat")
    run = office.run()["run"]
    assert office.held("right")["dead"] is True
    assert office.reasons(office.undo(run).pk) == [reverting.REVIVES]


def test_nothing_is_put_back_while_a_death_waits_to_be_decided() -> None:
    office = Office((*PAIRS, DEAD))
    run = office.carried(last="Lovelace")
    office.edit("left", dead=True)
    assert office.reasons(office.undo(run).pk) == [undoing.DEATH_WAITS]


def test_one_person_or_one_field_of_many() -> None:
    office = Office(people=3)
    for person in (1, 2):
        office.edit("left", person, last="Lovelace", first="Augusta")
    run = office.carried(last="Lovelace", first="Augusta")
    link = Link.objects.get(members__record__remote_id=office.people[1][1], members__side="right")
    office.undone(run, links=[link.pk])
    assert [office.held("right", one)["first"] for one in range(3)] == ["Augusta", "Ada", "Augusta"]
    office.undone(run, units=["last|last"])
    lasts = [office.held("right", one)["last"] for one in range(3)]
    assert ("Lovelace" in lasts, [office.held("right", one)["first"] for one in range(3)]) == (
        False,
        ["Augusta", "Ada", "Augusta"],
    )
    assert office.is_quiet()


def test_an_undo_is_undone_like_any_run() -> None:
    office = Office((*PAIRS, *HOME))
    run = office.carried(last="Lovelace", city="Newburg")
    undone = office.undone(run)["run"]
    again = office.undone(undone)
    assert (again["state"], again["updated"]["right"]) == ("done", 1)
    assert (office.held("right")["last"], office.held("right")["city"]) == ("Lovelace", "Newburg")
    assert office.is_quiet()
    office.undone(again["run"])
    assert office.held("right")["city"] == "Rolla"
    assert office.is_quiet()


def test_a_value_decided_for_both_is_taken_from_both() -> None:
    office = Office()
    office.edit("left", last="Here")
    office.edit("right", last="There")
    office.run()
    decide(office.conflicts()[0], "value", by="pat", value="Both")
    run = office.run()["run"]
    assert (office.held("left")["last"], office.held("right")["last"]) == ("Both", "Both")
    office.undone(run)
    assert (office.held("left")["last"], office.held("right")["last"]) == ("Here", "There")
    assert office.is_quiet()
    assert office.conflicts() == []


def test_of_several_records_the_one_that_was_written_is_put_back() -> None:
    office = SeveralOffice("right")
    first, second = office.ada(2)
    office.run()
    (left, _) = office.partner()
    office.edit("left", left, last="Lovelace")
    run = office.run()["run"]
    spoken = next(id for id in (first, second) if office.held("right", id)["last"] == "Lovelace")
    done = office.approve(undo(SyncRun.objects.get(pk=run), by="pat").pk)
    assert done["updated"]["right"] == 1
    assert office.held("right", spoken)["last"] == "Byron"
    written = office.writes()
    office.run()
    assert (office.writes(), office.held("left", left)["last"]) == (written, "Lovelace")


def test_where_another_record_of_the_person_counts_by_now_it_is_left_alone() -> None:
    office = SeveralOffice("right")
    office.ada(1)
    office.run()
    (left, _) = office.partner()
    office.edit("left", left, last="Lovelace")
    run = office.run()["run"]
    office.put("right", first="Ada 0", last="Lovelace")
    office.run()
    shown = undo(SyncRun.objects.get(pk=run), by="pat")
    reasons = ChangeRecord.objects.filter(run=shown, state="left_alone").values_list("reason", flat=True)
    assert reverting.ANOTHER_COUNTS in reasons


def test_two_syncs_that_share_a_record_agree_after_an_undo() -> None:
    office = Office()
    other = World()
    other.right = office.right
    other.connections["right"] = office.connections["right"]
    other.version = other.add_version(
        ({**PAIRS[0]}, {**PAIRS[1]}, PAIRS[2]), {}, {"key_field": ""}, [[["email"], ["email"]]]
    )
    twin = other.left.put("person", office.held("right"))
    other.go()
    run = office.carried(last="Lovelace")
    other.run()
    assert other.left.values("person", twin)["last"] == "Lovelace"
    office.undone(run)
    other.run()
    was = office.held("right")["last"]
    assert (other.left.values("person", twin)["last"], was == "Lovelace") == (was, False)
    assert office.is_quiet()
    written = other.writes()
    other.run()
    assert other.writes() == written


def test_a_run_that_only_wrote_ids_is_not_undone() -> None:
    office = Office(people=2)
    first = office.sync.runs.order_by("pk")[0]
    with pytest.raises(Refused, match="only wrote ids"):
        office.undo(first.pk)


def test_what_the_system_refuses_is_listed_with_its_words_and_not_tried_by_itself() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    shown = office.undo(run)
    office.right.fail(Rejected("“Byron” is not allowed here.", {"last": "not allowed"}))
    done = office.approve(shown.pk)
    assert done["state"] == "partial"
    (reason,) = office.reasons(shown.pk)
    assert "not allowed" in reason
    assert office.is_quiet()
    assert office.reasons(shown.pk) == [reason]
    assert office.undone(run)["updated"]["right"] == 1


def test_a_record_that_is_gone_by_then_is_listed() -> None:
    office = Office()
    shown = office.undo(office.carried(last="Lovelace"))
    office.right.lose("person", office.people[0][1])
    office.approve(shown.pk)
    assert len(office.reasons(shown.pk)) == 1


def test_a_field_pair_that_the_rules_no_longer_have_is_left_alone() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    office.add_version((PAIRS[0], *PAIRS[2:]), {}, {"key_field": "left_id"})
    shown = office.undo(run)
    assert (shown.state, office.reasons(shown.pk)) == ("done", [reverting.NOT_MAPPED])


def test_a_direction_that_was_switched_off_since_is_put_back_all_the_same() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    office.add_version((PAIRS[0], {**PAIRS[1], "to_right": "off"}, *PAIRS[2:]), {}, {"key_field": "left_id"})
    office.undone(run)
    assert office.held("right")["last"] != "Lovelace"
    assert office.is_quiet()


def test_erased_people_are_not_restored() -> None:
    office = Office(people=2)
    office.edit("left", 1, last="Lovelace")
    run = office.carried(last="Lovelace")
    first, second = ChangeRecord.objects.filter(run=run, kind="update").order_by("pk")
    first.link.delete()  # type: ignore[union-attr]
    second.fields.update(before=MISSING)
    shown = office.undo(run)
    assert (shown.state, office.reasons(shown.pk)) == ("done", [undoing.NOT_LINKED, reverting.NOT_KNOWN_BEFORE])


def test_an_undo_settles_what_both_sides_hold(broken_settling: None) -> None:
    office = Office()
    office.undone(office.carried(last="Lovelace"))
    assert not office.is_quiet()


@pytest.fixture
def broken_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """An undo that leaves the sender's base as it was before the run: the next run sees a change, and carries it."""
    whole = settle._base

    def forgets(link: Link, target: Any, row: Any, held: Any) -> Base:
        base = whole(link, target, row, held)
        return Base({**base.held, target.other: row.after}) if row.rule == "undone" else base

    monkeypatch.setattr(settle, "_base", forgets)


def test_statements_do_not_grow_with_the_people() -> None:
    counts = []
    for people in (3, 30):
        office = Office(people=people, guards={"changed": {"floor": 1000}, "same_value": {"floor": 1000}})
        for person in range(people):
            office.edit("left", person, last=f"Lovelace{person}")
        run = office.run()["run"]
        with statements() as sent:
            office.undo(run)
        counts.append(len(sent))
    assert counts[1] - counts[0] < 20, counts


def test_what_a_feed_brought_is_put_back_and_only_a_later_row_counts_again() -> None:
    world = FeedWorld()
    ada = world.contact("x1", first="Ada", last="Byron")
    world.told("x1", last="King")
    run = world.run()["run"]
    assert world.held(ada)["last"] == "King"
    done = world.approve(undo(SyncRun.objects.get(pk=run), by="pat").pk)
    assert (done["state"], done["updated"], world.held(ada)["last"]) == ("done", {"left": 0, "right": 1}, "Byron")
    written = world.writes()
    world.run()
    assert (world.writes(), world.held(ada)["last"]) == (written, "Byron")
    world.told("x1", first="Augusta")
    world.run()
    assert (world.held(ada)["first"], world.held(ada)["last"]) == ("Augusta", "Byron")
    world.told("x1", last="Noel")
    world.run()
    assert (world.held(ada)["last"], world.open_rows()) == ("Noel", [])
