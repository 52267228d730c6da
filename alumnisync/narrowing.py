"""Letting a part of a held run through: what a safety limit stopped is let go, dropped, or stays on hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction

from alumnisync.engine.guard import WHOLE, Hold
from alumnisync.engine.holding import held_by, hold, reviews_of
from alumnisync.models import Question, SyncRun
from alumnisync.review import Refusal, approve, refuse_lines, reject_review

GO, DROP, WAIT = "go", "drop", "wait"
NOTHING_LEFT = "Then nothing of it is let through. Leave the run as it is: the next one looks again."


def can_be_narrowed(item: Hold) -> bool:
    """Whether the rest of a run can be let through without it: a limit on one field, or on new records."""
    return item.guard not in WHOLE


@transaction.atomic
def approve_part(run: SyncRun, *, by: str, drop: Collection[str] = (), wait: Collection[str] = ()) -> SyncRun:
    """Let a held run or a preview through, but for some of what its safety limits stopped.

    drop: keys of holds whose changes are refused: bases stay, and each value is remembered until it moves on.
    wait: keys of holds that stay on hold; the next run looks at them again. Raises Refusal.
    """
    run = SyncRun.objects.select_for_update().select_related("version", "sync").get(pk=run.pk)
    holds = {item.key: item for item in map(Hold.load, run.holds)}
    _refuse_nonsense(holds, {*drop, *wait})
    apart = [holds[key] for key in (*drop, *wait)]
    if not drop and set(wait) == set(holds) and holds:
        raise Refusal(NOTHING_LEFT)
    # Of a version that was never approved nothing was set apart yet.
    hold(run, apart)
    approved = approve(run, by=by)
    assert isinstance(approved, SyncRun)  # noqa: S101 - tells the type checker which of the two it is
    for key in drop:
        _drop(approved, holds[key], by)
    waiting = [holds[key] for key in wait if key not in drop]
    for item in waiting:
        reviews_of(approved, item, Question.State.OPEN).update(state=Question.State.HELD, reason=item.reason)
    kept = [{**item.as_json(), "waits": item in waiting} for key, item in holds.items() if key not in drop]
    approved.holds = kept
    approved.save(update_fields=["holds"])
    return approved


def _refuse_nonsense(holds: Mapping[str, Hold], chosen: Collection[str]) -> None:
    for key in chosen:
        if key not in holds:
            raise Refusal("This is not on hold in this run any more. Look at it again.")
        if not can_be_narrowed(holds[key]):
            raise Refusal("This stops everything, so it is let go as a whole, or rejected.")


def _drop(run: SyncRun, item: Hold, by: str) -> None:
    why = f"Dropped by {by}: {item.reason}"
    refuse_lines(run.changes.filter(held_by(item)), why)
    # Approving has opened them.
    for review in reviews_of(run, item, Question.State.OPEN):
        reject_review(review, by, why)
