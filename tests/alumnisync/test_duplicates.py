"""A create that a system refuses, because it takes the person for somebody it has: a possible match, not an error."""

from __future__ import annotations

import pytest

from alumnisync.models import ChangeRecord, Match
from alumnisync.review import settle_match
from connectors.records import Duplicate
from tests.factories import World

pytestmark = pytest.mark.django_db

ADA = {"first": "Ada", "last": "Byron", "email": "ada@example.org", "phone": ""}


def refused(*others: str, left: int = 1) -> tuple[World, str, str]:
    """The world, the person who isn't created, and whom the other side takes them for."""
    world = World(right={"create": "automatic"})
    world.pair_up()
    world.go()
    taken = world.right.put("person", {**ADA, "email": "a.byron@example.org", "left_id": ""})
    new, *_ = [world.left.put("person", {**ADA, "email": f"ada{number}@example.org"}) for number in range(left)]
    world.right.fail(Duplicate("It takes this person for somebody.", others or (taken,)), times=None)
    return world, new, taken


def test_it_becomes_a_possible_match_with_whom_it_was_taken_for() -> None:
    world, new, taken = refused()
    done = world.run()
    assert (done["matches"], done["set_aside"], done["created"]["right"]) == (1, 0, 0)
    (match,) = world.matches()
    assert (match.record.remote_id, match.reason) == (new, "It takes this person for somebody.")
    assert [one.remote_id for one in match.candidates.all()] == [taken]
    calls = len(world.right.calls)
    assert (world.run()["matches"], Match.objects.count()) == (1, 1)
    assert not [call for call in world.right.calls[calls:] if call[0] == "write"]


def test_deciding_that_they_are_one_links_them() -> None:
    world, new, taken = refused()
    world.run()
    world.right.failures.clear()
    (match,) = world.matches()
    settle_match(match, "link", by="pat")
    assert world.run()["matches"] == 0
    assert (new, taken) in world.linked()


def test_creating_all_the_same_is_refused_again_and_set_aside_in_words() -> None:
    world, _, _ = refused()
    world.run()
    (match,) = world.matches()
    settle_match(match, "create", by="pat")
    done = world.run()
    assert (done["matches"], done["set_aside"]) == (0, 1)
    assert ChangeRecord.objects.get(state="set_aside").reason == "It takes this person for somebody."
    assert world.run()["matches"] == 0


def test_records_nobody_knows_here_leave_the_reason() -> None:
    world, _, _ = refused("unheard-of")
    assert world.run()["matches"] == 1
    (match,) = world.matches()
    assert not match.candidates.exists()


def test_it_is_tried_again_once_the_record_changes() -> None:
    world, new, _ = refused()
    world.run()
    world.right.failures.clear()
    world.left.alter("person", new, {"last": "Lovelace"})
    done = world.run()
    assert (done["matches"], done["created"]["right"]) == (0, 1)


def test_many_are_asked_about_at_once() -> None:
    world, _, _ = refused(left=7)
    assert world.run()["matches"] == 7
