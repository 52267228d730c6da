"""A run that dies at a named point, in this process: nothing of it is tidied up, as if it had been killed."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from types import TracebackType
from unittest import mock

from alumnisync.engine import points
from alumnisync.engine.diary import Diary
from alumnisync.engine.opening import release
from alumnisync.models import SyncRun
from connectors.models import Cursor
from mappings.models import Sync

State = SyncRun.State


class Killed(BaseException):
    """No handler of errors stops it."""


class Death:
    """Waits at a point for its time. came: whether it struck."""

    def __init__(self, point: str, time: int) -> None:
        self.point, self.left = point, time
        self.came = False
        self._lock = Lock()
        self._patches = ExitStack()

    def __enter__(self) -> Death:
        save = Diary.save
        self._patches.enter_context(mock.patch("alumnisync.engine.run.release", self._unless_dead(release)))
        self._patches.enter_context(mock.patch.object(Diary, "save", self._unless_dead(save)))
        points.watchers.append(self._watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        points.watchers.remove(self._watch)
        self._patches.close()
        return kind is Killed

    def _watch(self, point: str) -> None:
        with self._lock:
            self.left -= point == self.point
            strikes = self.left == 0 and not self.came
            self.came = self.came or strikes
        if strikes:
            raise Killed(point)

    def _unless_dead(self, function: object) -> object:
        return lambda *given: None if self.came else function(*given)  # type: ignore[operator]


def bury(sync: Sync) -> None:
    """Make the process that worked on the sync's run one that is no more."""
    for dead in SyncRun.objects.filter(sync=sync, state=State.RUNNING):
        host, process, _, tail = dead.lease_owner.split("|")
        gone = f"{host}|{process}|0|{tail}"
        Cursor.objects.filter(lease_owner=dead.lease_owner).update(lease_owner=gone)
        SyncRun.objects.filter(pk=dead.pk).update(lease_owner=gone)
