"""`sync` as people and scripts meet it: options, exit codes, streams, and the JSON object they rely on."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from alumnisync.engine.lease import Lease
from alumnisync.management.commands.sync import exit_code
from alumnisync.models import SyncRun
from connectors.records import NeedsAttention, Rejected, Temporary
from connectors.systems.memory import Failure
from mappings.models import Sync
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

BOTH = {"left": int, "right": int}
SHAPE: dict[str, Any] = {
    "sync": str,
    "run": int,
    "state": str,
    "read": BOTH,
    "changed": BOTH,
    "created": BOTH,
    "updated": BOTH,
    "stamped": BOTH,
    "unchanged": int,
    "conflicts": int,
    "reviews": int,
    "matches": int,
    "set_aside": int,
    "held": list,
    "seconds": float,
}
HELD_SHAPE = {"guard": str, "field": str, "direction": str, "count": int, "reason": str}


def told(world: World, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of `sync`."""
    out, err = StringIO(), StringIO()
    try:
        call_command("sync", world.sync.name, *words, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def answer(world: World, *words: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = told(world, *words, "--json")
    assert out.count("\n") == 1
    found = json.loads(out)
    assert isinstance(found, dict)
    return code, found


def shape(value: Any) -> Any:
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else type(value)


def approved(**options: Any) -> World:
    """A world whose rules were approved, with three people on both sides."""
    world = World(**options)
    for _ in range(3):
        world.pair_up()
    world.go()
    return world


def edit(world: World, side: str, index: int = 0, **values: Any) -> None:
    store = getattr(world, side)
    store.alter("person", sorted(store.rows["person"])[index], values)


def test_the_first_run_is_held_and_says_what_it_would_write_and_how_to_go_on() -> None:
    world = World()
    world.pair_up(phone="")
    world.left.put("person", {"first": "Bo", "last": "New", "email": "bo@example.org", "phone": ""})
    code, out, err = told(world)
    run = SyncRun.objects.get()
    assert code == 3
    assert f"Run {run.pk} of {world.sync.name}: held after" in out
    assert "  stamp      left       0   right       1\n" in out
    assert out.endswith(f"Let it go with: python manage.py sync {world.sync.name} --approve {run.pk}\n")
    assert "Planning…" in err
    assert world.writes() == 0


def test_a_preview_names_the_fields_that_would_be_written() -> None:
    world = approved()
    edit(world, "left", first="Grace")
    before = world.writes()
    code, out, _ = told(world, "--preview")
    assert code == 0
    assert "  update     left       0   right       1\n    first on the right: 1\n" in out
    assert world.writes() == before
    assert told(world)[0] == 0
    assert world.writes() == before + 1
    assert "Nothing would be written." in told(world, "--preview")[1]


def test_the_json_object_has_exactly_its_keys_in_every_state() -> None:
    world = World()
    world.pair_up()
    code, held = answer(world)
    assert (code, held["state"]) == (3, "held")
    assert shape(held) == SHAPE
    assert [shape(item) for item in held["held"]] == [HELD_SHAPE]
    code, done = answer(world, "--approve", str(held["run"]))
    assert (code, done["state"], done["run"]) == (0, "done", held["run"])
    assert shape(done) == SHAPE
    code, again = answer(world)
    assert (code, again["unchanged"], shape(again)) == (0, 2, SHAPE)
    world.left.failures.append(Failure(NeedsAttention("The key is refused. Enter it again."), "poll"))
    code, failed = answer(world)
    assert (code, failed["state"]) == (4, "failed")
    assert failed["reason"] == "The key is refused. Enter it again."
    assert shape(failed) == {**SHAPE, "reason": str}


def test_what_was_written_is_counted_by_side() -> None:
    world = approved(left={"create": "automatic"})
    edit(world, "left", 0, first="Grace")
    edit(world, "right", 1, last="Hopper", phone="573-555-0100")
    world.right.put("person", {"first": "Bo", "last": "New", "email": "bo@example.org", "phone": "", "left_id": ""})
    code, did = answer(world)
    assert code == 0
    assert did["updated"] == {"left": 1, "right": 1}
    assert did["created"] == {"left": 1, "right": 0}
    assert did["stamped"] == {"left": 0, "right": 1}
    assert did["changed"]["left"] == 1


def test_a_question_for_a_person_is_no_failure() -> None:
    world = approved()
    edit(world, "left", first="Grace")
    edit(world, "right", first="Greta")
    code, did = answer(world)
    assert (code, did["state"], did["conflicts"]) == (0, "done", 1)


@pytest.mark.parametrize(("tolerance", "code"), [(0, 1), (1, 0)])
def test_more_set_aside_than_tolerated_is_1(tolerance: int, code: int) -> None:
    world = approved(tolerance=tolerance)
    world.right.failures.append(Failure(Rejected("Refused over there."), times=None))
    edit(world, "left", first="Grace")
    found, did = answer(world)
    assert (found, did["state"], did["set_aside"]) == (code, "partial", 1)


def test_the_highest_code_wins() -> None:
    run = SyncRun(sync=Sync(tolerance=0), state="held", holds=[{"guard": "changed"}])
    assert exit_code(run, 7) == 3
    run.state = SyncRun.State.FAILED
    assert exit_code(run, 7) == 4
    run.state, run.holds = SyncRun.State.PARTIAL, []
    assert exit_code(run, 7) == 1


@pytest.mark.parametrize("error", [NeedsAttention("Enter the key again."), Temporary("No answer in 30 seconds.")])
def test_a_run_that_fails_is_4_and_says_why(error: Exception) -> None:
    world = approved()
    world.left.failures.append(Failure(error, "poll", times=None, raised=True))
    code, out, err = told(world)
    assert code == 4
    assert str(error) in out
    assert "Traceback" not in out + err
    world.left.failures.clear()
    assert told(world)[0] == 0


def test_a_sync_that_is_not_there_gets_the_nearest_name() -> None:
    world = World()
    name = world.sync.name
    world.sync.name = name.replace("world", "wolrd")
    assert told(world) == (2, "", f"There is no sync called “{world.sync.name}”; did you mean “{name}”?\n")
    assert answer(world)[1]["error"].endswith(f"did you mean “{name}”?")


def test_preview_and_approve_go_not_together() -> None:
    world = World()
    with pytest.raises(CommandError, match="not allowed with"):
        told(world, "--preview", "--approve=1")


def test_a_run_that_is_not_there_or_of_another_sync_is_not_approved() -> None:
    world, other = World(), World()
    other.pair_up()
    _, held = answer(other)
    code, out, err = told(world, f"--approve={held['run']}")
    assert (code, out, err) == (2, "", f"{world.sync.name} has no run {held['run']}.\n")
    assert told(world, "--approve=987654")[0] == 2
    assert SyncRun.objects.get(pk=held["run"]).approved_at is None


def test_a_plan_that_a_newer_one_replaced_is_not_approved() -> None:
    world = World()
    world.pair_up()
    (_, first), (_, second) = answer(world), answer(world)
    code, _, err = told(world, f"--approve={first['run']}")
    assert code == 2
    assert f"run {second['run']} looked at everything anew" in err
    assert world.writes() == 0


def test_a_plan_of_rules_no_longer_in_force_is_not_approved() -> None:
    world = World()
    world.pair_up()
    _, held = answer(world)
    world.add_version(PAIRS[:1], {}, {"key_field": "left_id"})
    code, _, err = told(world, f"--approve={held['run']}")
    assert code == 2
    assert "no longer in force" in err


def test_a_run_is_approved_once() -> None:
    world = World()
    world.pair_up()
    _, held = answer(world)
    assert told(world, f"--approve={held['run']}")[0] == 0
    assert told(world, f"--approve={held['run']}")[0] == 2


def test_a_run_says_who_started_it_also_where_the_user_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr("getpass.getuser", lambda: "kim")
    answer(world)
    monkeypatch.setattr("getpass.getuser", Mock(side_effect=KeyError("uid not found")))
    _, held = answer(world)
    told(world, f"--approve={held['run']}")
    newest = SyncRun.objects.get(pk=held["run"])
    assert (newest.requested_by, newest.approved_by) == ("the command line", "the command line")
    assert SyncRun.objects.exclude(pk=newest.pk).get().requested_by == "kim"


@pytest.mark.parametrize("state", ["paused", "draft"])
def test_only_a_live_sync_runs_but_any_can_be_previewed(state: str) -> None:
    world = World()
    world.pair_up()
    Sync.objects.update(state=state)
    code, out, err = told(world)
    assert (code, out) == (2, "")
    assert state in err
    assert "Set it to live, or ask for a preview." in err
    assert answer(world, "--preview")[1]["state"] == "held"
    assert not SyncRun.objects.exclude(kind="preview").exists()


def test_a_sync_without_rules_says_what_to_do() -> None:
    world = World()
    world.sync = Sync.objects.create(name="empty", state="live")
    assert told(world) == (2, "", "The sync empty has no rules yet. Load a setup file for it.\n")


@pytest.mark.parametrize("words", [("--json",), ("--json", "--preview")])
def test_two_live_runs_of_one_sync_are_4(words: tuple[str, ...]) -> None:
    world = approved()
    live = SyncRun.objects.create(sync=world.sync, version=world.version, state="queued")
    assert Lease(live).take() is not False
    code, out, err = told(world, *words)
    assert code == 4
    assert json.loads(out)["error"] == err.strip()
    assert f"Run {live.pk} of {world.sync.name} is under way. Wait until it has ended" in err


def test_a_run_whose_process_died_on_this_host_is_taken_over_at_once() -> None:
    world = approved()
    live = SyncRun.objects.create(sync=world.sync, version=world.version, state="queued")
    Lease(live).take()
    live.refresh_from_db()
    gone = live.lease_owner.replace(str(os.getpid()), "999999999")
    until = timezone.now() + timedelta(hours=1)
    SyncRun.objects.filter(pk=live.pk).update(lease_owner=gone, lease_until=until)
    code, _, err = told(world)
    assert code == 0
    assert f"Run {live.pk} was interrupted; it is taken over." in err
    live.refresh_from_db()
    assert live.state == "stopped"


def test_progress_goes_to_standard_error_alone() -> None:
    world = approved()
    _, out, err = told(world, "--json")
    assert json.loads(out)["state"] == "done"
    assert "Reading" in err
    assert "Sending…" in err


def test_what_is_on_hold_is_told_with_its_reason() -> None:
    world = World(guards={"changed": {"floor": 1, "share": 0.0}})
    for _ in range(4):
        world.pair_up()
    world.go()
    for index in range(3):
        edit(world, "left", index, first=f"New{index}")
    code, did = answer(world)
    assert code == 3
    assert [shape(item) for item in did["held"]] == [HELD_SHAPE]
    assert (did["held"][0]["guard"], did["held"][0]["direction"], did["held"][0]["count"]) == ("changed", "right", 3)
    assert f"  on hold: {did['held'][0]['reason']}" in told(world)[1]


@pytest.mark.parametrize("state", ["paused", "draft"])
def test_what_is_approved_of_a_sync_that_is_not_live_waits_until_it_is(state: str) -> None:
    world = World()
    world.pair_up()
    _, held = answer(world)
    Sync.objects.update(state=state)
    code, _, err = told(world, f"--approve={held['run']}")
    assert (code, world.writes()) == (2, 0)
    assert "The approval is kept" in err
    Sync.objects.update(state="live")
    code, did = answer(world)
    assert (code, did["run"], did["stamped"]["right"]) == (0, held["run"], 1)


NEWEST = {"left": "first", "right": "first", "conflict": "newest"}
MISSPELT = {"left": "first", "right": "frist"}


@pytest.mark.parametrize("pair", [NEWEST, MISSPELT])
@pytest.mark.parametrize("words", [(), ("--preview",)])
def test_rules_that_do_not_fit_are_wrong_configuration(pair: dict[str, str], words: tuple[str, ...]) -> None:
    world = approved()
    world.add_version([pair], {}, {"key_field": "left_id"})
    code, found = answer(world, *words)
    failed = SyncRun.objects.latest("pk")
    assert (code, failed.state) == (2, "failed")
    assert found["error"] == failed.reason
