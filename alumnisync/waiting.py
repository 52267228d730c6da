"""What waits for a person: how much of it, in one statement."""

from __future__ import annotations

from django.db.models import Count, F, Q, QuerySet, Value

from alumnisync.models import Absence, ChangeRecord, Conflict, Match, Question, Review, SyncRun

KINDS = ("conflicts", "reviews", "matches", "absences", "held", "set_aside")

CONFLICTS = Q(state=Question.State.OPEN)
REVIEWS = Q(state=Question.State.OPEN)
MATCHES = Q(state=Match.State.OPEN)
# Whoever is only listed waits for nobody.
ABSENCES = Q(state=Absence.State.OPEN, asks=True)
# A run on hold waits; a preview waits until somebody approves it or a newer one takes its place.
HELD = Q(state=SyncRun.State.HELD) | Q(kind=SyncRun.Kind.PREVIEW, state=SyncRun.State.DONE, approved_at=None)
SET_ASIDE = Q(state=ChangeRecord.State.SET_ASIDE) | Q(state=ChangeRecord.State.SENDING)


def waiting_by_sync() -> dict[int, dict[str, int]]:
    """Sync → kind → how many wait. Syncs with nothing waiting are left out."""
    rows = _counted(Conflict.objects.filter(CONFLICTS), "conflicts", "link__sync").union(
        _counted(Review.objects.filter(REVIEWS), "reviews", "link__sync"),
        _counted(Match.objects.filter(MATCHES), "matches", "sync"),
        _counted(Absence.objects.filter(ABSENCES), "absences", "link__sync"),
        _counted(SyncRun.objects.filter(HELD), "held", "sync"),
        _counted(ChangeRecord.objects.filter(SET_ASIDE), "set_aside", "run__sync"),
        all=True,
    )
    found: dict[int, dict[str, int]] = {}
    for kind, sync, count in rows:
        found.setdefault(sync, dict.fromkeys(KINDS, 0))[kind] = count
    return found


def waiting() -> dict[str, int]:
    """Kind → how many wait, over all syncs."""
    by_sync = waiting_by_sync().values()
    return {kind: sum(counts[kind] for counts in by_sync) for kind in KINDS}


def _counted(
    rows: QuerySet[Conflict]
    | QuerySet[Review]
    | QuerySet[Match]
    | QuerySet[Absence]
    | QuerySet[SyncRun]
    | QuerySet[ChangeRecord],
    kind: str,
    sync: str,
) -> QuerySet:  # type: ignore[type-arg]
    named = rows.order_by().annotate(waiting_kind=Value(kind), of_sync=F(sync))
    return named.values_list("waiting_kind", "of_sync").annotate(waiting_count=Count("pk"))
