"""Undoing a finished run: what is put back, what is left alone and why, and that the next run carries nothing back."""

from __future__ import annotations

import pytest

from alumnisync.models import SyncRun
from alumnisync.undo import undo
from tests.factories import World

pytestmark = pytest.mark.django_db


def test_what_a_run_wrote_is_put_back_and_stays_so() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "Lovelace"})
    was = world.right.values("person", right)["last"]
    done = world.run()
    shown = undo(SyncRun.objects.get(pk=done["run"]), by="pat")
    assert (shown.state, shown.kind) == ("held", "undo")
    assert world.right.values("person", right)["last"] == "Lovelace"
    assert world.approve(shown.pk)["state"] == "done"
    assert world.right.values("person", right)["last"] == was
    written = world.writes()
    again = world.run()
    assert (world.writes(), again["conflicts"], again["reviews"]) == (written, 0, 0)
    assert world.left.values("person", left)["last"] == "Lovelace"
