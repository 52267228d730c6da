"""Who works on a run: a lease with a heartbeat on its row, so that one process at a time does."""

from __future__ import annotations

import os
import socket
import uuid
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from alumnisync.models import SyncRun

LEASE = timedelta(minutes=5)
"""Longer than one call with all its repetitions takes, so that a slow system doesn't cost the lease."""
BEAT = timedelta(seconds=15)


class LeaseLost(Exception):
    """Another process took the run over: this one must not write anything more."""


class Lease:
    """The right to work on one run."""

    def __init__(self, run: SyncRun) -> None:
        self.run = run
        self.owner = f"{socket.gethostname()}|{os.getpid()}|{_started(os.getpid())}|{uuid.uuid4().hex[:8]}"
        self._beaten = timezone.now()

    def take(self) -> None:
        """Write ourselves into the run."""
        self.run.lease_owner = self.owner
        self.run.lease_until = timezone.now() + LEASE
        self.run.save(update_fields=["lease_owner", "lease_until"])

    def beat(self) -> None:
        """Prolong the lease now and then. Raises LeaseLost where somebody else holds it by now."""
        now = timezone.now()
        if now - self._beaten < BEAT:
            return
        self._beaten = now
        ours = SyncRun.objects.filter(pk=self.run.pk, lease_owner=self.owner, state=SyncRun.State.RUNNING)
        if not ours.update(lease_until=now + LEASE):
            raise LeaseLost(f"Run {self.run.pk} was taken over by another process.")


def is_dead(run: SyncRun) -> bool:
    """Whether the process that worked on a run is gone: known at once on this host, elsewhere by the lease."""
    host, _, rest = run.lease_owner.partition("|")
    pid, _, rest = rest.partition("|")
    started = rest.partition("|")[0]
    if host == socket.gethostname() and pid.isdigit() and started:
        return _started(int(pid)) != started
    return run.lease_until is None or run.lease_until < timezone.now()


def is_elsewhere(run: SyncRun) -> bool:
    """Whether the run's process is, or was, on another host."""
    return run.lease_owner.partition("|")[0] != socket.gethostname()


def _started(pid: int) -> str:
    """When a process began, as the kernel counts: a reused process id is told apart. "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
