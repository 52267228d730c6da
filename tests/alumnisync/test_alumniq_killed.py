"""Killed (SIGKILL) in a run that reads AlumnIQ's feed, the next run ends as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from alumnisync.engine import points
from tests.alumnisync.alumniq_scene import CONTACT, NAME, AlumniqScene
from tests.alumnisync.killed import Nursery
from tests.alumnisync.test_kills import Databases

pytestmark = [pytest.mark.slow, pytest.mark.long]

PEOPLE, ROWS = 59, 260
"""More rows than one call acknowledges."""


class Stage:
    """A scene whose first run was let through, with rows to be read, to be played again and again."""

    def __init__(self, nursery: Nursery, databases: Databases, folder: Path) -> None:
        self.nursery, self.scene = nursery, AlumniqScene()
        self.databases, self.database = databases, databases.copy("empty", "now")
        setup = folder / "setup.yaml"
        setup.write_text(yaml.safe_dump(self.scene.setup()))
        self.run("load_setup", str(setup), code=0)
        for number in range(PEOPLE):
            self.scene.hire(f"x{number}", Email=f"p{number}@example.org")
        self.sync("--approve", str(self.sync(code=3)["run"]))
        for number in range(ROWS):
            self._tell(number)
        databases.copy("now", "told")
        self.state = self.scene.state()
        self.whole = self.end_of(self.sync())

    def run(self, *arguments: str, code: int, **order: Any) -> dict[str, Any]:
        answer = self.nursery(database=self.database, arguments=arguments, **order)
        assert answer["code"] == code, answer
        return answer

    def sync(self, *arguments: str, code: int = 0, **order: Any) -> dict[str, Any]:
        answer = self.run("sync", NAME, "--json", *arguments, code=code, **order)
        return json.loads(answer["out"]) if answer.get("out") else {}

    def reset(self) -> None:
        """Put everything back to before the rows were read."""
        self.database = self.databases.copy("told", "now")
        self.scene.restore(self.state)

    def end_of(self, told: dict[str, Any]) -> dict[str, Any]:
        """What it comes to, by what both systems say."""
        return {
            "contacts": [self.scene.held(contact) for contact in self.scene.right.ids(CONTACT)],
            "writes": self.scene.right.counts["updates"] + self.scene.right.counts["unchanged"],
            "handled": set(self.scene.feed.marked),
            "waiting": {name: told[name] for name in ("matches", "conflicts", "reviews", "set_aside")},
        }

    def _tell(self, number: int) -> None:
        # The numbers fall while the days rise, and every fiftieth row names nobody.
        xid = "" if number % 50 == 49 else f"x{number % PEOPLE}"
        values = {"title": f"Title {number}"} if number % 3 else {"workphone": f"+1573555{number:04}"}
        self.scene.told(xid, 5000 - number, days_ago=number % 3, **values)


@pytest.fixture(scope="module")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    databases = Databases(tmp_path_factory.mktemp("databases"), "alumniq")
    databases.make_empty(nursery)
    stage = Stage(nursery, databases, tmp_path_factory.mktemp("stage"))
    yield stage
    stage.scene.stop()
    databases.drop("now", "told", "empty")


AROUND_TELLING = ((points.PUSHED, 1), (points.ACKNOWLEDGED, 1))
ELSEWHERE = tuple((point, 1) for point in points.ALL if point not in (points.LET_THROUGH, *dict(AROUND_TELLING)))


@pytest.mark.parametrize(
    ("point", "time"), [*AROUND_TELLING, *(pytest.param(*each, marks=pytest.mark.torture) for each in ELSEWHERE)]
)
def test_the_next_run_ends_as_if_nothing_had_happened(stage: Stage, point: str, time: int) -> None:
    stage.reset()
    stage.sync(code=-9, at=[point, time])
    told = set(stage.scene.feed.marked)
    assert bool(told) == (point == points.ACKNOWLEDGED)
    assert stage.end_of(stage.sync(age=60)) == stage.whole
    # Only what the feed was told of in vain, since nobody stored it, is told once more.
    assert stage.scene.feed.marked == {change_id: 1 + (change_id in told) for change_id in stage.whole["handled"]}
    before = deepcopy(stage.scene.counted()), stage.scene.feed.marked.copy()
    again = stage.sync()
    assert (stage.scene.counted(), stage.scene.feed.marked, again["matches"]) == (*before, 5)


def test_what_is_played(stage: Stage) -> None:
    assert len(stage.whole["handled"]) == ROWS
    assert stage.whole["waiting"] == {"matches": 5, "conflicts": 0, "reviews": 0, "set_aside": 0}
    assert stage.whole["contacts"][1] == {"employer": None, "title": "Title 1", "workphone": "+15735550060"}
