"""The database taken away, or the process killed, anywhere in a run: the next one ends as if nothing had happened.

On SQLite the database is locked by something else beyond the time-out, on PostgreSQL its connections are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from alumnisync.engine import points
from tests.alumnisync.killed import Nursery
from tests.alumnisync.scene import Scene
from tests.alumnisync.taken import give_back
from tests.alumnisync.test_kills import APPROVED_ONLY, FEEDS_ONLY, KEYED, KILLED, PLANNING, UNKEYED, Databases, Stage
from tests.seeded import SEED, figures

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dropped"), pytest.mark.long]

MOMENT, FOR_GOOD = "a moment", "for good"
QUICK = ((False, points.CHUNK_PLANNED, MOMENT), (False, points.ANSWERED, MOMENT), (True, points.SETTLED, FOR_GOOD))
STATEMENTS = 30
"""How many SQL statements of a run are drawn, to be killed before."""


@pytest.fixture(scope="module")
def databases(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    databases = Databases(tmp_path_factory.mktemp("databases"), "dropped")
    databases.make_empty(nursery)
    yield databases
    databases.drop("now", "planned", "edited", "empty")


@pytest.fixture(scope="module")
def stage(nursery: Nursery, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(nursery, databases, tmp_path_factory.mktemp("stage"), KEYED)
    yield stage
    stage.stop()


def moments() -> list[Any]:
    """approved or not, point, for how long"""
    found = [
        (approved, point, how)
        for approved in (True, False)
        for point in points.ALL
        if point not in (*(PLANNING if approved else APPROVED_ONLY), *FEEDS_ONLY)
        for how in (MOMENT, FOR_GOOD)
    ]
    rest = [pytest.param(*moment, marks=pytest.mark.torture) for moment in found if moment not in QUICK]
    return [*QUICK, *rest]


@pytest.mark.parametrize(("approved", "point", "how"), moments())
def test_the_database_is_taken_away(stage: Stage, approved: bool, point: str, how: str) -> None:
    stage.set(approved)
    struck = stage.sync(*stage.arguments(approved), code=4, at=[point, 1], drop=how)
    if how == MOMENT:
        assert struck["state"] == "failed"
        assert "The database stopped answering in the middle of the run. Nothing is lost" in struck["reason"]
    else:
        assert struck["error"].startswith("The database can't be used (")
    give_back(stage.database)
    after = stage.sync(age=60)
    # Where it could not be stored how the run ended, the next one finds out.
    assert ("was interrupted; it is taken over" in after["err"]) == (how == FOR_GOOD)
    stage.check_that_nothing_happened(approved)


def test_a_run_that_creates_again_blindly_is_noticed(stage: Stage) -> None:
    stage.set(True)
    stage.sync(*stage.arguments(True), code=-9, at=[points.ANSWERED, 1])
    stage.sync(age=60, broken="tests.alumnisync.broken.creates_are_made_again_blindly")
    assert stage.scene.created_twice() != []


@pytest.mark.torture
@pytest.mark.parametrize("approved", [True, False])
def test_killed_before_any_statement(stage: Stage, approved: bool, record_property: Callable[[str, Any], None]) -> None:
    given = stage.outcome(approved)["told"]["statements"]
    drawn = sorted(Random(SEED).sample(range(1, given + 1), STATEMENTS))
    figures(record_property, f"a run of {given} SQL statements, killed before {STATEMENTS} of them: {drawn}")
    for number in drawn:
        stage.set(approved)
        stage.sync(*stage.arguments(approved), code=-9, statement=number)
        is_approved = stage.nursery(database=stage.database, run=f"{KILLED}.is_approved", arguments=[])["out"]
        stage.sync(*([] if is_approved else stage.arguments(approved)), age=60)
        stage.check_that_nothing_happened(approved)


PEOPLE = (4, 420, 0)
"""On both sides, on the left only: their creates go to the right 200 in a call."""


class Crowd(Scene):
    """So many come at once that no limit for new records would let them through."""

    def setup(self) -> dict[str, Any]:
        setup = super().setup()
        for sync in setup["syncs"]:
            sync["guards"] = {"created": {"floor": 1000}}
        return setup


@pytest.fixture(scope="module")
def crowd(nursery: Nursery, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    scene = Crowd(UNKEYED, people=PEOPLE)
    stage = Stage(nursery, databases, tmp_path_factory.mktemp("crowd"), UNKEYED, scene)
    yield stage
    stage.stop()


@pytest.mark.torture
@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize("point", [points.SENDING, points.REQUESTING, points.ANSWERED, points.SENT, points.SETTLED])
def test_killed_around_writes_of_200_at_once(crowd: Stage, point: str, time: int) -> None:
    crowd.set(True)
    crowd.sync(*crowd.arguments(True), code=-9, at=[point, time])
    made = crowd.scene.right.counts["creates"]
    assert made in (0, 200, 400, 420)
    crowd.sync(age=60)
    assert crowd.scene.right.counts["creates"] == 420
    crowd.check_that_nothing_happened(True)
