"""What a run says on its way: kept on its row, so that people can watch it from anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from alumnisync.engine.lease import Lease
from alumnisync.models import SyncRun

LONGEST = 200
"""Sentences that are kept; the oldest go first."""
EVERY = 1.0
"""Seconds between two writes."""


class Diary:
    """Passes each sentence on to `say`, and stores them about once a second while the lease is ours."""

    def __init__(self, lease: Lease, say: Callable[[str], None]) -> None:
        self._lease, self._say = lease, say
        self._lines: list[str] = list(lease.run.progress)
        self._saved_at, self._unsaved = time.monotonic(), False

    def __call__(self, sentence: str) -> None:
        self._say(sentence)
        self._lines = [*self._lines, sentence][-LONGEST:]
        self._unsaved = True
        if time.monotonic() - self._saved_at >= EVERY:
            self.save()

    def save(self) -> None:
        """Store what was said; who lost the lease stores nothing."""
        if self._unsaved:
            ours = SyncRun.objects.filter(pk=self._lease.run.pk, lease_owner=self._lease.owner)
            ours.update(progress=self._lines)
        self._saved_at, self._unsaved = time.monotonic(), False
