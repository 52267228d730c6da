"""What people and the queue do, for `killed` to run in a process of its own. Each answers with words."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

DONE = "done"


def ask_for_a_run() -> int:
    """Somebody, or the schedule, wants a run; the queue would be told of it."""
    from alumnisync import starting
    from alumnisync.engine.admission import Refused
    from mappings.models import Sync

    try:
        return starting.start(Sync.objects.get(), by="").pk
    except Refused:
        return 0


def deliver(run: int) -> str:
    """The queue delivers a task."""
    from alumnisync import tasks

    tasks.work(run)
    return state_of(run)


def state_of(run: int) -> str:
    from alumnisync.models import SyncRun

    return SyncRun.objects.get(pk=run).state


def lease_runs_out() -> str:
    """Nobody has prolonged the lease of the run that is under way."""
    from alumnisync.models import SyncRun

    SyncRun.objects.filter(state="running").update(lease_until=timezone.now())
    return DONE


def hours_pass() -> str:
    """Everything that is under way was so for hours."""
    from alumnisync.models import SyncRun

    SyncRun.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(hours=2))
    return DONE


def approve(run: int, by: str) -> str:
    from alumnisync import review
    from alumnisync.models import SyncRun

    try:
        review.approve(SyncRun.objects.get(pk=run), by=by)
    except review.Refusal as refusal:
        return str(refusal)
    return DONE


def mark() -> str:
    """What somebody has seen of the conflict that waits."""
    from alumnisync.deciding import mark_of
    from alumnisync.models import Conflict

    return mark_of(Conflict.objects.get(state="open"))


def decide(choice: str, seen: str, by: str) -> str:
    """Decide the conflict as it was seen, in the browser."""
    from alumnisync import deciding, review
    from alumnisync.models import Conflict

    try:
        conflict = Conflict.objects.latest("pk")
        deciding.settle_question(conflict, choice, seen=seen, by=by, texts={})
    except review.Refusal as refusal:
        return str(refusal)
    return DONE


def decide_from_code(choice: str, by: str) -> str:
    from alumnisync import review
    from alumnisync.models import Conflict

    review.decide(Conflict.objects.latest("pk"), choice, by=by)
    return DONE


def settle_match(by: str) -> str:
    """Say which of the possible records somebody is: the first."""
    from alumnisync import review
    from alumnisync.models import Match

    match = Match.objects.latest("pk")
    review.settle_match(match, "link", by=by, record=match.candidates.order_by("remote_id")[0])
    return DONE
