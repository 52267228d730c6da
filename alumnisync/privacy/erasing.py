"""Erasing a person: what it would do, and doing it, in one transaction that no run of their syncs can begin in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from alumnisync.engine.lease import is_dead
from alumnisync.models import ChangeRecord, Erasure, ErasureTask, SyncRun
from alumnisync.privacy.by_hand import Task, tasks_of
from alumnisync.privacy.clearing import clear
from alumnisync.privacy.holdings import HOLDINGS
from alumnisync.privacy.marks import remember
from alumnisync.privacy.person import Person, person_of
from connectors.models import Connection, Cursor, RemoteRecord
from mappings.models import Sync

LONGEST_TICKET = 100
UNDER_WAY = "Run {run} of {sync} is under way. Wait until it has ended, then erase."
CUT_OFF = "Run {run} of {sync} was cut off and has to be finished first. Start {sync} once more, then erase."
UNKNOWN = (
    "Something about this person was sent by run {run} of {sync}, and nobody knows yet whether it arrived. "
    "Start {sync} once more, then erase."
)
MOVED = "Something about this person changed just now. Look at what is held again, then erase."
NOT_THERE = "There is no such record any more: this person may be erased already."

Counts = list[tuple[str, str, int]]


class Refused(ValueError):
    """An erasure that can't be carried out now. The text is for people."""


@dataclass(frozen=True)
class Preview:
    """What an erasure would do.

    counts   (kind of row, system or sync, how many), those that are there
    tasks    what a person has to do by hand
    refusal  why it can't be carried out now, in words; "" where it can
    """

    person: Person
    counts: Counts
    tasks: Sequence[Task]
    refusal: str


def preview(record: RemoteRecord) -> Preview:
    """What erasing the person of this record would do; changes nothing."""
    person = person_of(record)
    return Preview(person, counts_of(person), tasks_of(person), _refusal(person, _runs(person)))


@transaction.atomic
def erase(record: RemoteRecord, *, by: str, ticket: str = "") -> Erasure:
    """Erase the person of this record from everything that is kept here. Raises Refused.

    ticket: where the request is filed; no personal data.
    """
    person = _held(record)
    erasure = Erasure.objects.create(
        at=timezone.now(), by=by, ticket=" ".join(ticket.split())[:LONGEST_TICKET], counts=counts_of(person)
    )
    ErasureTask.objects.bulk_create(
        ErasureTask(
            erasure=erasure,
            connection=task.connection,
            system=task.system,
            kind=task.kind,
            what=task.what,
            count=task.count,
        )
        for task in tasks_of(person)
    )
    remember(person, erasure)
    clear(person, erasure.at)
    return erasure


def tick_off(task: ErasureTask, *, by: str) -> bool:
    """Somebody has done it by hand; False where that was said before."""
    open_ones = ErasureTask.objects.filter(pk=task.pk, done_at=None)
    return bool(open_ones.update(done_by=by, done_at=timezone.now()))


def counts_of(person: Person) -> Counts:
    """(kind of row, system or sync, how many)."""
    found: Counts = []
    for holding in HOLDINGS:
        rows = holding.of(person).order_by().values_list(holding.where).annotate(Count("pk", distinct=True))
        found += [(holding.name, where, count) for where, count in sorted(rows)]
    return found


def _held(record: RemoteRecord) -> Person:
    """The person, with everything locked that a run would have to take first. Raises Refused."""
    if not RemoteRecord.objects.filter(pk=record.pk).exists():
        raise Refused(NOT_THERE)
    before = person_of(record)
    # A new run has to name its sync, and an old one to say on its row that it begins: both wait for our end.
    list(Sync.objects.select_for_update().filter(pk__in=[sync.pk for sync in before.syncs]).order_by("pk"))
    runs = _runs(before, locked=True)
    list(Cursor.objects.select_for_update().filter(pk__in=before.ids).order_by("pk"))
    list(Connection.objects.select_for_update().only("pk").filter(pk__in=[one.pk for one in before.connections]))
    person = person_of(record)
    if person.keys != before.keys or person.syncs != before.syncs:
        raise Refused(MOVED)
    if refusal := _refusal(person, runs):
        raise Refused(refusal)
    return person


def _runs(person: Person, *, locked: bool = False) -> list[SyncRun]:
    """The runs of their syncs that are under way; locked: those that may begin can't any more."""
    rows = SyncRun.objects.filter(sync__in=person.syncs).order_by("pk")
    if locked:
        list(rows.select_for_update().values_list("pk", flat=True))
    return list(rows.filter(state=SyncRun.State.RUNNING).select_related("sync"))


def _refusal(person: Person, runs: Sequence[SyncRun]) -> str:
    for run in runs:
        return (CUT_OFF if is_dead(run) else UNDER_WAY).format(run=run.pk, sync=run.sync)
    changes = next(one for one in HOLDINGS if one.model is ChangeRecord).of(person)
    unknown = changes.filter(state=ChangeRecord.State.SENDING).first()
    return UNKNOWN.format(run=unknown.run_id, sync=unknown.run.sync) if unknown else ""
