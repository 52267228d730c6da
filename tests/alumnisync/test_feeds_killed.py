"""A run with a feed that dies at any point: the next ones end as if it had not, and each row is handled once."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from alumnisync.engine import points
from alumnisync.models import SyncRun
from tests.alumnisync.feed_scene import FeedWorld

pytestmark = pytest.mark.django_db

ROWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("x1", {"last": "King", "phone": "573 555 0101"}),
    ("x2", {"first": "Augusta"}),
    ("x1", {"last": "Lovelace"}),
    ("", {"email": "x2@example.org", "last": "Gordon"}),
    ("x9", {"last": "Nobody"}),
)


class Killed(BaseException):
    """What no part of a run catches."""


def scene() -> FeedWorld:
    world = FeedWorld()
    world.left.page_size = 2
    for xid in ("x1", "x2"):
        world.contact(xid, email=f"{xid}@example.org", last="Byron")
    for xid, values in ROWS:
        world.told(xid, **values)
    return world


def end_of(world: FeedWorld) -> dict[str, Any]:
    """What it comes to, by what both systems say and what is stored here."""
    return {
        "contacts": [row.values for row in world.right.live("person").values()],
        "writes": world.writes(),
        "handled": dict(world.left.processed),
        "left": world.open_rows(),
        "outcomes": world.outcomes(),
        "stored": all(row.acknowledged_at for row in world.rows().values()),
        "matches": len(world.matches()),
    }


def run_killed_at(world: FeedWorld, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(name: str) -> None:
        if name == point:
            raise Killed

    monkeypatch.setattr(points, "watchers", [kill])
    with pytest.raises(Killed):
        world.run()
    monkeypatch.setattr(points, "watchers", [])
    SyncRun.objects.filter(state="running").update(lease_owner="elsewhere|1|1|1", lease_until=timezone.now())


@pytest.mark.quick(4)
@pytest.mark.parametrize("point", [point for point in points.ALL if point != points.LET_THROUGH])
def test_the_next_run_ends_as_if_nothing_had_happened(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene()
    assert whole.run()["state"] == "done"
    world = scene()
    run_killed_at(world, point, monkeypatch)
    # The feed was told of nothing before everything else of the run was over.
    assert bool(world.acknowledged()) == (point == points.ACKNOWLEDGED)
    assert not [row for row in world.rows().values() if row.acknowledged_at]
    assert world.run()["state"] == "done"
    assert end_of(world) == end_of(whole)
    assert set(world.left.processed.values()) == {1}
    before = end_of(world)
    world.run()
    assert end_of(world) == before
