"""Approving a plan some time after it was shown: what moved since drops out, the rest goes as it was shown."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.models import ChangeRecord, Link, SyncRun
from alumnisync.review import approve
from connectors.records import NeedsAttention
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained")]

HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
MARY = {"first": "Mary", "last": "Somerville", "email": "m@example.org", "dead": False}


def paired(count: int = 1, **options: Any) -> tuple[World, list[tuple[str, str]]]:
    world = World(**options)
    people = [world.pair_up(phone="573 555 0100", city="Rolla", zip="65401", dead=False) for _ in range(count)]
    world.go()
    return world, people


def dropped() -> int:
    return ChangeRecord.objects.filter(state="dropped").count()


def test_whoever_moved_since_drops_out_and_the_others_go() -> None:
    world, people = paired(2)
    for left, _ in people:
        world.left.alter("person", left, {"last": "X"})
    preview = world.run(preview=True)
    world.left.alter("person", people[0][0], {"last": "Y"})
    done = world.approve(preview["run"])
    assert (done["updated"]["right"], dropped()) == (1, 1)
    assert world.right.values("person", people[1][1])["last"] == "X"
    assert world.run()["updated"]["right"] == 1
    assert world.right.values("person", people[0][1])["last"] == "Y"


def test_who_moved_in_another_field_keeps_what_was_shown() -> None:
    world, ((left, right),) = paired()
    world.left.alter("person", left, {"last": "X"})
    preview = world.run(preview=True)
    world.left.alter("person", left, {"first": "Y"})
    assert world.approve(preview["run"])["updated"]["right"] == 1
    now = world.right.values("person", right)
    assert (now["last"], now["first"]) == ("X", "Ada")


def test_a_change_in_its_spelling_alone_does_not_count_as_moved() -> None:
    world, ((left, _right),) = paired()
    world.left.alter("person", left, {"phone": "573 555 0111"})
    preview = world.run(preview=True)
    world.left.alter("person", left, {"phone": "(573) 555-0111"})
    assert world.approve(preview["run"])["updated"]["right"] == 1


@pytest.mark.parametrize("side", [0, 1])
def test_a_group_drops_out_when_another_field_of_it_moved(side: int) -> None:
    world, (person,) = paired(pairs=(*PAIRS, *HOME))
    world.left.alter("person", person[0], {"city": "Newburg"})
    preview = world.run(preview=True)
    (world.left, world.right)[side].alter("person", person[side], {"zip": "65550"})
    assert world.approve(preview["run"])["updated"] == {"left": 0, "right": 0}
    assert dropped() == 1


@pytest.mark.parametrize("change", [{"dead": True}, {"first": "Maria"}])
def test_a_create_drops_out_when_its_record_moved(change: dict[str, Any]) -> None:
    pairs = (*PAIRS, {"left": "dead", "right": "dead", "kind": "deceased"})
    world, _ = paired(pairs=pairs, right={"create": "automatic"})
    mary = world.left.put("person", dict(MARY))
    preview = world.run(preview=True)
    world.left.alter("person", mary, change)
    assert world.approve(preview["run"])["created"]["right"] == 0
    assert len(world.right.live("person")) == 1


def test_a_link_that_is_not_there_yet_goes_as_a_whole_or_not_at_all() -> None:
    world = World()
    left, right = world.pair_up()
    world.right.alter("person", right, {"phone": "573 555 0111"})
    preview = world.run()
    world.left.alter("person", left, {"last": "Other"})
    done = world.approve(preview["run"])
    assert (done["updated"], done["stamped"]) == ({"left": 0, "right": 0}, {"left": 0, "right": 0})
    assert Link.objects.get().state == "proposed"
    world.go()
    assert world.left.values("person", left)["phone"] == "+15735550111"


def test_who_left_scope_since_drops_out() -> None:
    world, ((left, right),) = paired(right={"scope": "record['status'] != 'out'"})
    world.left.alter("person", left, {"last": "X"})
    preview = world.run(preview=True)
    world.right.alter("person", right, {"status": "out"})
    assert world.approve(preview["run"])["updated"]["right"] == 0


def test_changes_of_a_link_that_was_withdrawn_are_not_sent() -> None:
    world, _ = paired(right={"create": "automatic"})
    world.left.put("person", dict(MARY))
    preview = world.run(preview=True)
    Link.objects.filter(state="proposed").delete()
    assert world.approve(preview["run"])["created"]["right"] == 0
    assert world.run()["created"]["right"] == 1


def test_what_a_failed_approved_run_left_is_not_lost() -> None:
    world, people = paired(8)
    for left, _ in people:
        world.left.alter("person", left, {"last": "X" + left})
    preview = world.run(preview=True)
    world.right.fail(NeedsAttention("The key has expired."), raised=True, every=6)
    assert world.approve(preview["run"])["state"] == "failed"
    world.run()
    world.run()
    assert {world.right.values("person", right)["last"] for _, right in people} == {"X" + left for left, _ in people}


def test_a_run_that_was_approved_and_not_carried_out_is_taken_over() -> None:
    world, ((left, _right),) = paired()
    world.left.alter("person", left, {"last": "X"})
    preview = world.run(preview=True)
    approve(SyncRun.objects.get(pk=preview["run"]), by="pat")
    done = world.run()
    assert (done["run"], done["updated"]["right"]) == (preview["run"], 1)


def test_an_approval_under_rules_that_were_replaced_is_void() -> None:
    world, ((left, right),) = paired()
    world.left.alter("person", left, {"last": "X"})
    preview = world.run(preview=True)
    approve(SyncRun.objects.get(pk=preview["run"]), by="pat")
    world.add_version((PAIRS[0], {**PAIRS[1], "to_right": "off"}, *PAIRS[2:]), {}, {"key_field": "left_id"})
    assert world.run()["run"] != preview["run"]
    assert world.right.values("person", right)["last"] != "X"
