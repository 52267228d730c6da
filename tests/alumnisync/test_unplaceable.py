"""A value that has no place in what a record holds is set aside alone, and stops nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine.orders import Line, Order, unplaceable
from alumnisync.models import ChangeRecord
from tests.alumnisync.hostile import nested
from tests.alumnisync.test_deliver import in_between
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

INSIDE = (*PAIRS, {"left": "city", "right": "status.place"})
PEOPLE = 7
"""More than the bugs in a row that a run stops at."""


def moved(right: Any) -> tuple[World, list[tuple[str, str]]]:
    """People who moved and changed their names on the left; on the right their status is as given."""
    world = World(INSIDE)
    people = [world.pair_up(city="Rolla", status=right) for _ in range(PEOPLE)]
    world.go()
    for left, _ in people:
        world.left.alter("person", left, {"city": "Columbia", "last": "Moved"})
    return world, people


def test_text_stands_where_an_object_belongs() -> None:
    world, people = moved("active")
    done = world.run()
    assert (done["state"], done["updated"]["right"], done["set_aside"]) == ("partial", PEOPLE, PEOPLE)
    for _, right in people:
        values = world.right.values("person", right)
        assert (values["last"], values["status"]) == ("Moved", "active")
    reason = ChangeRecord.objects.filter(state="set_aside")[0].reason
    assert reason == "“status.place” can't be written: something else than an object is on the way to it."
    for _, right in people:
        world.right.alter("person", right, {"status": {}})
    done = world.run()
    assert (done["updated"]["right"], done["set_aside"]) == (PEOPLE, 0)


def test_what_was_text_when_it_was_read_is_an_object_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = moved("active")
    world.right.batch_size = PEOPLE
    in_between(world, monkeypatch, *((right, {"status": {"place": None}}) for _, right in people))
    assert world.run()["state"] in ("done", "partial")
    monkeypatch.undo()
    assert world.run()["state"] == "done"
    assert {world.right.values("person", right)["status"]["place"] for _, right in people} == {"Columbia"}


@pytest.mark.parametrize(
    ("path", "values", "units"),
    [
        ("a", {"a": "text"}, set()),
        ("a.b", {"a": {}}, set()),
        ("a.b", {}, set()),
        ("a.b", {"a": "text"}, {"unit"}),
        ("a.b", {"a": nested(5000)}, {"unit"}),
        ("a[3].b", {"a": []}, {"unit"}),
    ],
)
def test_what_has_no_place(path: str, values: dict[str, Any], units: set[str]) -> None:
    lines = (Line("pair", "unit", path, None, "new"), Line("other", "beside", "c", None, "new"))
    found = unplaceable(Order(1, "7", lines), values)
    assert set(found) == units
    assert all(words.endswith((".", "elements.")) for words in found.values())


def test_lines_that_make_way_for_each_other_fit() -> None:
    lines = tuple(Line(f"pair{index}", f"unit{index}", f"a[{index}]", None, "new") for index in range(3))
    assert unplaceable(Order(1, "7", lines), {"a": []}) == {}
