"""A system whose records can be added but never changed: new ones are filled, those that are there are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.models import ChangeRecord
from tests.factories import World

pytestmark = pytest.mark.django_db

ADDING: dict[str, Any] = {"create": "automatic", "key_field": "left_id"}


def adding(**options: Any) -> World:
    return World(right=ADDING, right_type={"can_update": False}, **options)


def test_new_records_are_filled_and_left_alone_afterwards() -> None:
    world = adding(left={"key_field": "crm_id"})
    world.pair_up()
    world.go()
    mary = world.left.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org", "phone": ""})
    assert world.run()["created"] == {"left": 0, "right": 1}
    (made,) = [id for id, row in world.right.live("person").items() if row.values["first"] == "Mary"]
    assert world.right.values("person", made)["left_id"] == mary
    assert world.left.values("person", mary)["crm_id"] == made
    world.left.alter("person", mary, {"last": "Greig", "email": "mary@example.org"})
    writes = world.writes()
    done = world.run()
    assert (world.writes(), done["set_aside"], done["conflicts"]) == (writes, 0, 0)
    assert world.right.values("person", made)["last"] == "Somerville"


def test_who_is_there_already_is_neither_changed_nor_stamped() -> None:
    world = adding()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"first": "Augusta"})
    world.run()
    assert world.linked() == {(left, right)}
    assert world.right.effects["updated"] == 0
    assert not ChangeRecord.objects.filter(side="right").exists()
    assert world.right.values("person", right)["first"] == "Ada"


def test_what_changes_there_comes_over_as_ever() -> None:
    world = adding()
    left, right = world.pair_up()
    world.go()
    world.right.alter("person", right, {"first": "Augusta"})
    world.run()
    assert world.left.values("person", left)["first"] == "Augusta"


def test_a_create_from_such_a_side_does_not_stamp_its_source() -> None:
    world = World(
        left={"key_field": "crm_id"}, right={"create": "automatic", "key_field": ""}, left_type={"can_update": False},
        pairs=({"left": "first", "right": "first", "to_left": "off"},
               {"left": "email", "right": "email", "kind": "email", "to_left": "off"}),
    )  # fmt: skip
    world.pair_up()
    world.go()
    world.left.put("person", {"first": "Mary", "email": "m@example.org"})
    assert world.run()["created"]["right"] == 1
    assert world.left.effects["updated"] == 0
    assert world.run()["set_aside"] == 0
