"""Any record of the other side that is there and free can be linked by hand; it is found by its id or what it holds."""

from __future__ import annotations

import pytest
from django.test import Client

from alumnisync.choosing import search
from alumnisync.inbox.outlook import planner_of
from alumnisync.inbox.wording import wordings
from alumnisync.models import Match
from alumnisync.review import Refusal, settle_match
from connectors.models import RemoteRecord
from tests.alumnisync.feed_scene import FeedWorld
from tests.alumnisync.inbox import address, decide, look_alikes, signed_in
from tests.factories import World

pytestmark = pytest.mark.django_db


def record(world: World, side: str, remote_id: str) -> RemoteRecord:
    return RemoteRecord.objects.get(cursor=world.cursor(side), remote_id=remote_id)


def found(match: Match, **typed: str) -> list[str]:
    """Ids of those found by what is typed; by their id as `id`."""
    planner = planner_of(wordings([match.sync_id])[match.sync_id])
    boxes = {"" if name == "id" else name: text for name, text in typed.items()}
    return [one.remote_id for one in search(match, planner, boxes).found]


def refused(match: Match, chosen: RemoteRecord) -> str:
    with pytest.raises(Refusal) as refusal:
        settle_match(match, "link", by="pat", record=chosen)
    return str(refusal.value)


def nameless() -> tuple[FeedWorld, str]:
    """A row that names nobody and resembles nobody, and whom it is about."""
    world = FeedWorld()
    ada = world.contact("x1", email="ada@example.org", last="Byron")
    world.told("", last="King")
    world.run()
    return world, ada


def test_a_row_that_resembles_nobody_flows_to_whom_a_person_looked_for() -> None:
    world, ada = nameless()
    match = world.match()
    assert list(match.candidates.all()) == []
    settle_match(match, "link", by="pat", record=record(world, "right", ada))
    done = world.run()
    assert (done["state"], done["matches"]) == ("done", 0)
    assert (world.linked(), world.held(ada)["last"]) == ({("x1", ada)}, "King")
    assert {row.remote_id for row in world.rows().values()} == {"x1"}


def test_an_ordinary_match_may_be_answered_with_somebody_who_was_not_offered() -> None:
    world = look_alikes()
    other = world.right.put("person", {"first": "Annie", "last": "Roe", "email": "", "left_id": ""})
    world.run()
    (match,) = world.matches()
    # Asked about from either side; the others of her own system are never offered.
    match.record, match.side = record(world, "left", next(iter(world.left.rows["person"]))), "left"
    match.save()
    settle_match(match, "link", by="pat", record=record(world, "right", other))
    world.run()
    assert world.linked() == {(match.record.remote_id, other)}
    assert world.right.values("person", other)["left_id"] == match.record.remote_id


def test_who_cannot_be_linked_is_refused_in_words() -> None:
    world = look_alikes(right={"scope": "record['first'] != 'Olga'"})
    left, linked = world.pair_up()
    gone, outside, broken = (
        world.right.put("person", {"first": first, "last": "Roe", "email": "", "left_id": ""})
        for first in ("Gail", "Olga", "Bo")
    )
    world.run()
    world.right.remove("person", gone)
    world.run()
    (match,) = world.matches()
    match.record, match.side = record(world, "left", next(iter(world.left.rows["person"]))), "left"
    match.save()
    unread = record(world, "right", broken)
    unread.problem = "It holds a number too large."
    unread.save()
    assert "linked with somebody else" in refused(match, record(world, "right", linked))
    assert "no longer found" in refused(match, record(world, "right", gone))
    assert "take part" in refused(match, record(world, "right", outside))
    assert "could not be read" in refused(match, unread)
    assert "same system" in refused(match, record(world, "left", left))
    stranger = World()
    elsewhere = stranger.pair_up()[1]
    stranger.go()
    assert "not one of the records" in refused(match, record(stranger, "right", elsewhere))


def test_somebody_is_found_by_their_id_and_by_what_the_rules_compare() -> None:
    world, ada = nameless()
    world.contact("x2", email="bo@example.org")
    world.run()
    match = world.match()
    assert found(match) == []
    assert found(match, id=ada) == found(match, email=" ADA@example.org ") == found(match, left_id="x1") == [ada]
    assert found(match, email="ada@example") == found(match, id="nobody") == []


def test_fields_that_are_compared_together_are_all_needed() -> None:
    world = FeedWorld(match=[[["first", "last"], ["first", "last"]]])
    ada = world.contact("x1", first="Ada", last="Byron")
    world.told("", phone="573 555 0199")
    world.run()
    assert found(world.match(), first="Ada") == []
    assert found(world.match(), first="ada", last="BYRON") == [ada]


def test_somebody_is_looked_for_and_chosen_on_the_page() -> None:
    world, ada = nameless()
    match, rob = world.match(), signed_in("Reviewers")
    shown = looked_for(rob, match, "ada@example.org")
    chosen = f"link:{record(world, 'right', ada).pk}.{record(world, 'right', ada).change_no}"
    assert f'value="{chosen}"' in shown
    assert 'value="ada@example.org"' in shown
    assert "1 found" in shown
    decide(rob, match, chosen)
    world.run()
    assert world.linked() == {("x1", ada)}


def test_a_search_that_finds_nobody_says_so_and_decides_nothing() -> None:
    world, _ = nameless()
    shown = looked_for(signed_in("Reviewers"), world.match(), "nobody@example.org")
    assert "Nobody fits what you typed." in shown
    assert world.match().state == "open"


def test_whoever_moved_since_they_were_found_is_not_linked() -> None:
    world, ada = nameless()
    match, chosen = world.match(), record(world, "right", ada)
    world.right.alter("person", ada, {"last": "Lovelace"})
    world.run()
    answer = decide(signed_in("Reviewers"), match, f"link:{chosen.pk}.{chosen.change_no}")
    assert "changed since you opened the page" in answer.content.decode()
    assert world.match().state == "open"


def looked_for(client: Client, match: Match, email: str) -> str:
    return client.post(address(match, "search", match.pk), {"at:email": email}).content.decode()
