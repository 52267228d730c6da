"""The lists and pages of what both changed and of what is to be reviewed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from alumnisync.models import Conflict, Review
from connectors.described import remember
from connectors.models import RemoteRecord
from tests.alumnisync.inbox import (
    HOME,
    address,
    both_changed,
    decide,
    decide_many,
    named,
    page_of,
    signed_in,
    tick,
    to_review,
)
from tests.factories import PAIRS, World, person_type

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 15
CONSENT = {
    "left": "no_mail",
    "right": "no_mail",
    "kind": "consent",
    "restricted_when": {"left": True, "right": True},
}


@pytest.fixture
def rob() -> Client:
    return signed_in("Reviewers")


def list_of(client: Client, model: type[Any], query: str = "") -> str:
    return client.get(address(model, "changelist") + query).content.decode()


def test_a_list_shows_the_values_side_by_side_in_the_systems_names(rob: Client) -> None:
    world, _ = both_changed()
    page = list_of(rob, Conflict)
    for wanted in (
        "1 field that both changed · 1 person",
        f"Directory {world.sync.pk}",
        f"CRM {world.sync.pk}",
        "last",
    ):
        assert wanted in page
    assert "<mark>King</mark>" in page
    assert "Both sides changed it." in page_of(rob, world.conflicts()[0])
    assert f"Use CRM {world.sync.pk}&#x27;s" in page
    assert ">left<" not in page


def test_an_empty_list_says_what_would_be_here(rob: Client) -> None:
    assert "Nothing waits for you here." in list_of(rob, Conflict)
    assert "wait here for your yes" in list_of(rob, Review)
    both_changed()
    assert "Nothing here with these filters." in list_of(rob, Conflict, "?record=nobody")
    assert "Nothing in this state." in list_of(rob, Conflict, "?state=decided")


def test_patterns_are_counted_and_narrow_the_list(rob: Client) -> None:
    world, _ = both_changed(2, pairs=(*PAIRS[1:], *HOME))
    page = list_of(rob, Conflict)
    assert f"?sync={world.sync.pk}&amp;of=home" in page
    assert "4 fields that both changed · 2 people" in page
    narrowed = list_of(rob, Conflict, f"?sync={world.sync.pk}&of=home")
    assert "2 fields that both changed · 2 people" in narrowed
    assert "All 2 of this pattern" in narrowed
    assert "Newburg" in narrowed
    assert "Byron" not in narrowed.split("<tbody>")[1]


def test_an_opt_out_comes_first(rob: Client) -> None:
    world = named(World((*PAIRS, CONSENT)))
    left, right = world.pair_up(no_mail=True)
    world.go()
    world.left.alter("person", left, {"last": "Byron"})
    world.right.alter("person", right, {"last": "King"})
    world.run()
    world.right.alter("person", right, {"no_mail": False})
    world.run()
    assert "A restriction was lifted in CRM" in list_of(rob, Review)
    assert 'as-badge--bad">urgent' in list_of(rob, Review)
    assert 'as-badge--bad">urgent' not in list_of(rob, Conflict)


def test_a_record_is_found_by_its_id_and_rubbish_in_the_address_does_no_harm(rob: Client) -> None:
    world, ids = both_changed(2)
    record = RemoteRecord.objects.get(cursor=world.cursor("left"), remote_id=ids[1][0])
    page = list_of(rob, Conflict, f"?record={record.remote_id}")
    first, second = world.conflicts()
    assert address(Conflict, "change", second.pk) in page
    assert address(Conflict, "change", first.pk) not in page
    for query in ("?sync=x&state=odd&page=x", "?sync=99999999999999999999", "?page=999", "?of=%00&record=%00"):
        assert rob.get(address(Conflict, "changelist") + query).status_code == 200


@pytest.mark.parametrize("people", [3, 60])
def test_pages_stay_cheap_whatever_the_number(
    people: int, rob: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    world, _ = both_changed(people)
    for connection in world.connections.values():
        remember(connection, (person_type(),))
    (first, *_, last) = world.conflicts()
    for at in (address(Conflict, "changelist"), address(Conflict, "change", first.pk)):
        with django_assert_max_num_queries(MOST_STATEMENTS):
            assert rob.get(at).status_code == 200
    assert ("Page 1 of 2" in list_of(rob, Conflict)) is (people == 60)
    if people == 60:
        assert address(Conflict, "change", last.pk) in list_of(rob, Conflict, "?page=2")


def test_a_page_says_what_each_choice_would_write(rob: Client) -> None:
    world, ((left, _),) = both_changed()
    (conflict,) = world.conflicts()
    page = page_of(rob, conflict)
    assert f"CRM {world.sync.pk}: last becomes “Byron-0”, now “King-0”." in page
    assert f"Directory {world.sync.pk}: last becomes “King-0”, now “Byron-0”." in page
    assert "Nothing is written; both stay as they are" in page
    assert left in page


def test_a_direction_that_is_off_is_told_and_not_written(rob: Client) -> None:
    world, ((left, right),) = both_changed(pairs=({**PAIRS[1], "to_left": "off"}, *PAIRS[2:]))
    (conflict,) = world.conflicts()
    assert f"don&#x27;t write this field in Directory {world.sync.pk}" in page_of(rob, conflict)
    decide(rob, conflict, "right")
    world.run()
    assert world.left.values("person", left)["last"] == "Byron-0"
    assert world.right.values("person", right)["last"] == "King-0"


def test_deciding_leads_to_the_next_and_keeps_the_filter(rob: Client) -> None:
    world, _ = both_changed(2)
    first, second = world.conflicts()
    answer = decide(rob, first, "left", of="last|last", sync=str(world.sync.pk), comment="asked her")
    assert "Decided. Next one." in answer.content.decode()
    assert answer.redirect_chain[-1][0].startswith(address(Conflict, "change", second.pk) + "?")
    assert "of=last" in answer.redirect_chain[-1][0]
    assert "Nothing else waits here" in decide(rob, second, "leave").content.decode()
    first.refresh_from_db()
    assert (first.choice, first.decided_by, first.comment) == ("left", "user of Reviewers", "asked her")
    assert "decided by user of Reviewers" in page_of(rob, first)
    world.run()
    assert "Closed" in page_of(rob, first)


def test_what_was_decided_before_is_shown(rob: Client) -> None:
    world, ((left, right),) = both_changed()
    decide(rob, world.conflicts()[0], "left", comment="the first time")
    world.go()
    world.left.alter("person", left, {"last": "Lovelace"})
    world.right.alter("person", right, {"last": "Milbanke"})
    world.go()
    (again,) = world.conflicts()
    assert "“the first time”" in page_of(rob, again)


def test_an_own_value_that_can_not_be_read_is_refused_on_the_page(rob: Client) -> None:
    world = World()
    left, right = world.pair_up(phone="+1 573 555 0100")
    world.go()
    world.left.alter("person", left, {"phone": "+1 573 555 0101"})
    world.right.alter("person", right, {"phone": "+1 573 555 0102"})
    world.run()
    (conflict,) = world.conflicts()
    assert 'name="own:phone|phone"' in page_of(rob, conflict)
    answer = decide(rob, conflict, "value", **{"own:phone|phone": "hello"}).content.decode()
    assert "This value can&#x27;t be used." in answer
    decide(rob, conflict, "value", **{"own:phone|phone": "573 555 0103"})
    assert "Another value: 573 555 0103" in list_of(rob, Conflict, "?state=decided")
    world.run()
    assert world.right.values("person", right)["phone"] == "+15735550103"


def test_what_was_settled_meanwhile_is_a_sentence(rob: Client) -> None:
    world, ((_, right),) = both_changed()
    (conflict,) = world.conflicts()
    world.right.alter("person", right, {"last": "Byron-0"})
    world.run()
    answer = decide(rob, conflict, "left")
    assert answer.status_code == 200
    assert "closed already" in answer.content.decode()
    assert "closed without a decision" in page_of(rob, conflict)
    conflict.delete()
    gone = rob.get(address(Conflict, "change", 999), follow=True)
    assert "any more" in gone.content.decode()
    assert "any more" in rob.post(address(Conflict, "decide", 999), follow=True).content.decode()


def test_what_moved_since_the_page_was_opened_is_looked_at_again(rob: Client) -> None:
    world, _ = both_changed()
    (conflict,) = world.conflicts()
    answer = decide(rob, conflict, "left", seen="another")
    assert "changed since you opened the page" in answer.content.decode()
    assert world.conflicts()


def test_many_are_decided_after_their_number_was_shown(rob: Client) -> None:
    world, ids = both_changed(11)
    ticks = [tick(one) for one in world.conflicts()[:10]]
    asked = decide_many(rob, Conflict, "right", tick=ticks).content.decode()
    assert "10 people, 10 fields" in asked
    assert len(world.conflicts()) == 11
    done = decide_many(rob, Conflict, "right", tick=ticks, sure="yes", comment="bulk").content.decode()
    assert "10 decided." in done
    world.go()
    assert [world.left.values("person", left)["last"] for left, _ in ids][8:] == ["King-8", "King-9", "Byron-10"]
    assert "Tick at least one" in decide_many(rob, Conflict, "right").content.decode()


def test_a_pattern_is_decided_as_a_whole_unless_its_number_changed(rob: Client) -> None:
    world, ids = both_changed(3)
    said = {"all": "yes", "sync": str(world.sync.pk), "of": "last|last"}
    assert "There were 34 when you looked" in decide_many(rob, Conflict, "left", count="34", **said).content.decode()
    asked = decide_many(rob, Conflict, "left", count="3", **said)
    assert "3 people" in asked.content.decode()
    mark = asked.context["batch"].mark
    world.right.alter("person", ids[0][1], {"last": "Lovelace"})
    world.run()
    late = decide_many(rob, Conflict, "left", count="3", mark=mark, sure="yes", **said).content.decode()
    assert "changed since you opened" in late
    assert len(world.conflicts()) == 3
    mark = decide_many(rob, Conflict, "left", count="3", **said).context["batch"].mark
    decide_many(rob, Conflict, "left", count="3", mark=mark, sure="yes", **said)
    world.run()
    assert {world.right.values("person", right)["last"] for _, right in ids} == {"Byron-0", "Byron-1", "Byron-2"}


def test_a_choice_that_is_none_is_refused(rob: Client) -> None:
    world, _ = both_changed()
    ticks = [tick(one) for one in world.conflicts()]
    assert "Choose a sync first" in decide_many(rob, Conflict, "odd", tick=ticks).content.decode()
    assert "is no choice" in decide(rob, world.conflicts()[0], "odd").content.decode()
    assert len(world.conflicts()) == 1


def test_syncs_that_call_their_sides_differently_are_not_decided_together(rob: Client) -> None:
    world, _ = both_changed()
    both_changed()
    page = list_of(rob, Conflict)
    assert "choose one field above" in page
    assert f"Use CRM {world.sync.pk}" not in page
    assert f"Use CRM {world.sync.pk}" in list_of(rob, Conflict, f"?sync={world.sync.pk}")


def test_whoever_may_look_may_not_decide() -> None:
    world, _ = both_changed()
    (conflict,) = world.conflicts()
    vera = signed_in("Viewers")
    assert "Deciding takes the role Reviewers" in page_of(vera, conflict)
    assert "<button" not in page_of(vera, conflict).split('id="decide"')[1].split('id="records"')[0]
    assert 'name="tick"' not in list_of(vera, Conflict)
    assert decide(vera, conflict, "left").status_code == 403
    assert decide_many(vera, Conflict, "left", tick=[tick(conflict)], sure="yes").status_code == 403
    assert len(world.conflicts()) == 1


def test_nothing_is_decided_by_following_a_link_or_without_a_permission(rob: Client) -> None:
    world, _ = both_changed()
    (conflict,) = world.conflicts()
    assert rob.get(address(Conflict, "decide", conflict.pk) + "?choice=left").status_code == 405
    assert rob.get(address(Conflict, "decide_many")).status_code == 405
    assert rob.post(address(Conflict, "change", conflict.pk)).status_code == 403
    client = Client()
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    assert client.get(address(Conflict, "changelist")).status_code == 403
    assert len(world.conflicts()) == 1


def test_reviews_are_let_through_or_refused(rob: Client) -> None:
    world, ids = to_review(2)
    first, second = world.reviews()
    page = page_of(rob, first)
    assert f"Changed in Directory {world.sync.pk}." in page
    assert f"CRM {world.sync.pk}: last becomes “Byron”" in page
    decide(rob, first, "approve", comment="it is so")
    decide_many(rob, Review, "refuse", tick=[tick(second)], sure="yes", comment="it is not")
    world.run()
    assert world.right.values("person", ids[0][1])["last"] == "Byron"
    assert world.right.values("person", ids[1][1])["last"] != "Byron"
    assert "Refused" in list_of(rob, Review, "?state=closed")


def test_a_removal_that_is_reviewed_says_so(rob: Client) -> None:
    world = named(World(({**PAIRS[1], "on_blank": "ask"}, *PAIRS[2:])))
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": ""})
    world.go()
    assert "also removes the value" in list_of(rob, Review)
    assert "becomes (blank)" in page_of(rob, world.reviews()[0])


def test_a_new_record_shows_all_its_values_and_is_made_after_a_yes(rob: Client) -> None:
    world = named(World(right={"create": "review"}))
    world.left.put("person", {"first": "Ada", "last": "Byron", "email": "ada@example.org", "phone": ""})
    world.go()
    (review,) = world.reviews()
    page = page_of(rob, review)
    assert "New record of " in page
    assert "ada@example.org" in page
    assert f"The next run makes a record with these values in CRM {world.sync.pk}." in page
    assert "no record yet" in list_of(rob, Review)
    decide(rob, review, "approve")
    world.go()
    assert len(world.linked()) == 1


def test_what_is_on_hold_with_a_run_is_decided_with_it(rob: Client) -> None:
    world, _ = to_review()
    Review.objects.update(state="held")
    (review,) = Review.objects.filter(link__sync=world.sync)
    assert f"run {review.run_id}</a>. Decide about the run first" in page_of(rob, review)
    assert "Decide about the run first" in decide(rob, review, "approve").content.decode()
    assert "On hold with a run" in list_of(rob, Review, "?state=held")
