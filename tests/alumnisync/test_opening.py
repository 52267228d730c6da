"""Opening a run: two syncs that share records take turns, and nothing stays claimed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from alumnisync.engine.lease import Lease
from alumnisync.engine.opening import claim, release
from alumnisync.engine.run import run_sync
from alumnisync.models import SyncRun
from connectors.models import Connection, Cursor
from connectors.systems.memory import MemoryConnector
from mappings.models import Sync
from tests.factories import World

pytestmark = pytest.mark.django_db


def holder_of(world: World, owner: str) -> SyncRun:
    """A run of another sync, which holds the records of the left side."""
    world.go()
    other = Sync.objects.create(name="another", state=Sync.State.LIVE)
    run = SyncRun.objects.create(
        sync=other,
        version=world.version,
        state=SyncRun.State.RUNNING,
        lease_owner=owner,
        lease_until=timezone.now() + timedelta(minutes=5),
    )
    Cursor.objects.filter(pk=world.cursor("left").pk).update(lease_owner=owner)
    return run


def test_a_run_waits_for_another_sync_that_works_with_the_same_records(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    holder = holder_of(world, "elsewhere|1|1|x")
    said: list[str] = []
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            SyncRun.objects.filter(pk=holder.pk).update(state=SyncRun.State.DONE)

    monkeypatch.setattr("alumnisync.engine.opening.time.sleep", wait)
    run = run_sync(world.sync, say=said.append)
    assert run.state == SyncRun.State.DONE, run.reason
    assert len(waits) == 3
    assert [text for text in said if text.startswith("Waiting")] == [
        f"Waiting for run {holder.pk} of another, which works with the same records."
    ]


def test_a_run_says_what_will_stop_working_unless_somebody_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    check = MemoryConnector.check
    soon = ("The key expires in 5 days.",)
    monkeypatch.setattr(MemoryConnector, "check", lambda self: replace(check(self), warnings=soon))
    said: list[str] = []
    run_sync(world.sync, say=said.append)
    names = Connection.objects.order_by("name").values_list("name", flat=True)
    assert sorted(text for text in said if "expires" in text) == [f"{name}: {soon[0]}" for name in names]


def test_what_a_dead_run_held_is_free() -> None:
    world = World()
    holder = holder_of(world, "elsewhere|1|1|x")
    SyncRun.objects.filter(pk=holder.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert run_sync(world.sync).state == SyncRun.State.DONE


def test_nothing_stays_claimed_however_a_run_ends() -> None:
    world = World()
    world.go()
    assert set(Cursor.objects.values_list("lease_owner", flat=True)) == {""}
    world.left.fail(RuntimeError("invented"), call="poll", times=None)
    assert run_sync(world.sync).state == SyncRun.State.FAILED
    assert set(Cursor.objects.values_list("lease_owner", flat=True)) == {""}


def test_who_lost_the_lease_lets_nothing_go() -> None:
    world = World()
    world.go()
    run = SyncRun(sync=world.sync, version=world.version)
    lease = Lease(run)
    assert lease.take()
    claim([world.cursor("left")], lease, lambda text: None)
    SyncRun.objects.filter(pk=run.pk).update(lease_owner="somebody else")
    release(lease)
    assert world.cursor("left").lease_owner == lease.owner
