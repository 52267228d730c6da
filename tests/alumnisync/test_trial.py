"""A preview by a draft of a live sync: looked at, and nothing of it is sent unless the draft is approved."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from alumnisync.engine import points
from alumnisync.engine.admission import clear_dead
from alumnisync.engine.run import Refused, run_sync
from alumnisync.models import ChangeRecord, Conflict, Link, Progress, Review, SyncRun
from alumnisync.review import Refusal, approve, decide, reject
from connectors.records import NeedsAttention
from mappings.models import MappingVersion, Sync
from tests.alumnisync.queueing import approved, draft_of, fresh, last_run, settled
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

ONE_WAY = tuple({**pair, "to_right": "off"} for pair in PAIRS)
"""Rules in force that send nothing to the right."""


def tried(pairs: Any = PAIRS, *, in_force: Any = ONE_WAY, edit: bool = True, **options: Any) -> tuple[World, Any, Any]:
    """Rules in force that keep still, an edit on the left, and a draft that was previewed."""
    world, ((left, right),) = settled(pairs=in_force)
    if edit:
        world.left.alter("person", left, {"last": "Moved", "phone": "573 555 0199"})
        world.run()
    draft_of(world, pairs, **options)
    world.run(preview=True)
    return world, left, right


def progress(world: World) -> set[int]:
    return set(Progress.objects.filter(sync=world.sync).values_list("planned_to", flat=True))


def test_a_preview_of_a_live_sync_plans_by_its_newer_draft_for_everybody() -> None:
    world, _, _ = tried()
    run = last_run(world)
    assert (run.kind, run.state, run.version.state) == ("preview", "held", "draft")
    # Changed before the last run by the rules in force, which had planned it.
    assert run.changes.filter(kind="update", side="right", state="planned").count() == 1
    assert world.writes() == 1
    assert progress(world) == {0}


@pytest.mark.parametrize("state", ["live", "paused"])
def test_without_a_newer_draft_the_rules_in_force_are_previewed(state: str) -> None:
    world, _ = settled()
    MappingVersion.objects.filter(pk=draft_of(world, ONE_WAY).pk).update(number=0)
    Sync.objects.update(state=state)
    world.run(preview=True)
    assert last_run(world).version.state == "active"


def test_what_a_draft_would_send_is_not_sent_by_the_rules_in_force() -> None:
    world, _, right = tried()
    before = world.writes()
    done = world.run()
    assert (done["state"], world.writes()) == ("done", before)
    assert world.right.values("person", right)["last"] != "Moved"
    trial = SyncRun.objects.get(kind="preview")
    assert (trial.state, trial.reason) == ("superseded", f"Run {done['run']} looked at everything anew.")
    assert not trial.changes.filter(state__in=ChangeRecord.UNFINISHED).exists()
    with pytest.raises(Refusal, match="out of date"):
        approve(trial, by="pat")


def test_an_approved_draft_is_in_force_and_sends_exactly_what_it_showed() -> None:
    world, left, right = tried()
    world.left.alter("person", left, {"first": "Later"})
    run = last_run(world)
    done = world.approve(run.pk)
    assert (done["run"], done["updated"]["right"]) == (run.pk, 1)
    now = world.right.values("person", right)
    assert (now["last"], now["first"]) == ("Moved", "Ada")
    version = MappingVersion.objects.get(pk=run.version_id)
    assert (version.state, version.approved_by) == ("active", "pat")
    assert world.run()["updated"]["right"] == 1
    assert world.right.values("person", right)["first"] == "Later"


def test_creates_and_links_of_a_draft_stay_its_own() -> None:
    world = World(pairs=PAIRS)
    world.pair_up()
    world.go()
    # The same person by name, not by e-mail, and somebody who is on the left only.
    world.left.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org", "phone": ""})
    other = {"first": "Mary", "last": "Somerville", "email": "other@example.org", "phone": "", "left_id": ""}
    world.right.put("person", other)
    world.left.put("person", {"first": "Ida", "last": "Rhodes", "email": "i@example.org", "phone": ""})
    world.run()
    linked, before = world.linked(), world.writes()
    draft_of(world, PAIRS, right={"create": "automatic"}, match=[[["last"], ["last"]]])
    world.run(preview=True)
    planned = last_run(world).changes.filter(state="planned")
    assert set(planned.values_list("kind", flat=True)) == {"create", "stamp", "settle"}
    world.run()
    assert (world.linked(), world.writes()) == (linked, before)
    assert not Link.objects.filter(state="proposed").exists()


@pytest.mark.parametrize("word", ["review", "automatic"])
def test_a_draft_s_questions_can_not_be_decided_before_it_is_approved(word: str) -> None:
    draft = tuple({**pair, "to_right": word, "conflict": "ask"} for pair in PAIRS)
    world, left, right = tried(draft, in_force=tuple({**pair, "to_right": "fill"} for pair in PAIRS), edit=False)
    world.left.alter("person", left, {"last": "Lefty"})
    world.right.alter(
        "person", right, {"last": "Righty" if word == "automatic" else world.right.values("person", right)["last"]}
    )
    world.run(preview=True)
    question = (Conflict if word == "automatic" else Review).objects.get(run=last_run(world))
    assert question.state == "held"
    assert (world.conflicts(), world.reviews()) == ([], [])
    say_yes = partial(decide, question, "left") if isinstance(question, Conflict) else partial(approve, question)
    with pytest.raises(Refusal, match="rules that are not in force"):
        say_yes(by="pat")
    if isinstance(question, Review):
        with pytest.raises(Refusal, match="rules that are not in force"):
            reject(question, by="pat", why="no")
    approved(last_run(world))
    question.refresh_from_db()
    assert question.state == "open"


def test_a_question_that_outlived_its_draft_is_still_not_decided() -> None:
    review = tuple({**pair, "to_right": "review"} for pair in PAIRS)
    tried(review)
    MappingVersion.objects.filter(state="draft").update(state="retired")
    with pytest.raises(Refusal, match="rules that are not in force"):
        approve(Review.objects.filter(state="held")[0], by="pat")


def test_what_a_person_decided_by_the_rules_in_force_survives_a_draft_without_that_field() -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"last": "Lefty"})
    world.right.alter("person", right, {"last": "Righty"})
    world.run()
    (conflict,) = world.conflicts()
    decide(conflict, "left", by="pat")
    draft_of(world, (PAIRS[0], *PAIRS[2:]))
    world.run(preview=True)
    conflict.refresh_from_db()
    assert conflict.state == "decided"
    world.run()
    assert world.right.values("person", right)["last"] == "Lefty"


def test_what_was_set_aside_by_the_rules_in_force_is_not_forgotten() -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"phone": "call me"})
    world.run()
    draft_of(world, PAIRS[:3])
    world.run(preview=True)
    assert world.run()["set_aside"] == 1


def test_rejecting_a_draft_refuses_nothing_for_the_rules_in_force() -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    draft_of(world, tuple({**pair, "conflict": "left"} for pair in PAIRS))
    world.run(preview=True)
    run = last_run(world)
    reject(run, by="pat", why="not yet")
    run.refresh_from_db()
    assert (run.state, run.reason) == ("stopped", "Rejected by pat: not yet")
    assert set(run.changes.values_list("state", flat=True)) == {"rejected"}
    assert world.run()["updated"]["right"] == 1
    assert world.right.values("person", right)["last"] == "Moved"


def test_a_draft_is_not_tried_while_a_run_is_on_hold() -> None:
    world, people = settled(60)
    for number, (left, _) in enumerate(people):
        world.left.alter("person", left, {"last": f"X{number}"})
    held = world.run()
    assert held["state"] == "held"
    draft_of(world, ONE_WAY)
    with pytest.raises(Refused, match=rf"Decide run {held['run']} first") as refused:
        world.run(preview=True)
    assert refused.value.run == last_run(world)
    reject(last_run(world), by="pat", why="no")
    assert world.run(preview=True)["state"] == "held"
    # A draft that is shown stands in nobody's way.
    assert world.run(preview=True)["state"] == "held"


def test_a_draft_is_not_tried_while_an_approved_run_is_unfinished() -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"last": "X"})
    preview = SyncRun.objects.get(pk=world.run(preview=True)["run"])
    draft_of(world, ONE_WAY)
    approved(preview)
    with pytest.raises(Refused, match="was approved and is not finished"):
        world.run(preview=True)


def test_a_draft_is_not_tried_while_answers_are_missing() -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"last": "X"})
    world.run(preview=True)
    ChangeRecord.objects.filter(state="planned", kind="update").update(state="sending", sent_at=timezone.now())
    draft_of(world, ONE_WAY)
    with pytest.raises(Refused, match=r"Whether 1 change\(s\) arrived is not known"):
        world.run(preview=True)


@pytest.mark.quick(2)
@pytest.mark.parametrize("point", [points.MATCHED, points.CHUNK_PLANNED, points.PLANNED])
@pytest.mark.parametrize("how", ["fails", "dies"])
def test_a_trial_that_ends_half_way_leaves_nothing_either(
    point: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"phone": "call me"})
    world.run()
    draft_of(world, tuple({**pair, "to_right": "review"} for pair in PAIRS[:2]))
    world.left.alter("person", left, {"last": "Moved"})

    def end(name: str) -> None:
        if name == point and how == "fails":
            raise NeedsAttention("The key has expired.")
        if name == point:
            SyncRun.objects.filter(state="running").update(lease_owner="elsewhere|1|1|1", lease_until=timezone.now())

    monkeypatch.setattr(points, "watchers", [end])
    if how == "fails":
        assert world.run(preview=True)["state"] == "failed"
    else:
        with pytest.raises(Exception, match="taken over"):
            world.run(preview=True)
    monkeypatch.setattr(points, "watchers", [])
    said: list[str] = []
    # The first run fails before it plans anything; the second must still plan everybody.
    world.left.fail(NeedsAttention("The key has expired."), raised=True, every=1)
    run_sync(fresh(world), say=said.append)
    world.left.failures = []
    done = run_sync(fresh(world), say=said.append)
    assert (done.state, done.version.state) == ("partial", "active")
    assert ChangeRecord.objects.filter(state="set_aside").count() == 1
    assert world.right.values("person", right)["last"] == "Moved"
    assert not Review.objects.exclude(state="closed").exists()


def test_whoever_clears_a_dead_trial_away_clears_its_questions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    draft_of(world, tuple({**pair, "to_right": "review"} for pair in PAIRS))

    def die(name: str) -> None:
        if name == points.PLANNED:
            SyncRun.objects.filter(state="running").update(lease_owner="elsewhere|1|1|1", lease_until=timezone.now())

    monkeypatch.setattr(points, "watchers", [die])
    with pytest.raises(Exception, match="taken over"):
        world.run(preview=True)
    assert (len(world.reviews()), 0 in progress(world)) == (1, False)
    assert clear_dead(fresh(world), lambda _: None) == {last_run(world).pk}
    assert (world.reviews(), progress(world)) == ([], {0})


def test_a_new_draft_of_a_draft_sync_plans_everybody() -> None:
    world = World()
    world.pair_up()
    Sync.objects.update(state="draft")
    MappingVersion.objects.update(state="draft")
    world.run(preview=True)
    MappingVersion.objects.update(state="retired")
    version = world.add_version(PAIRS, {}, {"key_field": "left_id"})
    MappingVersion.objects.filter(pk=version.pk).update(state="draft")
    Progress.objects.update(planned_to=1_000)
    assert world.run(preview=True)["held"][0]["count"] > 0
