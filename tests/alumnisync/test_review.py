"""What a person may decide, and the sentences for what can't be decided."""

from __future__ import annotations

import pytest

from alumnisync.models import Conflict, Link, Review, SyncRun
from alumnisync.review import Refusal, approve, decide, reject, settle_match
from connectors.records import NeedsAttention
from mappings.models import MappingVersion
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})


def in_conflict(pairs: object = PAIRS) -> tuple[World, str, str]:
    world = World(pairs)  # type: ignore[arg-type]
    left, right = world.pair_up(city="Rolla", zip="65401")
    world.go()
    world.left.alter("person", left, {"last": "Byron", "city": "Newburg"})
    world.right.alter("person", right, {"last": "King", "city": "Doolittle"})
    world.run()
    return world, left, right


def last_run(world: World) -> SyncRun:
    run = world.sync.runs.order_by("-pk").first()
    assert run is not None
    return run


def test_an_unknown_choice_is_refused_in_words() -> None:
    world, *_ = in_conflict()
    with pytest.raises(Refusal, match="Choose left, right, value or leave"):
        decide(world.conflicts()[0], "both", by="pat")
    with pytest.raises(Refusal, match="Say which value"):
        decide(world.conflicts()[0], "value", by="pat")


def test_a_group_wants_a_value_for_each_of_its_fields() -> None:
    world, left, right = in_conflict((*PAIRS, *HOME))
    conflict = Conflict.objects.get(unit="home")
    with pytest.raises(Refusal, match="belong together"):
        decide(conflict, "value", value={"city|city": "Rolla"}, by="pat")
    decide(conflict, "value", value={"city|city": "Vichy", "zip|zip": "65580"}, by="pat")
    world.run()
    for store, id in ((world.left, left), (world.right, right)):
        assert (store.values("person", id)["city"], store.values("person", id)["zip"]) == ("Vichy", "65580")


def test_a_decision_may_be_changed_until_it_is_carried_out() -> None:
    world, left, _ = in_conflict()
    (conflict,) = world.conflicts()
    decide(conflict, "left", by="pat")
    decide(conflict, "right", by="kim")
    world.run()
    assert world.left.values("person", left)["last"] == "King"
    with pytest.raises(Refusal, match="closed already"):
        decide(conflict, "left", by="pat")


def test_a_settled_review_is_refused_in_words() -> None:
    world = World(({"left": "last", "right": "last", "to_right": "review"}, *PAIRS[2:]))
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Byron"})
    world.run()
    (review,) = world.reviews()
    reject(review, by="pat", why="no")
    with pytest.raises(Refusal, match="closed already"):
        approve(review, by="pat")
    with pytest.raises(Refusal, match="closed already"):
        reject(review, by="pat", why="no")
    assert Review.objects.get().comment == "no"


def test_a_run_that_is_over_leaves_nothing_to_decide() -> None:
    world, *_ = in_conflict()
    with pytest.raises(Refusal, match="is over"):
        approve(last_run(world), by="pat")
    with pytest.raises(Refusal, match="is over"):
        reject(last_run(world), by="pat", why="no")


def test_an_approved_preview_can_not_be_approved_again() -> None:
    world = World()
    world.pair_up()
    world.go()
    preview = world.run(preview=True)
    world.approve(preview["run"])
    with pytest.raises(Refusal, match="is over"):
        approve(SyncRun.objects.get(pk=preview["run"]), by="pat")


def test_a_failed_run_says_what_to_do() -> None:
    world = World()
    world.pair_up()
    world.left.fail(NeedsAttention("The key has expired."), "poll")
    assert world.run()["state"] == "failed"
    with pytest.raises(Refusal, match="Run the sync again"):
        approve(last_run(world), by="pat")


def test_a_rejected_run_says_what_to_do() -> None:
    world = World()
    world.pair_up()
    world.run()
    reject(last_run(world), by="pat", why="not yet")
    assert last_run(world).reason == "Rejected by pat: not yet"
    with pytest.raises(Refusal, match="new plan"):
        approve(last_run(world), by="pat")


def test_a_run_that_waits_to_be_carried_out_is_not_approved_twice() -> None:
    world = World()
    world.pair_up()
    world.run()
    approve(last_run(world), by="pat")
    with pytest.raises(Refusal, match="already"):
        approve(last_run(world), by="pat")


def test_a_plan_by_retired_rules_is_refused() -> None:
    world = World()
    world.pair_up()
    world.run()
    MappingVersion.objects.update(state="retired")
    with pytest.raises(Refusal, match="no longer in force"):
        approve(last_run(world), by="pat")


def test_rejecting_a_first_plan_links_nobody_and_it_comes_again() -> None:
    world = World()
    person = world.pair_up()
    world.run()
    reject(last_run(world), by="pat", why="not yet")
    assert Link.objects.get().state == "proposed"
    assert world.run()["state"] == "held"
    world.approve(last_run(world).pk)
    assert world.linked() == {person}


def test_bases_that_only_caught_up_survive_a_rejected_run() -> None:
    world = World(guards={"changed": {"floor": 0, "share": 0}})
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Byron", "first": "Augusta"})
    world.right.alter("person", right, {"last": "Byron"})
    held = world.run(preview=True)
    reject(SyncRun.objects.get(pk=held["run"]), by="pat", why="not Augusta")
    world.run()
    world.right.alter("person", right, {"last": "King"})
    assert world.run()["conflicts"] == 0


def test_a_match_is_settled_with_one_of_its_candidates() -> None:
    world = World()
    for store in (world.left, world.left, world.right):
        store.put("person", {"first": "Ann", "email": "rays@example.org", "left_id": ""})
    world.go()
    (match,) = world.matches()
    with pytest.raises(Refusal, match="Choose link"):
        settle_match(match, "join", by="pat")
    with pytest.raises(Refusal, match="which of the possible"):
        settle_match(match, "link", by="pat")
    settle_match(match, "ignore", by="pat")
    world.go()
    assert world.linked() == set()
