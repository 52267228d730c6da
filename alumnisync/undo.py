"""Undoing a finished run: first what would be put back, held until a person approves it as they would any run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Count

from alumnisync.engine.admission import Refused, approved_and_unfinished, clear_dead, version_to_undo_by
from alumnisync.engine.created import DEACTIVATE, LEAVE, may_switch_off
from alumnisync.engine.identity import UNLINK
from alumnisync.engine.plan import CREATED_UNIT
from alumnisync.engine.run import perform
from alumnisync.engine.undoing import IDS_LEFT, IDS_STAY, to_undo
from alumnisync.engine.undone import waiting
from alumnisync.models import ChangeRecord, FieldChange, Member, Question, Review, SyncRun
from alumnisync.review import Refusal, close_with
from mappings.rules import Rules, Side
from mappings.versions import rules_of

__all__ = [
    "CREATED_CHOICES",
    "Refused",
    "can_be_undone",
    "can_switch_off",
    "links_of",
    "prepare",
    "settle_created",
    "told",
    "undo",
    "units_of",
]

logger = logging.getLogger(__name__)

State = SyncRun.State
CREATED_CHOICES = (UNLINK, DEACTIVATE, LEAVE)
IS_OVER = "This is closed already."
NO_SWITCH = (
    "The rules do not say how a record is switched off there (“deactivate” of that side). "
    "Do it by hand in the system, then choose to leave it here."
)
PUT_BACK = (ChangeRecord.State.PLANNED, ChangeRecord.State.SENDING, ChangeRecord.State.DONE)
NOT_KEPT = "what its records held before is no longer kept, so it can't be put back."
FINAL = "wrote only to records that are written once and never changed. Correct them by hand there."
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


def told(run: SyncRun) -> dict[str, Any]:
    """What an undo puts back, or has put back: records by side; what it leaves alone, by reason; what it asks."""
    lines = run.changes.filter(kind=ChangeRecord.Kind.UPDATE, state__in=PUT_BACK).order_by()
    records = lines.values("side").annotate(count=Count("record", distinct=True)).values_list("side", "count")
    left = run.changes.filter(state=ChangeRecord.State.LEFT_ALONE).order_by()
    reasons = left.values("reason").annotate(count=Count("pk")).order_by("-count", "reason")
    asked = Review.objects.filter(run=run, unit=CREATED_UNIT).exclude(state=Question.State.CLOSED)
    return {
        "undoes": run.undoes_id,
        "put_back": {side.value: dict(records).get(side.value, 0) for side in Side},
        "left_alone": [*reasons, *({"reason": IDS_STAY, "count": ids} for ids in (run.counts.get(IDS_LEFT),) if ids)],
        "asked": asked.count(),
    }


def links_of(run: SyncRun, remote_id: str) -> list[int]:
    """The people of a run's sync that a record's id, of either side, stands for."""
    members = Member.objects.filter(sync=run.sync, record__remote_id=remote_id)
    return sorted(set(members.values_list("link_id", flat=True)))


def units_of(run: SyncRun, field: str) -> list[str]:
    """What a run wrote that is called so: a field pair or group by its key, or the field's path on either side."""
    rows = FieldChange.objects.filter(change__run=run).exclude(unit="").order_by()
    return sorted(
        {unit for unit, path in rows.values_list("unit", "path").distinct() if field in (unit, path, *unit.split("|"))}
    )


@transaction.atomic
def settle_created(review: Review, choice: str, *, by: str, comment: str = "") -> Review:
    """Say what becomes of a record that an undone run had created; the next run carries it out.

    choice: "unlink" (the two are not one person any more, and neither is linked or created again), "deactivate"
    (what the rules set to switch a record off), "leave". Raises Refusal.
    """
    review = Review.objects.select_for_update().get(pk=review.pk)
    if review.unit != CREATED_UNIT:
        raise Refusal("Only a record that an undone run had created is unlinked or switched off here.")
    if review.state in (Question.State.CLOSED, Question.State.HELD):
        raise Refusal(f"Decide about run {review.run_id} first." if review.state == Question.State.HELD else IS_OVER)
    if choice not in CREATED_CHOICES:
        raise Refusal(f"“{choice}” is no choice. Choose unlink, deactivate or leave.")
    if choice == DEACTIVATE and not can_switch_off(review):
        raise Refusal(NO_SWITCH)
    close_with(review, choice, by=by, comment=comment)
    if choice == LEAVE:
        review.state = Question.State.CLOSED
        review.save(update_fields=["state"])
    return review


def can_switch_off(review: Review) -> bool:
    """Whether the rules in force say how a record is switched off where this one was created."""
    version = review.link.sync.active_version()
    return version is not None and may_switch_off(rules_of(version).sides[Side(review.side)])


def can_be_undone(run: SyncRun) -> bool:
    """Whether a run is over and may have written something; a cheap answer for a button."""
    is_over = run.state not in UNFINISHED and _is_no_preview(run) and run.forgotten_at is None
    return is_over and to_undo(run, {}).exists()


def _is_no_preview(run: SyncRun) -> bool:
    return run.kind == SyncRun.Kind.RUN or run.approved_at is not None


def _refuse_unfinished(run: SyncRun) -> None:
    if run.forgotten_at is not None:
        raise Refused(f"Run {run.pk}: {NOT_KEPT}", run)
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
    if all(rules.sides[Side(side)].write_once for _, side in kinds):
        raise Refused(f"Run {run.pk} {FINAL}", run)


def _why_nothing(run: SyncRun, only: dict[str, Any]) -> str:
    if only and to_undo(run, {}).exists():
        return "it did not write these fields of these people."
    return "it wrote nothing, so there is nothing to undo."
