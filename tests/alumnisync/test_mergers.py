"""Contacts that were merged over there: whoever is left takes the place, and two people are asked about."""

from __future__ import annotations

import pytest

from alumnisync.models import Link, Member
from alumnisync.review import Refusal, settle_match
from tests.factories import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained"), pytest.mark.quick(1)]


def two_people(count: int = 2) -> tuple[World, list[tuple[str, str]]]:
    world = World(left={"create": "automatic"}, right={"create": "automatic"})
    people = [world.pair_up(phone="") for _ in range(count)]
    world.go()
    return world, people


def test_the_record_that_is_left_takes_the_place_and_its_values_are_changes() -> None:
    world, [(left, loser)] = two_people(1)
    winner = world.right.put("person", {"first": "Augusta", "last": "King", "email": "", "left_id": ""})
    world.right.remove("person", loser, merged_into=winner)
    preview = world.run(preview=True)
    assert preview["created"] == {"left": 0, "right": 0}
    assert set(Member.objects.filter(side="right").values_list("state", flat=True)) == {"leaving", "coming"}
    done = world.run()
    assert (done["created"], done["matches"], done["conflicts"]) == ({"left": 0, "right": 0}, 0, 0)
    assert world.left.values("person", left)["first"] == "Augusta"
    # What it lacks is a removal, which the fields keep.
    assert world.left.values("person", left)["email"] != ""
    assert Member.objects.get(record__remote_id=winner).state == Member.State.PRESENT
    writes = world.writes()
    world.run()
    assert (world.writes(), Link.objects.count()) == (writes, 1)
    world.left.alter("person", left, {"last": "Lovelace"})
    world.run()
    assert world.right.values("person", winner)["last"] == "Lovelace"


def test_a_chain_of_mergers_ends_at_the_last_one() -> None:
    world, [(_, loser)] = two_people(1)
    second, last = (world.right.put("person", {"first": "A", "last": "B", "email": "", "left_id": ""}) for _ in "12")
    world.right.remove("person", loser, merged_into=second)
    world.right.remove("person", second, merged_into=last)
    world.run()
    assert Member.objects.get(record__remote_id=last).state == Member.State.PRESENT
    assert Link.objects.count() == 1


def test_who_was_to_be_created_for_takes_the_place_instead() -> None:
    world, [(_, loser)] = two_people(1)
    winner = world.right.put("person", {"first": "Ada", "last": "New", "email": "new@example.org", "left_id": ""})
    world.run(preview=True)
    assert Link.objects.count() == 2
    world.right.remove("person", loser, merged_into=winner)
    assert world.run()["created"]["left"] == 0
    assert Link.objects.count() == 1


@pytest.mark.parametrize("chosen", ["its own", "the other"])
def test_two_linked_people_are_asked_about_and_nothing_is_written_meanwhile(chosen: str) -> None:
    world, [(orphan, loser), (kept, winner)] = two_people()
    world.right.remove("person", loser, merged_into=winner)
    world.right.alter("person", winner, {"last": "King"})
    writes = world.writes()
    for _ in range(2):
        assert (world.run()["matches"], world.writes()) == (1, writes)
    (match,) = world.matches()
    assert match.record.remote_id == winner
    assert set(match.candidates.values_list("remote_id", flat=True)) == {orphan, kept}
    with pytest.raises(Refusal, match="which of the two"):
        settle_match(match, "create", by="pat")
    now, former = (kept, orphan) if chosen == "its own" else (orphan, kept)
    settle_match(match, "link", by="pat", record=match.candidates.get(remote_id=now))
    done = world.run()
    assert (done["matches"], done["created"]) == (0, {"left": 0, "right": 0})
    assert world.left.values("person", now)["last"] == "King"
    assert world.left.values("person", former)["last"] != "King"
    writes = world.writes()
    assert (world.run()["matches"], world.writes()) == (0, writes)


def test_a_record_merged_into_another_of_the_same_person_just_goes() -> None:
    world = World(right={"several": True}, left={"create": "automatic"})
    left, winner = world.pair_up(first="Ada")
    values = world.right.values("person", winner)
    loser = world.right.put("person", {**values, "first": "Augusta"})
    world.go()
    world.right.remove("person", loser, merged_into=winner)
    world.run()
    # It is the values of the one that is left that count now.
    assert world.left.values("person", left)["first"] == "Ada"
    states = dict(Member.objects.filter(side="right").values_list("record__remote_id", "state"))
    assert states == {winner: Member.State.PRESENT, loser: Member.State.LEFT}
