"""Two workers, two hosts, a task that comes twice, a lease lost in the middle, two people: one effect, in real
processes, by the stand-ins' own counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from alumnisync.engine import points
from tests.alumnisync.killed import Nursery
from tests.alumnisync.scene import Scene
from tests.alumnisync.test_kills import KEYED, KILLED, Databases, Stage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("two at once")]

ACTS = "tests.alumnisync.acts"
BROKEN = "tests.alumnisync.broken"
ONE, OTHER = "one.example.org", "other.example.org"
AFTER_THE_LOCK = 3
"""The SQL statement of a decision before which it has locked what it decides, on both databases."""


class Rivals(Stage):
    """A stage on which several processes act at the same time."""

    def begin(self, **order: Any) -> int:
        """A process that goes on by itself; its number."""
        return int(self.nursery(database=self.database, apart=True, **order)["pid"])

    def end(self, pid: int) -> dict[str, Any]:
        """What became of it, once it has ended or was stopped."""
        return self.nursery(**{"await": pid})

    def wake(self, pid: int) -> dict[str, Any]:
        return self.nursery(wake=pid)

    def do(self, act: str, *given: Any, **order: Any) -> Any:
        """An act of somebody else, from start to end."""
        return self.nursery(database=self.database, run=f"{ACTS}.{act}", arguments=given, **order)["out"]

    def sync_apart(self, approved: bool = False, **order: Any) -> int:
        return self.begin(arguments=["sync", self.sync_name, *self.arguments(approved)], **order)

    sync_name = "both-ways"


@pytest.fixture(scope="module")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rivals]:
    databases = Databases(tmp_path_factory.mktemp("databases"), "rivals")
    databases.make_empty(nursery)
    # One request at a time: a process stopped around one then holds no lock, and has no other under way.
    scene = Scene(KEYED, concurrency=1)
    stage = Rivals(nursery, databases, tmp_path_factory.mktemp("stage"), KEYED, scene)
    yield stage
    stage.stop()
    databases.drop("now", "planned", "edited", "empty")


def torture(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.torture)


@pytest.mark.parametrize("rivals", [2, torture(5)])
def test_runs_that_begin_at_the_same_time_on_several_hosts(stage: Rivals, rivals: int) -> None:
    stage.set(False)
    pids = [stage.sync_apart(host=f"host{number}") for number in range(rivals)]
    ended = [stage.end(pid) for pid in pids]
    # Who came after the other had ended found nothing to do.
    assert {one["code"] for one in ended} <= {0, 4}
    assert 0 in {one["code"] for one in ended}
    assert all("under way" in one["err"] for one in ended if one["code"])
    stage.check_that_nothing_happened(False)


@pytest.mark.parametrize("point", [points.SENT, *map(torture, (points.PAGE_LANDED, points.PLANNED, points.PUSHED))])
def test_while_a_run_is_under_way_no_other_host_and_nobody_by_hand_begins_one(stage: Rivals, point: str) -> None:
    stage.set(False)
    scheduled = stage.do("ask_for_a_run")
    first = stage.begin(run=f"{ACTS}.deliver", arguments=[scheduled], at=[point, 1], signal="SIGSTOP", host=ONE)
    assert stage.end(first)["code"] is None
    for host in (ONE, OTHER):
        assert "is under way. Wait until it has ended" in stage.sync(code=4, host=host)["error"]
        assert stage.do("ask_for_a_run", host=host) == 0
        assert stage.do("deliver", scheduled, host=host) == "running"
    assert stage.wake(first)["out"] == "done"
    stage.check_that_nothing_happened(False)


@pytest.mark.parametrize("rivals", [2, torture(5)])
def test_a_task_that_the_queue_delivers_several_times(stage: Rivals, rivals: int) -> None:
    stage.set(False)
    run = stage.do("ask_for_a_run")
    given = {"run": f"{ACTS}.deliver", "arguments": [run]}
    pids = [stage.begin(**given, host=f"host{number}") for number in range(rivals)]
    assert {stage.end(pid)["code"] for pid in pids} == {0}
    assert stage.do("state_of", run) == "done"
    rows = stage.nursery(database=stage.database, run=f"{KILLED}.rows", arguments=[])["out"]
    assert stage.do("deliver", run) == "done"
    assert stage.nursery(database=stage.database, run=f"{KILLED}.rows", arguments=[])["out"] == rows
    stage.check_that_nothing_happened(False)


def lose_the_lease(stage: Rivals, approved: bool, point: str, **order: Any) -> tuple[dict[str, Any], bool]:
    """Stop a run for longer than its lease, let another host take it over, and wake it.

    What the woken process said, and whether it did anything.
    """
    stage.set(approved)
    first = stage.sync_apart(approved, host=ONE, asleep=True, at=[point, 1], signal="SIGSTOP", **order)
    assert stage.end(first)["code"] is None
    stage.do("lease_runs_out")
    told = stage.sync(host=OTHER, age=60)
    assert "on another host was interrupted; it is taken over" in told["err"]
    counted = stage.scene.counted()
    rows = stage.nursery(database=stage.database, run=f"{KILLED}.rows", arguments=[])["out"]
    woken = stage.wake(first)
    now = stage.nursery(database=stage.database, run=f"{KILLED}.rows", arguments=[])["out"]
    return woken, (stage.scene.counted(), now) != (counted, rows)


IN_THE_MIDDLE = (
    (False, points.REQUESTING),
    *map(
        torture,
        [False] * 9 + [True] * 8,
        [
            points.STARTED, points.PAGE_LANDED, points.MATCHED, points.CHUNK_PLANNED, points.PLANNED, points.GUARDED,
            points.SENDING, points.SENT, points.PUSHED,
            points.STARTED, points.LET_THROUGH, points.BASES_MOVED, points.SENDING, points.REQUESTING, points.ANSWERED,
            points.SETTLED, points.PUSHED,
        ],
    ),
)  # fmt: skip


@pytest.mark.parametrize(("approved", "point"), IN_THE_MIDDLE)
def test_a_lease_lost_in_the_middle(stage: Rivals, approved: bool, point: str) -> None:
    woken, did_something = lose_the_lease(stage, approved, point)
    assert not did_something
    assert (woken["code"], "was taken over by another process" in woken["err"]) == (4, True)
    stage.check_that_nothing_happened(approved)


def test_a_process_that_goes_on_without_its_lease_is_noticed(stage: Rivals) -> None:
    _, did_something = lose_the_lease(stage, False, points.SENDING, broken=f"{BROKEN}.leases_are_never_lost")
    assert did_something


def test_a_run_that_a_living_process_has_lost_sight_of_is_taken_over(stage: Rivals) -> None:
    """As when a worker lives on that could not store how its run ended."""
    stage.set(False)
    first = stage.sync_apart(at=[points.SENDING, 1], signal="SIGSTOP")
    assert stage.end(first)["code"] is None
    stage.sync(code=4)
    stage.do("hours_pass")
    assert "was interrupted; it is taken over" in stage.sync(age=60)["err"]
    assert stage.nursery(kill=first)["code"] == -9
    stage.check_that_nothing_happened(False)


def both_act(stage: Rivals, act: str, one: list[Any], other: list[Any]) -> list[str]:
    """Two people decide: the second while the first has locked what it is about."""
    first = stage.begin(run=f"{ACTS}.{act}", arguments=one, statement=AFTER_THE_LOCK, signal="SIGSTOP")
    assert stage.end(first)["code"] is None
    second = stage.begin(run=f"{ACTS}.{act}", arguments=other)
    return [stage.wake(first)["out"], stage.end(second)["out"]]


def test_two_people_approve_the_same_run(stage: Rivals) -> None:
    stage.set(True)
    said = both_act(stage, "approve", [stage.preview, "pat"], [stage.preview, "kim"])
    assert said == ["done", f"Run {stage.preview} is waiting to be carried out already."]
    assert stage.sync()["run"] == stage.preview
    stage.check_that_nothing_happened(True)


@pytest.mark.quick(1)
@pytest.mark.parametrize("in_browser", [True, False])
def test_two_people_decide_the_same_conflict_differently(stage: Rivals, in_browser: bool) -> None:
    stage.set(False)
    stage.sync()
    seen = [stage.do("mark")] if in_browser else []
    act = "decide" if in_browser else "decide_from_code"
    said = both_act(stage, act, ["left", *seen, "pat"], ["right", *seen, "kim"])
    # In the browser a decision counts only for what was seen; from code the last one stands.
    assert said[0] == "done"
    assert said[1].startswith("This has changed since you opened the page") if in_browser else said[1] == "done"
    before = stage.scene.counted()
    stage.sync()
    written = {name: count - before[name] for name, count in stage.scene.counted().items() if count != before[name]}
    winner, receiver = ("Lefty", "salesforce") if in_browser else ("Righty", "alumni360")
    assert written == {f"{receiver} updates": 1}
    assert [one for one in stage.scene.people().values() if one["left"] != one["right"]] == []
    assert winner in {one["left"][0] for one in stage.scene.people().values()}
