"""Killed (SIGKILL) at each point of a run, the next one ends as if it had not been: by the stand-ins' own counts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from alumnisync.engine import points
from tests.alumnisync.killed import Nursery
from tests.alumnisync.scene import Scene
from tests.alumnisync.taken import connected

pytestmark = [pytest.mark.slow, pytest.mark.long]

AGAIN = {points.SENDING: ("second", "last"), points.ANSWERED: ("second", "last"), points.SETTLED: ("last",)}
"""Points that each batch gets to, and which of the later times are played besides the first."""
APPROVED_ONLY = (points.LET_THROUGH,)
FEEDS_ONLY = (points.ACKNOWLEDGED,)
PLANNING = (points.MATCHED, points.CHUNK_PLANNED, points.PLANNED, points.GUARDED)
NAME = "both-ways"
KILLED = "tests.alumnisync.killed"
WAITING = ("conflicts", "set_aside", "matches", "reviews")


class Databases:
    """Copies of databases by name: files of SQLite, or databases of the PostgreSQL that DATABASE_URL names."""

    def __init__(self, folder: Path, about: str = "") -> None:
        # Beside each other, the processes of the tests share a PostgreSQL.
        self.folder, self.about = folder, about + os.environ.get("PYTEST_XDIST_WORKER", "")
        self.is_postgres = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")

    def path(self, name: str) -> str:
        return f"killed_{self.about}{name}" if self.is_postgres else str(self.folder / f"{name}.sqlite3")

    def copy(self, name: str, to: str) -> str:
        """The copy's name for Django; from "" an empty one."""
        if self.is_postgres:
            self._run(f"DROP DATABASE IF EXISTS {self.path(to)} WITH (FORCE)")
            self._run(f"CREATE DATABASE {self.path(to)}" + (f" TEMPLATE {self.path(name)}" if name else ""))
            return self.path(to)
        for ending in ("-wal", "-shm", ""):
            Path(self.path(to) + ending).unlink(missing_ok=True)
        for ending in ("", "-wal"):
            if name and Path(self.path(name) + ending).exists():
                shutil.copy(self.path(name) + ending, self.path(to) + ending)
        return self.path(to)

    def make_empty(self, nursery: Nursery) -> None:
        """One called “empty”, with its tables and nothing in them."""
        name = self.copy("", "empty")
        assert nursery(database=name, arguments=["migrate", "--verbosity", "0"])["code"] == 0

    def drop(self, *names: str) -> None:
        for name in names if self.is_postgres else ():
            self._run(f"DROP DATABASE IF EXISTS {self.path(name)} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with connected() as connection:
            connection.execute(statement)


class Stage:
    """A scene set up, before its first approval and before an ordinary run, to be played again and again."""

    def __init__(
        self, nursery: Nursery, databases: Databases, folder: Path, left_key: str, scene: Scene | None = None
    ) -> None:
        self.nursery, self.databases = nursery, databases
        self.scene = scene or Scene(left_key)
        self.database = databases.copy("empty", "now")
        setup = folder / "setup.yaml"
        setup.write_text(yaml.safe_dump(self.scene.setup()))
        self.run("load_setup", str(setup), code=0)
        self.preview = self.sync(code=3)["run"]
        self.states = {True: self._keep("planned")}
        self.approved = self._play(True)
        self.scene.edit()
        self.states[False] = self._keep("edited")
        self.plain = self._play(False)

    def run(self, *arguments: str, code: int | None, **order: Any) -> dict[str, Any]:
        """What became of a command; with code None it was stopped."""
        answer = self.nursery(database=self.database, arguments=arguments, **order)
        assert answer["code"] == code, answer
        return answer

    def sync(self, *arguments: str, code: int = 0, **order: Any) -> dict[str, Any]:
        answer = self.run("sync", NAME, "--json", *arguments, code=code, **order)
        told: dict[str, Any] = json.loads(answer["out"]) if answer.get("out") else {}
        return told | {name: answer.get(name) for name in ("reached", "statements", "err")}

    def arguments(self, approved: bool) -> list[str]:
        return ["--approve", str(self.preview)] if approved else []

    def set(self, approved: bool) -> None:
        """Put everything back to before the run."""
        self.database = self.databases.copy("planned" if approved else "edited", "now")
        self.scene.restore(self.states[approved])

    def outcome(self, approved: bool) -> dict[str, Any]:
        return self.approved if approved else self.plain

    def _keep(self, name: str) -> dict[str, Any]:
        self.databases.copy("now", name)
        return self.scene.state()

    def _play(self, approved: bool) -> dict[str, Any]:
        """What the run comes to when nothing happens to it."""
        told = self.sync(*self.arguments(approved))
        return {
            "told": told,
            "people": self.scene.people(),
            "creates": {name: dict(there.creates_of) for name, there in self.scene.both().items()},
        }

    def check_that_nothing_happened(self, approved: bool) -> None:
        """Both systems and what waits are as after a run that nothing happened to; one more run sends nothing."""
        whole = self.outcome(approved)
        assert self.scene.created_twice() == []
        assert {name: dict(there.creates_of) for name, there in self.scene.both().items()} == whole["creates"]
        assert self.scene.people() == whole["people"]
        counted = self.scene.counted()
        again = self.sync()
        assert self.scene.counted() == counted
        assert [again[name] for name in WAITING] == [whole["told"][name] for name in WAITING]

    def stop(self) -> None:
        self.scene.stop()


@pytest.fixture(scope="module")
def databases(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    databases = Databases(tmp_path_factory.mktemp("databases"))
    databases.make_empty(nursery)
    yield databases
    databases.drop("now", "planned", "edited", "empty")


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest, nursery: Nursery, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    stage = Stage(nursery, databases, tmp_path_factory.mktemp("stage"), request.param)
    yield stage
    stage.stop()


KEYED, UNKEYED = "record_id", ""


def moments() -> list[Any]:
    """field for the key on the left, approved or not, point, which time"""
    found = []
    for approved in (True, False):
        passed_by = PLANNING if approved else APPROVED_ONLY
        for point in points.ALL:
            if point not in (*passed_by, *FEEDS_ONLY):
                found += [(KEYED, approved, point, time) for time in ("first", *AGAIN.get(point, ()))]
    # Without a key on the left, a create there can only be found by what it says.
    around = (points.SENDING, points.REQUESTING, points.ANSWERED)
    found += [(UNKEYED, approved, point, "second") for point in around for approved in (True, False)]
    # The first time that a point is reached is the usual one; the others take their time.
    rare = pytest.mark.torture
    return [
        pytest.param(*moment, id="-".join(map(str, moment)), marks=() if moment[0] and moment[3] == "first" else rare)
        for moment in found
    ]


@pytest.mark.parametrize(("stage", "approved", "point", "time"), moments(), indirect=["stage"])
def test_the_next_run_ends_as_if_nothing_had_happened(stage: Stage, approved: bool, point: str, time: str) -> None:
    whole = stage.outcome(approved)
    times = {"first": 1, "second": 2, "last": whole["told"]["reached"][point]}[time]
    stage.set(approved)
    stage.sync(*stage.arguments(approved), code=-9, at=[point, times])
    after = stage.sync(age=60)
    assert "was interrupted; it is taken over" in after["err"]
    stage.check_that_nothing_happened(approved)


@pytest.mark.parametrize("stage", [KEYED], indirect=True)
def test_what_is_played(stage: Stage) -> None:
    assert [stage.approved["told"][name] for name in ("created", "updated", "stamped")] == [
        {"left": 4, "right": 4},
        {"left": 3, "right": 2},
        {"left": 16, "right": 16},
    ]
    assert [stage.plain["told"][name] for name in ("created", "updated", "conflicts")] == [
        {"left": 4, "right": 4},
        {"left": 3, "right": 3},
        1,
    ]
    differing = [person for person in stage.plain["people"].values() if person["left"] != person["right"]]
    assert [person["left"][0] for person in differing] == ["Lefty"]
    assert all(person["named"] for person in stage.plain["people"].values())


@pytest.mark.parametrize("stage", [KEYED], indirect=True)
def test_a_second_run_of_a_sync_is_turned_away(stage: Stage) -> None:
    stage.set(False)
    first = stage.run("sync", NAME, code=None, at=[points.SENT, 1], signal="SIGSTOP")
    second = stage.sync(code=4)
    assert "is under way. Wait until it has ended" in second["error"]
    assert stage.sync("--preview", code=4)["error"] == second["error"]
    assert stage.nursery(wake=first["pid"])["code"] == 0
    assert stage.scene.people() == stage.plain["people"]


@pytest.mark.parametrize("stage", [KEYED], indirect=True)
def test_who_lost_the_lease_writes_not_one_row_more(stage: Stage) -> None:
    stage.set(False)
    first = stage.run("sync", NAME, code=None, at=[points.SENT, 1], signal="SIGSTOP")
    rows = stage.nursery(database=stage.database, run=f"{KILLED}.lease_taken_over", arguments=[])["out"]
    woken = stage.nursery(wake=first["pid"])
    assert woken["code"] == 4
    assert "was taken over by another process" in woken["err"]
    assert stage.nursery(database=stage.database, run=f"{KILLED}.rows", arguments=[])["out"] == rows


@pytest.mark.parametrize("stage", [KEYED], indirect=True)
def test_a_preview_after_a_kill_finds_out_and_writes_nothing(stage: Stage) -> None:
    stage.set(False)
    stage.sync(code=-9, at=[points.ANSWERED, 1])
    counted = stage.scene.counted()
    stage.sync("--preview", age=60)
    assert stage.scene.counted() == counted
    stage.sync()
    assert stage.scene.people() == stage.plain["people"]
    assert stage.scene.created_twice() == []
