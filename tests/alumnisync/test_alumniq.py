"""AlumnIQ's changes through whole runs over HTTP: applied right, acknowledged once, by the stand-ins' own counts."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.management import call_command

from alumnisync.models import Match
from connectors.checking import check
from connectors.models import Connection, FeedRow
from tests.alumnisync.alumniq_scene import FIELDS, AlumniqScene
from tests.alumnisync.scene import digits

pytestmark = pytest.mark.django_db

PEOPLE = 400
BATCHES = (700, 40, 510)
"""Rows before each run: more than one answer holds, few, and again more than one holds."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0005)


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AlumniqScene]:
    scene = AlumniqScene(**getattr(request, "param", {}))
    scene.load(tmp_path)
    yield scene
    scene.stop()


def changes(count: int) -> list[tuple[int, str, dict[str, str]]]:
    """(change id, xid, what it says), in no order; of some the person is not known."""
    draw, rows = Random(4), []
    for change_id in range(1000, 1000 + count):
        xid = "" if change_id % 125 == 0 else f"x{draw.randrange(PEOPLE)}"
        names = draw.sample([*FIELDS], draw.choice((1, 1, 2)))
        phone = f"+1573555{change_id:04}"
        rows.append((change_id, xid, {name: phone if name == "workphone" else f"{name} {change_id}" for name in names}))
    draw.shuffle(rows)
    return rows


def overlaid(rows: list[tuple[int, str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    """xid → what was said last of each field."""
    said: dict[str, dict[str, str]] = {f"x{number}": {} for number in range(PEOPLE)}
    for _, xid, values in sorted(rows):
        said.setdefault(xid, {}).update(values)
    del said[""]
    return said


def in_digits(values: dict[str, Any]) -> dict[str, str]:
    return {name: digits("phone" if name == "workphone" else name, values.get(name)) for name in FIELDS}


@pytest.mark.slow
@pytest.mark.parametrize(
    "scene", [{"repeats": False}, pytest.param({"repeats": True}, marks=pytest.mark.torture)], indirect=True
)
def test_1_250_changes_of_400_people_in_three_days_are_each_applied_and_acknowledged_once(scene: AlumniqScene) -> None:
    contacts = {f"x{number}": scene.hire(f"x{number}") for number in range(PEOPLE)}
    assert scene.run()["state"] == "done"
    rows = changes(sum(BATCHES))
    left = list(rows)
    for size in BATCHES:
        for place, (change_id, xid, values) in enumerate(left[:size]):
            scene.told(xid, change_id, days_ago=place % 3, **values)
        del left[:size]
        assert scene.run()["state"] == "done"
    said = overlaid(rows)
    assert {xid: in_digits(scene.held(contact)) for xid, contact in contacts.items()} == {
        xid: in_digits(values) for xid, values in said.items()
    }
    assert set(scene.feed.marked) == {str(change_id) for change_id, _, _ in rows}
    assert set(scene.feed.marked.values()) == {1}
    assert Match.objects.filter(state="open").count() == sum(1 for _, xid, _ in rows if not xid) == 10
    before = scene.puts(), scene.updates()
    assert scene.run()["matches"] == 10
    assert (scene.puts(), scene.updates()) == before


@pytest.mark.parametrize("scene", [{"repeats": True}], indirect=True)
def test_rows_that_come_again_are_acknowledged_again_only_where_that_was_lost(scene: AlumniqScene) -> None:
    contact = scene.hire("x1")
    scene.run()
    first = scene.told("x1", title="Nurse")
    scene.feed.faults.next("500", times=9, method="PUT")
    scene.run()
    assert not scene.feed.marked
    scene.feed.faults.clear()
    scene.told("x1", title="Surgeon")
    scene.run()
    scene.run()
    assert (scene.feed.marked[first], scene.feed.marked.total()) == (1, 2)
    assert scene.held(contact)["title"] == "Surgeon"


# --- acknowledged when read ------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", [{"acknowledge": "on_read"}], indirect=True)
def test_asking_what_there_is_uses_nothing_up(scene: AlumniqScene) -> None:
    scene.hire("x1")
    scene.told("x1", title="Nurse")
    check(Connection.objects.get(name="alumniq"), look=True)
    call_command("check_connection", "alumniq", stdout=StringIO())
    assert not scene.feed.marked


@pytest.mark.parametrize("scene", [{"acknowledge": "on_read"}], indirect=True)
def test_what_a_preview_used_up_is_kept_for_the_run(scene: AlumniqScene) -> None:
    contact = scene.hire("x1")
    scene.run()
    row = scene.told("x1", title="Nurse")
    scene.run(preview=True)
    assert (scene.feed.marked[row], scene.held(contact)["title"]) == (1, None)
    assert scene.run()["state"] == "done"
    assert (scene.puts(), scene.feed.marked[row], scene.held(contact)["title"]) == (0, 1, "Nurse")
    assert FeedRow.objects.get().acknowledged_at
