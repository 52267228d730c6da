"""What a person says to somebody who is no longer found. Nothing here speaks to a system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from alumnisync.models import Absence
from alumnisync.review import Refusal

CHOICES = tuple(Absence.Choice)
OVER = "This is closed already: the record was seen again, or the two are linked no more."
HELD = "Run {run} is on hold because so many went at once. Decide about the run first."
MOVED = "This has changed since you opened the page, so nothing was decided. Look at it again."


@dataclass
class Tally:
    """What came of deciding many. problems: why some could not be, a sentence each."""

    decided: int = 0
    problems: list[str] = field(default_factory=list)


@transaction.atomic
def settle_absence(absence: Absence, choice: str, *, by: str, comment: str = "", seen: str | None = None) -> Absence:
    """Decide about somebody who is no longer found; the next run carries it out. Raises Refusal.

    choice: "keep" (they stay linked as they are, and nobody is asked again until the record is seen) or "unlink"
    (linked no more, and neither linked nor created again by itself). seen: the mark of what was on the screen.
    """
    row = Absence.objects.select_for_update().get(pk=absence.pk)
    if choice not in CHOICES:
        raise Refusal(f"“{choice}” is no choice. Choose keep or unlink.")
    if row.state == Absence.State.CLOSED:
        raise Refusal(OVER)
    if row.state == Absence.State.HELD:
        raise Refusal(HELD.format(run=row.run_id))
    if seen is not None and seen != mark_of(row):
        raise Refusal(MOVED)
    row.choice, row.state, row.comment = choice, Absence.State.DECIDED, comment
    row.decided_by, row.decided_at = by, timezone.now()
    row.save(update_fields=["choice", "state", "comment", "decided_by", "decided_at"])
    return row


@transaction.atomic
def settle_absences(ticks: Iterable[str], choice: str, *, by: str, comment: str = "") -> Tally:
    """Decide about several, each as it was seen; a tick is `id.mark`."""
    tally = Tally()
    marks = {int(pk): mark for pk, _, mark in (tick.partition(".") for tick in ticks) if pk.isdecimal()}
    for row in Absence.objects.filter(pk__in=marks).order_by("pk"):
        try:
            settle_absence(row, choice, by=by, comment=comment, seen=marks[row.pk])
        except Refusal as refusal:
            tally.problems.append(str(refusal))
        else:
            tally.decided += 1
    return tally


def mark_of(row: Absence) -> str:
    """What tells whether it is still what somebody saw."""
    return f"{row.kind}-{row.record_id}-{row.state}-{row.choice}"
