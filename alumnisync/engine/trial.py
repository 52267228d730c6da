"""A preview by a draft while other rules are in force: it is looked at, and must bind nobody until it is approved.

Its lines take the place of what the rules in force had planned. So whatever it asks is held, decisions it has no
use for are kept, and whoever plans next by other rules plans everybody anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Exists, OuterRef

from alumnisync.engine.lease import Lease
from alumnisync.models import Conflict, Question, Review, SyncRun
from alumnisync.versions import plan_everybody
from mappings.models import MappingVersion, Sync

Decided = Mapping[type[Conflict] | type[Review], list[int]]
QUESTIONS: tuple[type[Conflict], type[Review]] = (Conflict, Review)


def is_trial(version: MappingVersion) -> bool:
    """Whether rules are a draft of a sync that has others in force."""
    if version.state != MappingVersion.State.DRAFT:
        return False
    return MappingVersion.objects.filter(sync=version.sync_id, state=MappingVersion.State.ACTIVE).exists()


def plan_anew_after_other_rules(run: SyncRun) -> None:
    """Where the run before this one planned by other rules, everybody is planned anew."""
    # An undo plans nobody.
    before = (
        run.sync.runs.exclude(pk=run.pk)
        .exclude(kind=SyncRun.Kind.UNDO)
        .exclude(started_at=None)
        .order_by("-started_at", "-pk")
    )
    last = before.values_list("version", flat=True).first()
    if last is not None and last != run.version_id:
        plan_everybody(run.sync)


@contextmanager
def kept_apart(run: SyncRun, lease: Lease) -> Iterator[None]:
    """Around matching and planning: afterwards nothing of a trial can be decided, or sent by other rules."""
    if not is_trial(run.version):
        yield
        return
    decided: Decided = {model: _decided(model, run.sync) for model in QUESTIONS}
    try:
        yield
    finally:
        with transaction.atomic():
            lease.hold()
            undo_traces(run)
            _keep_decisions(decided)


def undo_traces(run: SyncRun) -> None:
    """After a trial, whatever it came to: its questions are held, and the rules in force plan everybody anew."""
    for model in QUESTIONS:
        model.objects.filter(run=run, state=Question.State.OPEN).update(state=Question.State.HELD)
    plan_everybody(run.sync)


def _decided(model: type[Conflict] | type[Review], sync: Sync) -> list[int]:
    return list(model.objects.filter(link__sync=sync, state=Question.State.DECIDED).values_list("pk", flat=True))


def _keep_decisions(decided: Decided) -> None:
    """What a person decided by the rules in force is not over because the draft has no such field."""
    for model, ids in decided.items():
        asked_again = model.objects.filter(link=OuterRef("link"), unit=OuterRef("unit"))
        asked_again = asked_again.exclude(state=Question.State.CLOSED)
        closed = model.objects.filter(pk__in=ids, state=Question.State.CLOSED)
        kept = closed.exclude(Exists(asked_again)).values_list("pk", flat=True)
        model.objects.filter(pk__in=list(kept)).update(state=Question.State.DECIDED)
