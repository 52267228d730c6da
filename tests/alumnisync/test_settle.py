"""What is stored of an answer: bases, records, links, change numbers, the next try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alumnisync.engine.tries import next_try
from alumnisync.models import ChangeRecord
from connectors.models import RemoteRecord
from connectors.records import Rejected
from tests.alumnisync.test_statements import statements
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_what_was_refused_is_tried_ever_more_rarely_what_was_temporary_at_every_run() -> None:
    days = [(next_try(NOW, attempts, refused=True) - NOW).days for attempts in range(1, 9)]
    assert days == [0, 1, 2, 4, 8, 7, 7, 7]
    assert next_try(NOW, 9, refused=False) == NOW
    assert next_try(NOW, 2, refused=True) - NOW == timedelta(days=1)


def stored(world: World, side: str, remote_id: str) -> RemoteRecord:
    return RemoteRecord.objects.get(cursor=world.cursor(side), remote_id=remote_id)


def test_the_base_of_the_target_is_what_its_answer_says() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.right.normalise = lambda values: {name: str(value).upper() for name, value in values.items()}
    world.left.alter("person", left, {"last": "Noel"})
    world.run()
    assert stored(world, "right", right).values["last"] == "NOEL"
    writes = world.writes()
    for _ in range(3):
        done = world.run()
        assert (done["conflicts"], done["changed"]["right"]) == (0, 0)
    assert world.writes() == writes
    assert world.left.values("person", left)["last"] == "Noel"


def test_an_answer_without_the_record_is_found_out_by_the_next_poll() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.right.answer_with_record = False
    world.left.alter("person", left, {"last": "Noel"})
    world.run()
    assert stored(world, "right", right).values["last"] == "Noel"
    assert world.run()["changed"] == {"left": 0, "right": 0}


def test_what_was_written_is_laid_over_the_row_and_numbered() -> None:
    world = World()
    left, right = world.pair_up(phone="573 555 0100")
    world.go()
    before, number = stored(world, "right", right), world.cursor("right").change_no
    world.left.alter("person", left, {"last": "Noel"})
    world.run()
    after = stored(world, "right", right)
    assert after.values == {**before.values, "last": "Noel"}
    assert after.fingerprint != before.fingerprint
    assert (after.change_no, world.cursor("right").change_no) == (number + 1, number + 1)


def test_constants_of_a_create_are_no_change_at_the_next_poll() -> None:
    world = World(right={"create": "automatic", "on_create": {"status": "active"}})
    world.left.put("person", {"first": "Mary", "last": "S", "email": "m@example.org"})
    world.go()
    ((_, row),) = world.right.live("person").items()
    assert row.values["status"] == "active"
    assert world.run()["changed"] == {"left": 0, "right": 0}


def test_a_create_without_a_refused_field_sets_that_field_aside_alone() -> None:
    world = World(right={"create": "automatic"})
    world.left.put("person", {"first": "Mary", "last": "S", "email": "m@example.org", "phone": "573 555 0100"})
    world.right.normalise = lambda values: {"phone": "", **values}
    world.right.fail(Rejected("No.", {"phone": "Phone: not allowed"}))
    done = world.go()
    assert (done["created"]["right"], done["set_aside"]) == (1, 1)
    aside = ChangeRecord.objects.get(state="set_aside")
    assert [row.path for row in aside.fields.all()] == ["phone"]
    assert aside.reason == "Phone: not allowed"
    assert len(world.linked()) == 1
    assert world.run()["set_aside"] == 0
    ((_, row),) = world.right.live("person").items()
    assert row.values["phone"] == "+15735550100"


def test_statements_grow_with_batches_not_with_records() -> None:
    counts = []
    for people in (2, 5):
        world = World(right={"create": "automatic"})
        for index in range(people):
            world.left.put("person", {"first": "M", "last": f"S{index}", "email": f"m{people}{index}@example.org"})
        with statements() as sent:
            world.go()
        counts.append(len(sent))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("shows", [True, False], ids=["all fields", "filled fields"])
def test_what_was_blank_when_a_record_was_created_is_sent_once_it_is_filled(shows: bool) -> None:
    home = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
    world = World((*PAIRS, *home), right={"create": "automatic"})
    world.right.answer_with_record = shows
    mary = world.left.put(
        "person", {"first": "Mary", "last": "", "email": "m@example.org", "phone": "", "city": "", "zip": ""}
    )
    world.go()
    [made] = world.right.live("person")
    assert "phone" not in world.right.values("person", made)
    world.left.alter("person", mary, {"phone": "573 555 0100", "zip": "65401"})
    world.run()
    held = world.right.values("person", made)
    assert (held["phone"], held["zip"]) == ("+15735550100", "65401")
    writes = world.writes()
    assert (world.run()["state"], world.writes()) == ("done", writes)
