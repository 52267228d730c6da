"""Whole runs over two systems in memory: the first preview, both directions, conflicts, blanks, creates."""

import pytest

from alumnisync.engine.run import run_sync
from alumnisync.models import SyncRun
from alumnisync.review import Refusal, approve, decide, reject
from alumnisync.versions import activate
from mappings.models import MappingVersion
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained")]


def test_the_first_run_is_a_preview_that_writes_nothing() -> None:
    world = World()
    world.pair_up(phone="573 555 0100")
    first = world.run()
    assert first["state"] == "held", first
    assert [item["guard"] for item in first["held"]] == ["version"]
    assert world.writes() == 0
    assert world.linked() == set()


def test_approving_carries_out_what_was_shown_and_the_next_run_changes_nothing() -> None:
    world = World()
    left, right = world.pair_up()
    world.right.alter("person", right, {"phone": "(573) 555-0100"})
    done = world.go()
    assert done["state"] == "done", done
    assert world.left.values("person", left)["phone"] == "+15735550100"
    assert world.linked() == {(left, right)}
    assert done["stamped"] == {"left": 0, "right": 1}
    writes = world.writes()
    again = world.run()
    assert again["state"] == "done"
    assert again["changed"] == {"left": 0, "right": 0}
    assert world.writes() == writes


def test_edits_on_both_sides_meet_in_one_run() -> None:
    world = World()
    left, right = world.pair_up(phone="573 555 0100")
    world.go()
    world.left.alter("person", left, {"phone": "573 555 0199"})
    world.right.alter("person", right, {"last": "Lovelace"})
    done = world.run()
    assert done["state"] == "done", done
    assert world.right.values("person", right)["phone"] == "+15735550199"
    assert world.left.values("person", left)["last"] == "Lovelace"
    assert done["updated"] == {"left": 1, "right": 1}


def test_the_same_field_on_both_sides_is_a_conflict_that_holds_up_nothing() -> None:
    world = World()
    left, right = world.pair_up(phone="573 555 0100")
    world.go()
    world.left.alter("person", left, {"last": "Byron", "first": "Augusta"})
    world.right.alter("person", right, {"last": "King"})
    done = world.run()
    assert done["conflicts"] == 1
    assert world.right.values("person", right)["first"] == "Augusta"
    assert world.right.values("person", right)["last"] == "King"
    assert world.run()["conflicts"] == 1
    decide(world.conflicts()[0], "left", by="pat")
    done = world.run()
    assert done["conflicts"] == 0
    assert world.right.values("person", right)["last"] == "Byron"
    assert world.left.values("person", left)["last"] == "Byron"
    writes = world.writes()
    world.run()
    assert world.writes() == writes


def test_an_own_value_goes_to_both_sides() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Byron"})
    world.right.alter("person", right, {"last": "King"})
    world.run()
    decide(world.conflicts()[0], "value", value="Lovelace", by="pat")
    world.run()
    assert world.left.values("person", left)["last"] == "Lovelace"
    assert world.right.values("person", right)["last"] == "Lovelace"
    writes = world.writes()
    assert world.run()["conflicts"] == 0
    assert world.writes() == writes


def test_leave_stays_left() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Byron"})
    world.right.alter("person", right, {"last": "King"})
    world.run()
    decide(world.conflicts()[0], "leave", by="pat")
    writes = world.writes()
    world.run()
    assert world.run()["conflicts"] == 0
    assert world.writes() == writes
    world.left.alter("person", left, {"last": "Noel"})
    world.run()
    assert world.right.values("person", right)["last"] == "Noel"


def test_a_blank_overwrites_nothing() -> None:
    world = World()
    left, right = world.pair_up(phone="573 555 0100")
    world.go()
    world.left.alter("person", left, {"phone": ""})
    done = world.run()
    assert done["updated"] == {"left": 0, "right": 0}
    assert world.right.values("person", right)["phone"] == "573 555 0100"
    world.right.alter("person", right, {"phone": "573 555 0111"})
    done = world.run()
    assert done["reviews"] == 1
    assert world.left.values("person", left)["phone"] == ""
    approve(world.reviews()[0], by="pat")
    world.run()
    assert world.left.values("person", left)["phone"] == "+15735550111"


def test_a_rejected_review_is_not_asked_again_until_the_value_moves() -> None:
    pairs = ({"left": "last", "right": "last", "to_right": "review"}, *PAIRS[2:])
    world = World(pairs)
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Byron"})
    assert world.run()["reviews"] == 1
    reject(world.reviews()[0], by="pat", why="the registrar says otherwise")
    assert world.run()["reviews"] == 0
    world.left.alter("person", left, {"last": "King"})
    assert world.run()["reviews"] == 1
    approve(world.reviews()[0], by="pat")
    world.run()
    assert world.right.values("person", right)["last"] == "King"
    assert world.run()["reviews"] == 0


def test_creates_carry_the_key_and_are_stamped_back() -> None:
    world = World(left={"key_field": "crm_id"}, right={"create": "automatic"})
    left = world.left.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org", "crm_id": ""})
    done = world.go()
    assert done["created"] == {"left": 0, "right": 1}, done
    ((right, row),) = world.right.live("person").items()
    assert row.values["left_id"] == left
    assert world.left.values("person", left)["crm_id"] == right
    assert world.linked() == {(left, right)}
    again = world.run()
    assert again["changed"] == {"left": 0, "right": 0}, again
    assert world.right.effects["created"] == 1


def test_creates_for_review_wait_for_a_person() -> None:
    world = World(right={"create": "review"})
    world.left.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org"})
    world.go()
    assert world.right.live("person") == {}
    assert world.run()["reviews"] == 1
    approve(world.reviews()[0], by="pat")
    done = world.run()
    assert done["created"]["right"] == 1, done
    assert world.run()["reviews"] == 0


def test_a_superseded_plan_is_refused_in_words() -> None:
    world = World()
    world.pair_up()
    first = world.run()
    world.run()
    with pytest.raises(Refusal, match="out of date"):
        approve(SyncRun.objects.get(pk=first["run"]), by="pat")


def test_rules_put_in_force_while_a_run_is_under_way_are_not_lost() -> None:
    off = ({**PAIRS[0], "to_right": "off"}, *PAIRS[1:])
    world = World(off)
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"first": "Augusta"})

    def replace_rules(text: str) -> None:
        if text.startswith("Matching"):
            version = world.add_version(PAIRS, {}, {"key_field": "left_id"})
            version.state = MappingVersion.State.DRAFT
            version.save()
            activate(version)

    run = run_sync(world.sync, say=replace_rules)
    assert (run.state, run.reason.split(" were")[0]) == ("failed", "Other rules")
    world.go()
    assert world.right.values("person", right)["first"] == "Augusta"


@pytest.mark.parametrize("findable", [None, frozenset()])
def test_somebody_who_came_after_the_plan_was_shown_is_not_created_again(findable: frozenset[str] | None) -> None:
    world = World(right={"create": "automatic"}, right_type={"findable": findable})
    mary = {"first": "Mary", "last": "Somerville", "email": "m@example.org"}
    world.left.put("person", mary)
    world.left.put("person", {**mary, "email": "other@example.org"})
    shown = world.run()
    world.right.put("person", {**mary, "left_id": ""})
    done = world.approve(shown["run"])
    assert done["created"]["right"] == 1, done
    assert world.run()["matches"] == 0
    assert len(world.right.live("person")) == len(world.linked()) == 2
