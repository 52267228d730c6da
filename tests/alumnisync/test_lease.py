"""One process at a time works on a run, and one that died is known to be dead."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from alumnisync.engine import holding, key_index, match, points
from alumnisync.engine.landing import Landing
from alumnisync.engine.lease import BEAT, LEASE, Lease, LeaseLost, is_dead
from alumnisync.engine.run import Busy, finish_approved, run_sync
from alumnisync.models import SyncRun
from alumnisync.review import approve
from connectors.records import Page
from mappings.models import MappingVersion, Sync
from tests.alumnisync.killed import rows
from tests.factories import World

pytestmark = pytest.mark.django_db


def begun(world: World | None = None) -> Lease:
    """A run under way, and this process's lease of it."""
    world = world or World()
    lease = Lease(SyncRun(sync=world.sync, version=world.version))
    assert lease.take()
    return lease


def test_a_run_is_taken_with_its_lease_in_one_write() -> None:
    run = begun().run
    run.refresh_from_db()
    assert run.state == "running"
    assert run.lease_owner.startswith(f"{socket.gethostname()}|{os.getpid()}|")
    assert run.lease_until is not None
    assert run.lease_until > timezone.now() + LEASE - timedelta(seconds=30)


def test_a_second_run_of_the_sync_is_not_taken() -> None:
    world = World()
    begun(world)
    assert not Lease(SyncRun(sync=world.sync, version=world.version)).take()
    assert SyncRun.objects.count() == 1


def test_an_approved_run_is_taken_by_one_of_two() -> None:
    world = World()
    run = SyncRun.objects.create(sync=world.sync, version=world.version, state="queued")
    first, second = (Lease(SyncRun.objects.get(pk=run.pk)) for _ in range(2))
    assert [first.take(), second.take()] == [True, False]
    first.hold()
    with pytest.raises(LeaseLost):
        second.hold()


def test_a_lease_that_somebody_took_is_noticed_before_anything_is_stored() -> None:
    lease = begun()
    SyncRun.objects.update(lease_owner="elsewhere|1|1|1")
    with pytest.raises(LeaseLost, match="taken over by another process"), transaction.atomic():
        lease.hold()


def test_a_stopped_run_is_nobodys() -> None:
    lease = begun()
    SyncRun.objects.update(state="stopped")
    with pytest.raises(LeaseLost), transaction.atomic():
        lease.hold()


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    now = timezone.now() + by
    monkeypatch.setattr("alumnisync.engine.lease.timezone.now", lambda: now)


def test_a_beat_prolongs_the_lease_and_notices_when_it_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = begun()
    until = SyncRun.objects.get().lease_until
    lease.beat()
    assert SyncRun.objects.get().lease_until == until
    later(monkeypatch, BEAT * 2)
    lease.beat()
    assert SyncRun.objects.get().lease_until != until
    SyncRun.objects.update(lease_owner="elsewhere|1|1|1")
    later(monkeypatch, BEAT * 4)
    for _ in range(2):
        with pytest.raises(LeaseLost):
            lease.beat()


def test_a_thread_asks_nobody_and_sends_nothing_after_the_lease_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = begun()
    lease.check()
    later(monkeypatch, LEASE)
    with pytest.raises(LeaseLost):
        lease.check()


def owned(owner: str, minutes: int = 5) -> SyncRun:
    return SyncRun(lease_owner=owner, lease_until=timezone.now() + timedelta(minutes=minutes))


def test_our_own_process_lives() -> None:
    assert not is_dead(begun().run)


def test_a_process_number_used_again_is_another_process() -> None:
    assert is_dead(owned(f"{socket.gethostname()}|{os.getpid()}|1|x"))


def test_a_killed_process_is_dead_even_before_its_parent_buries_it() -> None:
    waiting, done = os.pipe()
    pid = os.fork()
    if not pid:
        os.read(waiting, 1)
        os._exit(0)
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    owner = f"{socket.gethostname()}|{pid}|{started}|x"
    assert not is_dead(owned(owner))
    os.kill(pid, signal.SIGKILL)
    # Waited for without burying it.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(owned(owner))
    os.waitpid(pid, 0)
    os.close(waiting)
    os.close(done)


@pytest.mark.parametrize(("minutes", "dead"), [(-1, False), (-55, False), (-65, True)])
def test_a_living_process_that_was_silent_for_an_hour_works_on_nothing_any_more(minutes: int, dead: bool) -> None:
    owner = begun().owner
    assert is_dead(owned(owner, minutes)) is dead


@pytest.mark.parametrize(("minutes", "dead"), [(1, False), (-1, True)])
def test_on_another_host_the_lease_decides(minutes: int, dead: bool) -> None:
    assert is_dead(owned("elsewhere|1|1|x", minutes)) is dead


def at(monkeypatch: pytest.MonkeyPatch, point: str, do: Callable[[], Any]) -> None:
    """Do something the first time a run gets to a point."""
    passed: list[str] = []

    def watch(name: str) -> None:
        if name == point and not passed:
            passed.append(name)
            do()

    monkeypatch.setattr(points, "watchers", [watch])


def taken_over(kept: list[str]) -> Callable[[], None]:
    """Another process takes the run over; how every row is then goes into `kept`."""

    def take() -> None:
        SyncRun.objects.filter(state="running").update(lease_owner="elsewhere|1|1|1")
        kept.append(rows())

    return take


ELSEWHERE = (points.LET_THROUGH, points.REQUESTING, points.ANSWERED, points.ACKNOWLEDGED)
"""Of approved runs, of worker threads, of feeds."""


@pytest.mark.quick(4)
@pytest.mark.parametrize("point", [point for point in points.ALL if point not in ELSEWHERE])
def test_a_run_that_lost_its_lease_stores_nothing_more(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Moved"})
    kept: list[str] = []
    at(monkeypatch, point, taken_over(kept))
    with pytest.raises(Busy, match="taken over"):
        run_sync(Sync.objects.get())
    assert kept == [rows()]


def test_an_approved_run_that_lost_its_lease_stores_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.pair_up()
    approved = approve(SyncRun.objects.get(pk=world.run()["run"]), by="pat")
    assert isinstance(approved, SyncRun)
    kept: list[str] = []
    at(monkeypatch, points.LET_THROUGH, taken_over(kept))
    with pytest.raises(Busy, match="taken over"):
        finish_approved(approved)
    assert kept == [rows()]


@pytest.mark.parametrize(
    ("place", "step"), [(key_index, "changed"), (match._Matching, "take"), (holding, "_hold_field")]
)
def test_what_comes_after_the_lease_was_lost_between_two_steps_is_not_stored(
    place: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(guards={"changed": {"floor": 0, "share": 0}})
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Moved"})
    world.pair_up()
    kept: list[str] = []
    go_on = getattr(place, step)

    def late(*args: Any) -> Any:
        if not kept:
            taken_over(kept)()
        return go_on(*args)

    monkeypatch.setattr(place, step, late)
    with pytest.raises(Busy, match="taken over"):
        world.run()
    assert kept == [rows()]


def test_a_page_that_was_read_before_the_lease_was_lost_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """By now the other process may have written what the page still shows as it was."""
    world = World()
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Moved"})
    kept: list[str] = []
    land = Landing.land

    def late(landing: Landing, page: Page) -> None:
        if not kept:
            taken_over(kept)()
        land(landing, page)

    monkeypatch.setattr(Landing, "land", late)
    with pytest.raises(Busy, match="taken over"):
        run_sync(Sync.objects.get())
    assert kept == [rows()]


def test_a_run_of_a_machine_that_stood_still_ends_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Moved"})
    at(monkeypatch, points.SENDING, lambda: later(monkeypatch, LEASE))
    done = world.run()
    assert done["state"] == "failed"
    assert world.right.values("person", right)["last"] != "Moved"
    assert "stood still" in done["reason"]
    monkeypatch.undo()
    assert world.run()["state"] == "done"
    assert world.right.values("person", right)["last"] == "Moved"


def test_an_approved_run_of_rules_that_are_no_longer_in_force_is_not_taken_up() -> None:
    world = World()
    world.pair_up()
    run = SyncRun.objects.get(pk=world.run()["run"])
    approve(run, by="pat")
    MappingVersion.objects.update(state="retired")
    world.add_version(({"left": "first", "right": "first"},), {}, {})
    assert world.run()["run"] != run.pk
    run.refresh_from_db()
    assert run.state == "superseded"


def test_a_paused_sync_takes_up_nothing() -> None:
    world = World()
    world.pair_up()
    run = SyncRun.objects.get(pk=world.run()["run"])
    approve(run, by="pat")
    Sync.objects.update(state="paused")
    with pytest.raises(Exception, match="is paused"):
        run_sync(Sync.objects.get())
    assert world.writes() == 0


def test_an_approved_run_that_another_finishes_is_busy() -> None:
    world = World()
    world.pair_up()
    run = SyncRun.objects.get(pk=world.run()["run"])
    approved = approve(run, by="pat")
    assert isinstance(approved, SyncRun)
    SyncRun.objects.update(state="running", lease_owner="elsewhere|1|1|1", lease_until=timezone.now() + LEASE)
    with pytest.raises(Busy, match="under way"):
        finish_approved(approved)
