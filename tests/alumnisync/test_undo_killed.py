"""An undo between two stand-ins over HTTP: whole, and killed (SIGKILL) at each point of its two halves.

Asking for it again, or the next run of the sync, ends as if it had not been killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alumnisync.engine import points
from tests.alumnisync.killed import Nursery
from tests.alumnisync.scene import Scene
from tests.alumnisync.test_kills import NAME, WAITING, Databases

pytestmark = [pytest.mark.slow, pytest.mark.long]

LOOKING = (points.STARTED, points.PAGE_LANDED, points.CHUNK_PLANNED, points.PLANNED)
PUTTING_BACK = (
    points.STARTED,
    points.PAGE_LANDED,
    points.LET_THROUGH,
    points.BASES_MOVED,
    points.SENDING,
    points.REQUESTING,
    points.ANSWERED,
    points.SENT,
    points.SETTLED,
    points.PUSHED,
)
OFTEN = (points.CHUNK_PLANNED, points.LET_THROUGH, points.ANSWERED)
"""Played each time; the others take theirs."""


class Stage:
    """A day's run that was carried out, and what undoing it shows and comes to, to be played again and again."""

    def __init__(self, nursery: Nursery, databases: Databases, folder: Path) -> None:
        self.nursery, self.databases, self.scene = nursery, databases, Scene("record_id")
        self.database = databases.copy("empty", "now")
        (folder / "setup.yaml").write_text(yaml.safe_dump(self.scene.setup()))
        self.told("load_setup", str(folder / "setup.yaml"))
        self.told("sync", NAME, "--approve", str(self.told("sync", NAME, code=3)["run"]))
        self.scene.edit()
        self.before = self.scene.people()
        self.run = str(self.told("sync", NAME)["run"])
        self.after = self.scene.people()
        self.states = {"ran": self._keep("ran")}
        self.shown = self.undo(code=3)
        self.states["shown"] = self._keep("shown")
        self.done = self.undo("--approve")
        self.people = self.scene.people()
        self.counted = self.scene.counted()
        self.next = self.told("sync", NAME)

    def told(self, *arguments: str, code: int = 0, **order: Any) -> dict[str, Any]:
        answer = self.nursery(database=self.database, arguments=[*arguments, "--json"], **order)
        assert answer["code"] == code, answer
        found: dict[str, Any] = json.loads(answer["out"]) if answer.get("out") else {}
        return found | {"reached": answer.get("reached", {}), "err": answer.get("err", "")}

    def undo(self, *arguments: str, **order: Any) -> dict[str, Any]:
        return self.told("undo", self.run, *arguments, **order)

    def set(self, name: str) -> None:
        self.database = self.databases.copy(name, "now")
        self.scene.restore(self.states[name])

    def _keep(self, name: str) -> dict[str, Any]:
        self.databases.copy("now", name)
        return self.scene.state()


@pytest.fixture(scope="module")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    databases = Databases(tmp_path_factory.mktemp("databases"), "undo_")
    databases.make_empty(nursery)
    stage = Stage(nursery, databases, tmp_path_factory.mktemp("stage"))
    yield stage
    stage.scene.stop()
    databases.drop("now", "ran", "shown", "empty")


def moments(reached: tuple[str, ...]) -> list[Any]:
    return [pytest.param(one, marks=() if one in OFTEN else pytest.mark.torture) for one in reached]


def test_an_undo_over_http(stage: Stage) -> None:
    assert stage.shown["put_back"] == stage.done["put_back"] == {"left": 3, "right": 3}
    assert (stage.shown["asked"], stage.done["reviews"]) == (8, 8)
    assert stage.after != stage.before
    for email, person in stage.before.items():
        if person["left"] and person["right"]:
            # The side that was written holds again what it held; the side that was edited keeps its edit.
            assert stage.people[email] == person
    assert stage.done["updated"] == {"left": 3, "right": 3}
    assert [stage.next[name] for name in ("created", "updated", "stamped")] == [{"left": 0, "right": 0}] * 3
    assert (stage.scene.counted(), stage.scene.created_twice()) == (stage.counted, [])


@pytest.mark.parametrize("point", moments(LOOKING))
def test_killed_while_it_is_worked_out_it_is_asked_for_again(stage: Stage, point: str) -> None:
    stage.set("ran")
    counted = stage.scene.counted()
    stage.undo(code=-9, at=[point, 1])
    stage.told("sync", NAME)
    assert stage.scene.counted() == counted
    again = stage.undo(code=3)
    assert [again[name] for name in ("put_back", "left_alone", "asked")] == [
        stage.shown[name] for name in ("put_back", "left_alone", "asked")
    ]
    stage.undo("--approve")
    assert stage.scene.people() == stage.people


@pytest.mark.parametrize("point", moments(PUTTING_BACK))
def test_killed_while_it_puts_back_the_next_run_goes_on_with_it(stage: Stage, point: str) -> None:
    stage.set("shown")
    stage.undo("--approve", code=-9, at=[point, 1])
    after = stage.told("sync", NAME, age=60)
    assert "was interrupted; it is taken over" in after["err"]
    assert after["run"] == stage.shown["run"]
    assert (stage.scene.people(), stage.scene.created_twice()) == (stage.people, [])
    counted = stage.scene.counted()
    again = stage.told("sync", NAME)
    assert stage.scene.counted() == counted
    assert [again[name] for name in WAITING] == [stage.next[name] for name in WAITING]


@pytest.mark.parametrize("point", [pytest.param(points.SENT, marks=pytest.mark.torture)])
def test_killed_after_another_run_came_in_between_it_is_not_lost(stage: Stage, point: str) -> None:
    stage.set("shown")
    stage.told("sync", NAME)
    stage.undo("--approve", code=-9, at=[point, 1])
    assert stage.told("sync", NAME, age=60)["run"] == stage.shown["run"]
    assert stage.scene.people() == stage.people
