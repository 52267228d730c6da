"""Undos beside other runs: which still wait, so that no plan takes their lines over, and what they leave alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from django.db.models import Q, QuerySet
from django.utils import timezone

from alumnisync.models import ChangeRecord, FieldChange, SyncRun
from connectors import bulk
from mappings.models import MappingVersion, Sync

State = ChangeRecord.State
OTHER_RULES = "Other rules came into force, so this is not put back any more. Undo the run again to see what can be."
CHANGED_SINCE = "It changed after it was shown, so it stays as it is now."


def waiting(sync: Sync) -> QuerySet[SyncRun]:
    """Undos that are still to be planned, approved or carried out."""
    undos = sync.runs.filter(kind=SyncRun.Kind.UNDO).exclude(version__state=MappingVersion.State.RETIRED)
    on_their_way = (SyncRun.State.QUEUED, SyncRun.State.RUNNING, SyncRun.State.HELD)
    return undos.filter(Q(state__in=on_their_way) | Q(state=SyncRun.State.FAILED, approved_at__isnull=False))


def leave_units(
    changes: Iterable[ChangeRecord], fields: Mapping[int, Sequence[FieldChange]], fallen: Set[tuple[int | None, str]]
) -> None:
    """Of planned changes leave these (link, unit) as they are; what else is in the same change still goes."""
    whole, apart = [], []
    for change in changes:
        rows = [row for row in fields[change.pk] if (change.link_id, row.unit) in fallen]
        if len(rows) == len(fields[change.pk]):
            whole.append(change.pk)
        elif rows:
            apart.append((line_left(change, change.run_id, CHANGED_SINCE), rows))
    left = {"state": State.LEFT_ALONE, "reason": CHANGED_SINCE, "finished_at": timezone.now()}
    ChangeRecord.objects.filter(pk__in=whole).update(**left)
    bulk.insert(line for line, _ in apart)
    for line, rows in apart:
        for row in rows:
            row.change = line
    bulk.update((row for _, rows in apart for row in rows), ["change"])


def leave_rest(run: SyncRun) -> None:
    """What an undo could not put back is never tried again by itself: it is left, and listed with why."""
    run.changes.filter(state=State.DROPPED).update(state=State.LEFT_ALONE, reason=CHANGED_SINCE)
    run.changes.filter(state__in=(State.SET_ASIDE, State.CLOSED)).update(state=State.LEFT_ALONE)


def line_left(change: ChangeRecord, run: int, why: str) -> ChangeRecord:
    """What a run wrote, or was to put back, as a line of the undo `run` that says why it stays."""
    return change.line_like(run_id=run, state=State.LEFT_ALONE, reason=why, finished_at=timezone.now())
