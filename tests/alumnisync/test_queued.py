"""Whatever the queue loses or delivers twice, each run is carried out once."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from alumnisync import starting, tasks
from alumnisync.engine import points, queued
from alumnisync.engine.diary import LONGEST, Diary
from alumnisync.engine.lease import LEASE, Lease
from alumnisync.engine.run import run_sync
from alumnisync.models import ChangeRecord, SyncRun
from connectors.records import NeedsAttention
from mappings.models import MappingVersion, Sync
from tests.alumnisync.queueing import Queue, approved, draft_of, fresh, last_run, queue_for, settled
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

DEAD = "elsewhere|1|1|1"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    return queue_for(monkeypatch)


def moved(**options: object) -> tuple[World, str]:
    """Somebody who moved on the left, and that person's id on the right."""
    world, ((left, right),) = settled(**options)  # type: ignore[arg-type]
    world.left.alter("person", left, {"last": "Moved"})
    return world, right


def died(run: SyncRun) -> SyncRun:
    """As if the process that works on a run had just died."""
    SyncRun.objects.filter(pk=run.pk).update(
        state="running", lease_owner=DEAD, lease_until=timezone.now() - LEASE, started_at=timezone.now()
    )
    return run


def test_a_run_that_is_delivered_twice_is_carried_out_once(queue: Queue) -> None:
    world, _ = moved()
    run = starting.start(world.sync, by="pat")
    tasks.work(run.pk)
    run.refresh_from_db()
    writes, ended = world.writes(), run.finished_at
    assert ended is not None
    tasks.work(run.pk)
    run.refresh_from_db()
    assert (world.writes(), run.finished_at, SyncRun.objects.filter(sync=world.sync).latest("pk")) == (
        writes,
        ended,
        run,
    )


@pytest.mark.quick(2)
@pytest.mark.parametrize("state", ["held", "done", "partial", "failed", "stopped", "superseded"])
def test_a_run_that_is_over_is_left_alone(queue: Queue, state: str) -> None:
    world, _ = moved()
    run, writes = starting.start(world.sync, by="pat"), world.writes()
    SyncRun.objects.filter(pk=run.pk).update(state=state)
    assert queued.work(run.pk) is None
    run.refresh_from_db()
    assert (run.state, world.writes()) == (state, writes)


def test_a_run_that_is_gone_is_left_alone() -> None:
    assert queued.work(987_654) is None


def test_a_sync_that_was_paused_meanwhile_is_not_run(queue: Queue) -> None:
    world, _ = moved()
    run, writes = starting.start(world.sync, by="pat"), world.writes()
    starting.switch_off(world.sync)
    queue.work()
    run.refresh_from_db()
    assert (run.state, world.writes()) == ("stopped", writes)
    assert "is paused" in run.reason


def test_an_approval_of_rules_that_were_replaced_meanwhile_is_void(queue: Queue) -> None:
    world, _ = moved()
    run, writes = SyncRun.objects.get(pk=world.run(preview=True)["run"]), world.writes()
    starting.approve_and_go(run, by="pat")
    world.add_version(PAIRS[:1], {}, {"key_field": "left_id"})
    queue.work()
    run.refresh_from_db()
    assert (run.state, run.reason, world.writes()) == ("stopped", queued.RULES_REPLACED, writes)


def test_a_run_goes_by_the_rules_that_are_in_force_when_it_begins(queue: Queue) -> None:
    world, _ = moved()
    run = starting.start(world.sync, by="pat")
    version = world.add_version(PAIRS[:1], {}, {"key_field": "left_id"})
    queue.work()
    run.refresh_from_db()
    assert (run.version, run.state) == (version, "held")


def test_while_another_process_is_at_it_a_run_waits(queue: Queue) -> None:
    world, right = moved()
    run = starting.start(world.sync, by="pat")
    other = Lease(SyncRun(sync=world.sync, version=world.version))
    assert other.take()
    assert queued.work(run.pk) is None
    run.refresh_from_db()
    assert run.state == "queued"
    SyncRun.objects.filter(pk=other.run.pk).update(state="done")
    tasks.work(run.pk)
    assert world.right.values("person", right)["last"] == "Moved"


def test_a_run_that_is_alive_is_not_taken_up(queue: Queue) -> None:
    world, _ = moved()
    lease = Lease(SyncRun(sync=world.sync, version=world.version))
    assert lease.take()
    assert queued.work(lease.run.pk) is None
    lease.hold()


def test_an_approved_run_whose_process_died_goes_on(queue: Queue) -> None:
    world, right = moved()
    run = approved(SyncRun.objects.get(pk=world.run(preview=True)["run"]))
    done = queued.work(died(run).pk)
    assert done is not None
    assert (done.pk, done.state, world.right.values("person", right)["last"]) == (run.pk, "done", "Moved")


@pytest.mark.parametrize("preview", [True, False])
def test_an_heir_goes_on_for_a_run_whose_process_died(queue: Queue, preview: bool) -> None:
    world, right = moved()
    run = died(starting.start(world.sync, by="pat", preview=preview))
    heir = queued.work(run.pk)
    assert heir is not None
    assert (heir.kind, heir.requested_by, heir.state) == ("preview" if preview else "run", "pat", "done")
    run.refresh_from_db()
    assert (run.state, run.reason) == ("stopped", f"Its process died. Run {heir.pk} goes on from there.")
    assert (world.right.values("person", right)["last"] == "Moved") is not preview
    # Whoever comes second finds nothing to do.
    assert queued.work(run.pk) is None


def test_what_dies_again_and_again_is_given_up_and_says_so(queue: Queue, mailoutbox: list[object]) -> None:
    world, _ = moved(alerts=["team@example.org"])
    mailoutbox.clear()
    run = starting.start(world.sync, by="pat")
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queued, "_begin", lambda heir, say: heir)
            heir = queued.work(died(run).pk)
        assert heir is not None
        assert heir.pk != run.pk
        run = heir
    last = queued.work(died(run).pk)
    assert last is not None
    assert (last.pk, last.state, last.reason) == (run.pk, "failed", queued.DIES_AGAIN)
    assert len(mailoutbox) == 1


def test_a_run_that_was_to_stop_and_died_is_not_taken_up(queue: Queue) -> None:
    world, _ = moved()
    run = approved(SyncRun.objects.get(pk=world.run(preview=True)["run"]))
    starting.stop(died(run), by="pat")
    before = SyncRun.objects.count()
    assert queued.work(run.pk) is None
    run.refresh_from_db()
    assert (run.state, SyncRun.objects.count()) == ("stopped", before)
    assert run.reason.startswith("pat stopped it")


def test_a_trial_whose_draft_is_gone_says_why_it_does_not_begin(queue: Queue) -> None:
    world, _ = moved()
    draft_of(world, PAIRS)
    run = starting.start(world.sync, by="pat", preview=True)
    ChangeRecord.objects.filter(state="done").update(state="sending")
    queue.work()
    run.refresh_from_db()
    assert run.state == "stopped"
    assert "answers were lost" in run.reason


def test_rules_that_do_not_fit_fail_the_run_in_words(queue: Queue) -> None:
    world = World(pairs=(*PAIRS, {"left": "nickname", "right": "nickname"}))
    run = starting.start(world.sync, by="pat")
    queue.work()
    run.refresh_from_db()
    assert run.state == "failed"
    assert "nickname" in run.reason


def test_what_a_run_says_is_kept_whoever_started_it(queue: Queue) -> None:
    world, _ = moved()
    said: list[str] = []
    run = run_sync(fresh(world), say=said.append)
    assert run.progress == said
    assert any(line.startswith("Reading") for line in said)
    world.left.fail(NeedsAttention("The key has expired."), "poll", raised=True, every=1)
    run = starting.start(world.sync, by="pat")
    queue.work()
    run.refresh_from_db()
    assert run.progress[-1].startswith("Reading")


def test_a_diary_is_short_and_written_once_a_second(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    world = World()
    lease = Lease(SyncRun(sync=world.sync, version=world.version))
    lease.take()
    now = [100.0]
    monkeypatch.setattr("alumnisync.engine.diary.time.monotonic", lambda: now[0])
    diary = Diary(lease, lambda _: None)
    with django_assert_num_queries(0):
        for number in range(LONGEST + 50):
            diary(f"line {number}")
    now[0] += 1
    with django_assert_num_queries(1):
        diary("the last")
        diary("not yet")
        diary("not yet")
    kept = SyncRun.objects.get(pk=lease.run.pk).progress
    assert (len(kept), kept[-1]) == (LONGEST, "the last")
    SyncRun.objects.update(lease_owner=DEAD)
    diary.save()
    assert SyncRun.objects.get(pk=lease.run.pk).progress == kept


def test_what_an_approved_run_said_before_it_was_interrupted_stays(queue: Queue) -> None:
    world, _ = moved()
    run = SyncRun.objects.get(pk=world.run(preview=True)["run"])
    before = run.progress
    starting.approve_and_go(run, by="pat")
    queue.work()
    run.refresh_from_db()
    assert run.progress[: len(before)] == before
    assert len(run.progress) > len(before)


def test_a_paused_sync_keeps_its_approval(queue: Queue) -> None:
    world, _ = moved()
    run = approved(SyncRun.objects.get(pk=world.run(preview=True)["run"]))
    Sync.objects.update(state="paused")
    assert queued.work(run.pk) is None
    run.refresh_from_db()
    assert run.state == "queued"
    assert MappingVersion.objects.get(pk=run.version_id).approved_at
    assert points.watchers == []
    assert last_run(world) == run
