"""Which run of a sync may begin, by which rules, and what becomes of one whose process is gone."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from alumnisync.engine import trial
from alumnisync.engine.lease import is_dead, is_elsewhere
from alumnisync.engine.undone import OTHER_RULES
from alumnisync.models import ChangeRecord, SyncRun
from mappings.models import MappingVersion, Sync
from mappings.versions import current_version, draft_of, newest_version

State = SyncRun.State
DIED = "Its process died."


class Busy(Exception):
    """Another run of the sync is under way. The text is for people."""


class Refused(Exception):
    """The run asked for can't be started. The text is for people; `run` is the one that stands in the way."""

    def __init__(self, message: str, run: SyncRun | None = None) -> None:
        super().__init__(message)
        self.run = run


def version_for(sync: Sync, *, preview: bool) -> MappingVersion:
    """The rules that a run of the sync would plan by; a preview plans by the draft, if there is one. Raises Refused."""
    if not preview:
        refuse_unless_live(sync, "Set it to live, or ask for a preview.")
    version = _previewed(sync) if preview else current_version(sync)
    if version is None:
        raise Refused(f"The sync {sync} has no rules yet. Load a setup file for it.")
    if trial.is_trial(version):
        _refuse_trial(sync)
    return version


def version_to_undo_by(sync: Sync) -> MappingVersion:
    """The rules that an undo reads values by: those in force, also while the sync is paused. Raises Refused."""
    version = sync.active_version()
    if version is None:
        raise Refused(f"The sync {sync} has no rules in force, so nothing can be undone by them.")
    return version


def refuse_unless_live(sync: Sync, advice: str) -> None:
    """Raises Refused for a sync that is paused or a draft."""
    if sync.state != Sync.State.LIVE:
        word = "paused" if sync.state == Sync.State.PAUSED else "a draft"
        raise Refused(f"The sync {sync} is {word}. {advice}")


def clear_dead(sync: Sync, say: Callable[[str], None]) -> set[int]:
    """Free the sync from a run whose process is gone; which it was. Raises Busy while one is alive."""
    freed: set[int] = set()
    for run in sync.runs.filter(state=State.RUNNING).select_related("version"):
        if not is_dead(run):
            raise Busy(f"Run {run.pk} of {sync} is under way. Wait until it has ended, or stop it.")
        say(f"Run {run.pk} {'on another host ' if is_elsewhere(run) else ''}was interrupted; it is taken over.")
        goes_on = run.approved_at is not None and not run.reason
        ours = SyncRun.objects.filter(pk=run.pk, state=State.RUNNING, lease_owner=run.lease_owner)
        is_ours = ours.update(
            state=State.QUEUED if goes_on else State.STOPPED,
            # A run that somebody asked to stop has its reason already.
            reason="" if goes_on else run.reason or DIED,
            finished_at=timezone.now(),
            # A process that was only frozen must not find the run to be its own when it wakes.
            lease_owner="",
        )
        if is_ours:
            freed.add(run.pk)
            if trial.is_trial(run.version):
                trial.undo_traces(run)
    return freed


def approved_and_unfinished(sync: Sync) -> SyncRun | None:
    """The sync's last run, if a person approved it and it did not come to its end, while its rules are in force.

    Of undos any: no newer plan takes in what an older one was to put back.
    """
    if sync.state != Sync.State.LIVE:
        return None
    runs = sync.runs.select_related("version").order_by("-pk")
    undos = runs.filter(kind=SyncRun.Kind.UNDO, state__in=(State.QUEUED, State.FAILED)).exclude(approved_at=None)
    return next((run for run in (*runs[:1], *undos) if _is_unfinished(run)), None)


def _is_unfinished(run: SyncRun) -> bool:
    is_in_force = run.version.state != MappingVersion.State.RETIRED
    return run.approved_at is not None and is_in_force and run.state in (State.QUEUED, State.FAILED)


def supersede(run: SyncRun) -> None:
    """The new plan holds whatever earlier ones had unfinished: they are over."""
    earlier = run.sync.runs.filter(pk__lt=run.pk, state__in=(State.HELD, State.QUEUED))
    # An undo is about what was, which no plan takes in; but by other rules it was not worked out.
    undos = earlier.filter(kind=SyncRun.Kind.UNDO)
    outdated = undos.filter(state=State.HELD, version__state=MappingVersion.State.RETIRED)
    outdated.update(state=State.SUPERSEDED, reason=OTHER_RULES)
    earlier = earlier.exclude(kind=SyncRun.Kind.UNDO)
    replaced = f"Run {run.pk} looked at everything anew."
    earlier.update(state=State.SUPERSEDED, reason=replaced)
    previews = run.sync.runs.filter(pk__lt=run.pk, kind=SyncRun.Kind.PREVIEW, state=State.DONE, approved_at=None)
    previews.update(state=State.SUPERSEDED, reason=replaced)


def _previewed(sync: Sync) -> MappingVersion | None:
    if sync.state == Sync.State.DRAFT:
        return newest_version(sync)
    draft, active = draft_of(sync), sync.active_version()
    return draft if draft is not None and (active is None or draft.number > active.number) else active


def _refuse_trial(sync: Sync) -> None:
    """A preview by other rules plans everything anew: what a person is at, or approved, would be lost in it."""
    # No plan touches what an undo would put back.
    plans = sync.runs.exclude(kind=SyncRun.Kind.UNDO)
    held = plans.filter(state=State.HELD, version__state=MappingVersion.State.ACTIVE).first()
    if held is not None:
        raise Refused(f"Run {held.pk} is on hold. Decide run {held.pk} first.", held)
    waiting = approved_and_unfinished(sync)
    if waiting is not None:
        raise Refused(f"Run {waiting.pk} was approved and is not finished. Run the sync first.", waiting)
    unknown = ChangeRecord.objects.filter(run__sync=sync, state=ChangeRecord.State.SENDING).count()
    if unknown:
        raise Refused(
            f"Whether {unknown:,} change(s) arrived is not known, because the answers were lost. "
            "Run the sync first: it finds out."
        )
