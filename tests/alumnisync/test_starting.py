"""What the buttons around runs do, and what they refuse, in words."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from alumnisync import starting
from alumnisync.engine import lease, points
from alumnisync.engine.run import Refused, run_sync
from alumnisync.models import ChangeRecord, Progress, SyncRun
from alumnisync.review import Refusal
from connectors.records import NeedsAttention, Rejected
from mappings.models import MappingVersion, Sync
from tests.alumnisync.queueing import Queue, draft_of, fresh, last_run, queue_for, settled
from tests.factories import PAIRS, World, waive_check_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    return queue_for(monkeypatch)


def test_a_started_run_waits_until_a_worker_carries_it_out(queue: Queue) -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    run = starting.start(world.sync, by="pat")
    assert (run.state, run.kind, run.requested_by, run.started_at) == ("queued", "run", "pat", None)
    assert queue == [run.pk]
    queue.work()
    run.refresh_from_db()
    assert (run.state, world.right.values("person", right)["last"]) == ("done", "Moved")


def test_a_preview_sends_nothing(queue: Queue) -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    before = world.writes()
    run = starting.start(world.sync, by="pat", preview=True)
    queue.work()
    run.refresh_from_db()
    assert (run.kind, run.state, world.writes()) == ("preview", "done", before)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_one_run_at_a_time(queue: Queue, state: str) -> None:
    world, _ = settled()
    first = starting.start(world.sync, by="pat")
    SyncRun.objects.filter(pk=first.pk).update(state=state)
    with pytest.raises(Refused, match=rf"^Run {first.pk} is under way already\.$") as refused:
        starting.start(world.sync, by="kim", preview=True)
    assert refused.value.run == first
    assert queue == [first.pk]


def test_what_can_not_be_started_is_refused_in_words(queue: Queue) -> None:
    world, _ = settled()
    Sync.objects.update(state="paused")
    with pytest.raises(Refused, match="is paused"):
        starting.start(world.sync, by="pat")
    Sync.objects.update(state="draft")
    with pytest.raises(Refused, match="is a draft"):
        starting.start(world.sync, by="pat")
    empty = Sync.objects.create(name="empty", state="live")
    for preview in (True, False):
        with pytest.raises(Refused, match="no rules yet"):
            starting.start(empty, by="pat", preview=preview)
    assert queue == []


def test_nothing_is_handed_over_before_the_transaction_is_through(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    handed: list[int] = []
    monkeypatch.setattr(starting, "async_task", lambda _, run_id: handed.append(run_id))
    world = World()
    with django_capture_on_commit_callbacks() as calls:
        run = starting.start(world.sync, by="pat")
    assert handed == []
    calls[0]()
    assert handed == [run.pk]


def test_a_queue_that_is_down_loses_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise ConnectionError("the queue is down")

    monkeypatch.setattr(starting, "async_task", down)
    with pytest.MonkeyPatch.context() as patch:
        calls = []
        patch.setattr("django.db.transaction.on_commit", lambda call, robust: calls.append(robust))
        starting.start(World().sync, by="pat")
    assert calls == [True]


def test_an_approved_run_that_failed_is_gone_on_with(queue: Queue) -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    preview = SyncRun.objects.get(pk=world.run(preview=True)["run"])
    world.right.fail(NeedsAttention("The key has expired."), raised=True, every=1)
    starting.approve_and_go(preview, by="pat")
    queue.work()
    preview.refresh_from_db()
    assert preview.state == "failed"
    world.right.failures = []
    assert starting.start(world.sync, by="kim") == preview
    queue.work()
    assert world.right.values("person", right)["last"] == "Moved"


def test_approving_the_first_preview_switches_a_draft_sync_on(queue: Queue) -> None:
    world = World()
    left, right = world.pair_up()
    world.right.alter("person", right, {"phone": "573 555 0111"})
    Sync.objects.update(state="draft")
    MappingVersion.objects.update(state="draft")
    run = starting.start(fresh(world), by="pat", preview=True)
    queue.work()
    waive_check_list(world.sync)
    done = starting.approve_and_go(run, by="kim")
    assert (done.state, done.approved_by, done.sync.state, done.version.state) == ("queued", "kim", "live", "active")
    assert world.writes() == 0
    queue.work()
    assert world.left.values("person", left)["phone"] == "+15735550111"


def test_approving_a_draft_of_a_live_sync_puts_it_in_force(queue: Queue) -> None:
    world, ((left, right),) = settled(pairs=tuple({**pair, "to_right": "off"} for pair in PAIRS))
    world.left.alter("person", left, {"last": "Moved"})
    draft = draft_of(world, PAIRS)
    run = starting.start(world.sync, by="pat", preview=True)
    queue.work()
    done = starting.approve_and_go(run, by="pat")
    assert (done.version, done.version.state) == (draft, "active")
    queue.work()
    run.refresh_from_db()
    assert (run.state, world.right.values("person", right)["last"]) == ("done", "Moved")


def test_a_preview_that_shows_nothing_is_approved_all_the_same(queue: Queue) -> None:
    world, _ = settled()
    draft = draft_of(world, PAIRS)
    run = starting.start(world.sync, by="pat", preview=True)
    queue.work()
    assert starting.approve_and_go(run, by="pat").version == draft
    queue.work()
    assert last_run(world).state == "done"
    draft.refresh_from_db()
    assert (draft.state, draft.approved_by) == ("active", "pat")


def test_nothing_is_approved_while_another_run_is_under_way(queue: Queue) -> None:
    world, _ = settled()
    draft = draft_of(world, PAIRS)
    run = SyncRun.objects.get(pk=world.run(preview=True)["run"])
    other = starting.start(world.sync, by="")
    with pytest.raises(Refused, match=f"Run {other.pk} is under way"):
        starting.approve_and_go(run, by="pat")
    queue.work()
    with pytest.raises(Refusal, match="out of date"):
        starting.approve_and_go(run, by="pat")
    draft.refresh_from_db()
    assert (draft.state, draft.approved_at) == ("draft", None)


def test_what_is_approved_while_the_sync_is_off_waits_until_it_is_on(queue: Queue) -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    run = SyncRun.objects.get(pk=world.run(preview=True)["run"])
    starting.switch_off(world.sync)
    starting.approve_and_go(run, by="pat")
    queue.work()
    run.refresh_from_db()
    assert run.state == "queued"
    with pytest.raises(Refused, match="waits until the sync is switched on"):
        starting.start(world.sync, by="pat", preview=True)
    starting.switch_on(world.sync)
    queue.work()
    assert world.right.values("person", right)["last"] == "Moved"


def test_off_and_on() -> None:
    world, _ = settled(schedule="0 1 * * *")
    Sync.objects.update(next_run_at=timezone.now(), next_run_of="0 1 * * * UTC")
    with pytest.raises(Refused, match="is on already"):
        starting.switch_on(world.sync)
    off = starting.switch_off(world.sync)
    assert (off.state, off.next_run_at, off.next_run_of) == ("paused", None, "")
    with pytest.raises(Refused, match="paused already"):
        starting.switch_off(world.sync)
    assert starting.switch_on(world.sync).state == "live"
    Sync.objects.update(state="draft")
    with pytest.raises(Refused, match="never on"):
        starting.switch_on(world.sync)
    with pytest.raises(Refused, match="a draft, which never runs"):
        starting.switch_off(world.sync)
    Sync.objects.update(state="paused")
    MappingVersion.objects.update(state="draft")
    with pytest.raises(Refused, match="no rules in force"):
        starting.switch_on(world.sync)


def test_an_earlier_version_is_put_back(queue: Queue) -> None:
    world, _ = settled()
    second = world.add_version(PAIRS[:1], {}, {"key_field": "left_id"})
    Progress.objects.update(planned_to=7)
    first = starting.put_back(world.version, by="pat")
    assert (first.state, first.changed_by) == ("active", "pat")
    second.refresh_from_db()
    assert second.state == "retired"
    assert set(Progress.objects.values_list("planned_to", flat=True)) == {0}
    with pytest.raises(Refused, match="in force already"):
        starting.put_back(first, by="pat")
    with pytest.raises(Refused, match="never approved"):
        starting.put_back(second, by="pat")
    with pytest.raises(Refused, match="a draft"):
        starting.put_back(draft_of(world, PAIRS), by="pat")
    MappingVersion.objects.filter(pk=second.pk).update(approved_at=timezone.now())
    starting.start(world.sync, by="pat")
    with pytest.raises(Refused, match="is under way"):
        starting.put_back(second, by="pat")


def refused(world: World, left: str) -> ChangeRecord:
    """A change that the right side refused twice, so that it is not due for a day."""
    world.right.fail(Rejected("No.", {"last": "No."}), times=None)
    world.left.alter("person", left, {"last": "Moved"})
    world.run()
    world.run()
    world.right.failures = []
    return ChangeRecord.objects.get(state="set_aside")


def test_what_could_not_be_sent_is_tried_again_at_once(queue: Queue) -> None:
    world, ((left, right),) = settled()
    change = refused(world, left)
    assert change.next_try_at is not None
    assert change.next_try_at > timezone.now()
    world.run()
    assert world.right.values("person", right)["last"] != "Moved"
    others = ChangeRecord.objects.filter(state="done")
    aside = ChangeRecord.objects.filter(state="set_aside")
    assert starting.retry([*aside, *others], by="pat") == 1
    assert last_run(world).requested_by == "pat"
    queue.work()
    assert world.right.values("person", right)["last"] == "Moved"


def test_trying_again_joins_the_run_that_is_under_way(queue: Queue) -> None:
    world, ((left, _right),) = settled()
    refused(world, left)
    run = starting.start(world.sync, by="kim")
    assert starting.retry(ChangeRecord.objects.filter(state="set_aside"), by="pat") == 1
    assert (last_run(world), queue) == (run, [run.pk])


def test_a_queued_run_is_taken_back(queue: Queue) -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    before = world.writes()
    run = starting.stop(starting.start(world.sync, by="kim"), by="pat")
    assert (run.state, run.reason) == ("stopped", "pat took it back before it began.")
    queue.work()
    assert (last_run(world).state, world.writes()) == ("stopped", before)
    with pytest.raises(Refused, match="nothing to stop"):
        starting.stop(run, by="pat")


@pytest.mark.quick(1)
@pytest.mark.parametrize("point", [points.PAGE_LANDED, points.CHUNK_PLANNED, points.SENDING])
def test_a_run_under_way_stops_at_its_next_beat(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = settled(3)
    for left, _ in people:
        world.left.alter("person", left, {"last": "Moved"})
    monkeypatch.setattr(lease, "BEAT", lease.BEAT * 0)
    # One at a time, so that there is something left to stop.
    monkeypatch.setattr(world.right.types["person"].__class__, "batch_write", 1, raising=False)

    def ask(name: str) -> None:
        if name == point:
            starting.stop(last_run(world), by="pat")

    monkeypatch.setattr(points, "watchers", [ask])
    run = run_sync(fresh(world))
    monkeypatch.setattr(points, "watchers", [])
    assert (run.state, run.reason) == ("stopped", "pat stopped it. The next run goes on from there.")
    assert run.finished_at is not None
    # Whatever was on its way was waited for, and what came of it is stored.
    assert not ChangeRecord.objects.filter(state="sending").exists()
    assert run_sync(fresh(world)).state == "done"
    assert {world.right.values("person", right)["last"] for _, right in people} == {"Moved"}


def test_who_asks_too_late_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = settled()
    monkeypatch.setattr(
        points, "watchers", [lambda name: name == points.GUARDED and starting.stop(last_run(world), by="pat")]
    )
    assert (world.run()["state"], last_run(world).reason) == ("done", "")
