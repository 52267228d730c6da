"""Our own clock: it goes on by itself, the same way each time, and jumps when a history says so."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from threading import Lock
from types import SimpleNamespace
from unittest import mock

from django.utils import timezone

from alumnisync.engine import recover

TICK = timedelta(milliseconds=1)


class Clock:
    """Between `start` and `stop` it is what `timezone.now` says, and sleeping takes no time."""

    def __init__(self) -> None:
        self._now = datetime(2026, 5, 4, 12, tzinfo=UTC)
        self._lock = Lock()
        self._patches = ExitStack()

    def start(self) -> None:
        self._patches.enter_context(mock.patch.object(timezone, "now", self.now))
        self._patches.enter_context(mock.patch.object(recover, "time", SimpleNamespace(sleep=self._sleep)))

    def stop(self) -> None:
        self._patches.close()

    def now(self) -> datetime:
        with self._lock:
            self._now += TICK
            return self._now

    def jump(self, by: timedelta) -> None:
        with self._lock:
            self._now += by

    def _sleep(self, seconds: float) -> None:
        self.jump(timedelta(seconds=seconds))
