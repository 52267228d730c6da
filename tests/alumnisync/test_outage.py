"""The database away for a moment or for good: what a run has to say is stored, or the run is gone on with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import InterfaceError, OperationalError

from alumnisync.engine import outage, points
from alumnisync.engine.outage import WAITS, persist
from alumnisync.engine.run import run_sync
from alumnisync.models import SyncRun
from mappings.models import Sync
from tests.factories import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(outage, "time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_what_fails_is_tried_again_on_a_new_connection(error: type[Exception], waits: list[float]) -> None:
    tries: list[int] = []

    def store() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise error("server closed the connection unexpectedly")

    persist(store)
    assert waits == list(WAITS[:2])


def test_a_database_that_stays_away_is_not_waited_for_for_ever(waits: list[float]) -> None:
    def store() -> None:
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError, match="locked"):
        persist(store)
    assert waits == list(WAITS)


def test_a_bug_is_no_outage(waits: list[float]) -> None:
    def store() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        persist(store)
    assert waits == []


def test_a_run_says_that_the_database_was_away_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.pair_up()

    def strike(point: str) -> None:
        if point == points.PLANNED:
            raise OperationalError("could not connect to server: ada@example.org")

    monkeypatch.setattr(points, "watchers", [strike])
    run = run_sync(Sync.objects.get())
    assert run.state == SyncRun.State.FAILED
    assert run.reason.startswith("The database stopped answering in the middle of the run. Nothing is lost")
    assert "ada@" not in run.reason
    monkeypatch.setattr(points, "watchers", [])
    assert world.run()["state"] == "held"
