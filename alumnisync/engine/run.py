"""A run from start to end: poll, match, plan, guard, push, settle, in this process.

One live run of a sync at a time; a run whose process died is taken over, and what it left open is finished
(where a person had approved it) or planned anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from django.utils import timezone

from alumnisync.alerts import tell
from alumnisync.describing import Misfit
from alumnisync.engine import absences, outage, points, trial
from alumnisync.engine.acknowledge import acknowledge
from alumnisync.engine.admission import (
    Busy,
    Refused,
    approved_and_unfinished,
    clear_dead,
    refuse_unless_live,
    supersede,
    version_for,
)
from alumnisync.engine.approval import drop_creates_found, drop_what_moved
from alumnisync.engine.context import Context, End
from alumnisync.engine.created import dissolve
from alumnisync.engine.diary import Diary
from alumnisync.engine.draft import draft
from alumnisync.engine.faults import FaultyRun, reference_of, report, without_words
from alumnisync.engine.guard import WHOLE, Hold, limits
from alumnisync.engine.holding import guard, hold
from alumnisync.engine.lease import Lease, LeaseLost, StopAsked
from alumnisync.engine.match import match
from alumnisync.engine.mergers import follow_mergers
from alumnisync.engine.opening import match_reader, open_run, release
from alumnisync.engine.poll import ListLimits, Polled, fewer, poll, wanted_fields
from alumnisync.engine.push import push
from alumnisync.engine.reconcile import fields_for, reconcile
from alumnisync.engine.recover import await_requests, close_creates, recognise_creates, recover
from alumnisync.engine.report import close_run, count_written, note_poll
from alumnisync.engine.settle import move_bases
from alumnisync.engine.undoing import draft_undo
from alumnisync.engine.undone import leave_rest
from alumnisync.engine.units import SIDES
from alumnisync.engine.whose import give_rows
from alumnisync.models import ChangeRecord, SyncRun
from connectors.records import ConnectorError
from mappings.models import MappingVersion, Sync, SyncSide
from mappings.rules import Rules, Side
from mappings.transforms import ExpressionError
from mappings.versions import rules_of

__all__ = ["Busy", "Refused", "finish_approved", "perform", "run_sync"]

logger = logging.getLogger(__name__)

State = SyncRun.State
UNAPPROVED = "These rules were never approved: look at what they would do, then approve this run."
STOOD_STILL = (
    "This machine stood still for minutes, or its clock was set, so the run stopped before it wrote anything more. "
    "The next run goes on from there."
)


def run_sync(sync: Sync, *, preview: bool = False, by: str = "", say: Callable[[str], None] = logger.info) -> SyncRun:
    """One run of a sync, start to end; with `preview` nothing is written anywhere.

    Takes over an approved run whose process died and finishes that one. by: who wants it; "" is its schedule.
    say: where progress goes, in words.
    Raises Busy and Refused; whatever goes wrong later ends the run as failed, with the reason on it.
    """
    clear_dead(sync, say)
    if not preview and (approved := approved_and_unfinished(sync)):
        return perform(approved, say)
    version = version_for(sync, preview=preview)
    kind = SyncRun.Kind.PREVIEW if preview else SyncRun.Kind.RUN
    return perform(SyncRun(sync=sync, version=version, kind=kind, requested_by=by), say)


def finish_approved(run: SyncRun, *, say: Callable[[str], None] = logger.info) -> SyncRun:
    """Carry out a run that a person approved, exactly as it was shown. Raises Busy and Refused."""
    if run.approved_at is None:
        raise Refused(f"Run {run.pk} was not approved.")
    if run.kind != SyncRun.Kind.UNDO:
        refuse_unless_live(run.sync, "The approval is kept: the first run once it is live carries it out.")
    clear_dead(run.sync, say)
    return perform(run, say)


def perform(run: SyncRun, say: Callable[[str], None] = logger.info) -> SyncRun:
    """Work through a run, store how it ended, whatever happens, and tell who wants to know. Raises Busy and Refused."""
    lease = Lease(run)
    if not lease.take():
        raise Busy(f"Another run of {run.sync} is under way. Wait until it has ended.")
    points.reached(points.STARTED)
    diary = Diary(lease, say)
    try:
        misfit = _work(run, lease, diary)
    except LeaseLost as error:
        raise Busy(str(error)) from error
    finally:
        outage.persist(diary.save)
        outage.persist(lambda: release(lease))
    run.refresh_from_db()
    tell(run)
    if misfit is not None:
        raise Refused(str(misfit), run) from misfit
    return run


def _work(run: SyncRun, lease: Lease, say: Callable[[str], None]) -> Misfit | None:
    """Walk through a run under its lease; what of its rules doesn't fit the systems. Raises LeaseLost."""
    ctx: Context | None = None
    try:
        ctx = open_run(run, lease, say)
        _way_of(run)(ctx)
        close_run(ctx)
    except LeaseLost:
        # Where nobody took the run over it must not stay under way: this process lives on.
        if not _end(run, lease, State.FAILED, STOOD_STILL):
            raise
    except StopAsked as stopped:
        _end(run, lease, State.STOPPED, str(stopped))
    except Misfit as misfit:
        _end(run, lease, State.FAILED, str(misfit))
        return misfit
    except (ConnectorError, ExpressionError, FaultyRun) as error:
        # Before anything was read, what the system says is about us.
        _end(run, lease, State.FAILED, without_words(str(error)) if ctx else str(error))
    except outage.GONE as error:
        reason = outage.STOPPED_ANSWERING.format(reference_of(error, "during a run"))
        outage.persist(lambda: _end(run, lease, State.FAILED, reason))
    except Exception as error:
        _end(run, lease, State.FAILED, report(error, "during a run"))
    finally:
        if ctx is not None:
            ctx.close()
    return None


def _way_of(run: SyncRun) -> Callable[[Context], None]:
    if run.approved_at is not None:
        return _carry_out
    return _look_back if run.kind == SyncRun.Kind.UNDO else _walk


def _end(run: SyncRun, lease: Lease, state: SyncRun.State, reason: str) -> bool:
    """Store the reason, unless another process has the run; whether it was ours.

    An approved run that failed stays approved, so that the next one goes on with it.
    """
    count_written(run)
    ours = SyncRun.objects.filter(pk=run.pk, lease_owner=lease.owner, state=State.RUNNING)
    return bool(ours.update(state=state, reason=reason, counts=run.counts, finished_at=timezone.now()))


def _walk(ctx: Context) -> None:
    """An ordinary run, or a preview."""
    trial.plan_anew_after_other_rules(ctx.run)
    recover(ctx)
    await_requests(ctx)
    verdicts = _poll(ctx)
    recognise_creates(ctx)
    give_rows(ctx)
    upto = {side: ctx.ends[side].cursor.change_no for side in SIDES}
    with trial.kept_apart(ctx.run, ctx.lease):
        holds = _plan(ctx, upto, verdicts)
    if ctx.run.kind == SyncRun.Kind.PREVIEW or any(item.guard in WHOLE for item in holds):
        return
    _send(ctx)


def _plan(ctx: Context, upto: Mapping[Side, int], verdicts: list[Hold]) -> list[Hold]:
    """Match, plan and judge the plan; what of it is held."""
    if ctx.run.kind == SyncRun.Kind.RUN:
        dissolve(ctx)
    follow_mergers(ctx)
    absences.free_for_new_links(ctx)
    _match(ctx, upto)
    close_creates(ctx, is_matched=True)
    ctx.say("Planning…")
    draft(ctx, upto)
    with ctx.lease.held():
        supersede(ctx.run)
    points.reached(points.PLANNED)
    holds = _guard(ctx, verdicts)
    points.reached(points.GUARDED)
    return holds


def _carry_out(ctx: Context) -> None:
    """A run that a person approved: exactly what was shown, less what moved since."""
    upto = _catch_up(ctx)
    ctx.run.holds = [item for item in ctx.run.holds if item.get("waits")]
    ctx.keep("holds")
    drop_what_moved(ctx, upto)
    drop_creates_found(ctx, upto)
    points.reached(points.LET_THROUGH)
    _send(ctx)
    if ctx.run.kind == SyncRun.Kind.UNDO:
        with ctx.lease.held():
            leave_rest(ctx.run)


def _look_back(ctx: Context) -> None:
    """What undoing a run would put back. It plans nothing else, and nothing is written."""
    upto = _catch_up(ctx)
    ctx.say("Looking at what can be put back…")
    draft_undo(ctx, upto)


def _catch_up(ctx: Context) -> dict[Side, int]:
    """Find out what is there now, and what became of writes whose answer was lost; the change numbers reached."""
    recover(ctx)
    await_requests(ctx)
    _poll(ctx)
    recognise_creates(ctx)
    close_creates(ctx, is_matched=False)
    return {side: ctx.ends[side].cursor.change_no for side in SIDES}


def _send(ctx: Context) -> None:
    absences.dissolve(ctx)
    move_bases(ctx)
    points.reached(points.BASES_MOVED)
    ctx.say("Sending…")
    push(ctx)
    if recover(ctx):
        # What was found to be created wants the stamps that its settling planned.
        push(ctx)
    points.reached(points.PUSHED)
    reconcile(ctx)
    acknowledge(ctx)


def _poll(ctx: Context) -> list[Hold]:
    """Read what changed on both sides; which lists are not believed."""
    verdicts = []
    for side in SIDES:
        end = ctx.ends[side]
        ctx.say(f"Reading {end.label}…")
        polled = _poll_end(ctx, end)
        note_poll(ctx, side, polled, end.appeared)
        ctx.erased_rows[side] = polled.erased_rows
        ctx.say(f"Reading {end.label}: {polled.read:,} records, {polled.changed:,} of them new or different.")
        if polled.left_out:
            ctx.say(f"{end.label}: {_left_out(polled.left_out)}")
        if polled.verdict:
            count, limit = fewer(end.cursor), limits(ctx.sync.guards)["list"].of(end.cursor.accepted_count or 0)
            # Of which side is no direction: everything is held.
            verdicts.append(Hold("list", side.value, "", "", count, limit, f"{end.label}: {polled.verdict}"))
    return verdicts


def _left_out(count: int) -> str:
    if count == 1:
        return "1 erased person's record was left out."
    return f"{count:,} records of erased people were left out."


def _poll_end(ctx: Context, end: End) -> Polled:
    def landed() -> None:
        points.reached(points.PAGE_LANDED)
        ctx.beat()

    allowed = limits(ctx.sync.guards)["list"]
    askers = _askers(ctx, end)
    keep = [*end.connection.settings.get("keep_fields", [])]
    keep += [field for rules, side in askers for field in fields_for(rules, side, end.described)]
    return poll(
        end.connector,
        end.cursor,
        wanted_fields(askers, keep),
        narrow=ctx.rules.sides[end.side].narrow,
        described=end.described,
        limits=ListLimits(allowed.floor, allowed.share),
        beat=landed,
        hold=ctx.lease.hold,
    )


def _askers(ctx: Context, end: End) -> list[tuple[Rules, Side]]:
    """The rules, of this and every other live sync, that ask for fields of this object type."""
    rows = SyncSide.objects.filter(
        connection=end.connection,
        object_type=end.cursor.object_type,
        version__state=MappingVersion.State.ACTIVE,
    ).select_related("version")
    others = [(rules_of(row.version), Side(row.side)) for row in rows if row.version_id != ctx.run.version_id]
    return [(ctx.rules, end.side), *others]


def _match(ctx: Context, upto: Mapping[Side, int]) -> None:
    ctx.say("Matching…")
    matched = match(
        ctx.run,
        ctx.rules,
        {side: ctx.ends[side].cursor for side in SIDES},
        upto,
        in_scope=ctx.takes_part,
        canonical=match_reader(ctx.planner),
        beat=ctx.beat,
        hold=ctx.lease.hold,
    )
    for sentence in matched.ignored_keys:
        ctx.say(sentence)
    ctx.run.counts["ignored_keys"] = matched.ignored_keys
    points.reached(points.MATCHED)


def _guard(ctx: Context, verdicts: list[Hold]) -> list[Hold]:
    holds = guard(ctx, verdicts)
    if ctx.run.version.approved_at is None:
        planned = ctx.run.changes.filter(state=ChangeRecord.State.PLANNED).count()
        holds.insert(0, Hold("version", "", "", "", planned, 0, UNAPPROVED))
    else:
        hold(ctx.run, holds, ctx.lease.hold)
    ctx.run.holds = [item.as_json() for item in holds]
    absences.believe(ctx, is_held=any(item.guard == "gone" for item in holds))
    absences.count_noted(ctx)
    ctx.keep("holds", "counts")
    for item in holds:
        ctx.say(f"On hold: {item.reason}")
    return holds
