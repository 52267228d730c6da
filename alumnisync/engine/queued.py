"""Carrying out a run that waits in the queue, or that a dead process left."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from alumnisync.alerts import tell
from alumnisync.engine.admission import DIED, Busy, Refused, clear_dead, version_for, version_to_undo_by
from alumnisync.engine.lease import is_dead
from alumnisync.engine.run import finish_approved, perform
from alumnisync.engine.undone import OTHER_RULES
from alumnisync.models import SyncRun
from mappings.models import MappingVersion, Sync

logger = logging.getLogger(__name__)

State = SyncRun.State
TAKEN_UP = "taken_up"
"""Among a run's counts: how many processes died over this work before."""
MOST_DEATHS = 3
DIES_AGAIN = (
    "Its process died several times in a row, so it is not tried again by itself. "
    "Tell whoever looks after AlumniSync: the machine may be short of memory."
)
RULES_REPLACED = "The rules it was worked out by are no longer in force. Run the sync again."


def work(run_id: int, say: Callable[[str], None] = logger.info) -> SyncRun | None:
    """Carry out a queued run, or go on where a dead process left one; None where there is nothing to do.

    Safe to be called again and at the same time: a run that is over, taken back or under way is left alone.
    """
    run = SyncRun.objects.select_related("sync", "version").filter(pk=run_id).first()
    try:
        if run is not None and run.state == State.QUEUED:
            return _begin(run, say)
        if run is not None and run.state == State.RUNNING and is_dead(run):
            return _take_up(run, say)
    except Busy as error:
        # It stays queued, and is handed over again later.
        logger.info("Run %s waits: %s", run_id, error)
    return None


def _begin(run: SyncRun, say: Callable[[str], None]) -> SyncRun | None:
    if run.approved_at is not None:
        return _begin_approved(run, say)
    clear_dead(run.sync, say)
    try:
        version = _version_for(run)
    except Refused as refused:
        return _not_run(run, str(refused))
    if version != run.version:
        # Other rules came into force while it waited: it is these that somebody wants carried out.
        SyncRun.objects.filter(pk=run.pk, state=State.QUEUED).update(version=version)
        run.version = version
    return _perform(run, say)


def _version_for(run: SyncRun) -> MappingVersion:
    if run.kind == SyncRun.Kind.UNDO:
        return version_to_undo_by(run.sync)
    return version_for(run.sync, preview=run.kind == SyncRun.Kind.PREVIEW)


def _begin_approved(run: SyncRun, say: Callable[[str], None]) -> SyncRun | None:
    if run.version.state == MappingVersion.State.RETIRED:
        return _not_run(run, OTHER_RULES if run.kind == SyncRun.Kind.UNDO else RULES_REPLACED)
    if run.sync.state != Sync.State.LIVE and run.kind != SyncRun.Kind.UNDO:
        # The approval is kept: it is carried out once the sync is switched on.
        return None
    try:
        return finish_approved(run, say=say)
    except Refused:
        return _again(run)


def _take_up(run: SyncRun, say: Callable[[str], None]) -> SyncRun | None:
    """An approved run goes on; of any other an heir plans anew, since nobody wants half a plan."""
    with transaction.atomic():
        if run.pk not in clear_dead(run.sync, say):
            return None
        run = _again(run)
        if run.state == State.STOPPED and run.reason != DIED:
            return None
        deaths = run.counts.get(TAKEN_UP, 0) + 1
        heir = _heir(run, deaths) if deaths < MOST_DEATHS else None
    return _begin(heir, say) if heir else _give_up(run)


def _heir(run: SyncRun, deaths: int) -> SyncRun:
    """The queued run that goes on for one whose process died."""
    if run.state == State.QUEUED:
        run.counts = {**run.counts, TAKEN_UP: deaths}
        run.save(update_fields=["counts"])
        return run
    heir = SyncRun.objects.create(
        sync=run.sync,
        version=run.version,
        kind=run.kind,
        undoes=run.undoes,
        only=run.only,
        requested_by=run.requested_by,
        counts={TAKEN_UP: deaths},
    )
    run.reason = f"{DIED} Run {heir.pk} goes on from there."
    run.save(update_fields=["reason"])
    return heir


def _perform(run: SyncRun, say: Callable[[str], None]) -> SyncRun:
    try:
        return perform(run, say)
    except Refused:
        # It began, and its rules don't fit the systems: that is on its row.
        return _again(run)


def _not_run(run: SyncRun, reason: str) -> SyncRun:
    SyncRun.objects.filter(pk=run.pk, state=State.QUEUED).update(
        state=State.STOPPED, reason=reason, finished_at=timezone.now()
    )
    return _again(run)


def _give_up(run: SyncRun) -> SyncRun:
    SyncRun.objects.filter(pk=run.pk, state__in=(State.QUEUED, State.STOPPED)).update(
        state=State.FAILED, reason=DIES_AGAIN, finished_at=timezone.now()
    )
    run = _again(run)
    tell(run)
    return run


def _again(run: SyncRun) -> SyncRun:
    return SyncRun.objects.select_related("sync", "version").get(pk=run.pk)
