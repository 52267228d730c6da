"""What a person's decision does. Everything a button or a script may call; nothing here speaks to a system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from alumnisync.choosing import refusal_of
from alumnisync.engine.identity import MERGED
from alumnisync.engine.newcomers import shown_of
from alumnisync.engine.plan import CREATED_UNIT, RECORDED_UNIT
from alumnisync.engine.poll import accept_list
from alumnisync.engine.questions import reopen
from alumnisync.engine.trial import is_trial
from alumnisync.engine.tries import CREATE_UNIT
from alumnisync.engine.undone import OTHER_RULES
from alumnisync.engine.units import Base
from alumnisync.models import Absence, ChangeRecord, Conflict, Link, Match, Question, Review, SyncRun
from alumnisync.versions import activate
from connectors.models import Cursor, RemoteRecord
from mappings.models import MappingVersion, Sync, SyncSide
from mappings.rules import Side

CHOICES = ("left", "right", "value", "leave")
MATCH_CHOICES = ("link", "create", "ignore", "never")
DECIDED = "decided"
"""The rule of a field that is written because a person decided so."""
REFUSALS: Mapping[str, str] = {
    SyncRun.State.FAILED: "failed, so nobody can decide about it. Run the sync again: it goes on from there.",
    SyncRun.State.STOPPED: "was rejected or stopped. Run the sync again to see a new plan.",
    SyncRun.State.QUEUED: "is waiting to be carried out already.",
    SyncRun.State.RUNNING: "is under way. Wait until it has ended.",
}


class Refusal(ValueError):
    """A decision that can't be taken. The text is for people."""


@transaction.atomic
def decide(conflict: Conflict, choice: str, *, by: str, value: Any = None, comment: str = "") -> Conflict:
    """Decide a field that both sides changed; the next run carries it out.

    choice: "left" or "right" (that side's value), "value" (the own value given, for a group a dict of pair
    key → value), "leave" (both stay as they are and nobody is asked again). Raises Refusal.
    """
    conflict = Conflict.objects.select_for_update().get(pk=conflict.pk)
    if choice not in CHOICES:
        raise Refusal(f"“{choice}” is no choice. Choose left, right, value or leave.")
    if choice == "value" and value is None:
        raise Refusal("Say which value both sides shall have.")
    if conflict.state == Question.State.CLOSED:
        raise Refusal("This is closed already: the two sides agree, or one of them moved back.")
    _refuse_question_of_trial(conflict)
    own = _own_value(conflict, value) if choice == "value" else None
    close_with(conflict, choice, by=by, value=own, comment=comment)
    return conflict


@transaction.atomic
def approve(item: SyncRun | Review, *, by: str, comment: str = "") -> SyncRun | Review:
    """Let a preview, a held run or a reviewed change through. A run is then carried out by the next `sync`.

    Approving what a draft would do, of a sync that is live or paused, puts the draft in force.
    Raises Refusal in words for a plan that a newer one has replaced, or whose rules are no longer in force.
    """
    if isinstance(item, Review):
        return _approve_review(_sendable(item), by, comment)
    run = SyncRun.objects.select_for_update().select_related("version", "sync").get(pk=item.pk)
    _refuse_outdated(run)
    run.approved_at, run.approved_by, run.state = timezone.now(), by, SyncRun.State.QUEUED
    run.holds = [{**item, "waits": False} for item in run.holds]
    # Of a queued run it says when the queue may be given it again.
    run.lease_until = None
    run.save(update_fields=["approved_at", "approved_by", "state", "lease_until", "holds"])
    if run.version.state == MappingVersion.State.DRAFT and run.sync.state != Sync.State.DRAFT:
        # Else the next run would plan by the former rules, and put back what these changed.
        activate(run.version)
    if run.version.approved_at is None:
        run.version.approved_at, run.version.approved_by = run.approved_at, by
        run.version.save(update_fields=["approved_at", "approved_by"])
    for model in (Conflict, Review):
        model.objects.filter(run=run, state=Question.State.HELD).update(state=Question.State.OPEN)
    Absence.objects.filter(link__sync=run.sync, state=Absence.State.HELD).update(state=Absence.State.OPEN)
    # An undo says nothing about who is there.
    for cursor in _lists_of(run) if run.kind != SyncRun.Kind.UNDO else ():
        accept_list(cursor)
    return run


@transaction.atomic
def reject(item: SyncRun | Review, *, by: str, why: str) -> SyncRun | Review:
    """Refuse a plan or a reviewed change: bases stay, and each refused value is remembered until it moves on."""
    if isinstance(item, Review):
        review = _sendable(item)
        _refuse_question_of_trial(review)
        return reject_review(review, by, why)
    run = SyncRun.objects.select_for_update().select_related("version", "sync").get(pk=item.pk)
    _refuse_outdated(run)
    run.state, run.reason = SyncRun.State.STOPPED, f"Rejected by {by}: {why}"
    run.save(update_fields=["state", "reason"])
    if is_trial(run.version) or run.kind == SyncRun.Kind.UNDO:
        # What an undo shows is as the sync wants it: refusing to put it back refuses no value.
        _drop_lines(run, why)
        return run
    refuse_lines(run.changes.filter(state__in=(ChangeRecord.State.PLANNED, ChangeRecord.State.HELD)), why)
    held = Review.objects.select_for_update().filter(run=run, state=Question.State.HELD)
    # That a record in the books changed stays to be looked at, whatever becomes of a plan.
    held.filter(unit=RECORDED_UNIT).update(state=Question.State.OPEN)
    for review in held.exclude(unit=RECORDED_UNIT):
        reject_review(review, by, why)
    return run


@transaction.atomic
def tick_off(review: Review, *, by: str, comment: str = "") -> Review:
    """Say that what changed after it was recorded is corrected by hand, or needs no correction. Raises Refusal."""
    review = Review.objects.select_for_update().get(pk=review.pk)
    if review.unit != RECORDED_UNIT:
        raise Refusal("Only what changed after it was recorded is ticked off. Let this change through, or refuse it.")
    if review.state == Question.State.CLOSED:
        raise Refusal("This is closed already: the two sides agree by now.")
    _refuse_question_of_trial(review)
    close_with(review, "leave", by=by, comment=comment)
    return review


def _sendable(review: Review) -> Review:
    """The review, locked. Raises Refusal for one that nothing is ever sent for."""
    row = Review.objects.select_for_update().get(pk=review.pk)
    if row.unit == CREATED_UNIT:
        raise Refusal("Say what becomes of the new record: unlink, deactivate or leave.")
    if row.unit == RECORDED_UNIT:
        raise Refusal("Nothing is sent for this: correct it by hand there, then tick it off.")
    return row


@transaction.atomic
def settle_match(match: Match, choice: str, *, by: str, record: RemoteRecord | None = None, comment: str = "") -> Match:
    """Decide a possible match: link (with which record), create a new one, ignore for now, or never the same.

    record: one of the candidates, or any other of the other side that is there, takes part and is free; may be left
    out where there is one candidate alone. Raises Refusal.
    """
    match = Match.objects.select_for_update().get(pk=match.pk)
    if choice not in MATCH_CHOICES:
        raise Refusal(f"“{choice}” is no choice. Choose link, create, ignore or never.")
    if match.state == Match.State.CLOSED:
        raise Refusal("This question is closed already.")
    if match.rule == MERGED and choice != "link":
        raise Refusal("Two linked people were merged there: say which of the two it is from now on.")
    if choice == "create" and match.record.unnamed:
        raise Refusal("This change does not say whom it is about, so nobody can be created from it.")
    candidates = list(match.candidates.all())
    if choice == "link" and record is None and len(candidates) == 1:
        record = candidates[0]
    if choice == "link" and (problem := refusal_of(match, record)):
        raise Refusal(problem)
    match.choice, match.chosen, match.state = choice, record, Match.State.DECIDED
    match.decided_by, match.decided_at, match.comment = by, timezone.now(), comment
    match.save(update_fields=["choice", "chosen", "state", "decided_by", "decided_at", "comment"])
    return match


def _drop_lines(run: SyncRun, why: str) -> None:
    """Refuse what a draft would do: the values it shows may still come by the rules in force, so none is remembered."""
    waiting = run.changes.filter(state__in=(ChangeRecord.State.PLANNED, ChangeRecord.State.HELD))
    waiting.update(state=ChangeRecord.State.REJECTED, reason=why, finished_at=timezone.now())
    for model in (Conflict, Review):
        model.objects.filter(run=run, state=Question.State.HELD).update(state=Question.State.CLOSED)


def _refuse_question_of_trial(question: Conflict | Review) -> None:
    version = question.run.version
    # Held by a safety limit is another thing: a person may well decide one of those.
    is_held = question.state == Question.State.HELD and version.state == MappingVersion.State.RETIRED
    if is_held or (question.run.approved_at is None and is_trial(version)):
        raise Refusal(
            f"Run {question.run_id} asks this by rules that are not in force. Approve or reject that run first."
        )


def _own_value(conflict: Conflict, value: Any) -> dict[str, Any]:
    pairs = sorted({*conflict.shown.get("left", {}), *conflict.shown.get("right", {})})
    if len(pairs) == 1 and not (isinstance(value, Mapping) and set(value) == set(pairs)):
        return {pairs[0]: value}
    if not isinstance(value, Mapping) or set(value) != set(pairs):
        raise Refusal("These fields belong together: give a value for each of them.")
    return dict(value)


def close_with(
    question: Conflict | Review,
    choice: str,
    *,
    by: str,
    value: dict[str, Any] | None = None,
    comment: str = "",
) -> None:
    """Keep what somebody decided."""
    question.choice, question.value, question.comment = choice, value, comment
    question.state = Question.State.DECIDED
    question.decided_by, question.decided_at = by, timezone.now()
    question.save(update_fields=["choice", "value", "comment", "state", "decided_by", "decided_at"])


def _approve_review(review: Review, by: str, comment: str) -> Review:
    if review.state == Question.State.CLOSED:
        raise Refusal("This change is closed already.")
    _refuse_question_of_trial(review)
    close_with(review, Side(review.side).other.value, by=by, comment=comment)
    return review


def reject_review(review: Review, by: str, why: str) -> Review:
    """Refuse a change that was to be reviewed, and remember its value. Raises Refusal."""
    if review.state == Question.State.CLOSED:
        raise Refusal("This change is closed already.")
    sender = Side(review.side).other
    close_with(review, "leave", by=by, comment=why)
    if review.link.state == Link.State.ACTIVE:
        _remember_refused(review.link, sender, review.shown.get(sender.value, {}))
        review.link.save(update_fields=["bases"])
        review.state = Question.State.CLOSED
        review.save(update_fields=["state"])
    return review


def refuse_lines(waiting: QuerySet[ChangeRecord], why: str) -> None:
    """Refuse planned or held changes: bases stay, and each value is remembered until it moves on."""
    changes = list(waiting.select_related("run").prefetch_related("fields"))
    links = Link.objects.select_for_update().in_bulk([change.link_id for change in changes if change.link_id])
    for change in changes:
        if change.link_id in links:
            _remember(links[change.link_id], change)
    Link.objects.bulk_update(links.values(), ["bases"])
    reopen((change.link_id or 0, row.unit) for change in changes for row in change.fields.all() if row.rule == DECIDED)
    _refuse_creates([change for change in changes if change.kind == ChangeRecord.Kind.CREATE], why)
    # Bases that only catch up with what both sides hold are refused by nobody: they come again.
    ChangeRecord.objects.filter(pk__in=[change.pk for change in changes if _catches_up(change)]).update(
        state=ChangeRecord.State.DROPPED, reason=why, finished_at=timezone.now()
    )
    waiting.update(state=ChangeRecord.State.REJECTED, reason=why, finished_at=timezone.now())


def _catches_up(change: ChangeRecord) -> bool:
    return change.kind == ChangeRecord.Kind.SETTLE and not change.fields.all()


def _remember(link: Link, change: ChangeRecord) -> None:
    """Keep in the bases which values were refused; a decision is asked about again instead."""
    if change.kind not in (ChangeRecord.Kind.UPDATE, ChangeRecord.Kind.SETTLE) or not change.side:
        return
    side = Side(change.side)
    # A removal is a line of the side that lost its value, a write one of the side that would get it.
    sender = side if change.kind == ChangeRecord.Kind.SETTLE else side.other
    rows = [row for row in change.fields.all() if row.pair and row.rule != DECIDED]
    _remember_refused(link, sender, {row.pair: row.source for row in rows})


def _refuse_creates(changes: list[ChangeRecord], why: str) -> None:
    """A create that was refused stays so, as a review that says no, until its record changes."""
    links = [change.link_id for change in changes]
    old = Review.objects.filter(link__in=links, unit=CREATE_UNIT).exclude(state=Question.State.CLOSED)
    old.update(state=Question.State.CLOSED)
    Review.objects.bulk_create(
        Review(
            run=change.run,
            link_id=change.link_id,
            unit=CREATE_UNIT,
            side=change.side,
            state=Question.State.DECIDED,
            shown=shown_of(Side(change.side).other, {row.pair: row.source for row in change.fields.all() if row.pair}),
            reason="the run was rejected",
            choice="leave",
            comment=why,
            decided_at=timezone.now(),
        )
        for change in changes
        if change.link_id
    )


def _remember_refused(link: Link, sender: Side, values: Mapping[str, Any]) -> None:
    for pair, raw in values.items():
        base = Base.load(link.bases.get(pair, {}))
        base = replace(base, refused={**base.refused, sender: raw})
        link.bases = {**link.bases, pair: base.dump()}


def _refuse_outdated(run: SyncRun) -> None:
    is_over = run.state == SyncRun.State.SUPERSEDED or run.version.state == MappingVersion.State.RETIRED
    if is_over and run.kind == SyncRun.Kind.UNDO:
        raise Refusal(f"Run {run.pk} is out of date. {run.reason or OTHER_RULES}")
    if run.state == SyncRun.State.SUPERSEDED:
        newer = run.sync.runs.filter(pk__gt=run.pk).order_by("-pk").first()
        raise Refusal(f"Run {run.pk} is out of date: run {newer.pk if newer else '?'} looked at everything anew.")
    if run.version.state == MappingVersion.State.RETIRED:
        raise Refusal(f"Run {run.pk} was worked out by rules that are no longer in force. Run the sync again.")
    if run.state in REFUSALS:
        raise Refusal(f"Run {run.pk} {REFUSALS[run.state]}")
    is_shown = run.kind == SyncRun.Kind.PREVIEW and run.approved_at is None
    if run.state != SyncRun.State.HELD and not is_shown:
        raise Refusal(f"Run {run.pk} is over: there is nothing in it to decide.")


def _lists_of(run: SyncRun) -> list[Cursor]:
    sides = SyncSide.objects.filter(version=run.version)
    return [
        cursor for side in sides
        if (cursor := Cursor.objects.filter(connection=side.connection, object_type=side.object_type).first())
        and cursor.list_verdict
    ]  # fmt: skip
