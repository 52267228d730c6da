"""Whoever shares a match key with an erased person: a person is asked, nothing goes by itself, nobody is shut out."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine.bodies import Candidate
from alumnisync.engine.identity import BY_PERSON, Decision, Knot, Pairing
from alumnisync.engine.resembling import ERASED, ask_about
from alumnisync.models import ErasedKey, Match
from alumnisync.privacy.erasing import erase
from alumnisync.review import settle_match
from mappings.rules import Side
from tests.alumnisync.erasing import held
from tests.factories import World

HOME = "couple@example.org"


@pytest.fixture
def world() -> World:
    """Somebody who shared an e-mail address was erased."""
    world = World(left={"create": "automatic"}, right={"key_field": "left_id", "create": "automatic"})
    left, _ = world.pair_up(email=HOME)
    world.pair_up()
    world.go()
    erase(held(world, "left", left), by="pat")
    return world


def spouse(world: World) -> tuple[str, str]:
    """On both sides, with the same address."""
    return world.pair_up(first="Sam", email=HOME)


@pytest.mark.django_db
def test_a_spouse_on_both_sides_is_not_linked_by_itself(world: World) -> None:
    left, right = spouse(world)

    done = world.run()

    assert (done["matches"], done["created"]) == (1, {"left": 0, "right": 0})
    (asked,) = world.matches()
    assert asked.reason.startswith("Resembles somebody who was erased on ")
    assert asked.rule == ERASED
    assert {asked.record.remote_id, *(one.remote_id for one in asked.candidates.all())} == {left, right}
    assert (left, right) not in world.linked()


@pytest.mark.django_db
def test_a_spouse_on_one_side_is_not_created_by_itself(world: World) -> None:
    left = world.left.put("person", {"first": "Sam", "last": "Byron", "email": HOME})

    for _ in range(2):
        done = world.run()
        assert (done["matches"], done["created"]) == (1, {"left": 0, "right": 0})

    (asked,) = world.matches()
    assert asked.record.remote_id == left


@pytest.mark.quick(1)
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("choice", "created", "linked"), [("link", 0, True), ("create", 1, True), ("ignore", 0, False)]
)
def test_a_person_lets_the_spouse_in(world: World, choice: str, created: int, linked: bool) -> None:
    if choice == "link":
        left, _ = spouse(world)
    else:
        left = world.left.put("person", {"first": "Sam", "last": "Byron", "email": HOME})
    world.run()
    (asked,) = world.matches()
    settle_match(asked, choice, by="pat")

    done = world.run()
    again = world.run()

    assert done["created"]["right"] == created
    assert any(pair[0] == left for pair in world.linked()) is linked
    assert (done["matches"], again["matches"]) == (0, 0)
    assert again["created"] == {"left": 0, "right": 0}


@pytest.mark.django_db
def test_not_the_same_lets_both_go_on_and_is_not_asked_again(world: World) -> None:
    spouse(world)
    world.run()
    (asked,) = world.matches()
    settle_match(asked, "never", by="pat")

    world.run()

    assert not [one.reason for one in world.matches() if one.rule == ERASED]


@pytest.mark.django_db
def test_the_id_in_a_key_field_tells_them_too(world: World) -> None:
    erased = "person-000001"
    world.right.put("person", {"first": "Copy", "last": "Of", "email": "other@example.org", "left_id": erased})

    world.run()

    (asked,) = world.matches()
    assert asked.reason.startswith("Resembles somebody who was erased on ")


@pytest.mark.django_db
def test_others_are_linked_and_created_as_ever(world: World) -> None:
    pair = world.pair_up()
    world.left.put("person", {"first": "New", "last": "One", "email": "new@example.org"})

    done = world.run()

    assert pair in world.linked()
    assert (done["matches"], done["created"]) == (0, {"left": 0, "right": 1})


@pytest.mark.django_db
def test_who_is_linked_already_stays_so() -> None:
    world = World(match=[[["email"], ["email"]], [["last"], ["last"]]])
    left, _ = world.pair_up(email=HOME)
    other = world.pair_up(email="else@example.org")
    world.go()
    world.left.alter("person", other[0], {"email": HOME})
    erase(held(world, "left", left), by="pat")

    done = world.run()

    assert other in world.linked()
    assert done["matches"] == 0


@pytest.mark.django_db
def test_a_key_that_many_have_makes_no_question_of_each() -> None:
    world = World()
    for _ in range(7):
        world.left.put("person", {"first": "No", "last": "Address", "email": "none@example.org"})
    left, _ = world.pair_up(email="none@example.org")
    world.go()

    erase(held(world, "left", left), by="pat")

    kept = ErasedKey.objects.count()
    assert kept
    world.left.put("person", {"first": "Also", "last": "Without", "email": "none@example.org"})
    world.run()
    assert not Match.objects.filter(reason__startswith="Resembles").exists()


def one(id: int, side: Side) -> Candidate:
    return Candidate(id, side, {})


def ask(decision: Decision, *doubtful: int, members: Any = None, named: Any = None) -> Decision:
    whys = {id: f"Why {id}." for id in doubtful}
    return ask_about(decision, whys, members or {}, set(doubtful) if named is None else named)


def test_without_anybody_in_doubt_a_decision_stays_the_same() -> None:
    decision = Decision((Pairing(1, 2, "email"),), (), frozenset())

    assert ask(decision) is decision


def test_links_joins_and_newcomers_in_doubt_become_questions_and_others_stay() -> None:
    decision = Decision(
        (Pairing(1, 2, "email"), Pairing(3, 4, "email"), Pairing(5, 6, BY_PERSON)),
        (Knot(frozenset({7, 8}), frozenset({7}), "email", "Twins."),),
        frozenset(),
        ((9, 90), (10, 91)),
        (frozenset({11, 12}), frozenset({13})),
    )

    asked = ask(decision, 1, 5, 7, 9, 11, 20, members={90: {900}})

    assert asked.links == (Pairing(3, 4, "email"), Pairing(5, 6, BY_PERSON))
    assert asked.joins == ((10, 91),)
    assert asked.alone == (frozenset({13}),)
    assert {(tuple(sorted(knot.records)), tuple(sorted(knot.waiting)), knot.reason) for knot in asked.knots} == {
        ((7, 8), (7,), "Why 7. Twins."),
        ((1, 2), (1, 2), "Why 1."),
        ((9, 900), (9,), "Why 9."),
        ((11, 12), (11, 12), "Why 11."),
        ((20,), (20,), "Why 20."),
    }


def test_outside_the_pilot_nobody_is_asked_about() -> None:
    assert ask(Decision((), (), frozenset()), 1, named=set()).knots == ()
