"""How a run ended: its counts, its state, and what is open after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from alumnisync.engine.context import Context
from alumnisync.engine.poll import Polled
from alumnisync.engine.units import SIDES
from alumnisync.models import ChangeRecord, Conflict, Match, Question, Review, SyncRun
from mappings.models import Sync
from mappings.rules import Side

State = SyncRun.State
WRITTEN = {
    "created": ChangeRecord.Kind.CREATE,
    "updated": ChangeRecord.Kind.UPDATE,
    "stamped": ChangeRecord.Kind.STAMP,
}


def note_poll(ctx: Context, side: Side, polled: Polled, appeared: Iterable[str] = ()) -> None:
    """Keep what polling a side came to. appeared: fields that are there, but in no record that was read."""
    run = ctx.run
    for name in ("read", "changed", "gone", "left_out"):
        run.counts.setdefault(name, {})[side.value] = getattr(polled, name)
    if polled.shorter is not None:
        run.counts.setdefault("figures", {}).setdefault("list", {})[side.value] = polled.shorter
    run.counts.setdefault("new_fields", {})[side.value] = {**dict.fromkeys(sorted(appeared)), **polled.new_fields}
    ctx.keep("counts")


def close_run(ctx: Context) -> None:
    """Store counts and state of a run that came to its end. Raises LeaseLost."""
    run = ctx.run
    count_written(run)
    read, changed = run.counts.get("read", {}), run.counts.get("changed", {})
    run.counts["unchanged"] = sum(read.values()) - sum(changed.values())
    run.finished_at = timezone.now()
    run.state = _state(run)
    ended = {"state": run.state, "counts": run.counts, "finished_at": run.finished_at}
    with ctx.lease.held():
        # Whoever asked it to stop came too late.
        SyncRun.objects.filter(pk=run.pk).update(**ended, reason="")


def count_written(run: SyncRun) -> None:
    """Put how many records were written on each side into the run's counts."""
    done = run.changes.filter(state=ChangeRecord.State.DONE).order_by().values_list("kind", "side")
    # What is blank by now, since the person was erased, was a record each.
    counted = done.annotate(records=Count("record", distinct=True) + Count("pk", filter=Q(record=None)))
    written = {(kind, side): records for kind, side, records in counted}
    for name, kind in WRITTEN.items():
        run.counts[name] = {side.value: written.get((kind, side.value), 0) for side in SIDES}


def _state(run: SyncRun) -> SyncRun.State:
    if run.holds:
        return State.HELD
    unsent = Q(state__in=(ChangeRecord.State.SET_ASIDE, ChangeRecord.State.SENDING))
    # What an undo tried to put back in vain is left alone.
    unfinished = run.changes.filter(unsent | Q(state=ChangeRecord.State.LEFT_ALONE, attempts__gt=0))
    return State.PARTIAL if unfinished.exists() else State.DONE


def open_items(sync: Sync) -> dict[str, int]:
    """How much of a sync waits: for a person, or for another try."""
    waiting = Q(state=ChangeRecord.State.SET_ASIDE) | Q(state=ChangeRecord.State.SENDING)
    questions = {"link__sync": sync, "state": Question.State.OPEN}
    return {
        "conflicts": Conflict.objects.filter(**questions).count(),
        "reviews": Review.objects.filter(**questions).count(),
        "matches": Match.objects.filter(sync=sync, state=Match.State.OPEN).count(),
        "set_aside": ChangeRecord.objects.filter(waiting, run__sync=sync).count(),
    }


def summary(run: SyncRun) -> dict[str, Any]:
    """The run as `sync --json` tells it."""
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else timedelta()
    # The clock may have been put back meanwhile.
    seconds = max(0.0, took.total_seconds())
    zero = {side.value: 0 for side in SIDES}
    counted = {name: run.counts.get(name, dict(zero)) for name in ("read", "changed", *WRITTEN)}
    held = [{name: item[name] for name in ("guard", "field", "direction", "count", "reason")} for item in run.holds]
    return {
        "sync": run.sync.name,
        "run": run.pk,
        "state": run.state,
        **counted,
        "unchanged": run.counts.get("unchanged", 0),
        **open_items(run.sync),
        "held": held,
        "seconds": round(seconds, 3),
        **({"reason": run.reason} if run.reason else {}),
    }
