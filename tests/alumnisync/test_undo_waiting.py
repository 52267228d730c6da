"""An undo beside other runs: it waits, is refused in words, goes on after a failure, and is never lost in a plan."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alumnisync.engine import undone
from alumnisync.engine.admission import approved_and_unfinished
from alumnisync.engine.queued import work
from alumnisync.forgetting import forget
from alumnisync.models import ChangeRecord, FieldChange, Link, Review, SyncRun
from alumnisync.review import Refusal, approve, reject
from alumnisync.undo import Refused, can_be_undone, prepare, undo
from connectors.records import NeedsAttention
from mappings.models import Sync
from tests.alumnisync.feed_scene import FeedWorld
from tests.alumnisync.gifts import Office as GiftOffice
from tests.alumnisync.undos import Office
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db


def refused(run: int | SyncRun) -> str:
    row = run if isinstance(run, SyncRun) else SyncRun.objects.get(pk=run)
    with pytest.raises(Refused) as caught:
        undo(row, by="pat")
    return str(caught.value)


@pytest.mark.quick(1)
@pytest.mark.parametrize("preview", [False, True])
def test_runs_and_previews_leave_an_undo_that_waits_as_it_is(preview: bool) -> None:
    office = Office(people=2)
    was = office.held("right")["last"]
    shown = office.undo(office.carried(last="Lovelace"))
    office.edit("left", first="Augusta")
    office.edit("left", 1, first="Mary")
    office.run(preview=preview)
    shown.refresh_from_db()
    assert (shown.state, shown.changes.get().state) == ("held", "planned")
    office.run()
    done = office.approve(shown.pk)
    assert (done["state"], done["updated"]["right"]) == ("done", 1)
    assert (office.held("right")["last"], office.held("right")["first"]) == (was, "Augusta")
    assert office.is_quiet()


def test_an_undo_leaves_a_plan_that_waits_as_it_is() -> None:
    office = Office(people=3, guards={"changed": {"floor": 0, "share": 0}})
    office.edit("left", last="Lovelace")
    first = office.run()
    assert first["state"] == "held"
    done = office.approve(first["run"])["run"]
    office.edit("left", 1, last="Noel")
    held = office.run()
    assert held["state"] == "held"
    office.undone(done)
    assert SyncRun.objects.get(pk=held["run"]).state == "held"
    office.approve(held["run"])
    assert office.held("right", 1)["last"] == "Noel"


def test_what_can_not_be_undone_is_refused_in_words() -> None:
    office = Office()
    office.edit("left", last="Lovelace")
    preview = SyncRun.objects.get(pk=office.run(preview=True)["run"])
    assert "only showed what would happen" in refused(preview)
    run = office.run()["run"]
    assert "it wrote nothing" in refused(office.run()["run"])
    with pytest.raises(Refused, match="did not write these fields"):
        office.undo(run, units=["first|first"])
    for state, words in (("queued", "has not begun"), ("running", "is under way"), ("held", "is on hold")):
        assert words in refused(SyncRun(sync=office.sync, state=state, kind="run", pk=0))
    shown = office.undo(run)
    assert f"run {shown.pk} waits for your OK" in refused(run)
    assert "only showed" in refused(shown)


def test_what_is_no_longer_kept_is_refused_in_words() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    SyncRun.objects.filter(pk=run).update(finished_at=timezone.now() - timedelta(days=5000))
    while forget():
        pass
    assert "no longer kept" in refused(run)
    assert not can_be_undone(SyncRun.objects.get(pk=run))


def test_books_are_never_undone() -> None:
    office = GiftOffice()
    there, _ = office.person("Ada")
    office.give(there)
    office.run_both()
    run = ChangeRecord.objects.get(run__sync__name="gifts", kind="create").run
    assert "written once and never changed" in refused(run)


def test_a_preview_that_was_approved_is_undone_like_a_run() -> None:
    office = Office()
    office.edit("left", last="Lovelace")
    preview = office.run(preview=True)["run"]
    office.approve(preview)
    assert can_be_undone(SyncRun.objects.get(pk=preview))
    office.undone(preview)
    assert office.held("right")["last"] != "Lovelace"


def test_an_approved_run_that_the_next_one_goes_on_with_is_not_undone() -> None:
    office = Office()
    office.edit("left", last="Lovelace")
    preview = office.run(preview=True)["run"]
    office.right.fail(NeedsAttention("The key has expired."), raised=True)
    assert office.approve(preview)["state"] == "failed"
    assert "goes on with it" in refused(preview)


def test_a_rejected_undo_refuses_no_value() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    shown = office.undo(run)
    reject(shown, by="pat", why="No.")
    shown.refresh_from_db()
    assert (shown.state, shown.changes.get().state) == ("stopped", "rejected")
    assert not any("refused" in base for base in Link.objects.get().bases.values())
    office.edit("right", last="King")
    office.run()
    assert office.held("left")["last"] == "King"
    office.edit("left", last="Lovelace")
    office.run()
    assert office.held("right")["last"] == "Lovelace"
    assert office.undo(run).state in ("held", "done")


def test_an_undo_that_failed_is_gone_on_with_though_other_runs_came_after_it() -> None:
    office = Office(people=2)
    was = office.held("right")["last"]
    run = office.carried(last="Lovelace")
    shown = office.undo(run)
    office.edit("left", 1, last="Noel")
    office.run()
    failure = office.right.fail(NeedsAttention("The key has expired."), raised=True)
    assert office.approve(shown.pk)["state"] == "failed"
    assert failure is not None
    again = office.run()
    assert (again["run"], again["state"], office.held("right")["last"]) == (shown.pk, "done", was)
    assert approved_and_unfinished(Sync.objects.get(pk=office.sync.pk)) is None
    assert office.is_quiet()


def test_an_undo_that_failed_may_be_asked_for_anew_instead() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    shown = office.undo(run)
    office.right.fail(NeedsAttention("The key has expired."), raised=True)
    office.approve(shown.pk)
    again = office.undo(run)
    shown.refresh_from_db()
    assert (shown.state, shown.changes.get().state, again.state) == ("superseded", "closed", "held")


def test_a_run_of_a_paused_sync_is_undone_without_switching_it_on() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    Sync.objects.filter(pk=office.sync.pk).update(state="paused")
    done = office.undone(run)
    assert (done["state"], office.held("right")["last"] == "Lovelace") == ("done", False)


def test_other_rules_take_an_undo_that_waits_out_of_date_and_say_so() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    shown = office.undo(run)
    office.add_version((*PAIRS[1:], PAIRS[0]), {}, {"key_field": "left_id"})
    with pytest.raises(Refusal, match="Undo the run again"):
        approve(SyncRun.objects.get(pk=shown.pk), by="pat")
    office.run()
    shown.refresh_from_db()
    assert (shown.state, shown.reason) == ("superseded", undone.OTHER_RULES)
    with pytest.raises(Refusal, match="Undo the run again"):
        approve(shown, by="pat")
    assert office.undone(run)["updated"]["right"] == 1


def test_a_worker_carries_it_out_and_an_heir_goes_on_for_one_that_died() -> None:
    office = Office()
    run = office.carried(last="Lovelace")
    asked = prepare(SyncRun.objects.get(pk=run), by="pat", units=["last|last"])
    asked.save()
    done = work(asked.pk)
    assert done is not None
    assert (done.pk, done.state) == (asked.pk, "held")
    reject(done, by="pat", why="No.")
    dead = prepare(SyncRun.objects.get(pk=run), by="pat", units=["last|last"])
    dead.state, dead.lease_owner = "running", ""
    dead.save()
    heir = work(dead.pk)
    assert heir is not None
    assert (heir.pk != dead.pk, heir.kind, heir.undoes_id, heir.only) == (True, "undo", run, {"units": ["last|last"]})
    approve(heir, by="pat")
    assert work(heir.pk) is not None
    assert office.held("right")["last"] != "Lovelace"


def test_an_undo_is_no_flip_of_ours() -> None:
    office = Office()
    for name in ("Lovelace", "King", "Lovelace"):
        office.undone(office.carried(last=name))
    office.edit("left", last="Noel")
    office.run()
    assert office.held("right")["last"] == "Noel"


def test_lines_of_an_undo_that_was_stopped_are_listed_and_not_sent() -> None:
    office = Office()
    shown = office.undo(office.carried(last="Lovelace"))
    SyncRun.objects.filter(pk=shown.pk).update(state="stopped")
    office.edit("left", first="Augusta")
    office.run()
    assert shown.changes.get().state == "left_alone"
    assert FieldChange.objects.filter(change__run=shown).count() == 1
    assert office.held("right")["last"] == "Lovelace"


def test_a_sync_without_rules_in_force_undoes_nothing() -> None:
    world = World()
    world.pair_up()
    run = world.go()["run"]
    world.version.state = "retired"
    world.version.save()
    assert "no rules in force" in refused(run)


def test_rows_of_a_feed_are_acknowledged_while_an_undo_of_the_create_waits() -> None:
    world = FeedWorld(right={"create": "automatic"})
    world.told("x1", first="Ada", last="Byron", email="ada@example.org")
    created = world.run()
    assert created["created"]["right"] == 1
    shown = undo(SyncRun.objects.get(pk=created["run"]), by="pat")
    assert (shown.state, Review.objects.get().state) == ("held", "held")
    world.told("x1", last="King")
    assert world.run()["updated"]["right"] == 1
    assert (world.open_rows(), Review.objects.get().state) == ([], "held")
