"""Retention: values of history that are older than HISTORY_DAYS are removed, a bounded piece each minute.

What was changed, when, by which rule and whose decision stays; only the values go. Never those of anything
unfinished, never the bases, and nothing while an undo of the sync waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from alumnisync.engine.context import chunks
from alumnisync.models import ChangeRecord, Conflict, FieldChange, Question, Review, SyncRun
from connectors.records import MISSING

SHORTEST = 30
"""Days. The engine itself looks back at a week of its own writes."""
PIECE = 1_000
"""Changes whose values are removed in one go."""
State = SyncRun.State
OPEN_STATES = (State.QUEUED, State.RUNNING, State.HELD)


def kept_since(now: datetime | None = None) -> datetime | None:
    """From when on the values of history are kept; None: for ever."""
    if not settings.HISTORY_DAYS:
        return None
    return (now or timezone.now()) - timedelta(days=max(settings.HISTORY_DAYS, SHORTEST))


def forget(now: datetime | None = None) -> int:
    """Remove the values of a piece of what is too old; of how many rows. To be called again until it is 0."""
    since = kept_since(now)
    run = _too_old(since).first() if since else None
    if run is None:
        return 0
    with transaction.atomic():
        removed = _forget_fields(run) + _forget_bases(run)
        if removed < PIECE:
            _forget_questions(run)
            SyncRun.objects.filter(pk=run.pk).update(forgotten_at=timezone.now())
    return removed or 1


def _too_old(since: datetime) -> QuerySet[SyncRun]:
    """Runs that ended before, with nothing unfinished; the oldest first."""
    unfinished = ChangeRecord.objects.filter(run=OuterRef("pk"), state__in=ChangeRecord.UNFINISHED)
    goes_on = Q(state__in=OPEN_STATES) | Q(state=State.FAILED, approved_at__isnull=False)
    undoing = SyncRun.objects.filter(goes_on, sync=OuterRef("sync"), kind=SyncRun.Kind.UNDO)
    over = SyncRun.objects.filter(finished_at__lt=since, forgotten_at=None).exclude(state__in=OPEN_STATES)
    return over.exclude(Exists(unfinished)).exclude(Exists(undoing)).order_by("pk")


def _forget_fields(run: SyncRun) -> int:
    nothing = {"before": MISSING, "after": MISSING, "source": MISSING}
    rows = FieldChange.objects.filter(change__run=run).exclude(**nothing).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:PIECE])
    for some in chunks(ids):
        FieldChange.objects.filter(pk__in=some).update(**nothing)
    return len(ids)


def _forget_bases(run: SyncRun) -> int:
    """What a line moved bases to; the bases themselves stay."""
    ids = list(run.changes.exclude(settles={}).order_by("pk").values_list("pk", flat=True)[:PIECE])
    for some in chunks(ids):
        ChangeRecord.objects.filter(pk__in=some).update(settles={})
    return len(ids)


def _forget_questions(run: SyncRun) -> None:
    for model in (Conflict, Review):
        model.objects.filter(run=run, state=Question.State.CLOSED).update(shown={}, value=None)
