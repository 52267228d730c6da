"""An erasure beside a run that begins just then, on a database where both can be under way at once."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from alumnisync.engine.lease import Lease
from alumnisync.models import Erasure, SyncRun
from alumnisync.privacy import clearing, erasing
from tests.alumnisync.erasing import held
from tests.alumnisync.test_erasing import two

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("is_waiting", [False, True], ids=["a new run", "a run that waited"])
def test_a_run_begins_only_once_the_person_is_erased(
    is_waiting: bool, monkeypatch: Any, django_db_blocker: DjangoDbBlocker
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time; there is nothing to try.")
    world, [(left, _), *_] = two()
    run = SyncRun(sync=world.sync, version=world.version)
    if is_waiting:
        run.save()
    clear, told, has_begun = clearing.clear, [], Event()

    def begin() -> None:
        with django_db_blocker.unblock():
            Lease(run).take()
            told.append("a run began")
            has_begun.set()
            connection.close()

    other = Thread(target=begin)

    def clears(*args: Any) -> None:
        other.start()
        # It can't begin: this is waited for in vain.
        has_begun.wait(1)
        clear(*args)
        told.append("erased")

    monkeypatch.setattr(erasing, "clear", clears)
    erasing.erase(held(world, "left", left), by="pat")
    other.join()

    assert told == ["erased", "a run began"]
    assert Erasure.objects.count() == 1
