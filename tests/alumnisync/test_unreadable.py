"""Who could never be stored as a whole is found all the same by what could be, and is not created again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.models import Connection
from mappings.models import SyncSide
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

MAIL = "ada@example.org"
TORN = "\ud800"
SHEET = {
    "path": "people.csv",
    "key": "Id",
    "mode": "full",
    "encoding": "",
    "requests_per_second": 1000,
    "concurrency": 1,
    "timeout": 5,
}


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


def test_a_row_of_a_spreadsheet_without_its_key_keeps_its_person_from_being_created_again(
    settings: Any, tmp_path: Path
) -> None:
    settings.FILES_FOLDER = tmp_path
    people = tmp_path / "people.csv"
    people.write_text("Id,first,last,email\n1,Grace,Hopper,grace@example.org\n,Ada,Byron,ada@example.org\n")
    world = World(PAIRS[:3], left={"create": "automatic", "on_create": {"Id": "9"}}, right={"key_field": ""})
    sheet = Connection.objects.create(name="Sheet", system="spreadsheet", settings=SHEET)
    SyncSide.objects.filter(version=world.version, side="left").update(connection=sheet, object_type="rows")
    world.right.put("person", {"first": "Ada", "last": "Byron", "email": MAIL, "phone": ""})
    for _ in range(2):
        done = world.go()
        assert (done["created"]["left"], len(world.matches())) == (0, 1), done
    people.write_text(people.read_text().replace("\n,Ada", "\n2,Ada"))
    for _ in range(3):
        done = world.go()
    assert (done["created"]["left"], world.matches(), world.linked()) == (0, [], {("2", "person-000001")}), done
