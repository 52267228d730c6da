"""The list and page of possible matches."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from alumnisync.models import Match
from tests.alumnisync.feed_scene import FeedWorld
from tests.alumnisync.inbox import address, decide, decide_many, look_alikes, named, page_of, signed_in, tick
from tests.factories import World

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 15


@pytest.fixture
def rob() -> Client:
    return signed_in("Reviewers")


def list_of(client: Client, query: str = "") -> str:
    return client.get(address(Match, "changelist") + query).content.decode()


def one_candidate() -> World:
    """Somebody who may be a person that the next rule would not ask about: their ids contradict."""
    world = named(World())
    world.left.put("person", {"first": "Ann", "last": "Ray", "email": "ann@example.org", "phone": "+15735550100"})
    world.right.put(
        "person", {"first": "Ann", "last": "Roy", "email": "ann@example.org", "phone": "", "left_id": "elsewhere"}
    )
    world.go()
    return world


def candidate(match: Match, first: str) -> str:
    return str(next(one.pk for one in match.candidates.all() if one.values["first"] == first))


def test_a_list_shows_who_it_may_be_and_why(rob: Client) -> None:
    world = look_alikes(2)
    page = list_of(rob)
    assert "2 possible matches · 2 people" in page
    assert f"CRM {world.sync.pk}" in page
    assert "Several records agree in email" in page
    assert all(one.remote_id in page for one in world.matches()[0].candidates.all())
    assert "Same email" in page


def test_an_empty_list_says_what_would_be_here(rob: Client) -> None:
    assert "you are asked here who it is" in list_of(rob)


def test_records_stand_side_by_side_with_what_linking_would_do(rob: Client) -> None:
    world = one_candidate()
    (match,) = world.matches()
    page = page_of(rob, match)
    assert ">same<" in page
    assert ">differs<" in page
    assert f"left_id (only in CRM {world.sync.pk})" in page
    assert "phone becomes “+15735550100”" in page
    assert "left_id becomes" not in page
    assert "last differs and stays as it is" in page
    assert "rules don&#x27;t create any there" in page


def test_writing_the_other_systems_id_is_said_beforehand(rob: Client) -> None:
    world = look_alikes()
    (match,) = world.matches()
    left = world.left.put("person", {"first": "nobody"})
    ids = [one.remote_id for one in (match.record, *match.candidates.all()) if one.cursor == world.cursor("left")]
    assert left not in ids
    assert f"left_id becomes “{ids[0]}”" in page_of(rob, match)


def test_the_next_run_links_whom_a_person_linked(rob: Client) -> None:
    world = look_alikes()
    (match,) = world.matches()
    assert (
        "Nothing else waits"
        in decide(rob, match, f"link:{candidate(match, 'Anna')}", comment="phoned").content.decode()
    )
    match.refresh_from_db()
    assert (match.choice, match.decided_by, match.comment) == ("link", "user of Reviewers", "phoned")
    assert "Same person" in page_of(rob, match)
    world.go()
    assert len(world.linked()) == 1


@pytest.mark.parametrize("choice", ["create", "never", "ignore"])
def test_other_answers_link_nobody(rob: Client, choice: str) -> None:
    world = look_alikes()
    (match,) = world.matches()
    decide(rob, match, choice)
    match.refresh_from_db()
    assert match.choice == choice
    world.go()
    assert world.linked() == set()


def test_who_is_linked_or_of_the_same_system_can_not_be_chosen(rob: Client) -> None:
    world = look_alikes()
    (match,) = world.matches()
    pk = candidate(match, "Anna")
    decide(rob, match, f"link:{pk}")
    world.go()
    world.left.put("person", {"first": "Annie", "last": "Ray", "email": "rays0@example.org", "left_id": ""})
    world.go()
    late = next(one for one in world.matches() if one.pk != match.pk)
    page = page_of(rob, late)
    assert "linked already" in page
    assert "linked with somebody else already" in page
    assert "same system" in page
    assert "linked with somebody else" in decide(rob, late, f"link:{pk}").content.decode()
    assert "Open it and choose" in decide(rob, late, "link:0").content.decode()


def test_who_does_not_take_part_is_told_apart(rob: Client) -> None:
    world = named(World())
    for store in (world.left, world.right, world.right):
        store.put("person", {"first": "Ann", "last": "Ray", "email": "ann@example.org", "left_id": ""})
    world.go()
    world.version.sides.filter(side="right").update(scope="record['first'] == 'Bea'")
    page = page_of(rob, world.matches()[0])
    assert "not taking part" in page
    assert "It doesn&#x27;t take part in this sync." in page


def test_many_are_answered_at_once(rob: Client) -> None:
    world = look_alikes(3)
    ticks = [tick(one) for one in world.matches()]
    asked = decide_many(rob, Match, "never", tick=ticks).content.decode()
    assert "Not the same: 3 people" in asked
    answer = decide_many(rob, Match, "link", tick=ticks, sure="yes").content.decode()
    assert "Open it and choose which it is" in answer
    decide_many(rob, Match, "never", tick=ticks, sure="yes", comment="couples")
    assert Match.objects.filter(choice="never", comment="couples").count() == 3


def test_one_candidate_each_is_linked_at_once(rob: Client) -> None:
    world = one_candidate()
    decide_many(rob, Match, "link", tick=[tick(one) for one in world.matches()], sure="yes")
    world.go()
    assert len(world.linked()) == 1


def test_a_record_is_found_by_its_id_on_either_side(rob: Client) -> None:
    world = look_alikes(2)
    first, second = world.matches()
    other = first.candidates.all()[0]
    page = list_of(rob, f"?record={other.remote_id}")
    assert address(Match, "change", first.pk) in page
    assert address(Match, "change", second.pk) not in page
    assert "Nothing here with these filters." in list_of(rob, "?record=nobody")


@pytest.mark.parametrize("people", [3, 60])
def test_pages_stay_cheap_whatever_the_number(
    people: int, rob: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    world = look_alikes(people)
    for at in (address(Match, "changelist"), address(Match, "change", world.matches()[0].pk)):
        with django_assert_max_num_queries(MOST_STATEMENTS):
            assert rob.get(at).status_code == 200


def test_whoever_may_look_may_not_decide() -> None:
    world = look_alikes()
    (match,) = world.matches()
    vera = signed_in("Viewers")
    assert "Deciding takes the role Reviewers" in page_of(vera, match)
    assert decide(vera, match, "never").status_code == 403
    assert decide_many(vera, Match, "never", tick=[tick(match)], sure="yes").status_code == 403
    assert world.matches()


def test_a_question_that_is_gone_is_a_sentence(rob: Client) -> None:
    assert "any more" in rob.get(address(Match, "change", "999"), follow=True).content.decode()
    assert "any more" in rob.get(address(Match, "change", "x"), follow=True).content.decode()


def test_a_change_that_names_nobody_can_be_given_to_somebody_who_is_linked(rob: Client) -> None:
    world = FeedWorld()
    ada = world.contact("x1", email="ada@example.org", last="Byron")
    world.told("x1", last="King")
    world.told("", email="ada@example.org", phone="573 555 0199")
    # Somebody may only be found for the first of them.
    world.told("", last="Nobody")
    world.run()
    first, second = world.matches()
    assert "does not say whom it is about" in list_of(rob)
    assert "linked with somebody else" not in page_of(rob, first)
    assert page_of(rob, second)
    decide(rob, first, f"link:{first.candidates.get().pk}")
    assert world.run()["matches"] == 1
    assert (world.held(ada)["last"], world.held(ada)["phone"]) == ("King", "+15735550199")


def test_for_two_who_were_merged_there_is_nothing_but_to_say_which_it_is(rob: Client) -> None:
    world = named(World())
    people = [world.pair_up() for _ in range(2)]
    world.go()
    world.right.remove("person", people[0][1], merged_into=people[1][1])
    world.run()
    (match,) = world.matches()
    page = page_of(rob, match)
    assert [f'value="link:{one.pk}"' in page for one in match.candidates.all()] == [True, True]
    assert not any(f'value="{choice}"' in page for choice in ("create", "never", "ignore"))
    assert "The other person stays as it is, linked with nobody." in page
    assert "merged into this one" in list_of(rob)
    assert 'name="tick"' not in list_of(rob)


def test_nobody_is_created_for_a_change_that_names_nobody(rob: Client) -> None:
    world = FeedWorld()
    named(world)
    world.contact("x1", email="ada@example.org", last="Byron")
    world.told("", email="ada@example.org", last="King")
    world.run()
    page = page_of(rob, world.match())
    assert 'value="create"' not in page
    assert "New person" not in page
    assert f"The change waits until Directory {world.sync.pk} says whom it is about." in page
