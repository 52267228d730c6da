"""Undoing a finished run: first what would be put back, held until a person approves it as they would any run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from alumnisync.engine.admission import Refused, approved_and_unfinished, clear_dead, version_to_undo_by
from alumnisync.engine.run import perform
from alumnisync.engine.undoing import to_undo, waiting
from alumnisync.models import ChangeRecord, SyncRun
from mappings.rules import Rules
from mappings.versions import rules_of

__all__ = ["Refused", "can_be_undone", "prepare", "undo"]

logger = logging.getLogger(__name__)

State = SyncRun.State
UNFINISHED = {
    State.QUEUED: "has not begun. Stop it instead",
    State.RUNNING: "is under way. Stop it, or wait until it has ended",
    State.HELD: "is on hold. Approve or reject it first",
}


def undo(
    run: SyncRun,
    *,
    by: str,
    links: Iterable[int] | None = None,
    units: Iterable[str] | None = None,
    say: Callable[[str], None] = logger.info,
) -> SyncRun:
    """Work out, in this process, what undoing a finished run would put back; nothing is put back yet.

    The run that comes of it is held, and carried out once it is approved like any other (`review.approve`, then
    `engine.run.finish_approved`); with nothing to put back it is done. by: who wants it; links, units: only these
    people, and only these field pairs or groups. Raises Refused and Busy.
    """
    clear_dead(run.sync, say)
    return perform(prepare(run, by=by, links=links, units=units), say)


def prepare(
    run: SyncRun, *, by: str, links: Iterable[int] | None = None, units: Iterable[str] | None = None
) -> SyncRun:
    """The undo as a run that is not stored yet. Raises Refused; its `run` is the one that stands in the way."""
    only: dict[str, Any] = {"links": sorted(set(links or ())), "units": sorted(set(units or ()))}
    only = {name: these for name, these in only.items() if these}
    _refuse_unfinished(run)
    version = version_to_undo_by(run.sync)
    _refuse_waiting(run)
    _refuse_nothing(run, only, rules_of(version))
    former = run.undone_by.filter(state=State.FAILED).exclude(approved_at=None)
    former.update(state=State.SUPERSEDED, reason="It was undone anew.")
    return SyncRun(sync=run.sync, version=version, kind=SyncRun.Kind.UNDO, undoes=run, only=only, requested_by=by)


def can_be_undone(run: SyncRun) -> bool:
    """Whether a run is over and may have written something; a cheap answer for a button."""
    is_over = run.state not in UNFINISHED and _is_no_preview(run)
    return is_over and to_undo(run, {}).exists()


def _is_no_preview(run: SyncRun) -> bool:
    return run.kind == SyncRun.Kind.RUN or run.approved_at is not None


def _refuse_unfinished(run: SyncRun) -> None:
    if not _is_no_preview(run):
        raise Refused(
            f"Run {run.pk} only showed what would happen: nothing was written, so there is nothing to undo.", run
        )
    if run.state in UNFINISHED:
        raise Refused(f"Run {run.pk} {UNFINISHED[State(run.state)]}; then undo it.", run)
    if approved_and_unfinished(run.sync) == run:
        raise Refused(f"Run {run.pk} was approved and is not finished. Run the sync: it goes on with it.", run)


def _refuse_waiting(run: SyncRun) -> None:
    there = waiting(run.sync).filter(undoes=run).exclude(state=State.FAILED).first()
    if there is None:
        return
    says = "waits for your OK. Approve or reject that first" if there.state == State.HELD else "does so already"
    raise Refused(f"Run {run.pk} is being undone: run {there.pk} {says}.", there)


def _refuse_nothing(run: SyncRun, only: dict[str, Any], rules: Rules) -> None:
    changes = to_undo(run, only)
    if not changes.exists():
        raise Refused(f"Run {run.pk}: {_why_nothing(run, only)}", run)
    kinds = set(changes.order_by().values_list("kind", "side").distinct())
    if {kind for kind, _ in kinds} == {ChangeRecord.Kind.STAMP}:
        raise Refused(f"Run {run.pk} only wrote ids, which say who is who. They stay.", run)
    if not any(rules.sides[side].only_creates for side in rules.sides):
        return
    final = {side.value for side, each in rules.sides.items() if each.only_creates}
    booked = {side.value for side, each in rules.sides.items() if each.write_once}
    if all(side in (booked if kind == ChangeRecord.Kind.CREATE else final) for kind, side in kinds):
        raise Refused(
            f"Run {run.pk} wrote only to records that are written once and never changed. Correct them by hand there.",
            run,
        )


def _why_nothing(run: SyncRun, only: dict[str, Any]) -> str:
    if only and to_undo(run, {}).exists():
        return "it did not write these fields of these people."
    written = any(sum(run.counts.get(name, {}).values()) for name in ("created", "updated", "stamped"))
    if written and not run.changes.exists():
        return "what its records held before is no longer kept, so it can't be put back."
    return "it wrote nothing, so there is nothing to undo."
