"""What has to be done every minute: start what is due, and take up what the queue or a dead process lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.models import Schedule, Task

from alumnisync import drift
from alumnisync.engine.admission import Refused
from alumnisync.engine.faults import reference_of
from alumnisync.engine.lease import is_dead
from alumnisync.forgetting import forget
from alumnisync.models import SyncRun
from alumnisync.schedule import next_due
from alumnisync.starting import hand_over, start
from mappings.models import Sync

logger = logging.getLogger(__name__)

LOST_AFTER = timedelta(minutes=2)
"""A run that waits longer than this may have been lost by the queue."""
AGAIN_AFTER = timedelta(minutes=10)
"""It may only be waiting for a free worker: it is not handed over every minute."""
RESULTS_KEPT = timedelta(days=7)
TICK = "tick"


def tick(now: datetime | None = None) -> None:
    """Everything that has to be done every minute. Safe at any time, by any number of workers at once."""
    now = now or timezone.now()
    start_due(now)
    take_up_lost(now)
    for work in (drift.ask_weekly, drift.take_up_lost, forget):
        _try(work, now)
    Task.objects.filter(stopped__lt=now - RESULTS_KEPT).delete()


def _try(work: Callable[[datetime], object], now: datetime) -> None:
    """What may wait for the next minute must not keep the rest from its time."""
    try:
        work(now)
    except Exception as error:
        reference_of(error, "in the tick")


def keep_ticking() -> None:
    """Have the queue call the tick every minute, from now on."""
    Schedule.objects.update_or_create(
        name=TICK,
        defaults={
            "func": "alumnisync.tasks.tick",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
            "next_run": timezone.now(),
        },
    )


def start_due(now: datetime) -> None:
    """Start every live sync whose time has come, and work out when it is due next."""
    scheduled = Sync.objects.filter(state=Sync.State.LIVE).exclude(schedule="")
    idle = Sync.objects.exclude(pk__in=scheduled.values("pk")).exclude(next_run_at=None, next_run_of="")
    idle.update(next_run_at=None, next_run_of="")
    for sync in scheduled:
        try:
            _look_after(sync, now)
        except Exception as error:
            # One sync's fault must not keep the others from their time.
            reference_of(error, "while a sync was to be started")


def take_up_lost(now: datetime) -> None:
    """Hand over again what waits for too long, and what the process that worked on it left."""
    lost = now - LOST_AFTER
    asked = Q(approved_at=None, created_at__lt=lost)
    # An approved run of a sync that is not on waits until it is.
    may_go = Q(sync__state=Sync.State.LIVE) | Q(kind=SyncRun.Kind.UNDO)
    approved = Q(approved_at__lt=lost) & may_go
    for run in SyncRun.objects.filter(asked | approved, state=SyncRun.State.QUEUED):
        _hand_over_again(run, now)
    for run in SyncRun.objects.filter(state=SyncRun.State.RUNNING):
        if is_dead(run):
            hand_over(run.pk)


def _look_after(sync: Sync, now: datetime) -> None:
    if sync.next_run_at is None or sync.next_run_of != _of(sync):
        _set_next(sync, now)
    elif sync.next_run_at <= now:
        _start_late(sync, now)


def _of(sync: Sync) -> str:
    return f"{sync.schedule} {sync.time_zone}"


def _next(sync: Sync, now: datetime) -> datetime | None:
    """From now, not from the time that was missed: after a pause there is one late run, and no storm."""
    try:
        return next_due(sync.schedule, sync.time_zone, now)
    except (ValueError, KeyError):
        logger.error("The schedule of %s is never due, or its time zone is unknown: correct them.", sync)
        return None


def _set_next(sync: Sync, now: datetime) -> bool:
    """Whether it was us who moved the sync on to its next time: of several workers one does."""
    before = Sync.objects.filter(
        pk=sync.pk,
        state=Sync.State.LIVE,
        schedule=sync.schedule,
        time_zone=sync.time_zone,
        next_run_at=sync.next_run_at,
        next_run_of=sync.next_run_of,
    )
    return bool(before.update(next_run_at=_next(sync, now), next_run_of=_of(sync)))


def _start_late(sync: Sync, now: datetime) -> None:
    # Together: a time that was claimed by a process that died before it started anything would be lost.
    with transaction.atomic():
        if not _set_next(sync, now):
            return
        try:
            start(sync, by="")
        except Refused as refused:
            logger.info("%s was due and is not started: %s", sync, refused)


def _hand_over_again(run: SyncRun, now: datetime) -> None:
    """A queued run has no lease; until then its end says when the queue may be given it again."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    if SyncRun.objects.filter(free, pk=run.pk, state=SyncRun.State.QUEUED).update(lease_until=now + AGAIN_AFTER):
        hand_over(run.pk)
