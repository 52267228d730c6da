"""A feed of changes through whole runs: laid over in order, merged as changes, acknowledged once."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest

from alumnisync.review import decide
from connectors.records import NeedsAttention, Rejected, Temporary
from tests.alumnisync.feed_scene import ONE_WAY, FeedWorld

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained"), pytest.mark.quick(1)]


def test_what_changed_goes_to_the_person_the_feed_names() -> None:
    world = FeedWorld()
    ada = world.contact("x1", last="Byron", phone="573 555 0100")
    world.told("x1", last="King", phone="573 555 0199")
    done = world.run()
    assert done["state"] == "done", done
    assert (world.held(ada)["last"], world.held(ada)["phone"]) == ("King", "+15735550199")
    assert done["stamped"] == {"left": 0, "right": 0}
    assert (world.acknowledged(), world.outcomes()) == (1, {"1": "done"})


def test_what_no_row_mentions_stays_as_it_is() -> None:
    world = FeedWorld()
    ada = world.contact("x1", first="Ada", last="Byron", email="ada@example.org")
    world.told("x1", last="King")
    world.run()
    assert world.held(ada) == {"first": "Ada", "last": "King", "email": "ada@example.org", "phone": "", "left_id": "x1"}
    assert world.record("x1").values == {"last": "King"}


@pytest.mark.quick(2)
@pytest.mark.parametrize("order", list(permutations([9, 10, 11])))
def test_rows_are_laid_in_the_order_of_their_ids_whatever_order_they_come_in(order: tuple[int, ...]) -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    said = {9: {"last": "Nine", "first": "Nine"}, 10: {"last": "Ten", "phone": "573 555 0110"}, 11: {"first": "Eleven"}}
    for change_id in order:
        world.told("x1", change_id, **said[change_id])
    world.run()
    held = world.held(ada)
    assert (held["last"], held["first"], held["phone"]) == ("Ten", "Eleven", "+15735550110")
    assert world.acknowledged() == 3


@pytest.mark.quick(2)
@pytest.mark.parametrize("order", list(permutations([9, 10, 11])))
def test_in_several_runs_a_late_row_is_history_only_for_what_newer_ones_said(order: tuple[int, ...]) -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    said = {9: {"last": "Nine", "first": "Nine"}, 10: {"last": "Ten", "city": "Rolla"}, 11: {"last": "Eleven"}}
    for change_id in order:
        world.told("x1", change_id, **said[change_id])
        assert world.run()["state"] == "done"
    assert (world.held(ada)["last"], world.held(ada)["first"]) == ("Eleven", "Nine")
    assert (world.acknowledged(), world.open_rows()) == (3, [])
    written = world.writes()
    world.run()
    assert world.writes() == written


def test_pages_that_come_twice_and_rows_that_come_again_change_nothing() -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    world.left.repeat_pages, world.left.page_size = True, 2
    for number in range(5):
        world.told("x1", last=f"Name{number}")
    world.run()
    written = world.writes()
    # Acknowledged, and brought once more all the same: an old row among them.
    world.told("x1", 1, last="Name0")
    done = world.run()
    assert done["changed"] == {"left": 0, "right": 0}
    assert (world.held(ada)["last"], world.writes()) == ("Name4", written)
    assert (world.acknowledged(), world.open_rows()) == (6, [])


def test_a_row_says_more_once_more_fields_are_asked_for() -> None:
    world = FeedWorld(ONE_WAY[:1])
    ada = world.contact("x1", city="Rolla")
    world.told("x1", city="London")
    world.left.fail(Temporary("Busy."), "acknowledge")
    world.run()
    assert world.record("x1").values == {}
    city = {"left": "city", "right": "city", "to_left": "off"}
    world.add_version((*ONE_WAY[:1], city), {}, {"key_field": "left_id"})
    world.go()
    assert world.held(ada)["city"] == "London"
    assert world.acknowledged() == 1


# --- merged as changes -----------------------------------------------------------------------------------


def test_a_field_spoken_of_for_the_first_time_is_a_change_of_the_feed_only() -> None:
    world = FeedWorld()
    ada = world.contact("x1", last="Byron", phone="573 555 0100")
    world.told("x1", last="King")
    world.run()
    world.right.alter("person", ada, {"phone": "573 555 0155"})
    world.told("x1", phone="573 555 0199")
    done = world.run()
    assert (done["conflicts"], world.held(ada)["phone"]) == (0, "+15735550199")


def test_what_the_crm_alone_changes_stays() -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    world.told("x1", last="King")
    world.run()
    world.right.alter("person", ada, {"last": "Lovelace"})
    for _ in range(2):
        done = world.run()
        assert (done["conflicts"], done["updated"]) == (0, {"left": 0, "right": 0})
    assert world.held(ada)["last"] == "Lovelace"


def test_both_changed_since_is_a_conflict_that_a_person_ends() -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    world.told("x1", last="King")
    world.run()
    world.right.alter("person", ada, {"last": "Lovelace"})
    row = world.told("x1", last="Byron")
    assert world.run()["conflicts"] == 1
    assert (world.outcomes()[row], world.open_rows()) == ("waiting", [])
    decide(world.conflicts()[0], "right", by="pat")
    world.run()
    assert (world.run()["conflicts"], world.held(ada)["last"]) == (0, "Lovelace")
    world.told("x1", last="Gordon")
    world.run()
    assert world.held(ada)["last"] == "Gordon"


def test_a_removal_follows_the_rule_for_blanks_and_forgets_no_later_change() -> None:
    world = FeedWorld()
    ada = world.contact("x1", phone="573 555 0100")
    world.told("x1", phone="")
    done = world.run()
    assert (done["state"], world.held(ada)["phone"]) == ("done", "573 555 0100")
    world.right.alter("person", ada, {"phone": "573 555 0155"})
    world.told("x1", phone="573 555 0199")
    assert world.run()["conflicts"] == 1


def test_what_a_person_refused_is_not_sent_while_it_stands() -> None:
    world = FeedWorld(guards={"changed": {"floor": 0, "share": 0}})
    ada = world.contact("x1", last="Byron")
    world.told("x1", last="King")
    held = world.run()
    assert held["held"]
    world.reject(held["run"])
    world.told("x1", phone="573 555 0199")
    world.go()
    assert (world.held(ada)["last"], world.held(ada)["phone"]) == ("Byron", "+15735550199")
    world.told("x1", last="Lovelace")
    world.go()
    assert world.held(ada)["last"] == "Lovelace"


def test_a_value_that_does_not_fit_is_set_aside_with_its_row_acknowledged() -> None:
    world = FeedWorld()
    ada = world.contact("x1", phone="573 555 0100")
    row = world.told("x1", phone="call me", last="King")
    done = world.run()
    assert (done["set_aside"], world.held(ada)["last"], world.held(ada)["phone"]) == (1, "King", "573 555 0100")
    assert (world.outcomes()[row], world.acknowledged()) == ("set_aside", 1)


# --- acknowledged when it is time ------------------------------------------------------------------------


def test_whoever_is_not_linked_yet_keeps_what_was_said() -> None:
    world = FeedWorld()
    row = world.told("x1", last="King")
    world.run()
    assert (world.outcomes()[row], world.acknowledged()) == ("kept", 1)
    ada = world.contact("x1", last="Byron")
    world.run()
    assert world.held(ada)["last"] == "King"


def test_a_preview_acknowledges_nothing() -> None:
    world = FeedWorld()
    world.contact("x1")
    world.told("x1", last="King")
    preview = world.run(preview=True)
    assert (world.acknowledged(), world.writes()) == (0, 0)
    world.told("x1", first="Augusta")
    world.approve(preview["run"])
    # The first row's person moved on after the preview: both wait for the next run.
    assert (world.acknowledged(), len(world.open_rows())) == (0, 2)
    world.run()
    assert (world.acknowledged(), world.open_rows()) == (2, [])


def test_a_held_run_acknowledges_only_who_has_nothing_held() -> None:
    world = FeedWorld(guards={"changed": {"floor": 1, "share": 0}})
    people = [world.contact(f"x{number}") for number in range(3)]
    rows = [world.told(f"x{number}", last=f"King{number}") for number in range(3)]
    phone = world.told("x9", phone="573 555 0199")
    held = world.run()
    assert held["state"] == "held"
    assert (world.acknowledged(), world.open_rows()) == (1, rows)
    assert world.outcomes()[phone] == "kept"
    world.approve(held["run"])
    assert [world.held(one)["last"] for one in people] == ["King0", "King1", "King2"]
    assert (world.acknowledged(), world.open_rows()) == (4, [])


def test_a_run_held_as_a_whole_acknowledges_nothing() -> None:
    world = FeedWorld()
    world.contact("x1")
    world.told("x1", last="King")
    world.add_version(ONE_WAY, {}, {"key_field": "left_id"})
    held = world.run()
    assert ([one["guard"] for one in held["held"]], world.acknowledged()) == (["version"], 0)
    world.approve(held["run"])
    assert world.acknowledged() == 1


def test_what_could_not_be_sent_for_now_is_set_aside_and_goes_later() -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    row = world.told("x1", last="King")
    world.right.fail(Rejected("No."))
    assert world.run()["set_aside"] == 1
    assert (world.outcomes()[row], world.acknowledged()) == ("set_aside", 1)
    world.run()
    assert world.held(ada)["last"] == "King"


@pytest.mark.parametrize("after", [False, True], ids=["not told", "told, the answer lost"])
def test_what_could_not_be_acknowledged_is_acknowledged_by_the_next_run(after: bool) -> None:
    world = FeedWorld()
    world.contact("x1")
    world.told("x1", last="King")
    world.left.fail(Temporary("Busy."), "acknowledge", after=after)
    assert world.run()["state"] == "done"
    assert world.rows()["1"].acknowledged_at is None
    world.run()
    assert (world.acknowledged(), world.rows()["1"].outcome) == (1, "done")
    told = [call for call in world.left.calls if call[0] == "acknowledge"]
    world.run()
    assert [call for call in world.left.calls if call[0] == "acknowledge"] == told


def test_a_feed_that_lets_us_in_no_more_fails_the_run() -> None:
    world = FeedWorld()
    ada = world.contact("x1")
    world.told("x1", last="King")
    world.left.fail(NeedsAttention("The key has expired."), "acknowledge")
    assert (world.run()["state"], world.held(ada)["last"]) == ("failed", "King")
    world.run()
    assert world.acknowledged() == 1


def test_1_250_changes_of_400_people_in_three_days_in_any_order() -> None:
    world = FeedWorld()
    random = Random(4)
    world.left.page_size = world.right.page_size = world.right.batch_size = 200
    contacts = {f"x{number}": world.contact(f"x{number}") for number in range(400)}
    said: dict[str, dict[str, str]] = {xid: {} for xid in contacts}
    rows = []
    for change_id in range(1000, 2250):
        xid, name = f"x{random.randrange(400)}", random.choice(["first", "last", "city", "zip"])
        rows.append((change_id, xid, {name: f"{name}{change_id}"}))
        said[xid][name] = f"{name}{change_id}"
    random.shuffle(rows)
    for day in range(3):
        for change_id, xid, values in rows[day::3]:
            world.told(xid, change_id, **values)
        assert world.run()["state"] == "done"
    for xid, contact in contacts.items():
        held = world.held(contact)
        assert {name: held.get(name) for name in ("first", "last")} == {
            name: said[xid].get(name) for name in ("first", "last")
        }
    assert (world.acknowledged(), world.open_rows()) == (1250, [])
    assert set(world.left.processed.values()) == {1}
    written = world.writes()
    world.run()
    assert world.writes() == written


def test_a_key_field_that_cannot_be_written_is_matched_by_and_never_stamped() -> None:
    world = FeedWorld(right={"key_field": "id"})
    kind = world.right.types["person"]
    fields = tuple(replace(field, writable=field.name != "id") for field in kind.fields)
    world.right.types["person"] = replace(kind, fields=fields)
    ada = world.right.put("person", {"id": "003A", "last": "Byron", "email": "ada@example.org"})
    eve = world.right.put("person", {"id": "", "last": "Roe", "email": "eve@example.org"})
    world.told("003A", last="King")
    world.told("003B", last="Doe", email="eve@example.org")
    done = world.run()
    assert (done["state"], done["stamped"]) == ("done", {"left": 0, "right": 0})
    assert world.linked() == {("003A", ada), ("003B", eve)}
    assert (world.held(ada)["last"], world.held(eve)["last"], world.held(eve)["id"]) == ("King", "Doe", "")
