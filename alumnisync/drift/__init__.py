"""The differences between the two sides of a sync: all linked people compared, counted by field and by reason.

On demand and weekly. A report holds counts and ids; whoever wants the values works through the list itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django_q.tasks import async_task

from alumnisync.drift.comparing import Comparing, NotReady, SeenPerson
from alumnisync.drift.reasons import Reason
from alumnisync.drift.telling import tell
from alumnisync.engine import faults
from alumnisync.models import DriftReport, Link, SyncRun
from mappings.models import Sync

__all__ = ["NotReady", "ask", "ask_weekly", "compare", "make", "take_up_lost", "tally"]

MOST_NAMED = 20
"""Examples of one field and reason."""
WEEK = timedelta(days=7)
LOST_AFTER = timedelta(hours=1)
"""A comparison that takes longer was lost by the queue, or its process died."""


def ask(sync: Sync, *, by: str) -> DriftReport:
    """A comparison that a worker makes soon; the one that waits already, where one does. by: "" is the weekly one."""
    with transaction.atomic():
        # Of several workers, or people, at once one makes it.
        Sync.objects.select_for_update().get(pk=sync.pk)
        waiting = DriftReport.objects.filter(sync=sync, made_at=None, problem="").first()
        if waiting is not None:
            return waiting
        report = DriftReport.objects.create(sync=sync, asked_at=timezone.now(), asked_by=by)
        _hand_over(report.pk)
    return report


def compare(report_id: int) -> None:
    """Make a comparison that was asked for. Safe to be called twice: whoever comes second leaves it alone."""
    now = timezone.now()
    free = Q(started_at=None) | Q(started_at__lt=now - LOST_AFTER)
    waiting = DriftReport.objects.filter(free, pk=report_id, made_at=None, problem="")
    if not waiting.update(started_at=now):
        return
    report = DriftReport.objects.select_related("sync").get(pk=report_id)
    try:
        _fill(report)
    except NotReady as error:
        report.problem = str(error)
    except Exception as error:
        report.problem = faults.report(error, "while differences were looked for")
    report.save()
    if not report.asked_by:
        tell(report)


def make(sync: Sync, *, by: str) -> DriftReport:
    """Compare in this process. Raises NotReady."""
    now = timezone.now()
    report = DriftReport(sync=sync, asked_at=now, started_at=now, asked_by=by)
    _fill(report)
    report.save()
    return report


def ask_weekly(now: datetime) -> None:
    """Ask for a comparison of each live sync that wants one weekly and had none for a week."""
    recent = DriftReport.objects.filter(sync=OuterRef("pk"), asked_at__gt=now - WEEK)
    linked = Link.objects.filter(sync=OuterRef("pk"), state=Link.State.ACTIVE)
    busy = SyncRun.objects.filter(sync=OuterRef("pk"), state=SyncRun.State.RUNNING)
    wanted = Sync.objects.filter(state=Sync.State.LIVE, drift_report=Sync.DriftReports.WEEKLY)
    # Not beside a run: what is being sent at the moment is no difference anybody wants to hear of.
    for sync in wanted.filter(Exists(linked)).exclude(Exists(recent)).exclude(Exists(busy)):
        ask(sync, by="")


def take_up_lost(now: datetime) -> None:
    """Hand over again what the queue lost, or a dead process left."""
    lost = now - LOST_AFTER
    waiting = DriftReport.objects.filter(made_at=None, problem="", asked_at__lt=lost)
    for pk in waiting.filter(Q(started_at=None) | Q(started_at__lt=lost)).values_list("pk", flat=True):
        _hand_over(pk)


def tally(people: Iterable[SeenPerson]) -> dict[str, Any]:
    """What a report says of these people."""
    compared = differing = 0
    outside: Counter[str] = Counter()
    fields: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for one in people:
        if one.outside is not None:
            outside[one.outside.value] += 1
            continue
        compared += 1
        differing += bool(one.differences)
        for each in one.fields:
            fields[each.pair][each.reason.value] += 1
            named = examples[each.pair][each.reason.value] if each.reason.is_difference else None
            if named is not None and len(named) < MOST_NAMED:
                named.append(one.link.pk)
    return {
        "people": compared,
        "differing": differing,
        "outside": dict(outside),
        "fields": {pair: dict(counts) for pair, counts in fields.items()},
        "examples": {pair: {why: ids for why, ids in by.items() if ids} for pair, by in examples.items()},
    }


def _fill(report: DriftReport) -> None:
    comparing = Comparing(report.sync)
    report.number = comparing.word.version.number
    report.counts = tally(comparing.everybody())
    report.unknown = sum(counts.get(Reason.UNKNOWN.value, 0) for counts in report.counts["fields"].values())
    report.made_at = timezone.now()


def _hand_over(pk: int) -> None:
    # Where the queue is down, the tick does it later.
    transaction.on_commit(partial(async_task, "alumnisync.tasks.compare", pk), robust=True)
