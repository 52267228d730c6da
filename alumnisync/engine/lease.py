"""Who works on a run: a lease with a heartbeat on its row, so that one process at a time does."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from alumnisync.models import SyncRun

LEASE = timedelta(minutes=5)
"""Longer than one call with all its repetitions takes, so that a slow system doesn't cost the lease."""
BEAT = timedelta(seconds=15)
SILENCE = timedelta(hours=1)
"""A process of this host that lives, and has not prolonged its lease for so long, has lost sight of the run."""
DEAD_STATES = frozenset("ZXx")
"""A killed process that its parent has not buried yet still has its number."""


class LeaseLost(Exception):
    """Another process took the run over: this one must not write anything more."""


class StopAsked(Exception):
    """A person asked the run to stop. The text is for people."""


class Lease:
    """The right to work on one run."""

    def __init__(self, run: SyncRun) -> None:
        self.run = run
        self.owner = f"{socket.gethostname()}|{os.getpid()}|{_started(os.getpid())}|{uuid.uuid4().hex[:8]}"
        self._beaten = timezone.now()

    def take(self) -> bool:
        """Make the run the sync's one live run, and ours; False where another is, or somebody was faster."""
        run, before = self.run, self.run.state
        run.state, run.started_at, run.finished_at, run.reason = SyncRun.State.RUNNING, timezone.now(), None, ""
        run.lease_owner, run.lease_until = self.owner, self._beaten + LEASE
        fields = ("state", "started_at", "finished_at", "reason", "lease_owner", "lease_until")
        try:
            with transaction.atomic():
                if run._state.adding:
                    run.save()
                    return True
                values = {name: getattr(run, name) for name in fields}
                return bool(SyncRun.objects.filter(pk=run.pk, state=before).update(**values))
        except IntegrityError:
            return False

    def beat(self) -> None:
        """Prolong the lease now and then. Raises LeaseLost where somebody else holds it by now, and StopAsked."""
        now = timezone.now()
        if now - self._beaten < BEAT:
            return
        if not self._ours().update(lease_until=now + LEASE):
            raise self._lost()
        self._beaten = now
        # While a run is under way there is a reason on its row only where somebody asked it to stop.
        if reason := self._ours().values_list("reason", flat=True).first():
            raise StopAsked(reason)

    def hold(self) -> None:
        """First in a transaction: nobody can take the run over until it ends. Raises LeaseLost."""
        if self._ours().select_for_update().values_list("pk", flat=True).first() is None:
            raise self._lost()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A transaction during which nobody can take the run over. Raises LeaseLost."""
        with transaction.atomic():
            self.hold()
            yield

    def check(self) -> None:
        """Raises LeaseLost where by our own clock somebody else may have taken the run over; asks nobody.

        For worker threads, just before a request that changes something.
        """
        if timezone.now() >= self._beaten + LEASE:
            raise self._lost()

    def _ours(self) -> QuerySet[SyncRun]:
        return SyncRun.objects.filter(pk=self.run.pk, lease_owner=self.owner, state=SyncRun.State.RUNNING)

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"Run {self.run.pk} was taken over by another process, which goes on with it.")


def is_dead(run: SyncRun) -> bool:
    """Whether nobody works on a run any more: known at once on this host, elsewhere by the lease."""
    host, _, rest = run.lease_owner.partition("|")
    pid, _, rest = rest.partition("|")
    started = rest.partition("|")[0]
    if host == socket.gethostname() and pid.isdigit() and started:
        # A worker lives on where the database was away for so long that it could not say how the run ended.
        return _started(int(pid)) != started or _is_over(run, timezone.now() - SILENCE)
    return _is_over(run, timezone.now())


def _is_over(run: SyncRun, now: datetime) -> bool:
    return run.lease_until is None or run.lease_until < now


def is_elsewhere(run: SyncRun) -> bool:
    """Whether the run's process is, or was, on another host."""
    return run.lease_owner.partition("|")[0] != socket.gethostname()


def _started(pid: int) -> str:
    """When a process began, as the kernel counts: a reused process id is told apart. "" where it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in DEAD_STATES else fields[19]
    except (OSError, IndexError):
        return ""
