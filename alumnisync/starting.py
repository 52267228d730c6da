"""What the buttons around runs do: start, approve, stop, try again; switch a sync on and off, put rules back.

Nothing here speaks to a system: a run waits in the queue until a worker takes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from alumnisync import checklist, narrowing, versions
from alumnisync.engine.admission import Refused, approved_and_unfinished, version_for
from alumnisync.engine.context import chunks
from alumnisync.models import ChangeRecord, SyncRun
from alumnisync.undo import prepare
from mappings.models import MappingVersion, Sync

__all__ = [
    "Refused",
    "approve_and_go",
    "hand_over",
    "put_back",
    "retry",
    "start",
    "start_undo",
    "stop",
    "switch_off",
    "switch_on",
]

State = SyncRun.State
UNDER_WAY = (State.QUEUED, State.RUNNING)


@transaction.atomic
def start(sync: Sync, *, by: str, preview: bool = False) -> SyncRun:
    """A run, or a preview, that a worker carries out soon. by: who wants it; "" is the sync's schedule.

    An approved run that failed before its end is gone on with instead. Raises Refused, in words; its `run` is
    the one that stands in the way.
    """
    sync = _locked(sync)
    _refuse_under_way(sync)
    version = version_for(sync, preview=preview)
    approved = None if preview else approved_and_unfinished(sync)
    if approved is not None:
        SyncRun.objects.filter(pk=approved.pk).update(state=State.QUEUED, reason="", finished_at=None)
        run = SyncRun.objects.get(pk=approved.pk)
    else:
        kind = SyncRun.Kind.PREVIEW if preview else SyncRun.Kind.RUN
        run = SyncRun.objects.create(sync=sync, version=version, kind=kind, requested_by=by)
    hand_over(run.pk)
    return run


@transaction.atomic
def start_undo(
    run: SyncRun, *, by: str, links: Iterable[int] | None = None, units: Iterable[str] | None = None
) -> SyncRun:
    """Have a worker look what undoing a run would put back; it waits for an OK then. Raises Refused.

    links, units: only these people, and only these field pairs or groups.
    """
    sync = _locked(run.sync)
    _refuse_under_way(sync)
    asked = prepare(run, by=by, links=links, units=units)
    asked.save()
    hand_over(asked.pk)
    return asked


@transaction.atomic
def approve_and_go(run: SyncRun, *, by: str, drop: Collection[str] = (), wait: Collection[str] = ()) -> SyncRun:
    """Approve what a preview or a held run shows, put its rules in force, and have exactly that carried out.

    drop, wait: what of it is refused, or stays on hold, as `narrowing.approve_part` takes them.
    A draft sync goes live with it, once each point of its check list is answered. Raises Refused, and
    `review.Refusal` for what can't be approved any more.
    """
    sync = _locked(run.sync)
    _refuse_under_way(sync)
    if sync.state == Sync.State.DRAFT:
        checklist.refuse_open(sync, run.version)
    approved = narrowing.approve_part(run, by=by, drop=drop, wait=wait)
    versions.activate(approved.version)
    if sync.state == Sync.State.DRAFT:
        Sync.objects.filter(pk=sync.pk).update(state=Sync.State.LIVE)
    hand_over(run.pk)
    return SyncRun.objects.select_related("sync", "version").get(pk=run.pk)


@transaction.atomic
def stop(run: SyncRun, *, by: str) -> SyncRun:
    """Take a queued run back; ask one that is under way to end at its next breath. Raises Refused.

    What is on its way to a system is waited for; the next run finds out about it and goes on from there.
    """
    run = SyncRun.objects.select_for_update().get(pk=run.pk)
    if run.state == State.QUEUED:
        run.state, run.finished_at = State.STOPPED, timezone.now()
        run.reason = f"{by} took it back before it began."
    elif run.state == State.RUNNING:
        run.reason = f"{by} stopped it. The next run goes on from there."
    else:
        raise Refused(f"Run {run.pk} is not under way: there is nothing to stop.", run)
    run.save(update_fields=["state", "reason", "finished_at"])
    return run


def retry(changes: Iterable[ChangeRecord], *, by: str) -> int:
    """Try changes that couldn't be sent again, in a run that starts now or in the next; how many they are."""
    count, syncs = 0, set[int]()
    for rows in chunks(changes):
        aside = ChangeRecord.objects.filter(pk__in=[row.pk for row in rows], state=ChangeRecord.State.SET_ASIDE)
        syncs.update(aside.order_by().values_list("run__sync", flat=True).distinct())
        count += aside.update(next_try_at=timezone.now())
    for sync in Sync.objects.filter(pk__in=syncs):
        _start_if_possible(sync, by)
    return count


@transaction.atomic
def switch_on(sync: Sync) -> Sync:
    """A paused sync runs again, by its schedule and when somebody starts it. Raises Refused."""
    sync = _locked(sync)
    if sync.state == Sync.State.LIVE:
        raise Refused(f"The sync {sync} is on already.")
    if sync.state == Sync.State.DRAFT:
        raise Refused(f"The sync {sync} was never on. Make a preview, look at it, and approve it: that switches it on.")
    if sync.active_version() is None:
        raise Refused(f"The sync {sync} has no rules in force. Make a preview of its draft and approve that first.")
    sync.state = Sync.State.LIVE
    sync.save(update_fields=["state"])
    waiting = approved_and_unfinished(sync)
    if waiting is not None and waiting.state == State.QUEUED:
        hand_over(waiting.pk)
    return sync


@transaction.atomic
def switch_off(sync: Sync) -> Sync:
    """A live sync is paused: nothing starts any more; a run that is under way ends as it would. Raises Refused."""
    sync = _locked(sync)
    if sync.state != Sync.State.LIVE:
        word = "paused already" if sync.state == Sync.State.PAUSED else "a draft, which never runs by itself"
        raise Refused(f"The sync {sync} is {word}.")
    sync.state, sync.next_run_at, sync.next_run_of = Sync.State.PAUSED, None, ""
    sync.save(update_fields=["state", "next_run_at", "next_run_of"])
    return sync


@transaction.atomic
def put_back(version: MappingVersion, *, by: str) -> MappingVersion:
    """Put an earlier version in force again; the next run plans everybody anew by it. Raises Refused."""
    sync = _locked(version.sync)
    version = MappingVersion.objects.get(pk=version.pk)
    if version.state != MappingVersion.State.RETIRED:
        word = "in force already" if version.state == MappingVersion.State.ACTIVE else "a draft: preview and approve it"
        raise Refused(f"Version {version.number} is {word}.")
    if version.approved_at is None:
        raise Refused(f"Version {version.number} was never approved, so there is nothing to go back to.")
    _refuse_under_way(sync)
    version.changed_by, version.changed_at = by, timezone.now()
    version.save(update_fields=["changed_by", "changed_at"])
    versions.activate(version)
    version.refresh_from_db()
    return version


def hand_over(run_id: int) -> None:
    """Give a run to the queue once the transaction is through."""
    # Where the queue is down, the tick does it later.
    transaction.on_commit(partial(async_task, "alumnisync.tasks.work", run_id), robust=True)


def _start_if_possible(sync: Sync, by: str) -> None:
    try:
        start(sync, by=by)
    except Refused:
        # The run that is under way, or the first one after the pause, comes to it.
        return


def _locked(sync: Sync) -> Sync:
    """The sync as it is now; whoever else starts, approves or switches it waits."""
    return Sync.objects.select_for_update().get(pk=sync.pk)


def _refuse_under_way(sync: Sync) -> None:
    run = sync.runs.filter(state__in=UNDER_WAY).order_by("-pk").first()
    if run is None:
        return
    if run.approved_at is not None and run.state == State.QUEUED and sync.state != Sync.State.LIVE:
        raise Refused(f"Run {run.pk} is approved and waits until the sync is switched on. Do that, or stop it.", run)
    raise Refused(f"Run {run.pk} is under way already.", run)
