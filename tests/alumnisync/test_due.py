"""The tick: what is due starts once, what was lost is taken up, and neither twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from django_q.models import Schedule, Task

from alumnisync import due, starting, tasks
from alumnisync.models import SyncRun
from mappings.models import Sync
from tests.alumnisync.queueing import Queue, approved, fresh, last_run, queue_for, settled
from tests.factories import World

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NIGHT = datetime(2026, 6, 2, 5, tzinfo=UTC)
"""One o'clock in New York."""


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    return queue_for(monkeypatch)


def nightly(**options: object) -> World:
    return World(schedule="0 1 * * *", time_zone="America/New_York", **options)  # type: ignore[arg-type]


def test_a_live_sync_starts_at_its_time_by_its_own_clock(queue: Queue) -> None:
    world = nightly()
    due.tick(NOON)
    assert (fresh(world).next_run_at, fresh(world).next_run_of) == (NIGHT, "0 1 * * * America/New_York")
    due.tick(NIGHT - timedelta(seconds=1))
    assert queue == []
    due.tick(NIGHT)
    run = last_run(world)
    assert (run.state, run.kind, run.requested_by, queue) == ("queued", "run", "", [run.pk])
    assert fresh(world).next_run_at == NIGHT + timedelta(days=1)


def test_after_a_week_off_there_is_one_late_run(queue: Queue) -> None:
    world = nightly()
    due.tick(NOON)
    late = NIGHT + timedelta(days=7, hours=3)
    due.tick(late)
    due.tick(late + timedelta(minutes=1))
    assert SyncRun.objects.count() == 1
    assert fresh(world).next_run_at == NIGHT + timedelta(days=8)


def test_another_schedule_or_zone_counts_from_now_on(queue: Queue) -> None:
    world = nightly()
    due.tick(NOON)
    Sync.objects.update(time_zone="Europe/Berlin")
    due.tick(NIGHT)
    assert SyncRun.objects.count() == 0
    assert fresh(world).next_run_at == datetime(2026, 6, 2, 23, tzinfo=UTC)


@pytest.mark.parametrize("change", [{"state": "paused"}, {"state": "draft"}, {"schedule": ""}])
def test_what_does_not_run_by_itself_has_no_time(queue: Queue, change: dict[str, str]) -> None:
    world = nightly()
    due.tick(NOON)
    Sync.objects.update(**change)
    due.tick(NIGHT)
    assert (fresh(world).next_run_at, fresh(world).next_run_of, queue) == (None, "", [])


def test_a_time_at_which_a_run_is_under_way_is_skipped(queue: Queue) -> None:
    world = nightly()
    due.tick(NOON)
    starting.start(world.sync, by="pat")
    due.start_due(NIGHT)
    assert SyncRun.objects.count() == 1
    assert fresh(world).next_run_at == NIGHT + timedelta(days=1)


def test_of_two_workers_one_starts_it(queue: Queue) -> None:
    world = nightly()
    due.tick(NOON)
    first, second = fresh(world), fresh(world)
    due._look_after(first, NIGHT)
    SyncRun.objects.update(state="done")
    due._look_after(second, NIGHT)
    assert SyncRun.objects.count() == 1


def test_a_time_is_not_lost_with_the_process_that_claimed_it(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    world = nightly()
    due.tick(NOON)

    def dies(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(due, "start", dies)
        due.start_due(NIGHT)
    assert fresh(world).next_run_at == NIGHT
    due.start_due(NIGHT)
    assert SyncRun.objects.count() == 1


def test_a_schedule_that_is_never_due_keeps_nobody_else_waiting(queue: Queue) -> None:
    never, world = World(schedule="0 0 31 2 *"), nightly()
    due.tick(NOON)
    due.tick(NIGHT)
    assert (fresh(never).next_run_at, last_run(world).pk) == (None, queue[0])


def test_a_run_that_the_queue_lost_is_handed_over_again_and_not_every_minute(queue: Queue) -> None:
    world, _ = settled()
    run, now = starting.start(world.sync, by="pat"), timezone.now()
    queue.clear()
    due.take_up_lost(now + timedelta(minutes=1))
    assert queue == []
    for minutes in (3, 4, 5):
        due.take_up_lost(now + timedelta(minutes=minutes))
    assert queue == [run.pk]
    due.take_up_lost(now + timedelta(minutes=14))
    assert queue == [run.pk, run.pk]
    queue.work()
    due.take_up_lost(now + timedelta(hours=1))
    assert queue == []
    assert last_run(world).state == "done"


def test_an_approved_run_is_handed_over_again_while_its_sync_is_on(queue: Queue) -> None:
    world, ((left, _right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    run = approved(SyncRun.objects.get(pk=world.run(preview=True)["run"]))
    later = timezone.now() + timedelta(minutes=3)
    Sync.objects.update(state="paused")
    due.take_up_lost(later)
    assert queue == []
    Sync.objects.update(state="live")
    due.take_up_lost(later)
    assert queue == [run.pk]


def test_what_a_dead_process_left_is_taken_up(queue: Queue) -> None:
    world, ((left, right),) = settled()
    world.left.alter("person", left, {"last": "Moved"})
    run = starting.start(world.sync, by="pat")
    queue.clear()
    until = timezone.now() + timedelta(minutes=1)
    SyncRun.objects.filter(pk=run.pk).update(state="running", lease_owner="elsewhere|1|1|1", lease_until=until)
    tasks.tick()
    assert queue == []
    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
    tasks.tick()
    queue.work()
    assert world.right.values("person", right)["last"] == "Moved"


def test_old_results_of_the_queue_are_dropped() -> None:
    now = timezone.now()
    for name, days in (("old", 8), ("new", 6)):
        stopped = now - timedelta(days=days)
        Task.objects.create(id=name, name=name, func="f", started=stopped, stopped=stopped, success=True)
    due.tick(now)
    assert [task.name for task in Task.objects.all()] == ["new"]


def test_there_is_one_tick_a_minute_however_often_a_worker_starts() -> None:
    due.keep_ticking()
    due.keep_ticking()
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.func, schedule.schedule_type, schedule.minutes, schedule.repeats) == (
        "tick", "alumnisync.tasks.tick", "I", 1, -1,
    )  # fmt: skip
