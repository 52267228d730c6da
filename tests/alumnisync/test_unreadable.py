"""Who could never be stored as a whole is found all the same by what could be, and is not created again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import World

pytestmark = pytest.mark.django_db

MAIL = "ada@example.org"
TORN = "\ud800"


@pytest.mark.quick(3)
@pytest.mark.parametrize("bad", [TORN, 2**70, {TORN: 1}, [{"deep": TORN}]], ids=["text", "number", "name", "inside"])
@pytest.mark.parametrize("several", [False, True])
def test_whoever_has_a_partner_that_cannot_be_stored_is_asked_about_and_not_created(bad: Any, several: bool) -> None:
    world = World(right={"create": "automatic", "several": several}, right_type={"findable": frozenset()})
    world.left.put("person", {"first": "Ada", "last": "Byron", "email": MAIL})
    there = world.right.put("person", {"first": bad, "last": "Byron", "email": MAIL, "left_id": ""})
    for _ in range(2):
        done = world.go()
        assert (done["created"]["right"], done["set_aside"], len(world.matches())) == (0, 1, 1), done
        assert (len(world.right.live("person")), world.linked()) == (1, set())
    world.right.alter("person", there, {"first": "Ada"})
    done = world.go()
    assert (done["set_aside"], world.matches(), len(world.linked()), world.right.effects["created"]) == (0, [], 1, 0)


def test_one_that_cannot_be_stored_is_neither_created_over_here() -> None:
    world = World(left={"create": "automatic"}, right={"create": "automatic"})
    world.right.put("person", {"first": TORN, "last": "Byron", "email": MAIL, "left_id": ""})
    assert world.go()["created"] == {"left": 0, "right": 0}
    assert world.writes() == 0


def test_on_a_side_with_several_it_goes_with_nobody() -> None:
    world = World(right={"create": "automatic", "several": True})
    world.left.put("person", {"first": "Ada", "last": "Byron", "email": MAIL})
    world.right.put("person", {"first": "Ada", "last": "Byron", "email": MAIL, "left_id": ""})
    world.right.put("person", {"first": TORN, "last": "Byron", "email": MAIL, "left_id": ""})
    done = world.go()
    assert (done["created"]["right"], len(world.matches()), world.linked()) == (0, 1, set()), done
