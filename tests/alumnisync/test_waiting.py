"""What waits for a person is counted in one statement."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from alumnisync.models import ChangeRecord, SyncRun
from alumnisync.waiting import KINDS, waiting, waiting_by_sync
from tests.factories import World

pytestmark = pytest.mark.django_db

REVIEWED = (
    {"left": "first", "right": "first", "to_right": "review"},
    {"left": "email", "right": "email", "kind": "email"},
)


def test_every_kind_is_counted_for_its_sync(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    world, other = World(REVIEWED), World()
    left, right = world.pair_up()
    other.pair_up()
    world.go()
    other.go()
    world.left.alter("person", left, {"email": "one@example.org", "first": "Augusta"})
    world.right.alter("person", right, {"email": "two@example.org"})
    other.left.put("person", {"first": "Eve", "last": "Moss", "email": "eve@example.org"})
    world.run()
    preview = other.run(preview=True)
    with django_assert_num_queries(1):
        found = waiting_by_sync()
    assert found[world.sync.pk] == {**dict.fromkeys(KINDS, 0), "conflicts": 1, "reviews": 1}
    assert found[other.sync.pk]["held"] == 1
    assert waiting()["conflicts"] == 1
    SyncRun.objects.filter(pk=preview["run"]).update(state="superseded")
    assert other.sync.pk not in waiting_by_sync()


def test_what_could_not_be_sent_waits() -> None:
    world = World()
    world.pair_up()
    world.go()
    run = SyncRun.objects.latest("pk")
    ChangeRecord.objects.create(run=run, kind="update", side="left", state="set_aside")
    assert waiting_by_sync()[world.sync.pk]["set_aside"] == 1
