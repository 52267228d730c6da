"""Rows of a feed that name nobody wait until the system or a person says whose they are; and unreadable ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alumnisync.choosing import linkable, taken_of
from alumnisync.models import ChangeRecord, Member
from alumnisync.review import Refusal, settle_match
from connectors.models import FeedRow, RemoteRecord
from tests.alumnisync.feed_scene import FeedWorld

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

MAIL = "ada@example.org"


def test_it_waits_as_a_possible_match_and_is_not_linked_by_itself() -> None:
    world = FeedWorld()
    world.contact("x1", email=MAIL, last="Byron")
    row = world.told("", email=MAIL, last="King")
    for _ in range(2):
        done = world.run()
        assert (done["state"], done["matches"]) == ("done", 1)
    assert world.linked() == set()
    assert [one.values["left_id"] for one in world.match().candidates.all()] == ["x1"]
    assert "does not say whom it is about" in world.match().reason
    assert (world.outcomes()[row], world.acknowledged()) == ("waiting", 1)


def test_its_values_flow_to_whom_a_person_links_it_with() -> None:
    world = FeedWorld()
    ada = world.contact("x1", email=MAIL, last="Byron")
    world.told("x1", 5, last="King", first="Ada")
    world.told("", 3, email=MAIL, last="Lovelace", phone="573 555 0199")
    world.run()
    assert (world.linked(), world.held(ada)["last"]) == ({("x1", ada)}, "King")
    match = world.match()
    (candidate,) = match.candidates.all()
    assert linkable(match, candidate, taken_of(match)) == ""
    settle_match(match, "link", by="pat")
    done = world.run()
    assert (done["state"], done["matches"]) == ("done", 0)
    # An older row: only for what the newer one did not say.
    assert (world.held(ada)["last"], world.held(ada)["phone"]) == ("King", "+15735550199")
    assert world.record("change-3").gone_at is not None
    assert world.rows()["3"].remote_id == "x1"
    written = world.writes()
    assert world.run()["matches"] == 0
    assert world.writes() == written


def test_whoever_is_not_linked_is_known_by_the_id_in_the_key_field() -> None:
    world = FeedWorld()
    ada = world.contact("x1", email=MAIL, last="Byron")
    world.told("", email=MAIL, last="King")
    world.run()
    settle_match(world.match(), "link", by="pat")
    assert world.run()["matches"] == 0
    assert (world.linked(), world.held(ada)["last"]) == ({("x1", ada)}, "King")


def test_it_waits_while_the_id_of_whom_a_person_chose_is_not_known() -> None:
    world = FeedWorld()
    ada = world.contact("", email=MAIL, last="Byron")
    world.told("", email=MAIL, last="King")
    world.run()
    settle_match(world.match(), "link", by="pat")
    for _ in range(2):
        assert world.run()["matches"] == 0
    assert (world.linked(), world.held(ada)["last"], world.held(ada)["left_id"]) == (set(), "Byron", "")
    world.right.alter("person", ada, {"left_id": "x1"})
    world.run()
    assert (world.linked(), world.held(ada)["last"]) == ({("x1", ada)}, "King")


@pytest.mark.parametrize("choice", ["ignore", "never"])
def test_what_a_person_leaves_alone_is_not_asked_again_nor_created(choice: str) -> None:
    # Over there nobody can be looked up, which would keep a create back at the last moment.
    world = FeedWorld(right={"create": "automatic"}, right_type={"findable": frozenset()})
    world.contact("x1", email=MAIL)
    world.told("", email=MAIL, last="King")
    world.run()
    settle_match(world.match(), choice, by="pat")
    for _ in range(2):
        done = world.run()
        assert (done["matches"], done["created"]) == (0, {"left": 0, "right": 0})


def test_ignoring_it_leaves_whom_it_may_be_about_free_to_be_linked() -> None:
    world = FeedWorld()
    ada = world.contact("", email=MAIL)
    world.told("", email=MAIL)
    world.run()
    settle_match(world.match(), "ignore", by="pat")
    world.told("x1", email=MAIL, last="King")
    world.run()
    assert (world.linked(), world.held(ada)["left_id"]) == ({("x1", ada)}, "x1")


def test_nobody_is_created_from_it() -> None:
    world = FeedWorld(right={"create": "automatic"})
    world.told("", email=MAIL, last="King")
    assert world.run()["created"] == {"left": 0, "right": 0}
    with pytest.raises(Refusal, match="whom it is about"):
        settle_match(world.match(), "create", by="pat")


def test_it_stands_in_nobodys_way_however_many_there_are() -> None:
    world = FeedWorld()
    ada = world.contact("", email=MAIL)
    for number in range(7):
        world.told("", email=MAIL, last=f"Row{number}")
    world.told("x1", email=MAIL, last="King")
    done = world.run()
    assert (world.linked(), done["matches"]) == ({("x1", ada)}, 7)


def test_the_system_may_say_later_whose_it_is() -> None:
    world = FeedWorld(guards={"changed": {"floor": 0, "share": 0}})
    ada = world.contact("x1", email=MAIL)
    row = world.told("", email=MAIL, last="King")
    world.run(preview=True)
    assert len(world.matches()) == 1
    world.left.changes["person"] = [replace(one, person="x1") for one in world.left.changes["person"]]
    assert world.run()["matches"] == 0
    assert (world.rows()[row].remote_id, world.linked() | {("x1", ada)}) == ("x1", {("x1", ada)})


# --- rows that can't be read -----------------------------------------------------------------------------


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("person", "change_id", "values"),
    [("x1", "seven", {}), ("x1", "", {}), ("x" * 300, "7", {}), ("change-9", "7", {}), ("x1", "7", {"last": "\ud800"})],
)
def test_a_row_that_cannot_be_stored_is_set_aside_alone_and_stays_with_the_feed(
    person: str, change_id: str, values: dict[str, str]
) -> None:
    world = FeedWorld()
    ada = world.contact("x1", last="Byron")
    world.told(person, **{"last": "Odd", **values})
    world.left.changes["person"] = [replace(one, id=change_id) for one in world.left.changes["person"]]
    world.told("x1", 8, last="King")
    for _ in range(2):
        done = world.run()
        assert (done["set_aside"], world.held(ada)["last"]) == (1, "King")
        assert world.open_rows() == [change_id]
    (aside,) = ChangeRecord.objects.filter(state="set_aside")
    assert aside.reason
    assert set(FeedRow.objects.values_list("change_id", flat=True)) == {"8"}


def test_a_row_that_can_be_read_after_all_is_no_longer_set_aside() -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    world.told("x1", 7, last="\ud800")
    assert world.run()["set_aside"] == 1
    world.left.changes["person"] = [replace(one, values={"last": "King"}) for one in world.left.changes["person"]]
    done = world.run()
    assert (done["set_aside"], world.held(ada)["last"], world.open_rows()) == (0, "King", [])


def test_a_row_that_names_nobody_is_never_a_member() -> None:
    world = FeedWorld()
    world.contact("", email=MAIL)
    world.told("", email=MAIL)
    world.run()
    settle_match(world.match(), "link", by="pat")
    world.run()
    assert not Member.objects.filter(record__in=RemoteRecord.objects.filter(unnamed=True)).exists()
