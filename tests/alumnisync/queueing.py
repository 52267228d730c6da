"""What was handed to the queue, and a worker that carries it out in this process when it is told to."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync import starting, tasks
from alumnisync.models import SyncRun
from alumnisync.review import approve
from mappings.models import MappingVersion, Sync
from tests.factories import PAIRS, World

KEYED = {"key_field": "left_id"}


class Queue(list[int]):
    """Ids of runs, as they were handed over."""

    def work(self) -> None:
        """Deliver everything once."""
        waiting, self[:] = list(self), []
        for run_id in waiting:
            tasks.work(run_id)


def queue_for(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The queue of this test; what is handed over counts at once, as if every transaction were through."""
    queue = Queue()

    def hand(function: str, run_id: int) -> None:
        assert function == "alumnisync.tasks.work"
        queue.append(run_id)

    monkeypatch.setattr(starting, "async_task", hand)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda call, robust: call())
    return queue


def fresh(world: World) -> Sync:
    return Sync.objects.get(pk=world.sync.pk)


def last_run(world: World) -> SyncRun:
    return SyncRun.objects.filter(sync=world.sync).latest("pk")


def settled(count: int = 1, pairs: Any = PAIRS, **options: Any) -> tuple[World, list[tuple[str, str]]]:
    """A live sync whose rules were approved, and people who are the same on both sides."""
    world = World(pairs=pairs, **options)
    people = [world.pair_up(phone="573 555 0100") for _ in range(count)]
    world.go()
    world.run()
    return world, people


def draft_of(world: World, pairs: Any, *, left: Any = None, right: Any = None, match: Any = None) -> MappingVersion:
    """A draft of a sync whose other rules stay in force."""
    in_force = world.sync.active_version()
    assert in_force is not None
    progress = list(world.sync.progress.values("pk", "planned_to"))
    draft = world.add_version(pairs, left or {}, {**KEYED, **(right or {})}, match)
    MappingVersion.objects.filter(pk=draft.pk).update(state="draft")
    MappingVersion.objects.filter(pk=in_force.pk).update(state="active")
    for row in progress:
        world.sync.progress.filter(pk=row["pk"]).update(planned_to=row["planned_to"])
    draft.refresh_from_db()
    return draft


def approved(run: SyncRun) -> SyncRun:
    done = approve(run, by="pat")
    assert isinstance(done, SyncRun)
    return done
