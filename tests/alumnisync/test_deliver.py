"""What happens to a batch on its way: looked at first, refused in part, stale, gone, broken, stopped."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine.orders import Fate, Line, Order, delivery_of
from alumnisync.models import ChangeRecord, SyncRun
from connectors.records import Gone, NeedsAttention, Outcome, Rejected, Stale, Temporary, Unknown
from connectors.systems.memory import MemoryConnector
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

ADDRESS: tuple[dict[str, Any], ...] = (
    *PAIRS,
    {"left": "city", "right": "city", "group": "home"},
    {"left": "zip", "right": "zip", "group": "home"},
)

SOMEBODY = "somebody@example.org"


def paired(count: int, **options: Any) -> tuple[World, list[tuple[str, str]]]:
    world = World(**options)
    people = [world.pair_up(phone=f"573 555 01{index:02}", city="Columbia", zip="65201") for index in range(count)]
    world.go()
    return world, people


def change_left(world: World, people: list[tuple[str, str]], **values: Any) -> None:
    for index, (left, _) in enumerate(people):
        world.left.alter("person", left, {name: f"{value}{index}" for name, value in values.items()})


def states(kind: str = "update") -> list[str]:
    run = SyncRun.objects.latest("pk")
    return sorted(ChangeRecord.objects.filter(run=run, kind=kind).values_list("state", flat=True))


def in_between(world: World, monkeypatch: pytest.MonkeyPatch, *edits: tuple[str, dict[str, Any]]) -> None:
    """Edit on the right between planning and reading before the write."""
    read = MemoryConnector.read

    def edit_and_read(self: MemoryConnector, *asked: Any) -> Any:
        if self.store is world.right:
            for record, values in edits:
                world.right.alter("person", record, values)
        return read(self, *asked)

    monkeypatch.setattr(MemoryConnector, "read", edit_and_read)


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (Temporary("t"), Fate.TEMPORARY),
        (Unknown("u"), Fate.UNKNOWN),
        (Stale("s"), Fate.DROPPED),
        (Gone("g"), Fate.GONE),
        (Rejected("r"), Fate.REFUSED),
        (NeedsAttention("n"), Fate.REFUSED),
    ],
)
def test_each_error_has_its_fate(error: Any, fate: Fate) -> None:
    told = delivery_of(Order(1, "a", (Line("p", "p", "x", "old", "new"),)), Outcome(error=error), {})
    assert (told.fate, told.reason) == (fate, error.message)


def test_a_create_can_not_be_gone() -> None:
    assert delivery_of(Order(1, None, ()), Outcome(error=Gone("Nothing there.")), {}).fate is Fate.REFUSED


def test_orders_and_deliveries_show_no_values() -> None:
    assert "secret" not in repr(Order(1, "a", (Line("p", "p", "x", "secret", "secret"),), known={"x": "secret"}))


def test_a_field_that_moved_meanwhile_drops_out_and_is_planned_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, people = paired(2)
    change_left(world, people, last="New")
    in_between(world, monkeypatch, (people[0][1], {"last": "Theirs"}))
    world.run()
    assert states() == ["done", "dropped"]
    monkeypatch.undo()
    assert world.run()["conflicts"] == 1
    assert world.right.values("person", people[0][1])["last"] == "Theirs"


def test_what_moved_to_another_way_of_writing_it_did_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = paired(1)
    world.left.alter("person", people[0][0], {"phone": "573 555 0199"})
    in_between(world, monkeypatch, (people[0][1], {"phone": "+1 (573) 555-0100"}))
    world.run()
    assert states() == ["done"]
    assert world.right.values("person", people[0][1])["phone"] == "+15735550199"


def test_a_group_drops_out_when_another_of_its_fields_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = paired(1, pairs=ADDRESS)
    world.left.alter("person", people[0][0], {"city": "Boston"})
    in_between(world, monkeypatch, (people[0][1], {"zip": "02108"}))
    world.run()
    assert states() == ["dropped"]
    assert world.right.values("person", people[0][1])["city"] == "Columbia"


def test_a_field_outside_the_write_may_move(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = paired(1, pairs=ADDRESS)
    world.left.alter("person", people[0][0], {"last": "X"})
    in_between(world, monkeypatch, (people[0][1], {"zip": "02108"}))
    world.run()
    assert states() == ["done"]
    monkeypatch.undo()
    world.run()
    assert world.left.values("person", people[0][0])["zip"] == "02108"


def test_what_they_hold_by_now_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = paired(1)
    world.left.alter("person", people[0][0], {"last": "X"})
    in_between(world, monkeypatch, (people[0][1], {"last": "X"}))
    writes = world.right.effects["updated"]
    assert world.run()["updated"]["right"] == 1
    assert world.right.effects["updated"] == writes


def test_a_field_the_record_does_not_say_is_written_all_the_same() -> None:
    world, people = paired(1)
    row = world.right.rows["person"][people[0][1]]
    del row.values["phone"]  # as systems do that leave out what is empty
    world.left.alter("person", people[0][0], {"phone": "573 555 0199"})
    world.run()
    assert world.right.values("person", people[0][1])["phone"] == "+15735550199"


def test_a_stale_record_drops_out() -> None:
    world, people = paired(1)
    change_left(world, people, last="New")
    world.right.fail(Stale("It moved."))
    assert world.run()["set_aside"] == 0
    assert states() == ["dropped"]
    assert world.run()["updated"]["right"] == 1


def test_a_record_that_is_gone_is_so_from_then_on() -> None:
    world, people = paired(2)
    change_left(world, people, last="New")
    world.right.lose("person", people[0][1])
    world.run()
    assert states() == ["closed", "done"]
    change_left(world, people, last="Newer")
    world.run()
    assert states() == ["done"]


def test_no_preflight_no_create() -> None:
    world = World(right={"create": "automatic"})
    world.left.put("person", {"first": "Mary", "last": "S", "email": "m@example.org"})
    world.right.fail(Temporary("Busy."), call="find")
    done = world.go()
    assert (done["created"]["right"], done["set_aside"]) == (0, 1)
    assert world.run()["created"]["right"] == 1


@pytest.mark.parametrize("values", [{"left_id": "person-000001"}, {"email": "m@example.org"}])
def test_somebody_who_came_meanwhile_is_not_created(values: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(right={"create": "automatic"})
    left = world.left.put("person", {"first": "Mary", "last": "S", "email": "m@example.org"}, "person-000001")
    find = MemoryConnector.find

    def arrive_and_find(self: MemoryConnector, *asked: Any) -> Any:
        if self.store is world.right and not world.right.live("person"):
            world.right.put("person", {"first": "Mary", "last": "S", **values})
        return find(self, *asked)

    monkeypatch.setattr(MemoryConnector, "find", arrive_and_find)
    assert world.go()["created"]["right"] == 0
    assert states("create") == ["dropped"]
    world.run()
    assert len(world.right.live("person")) == 1
    assert {one[0] for one in world.linked()} == {left}


def test_a_key_that_stops_working_in_a_batch_leaves_nothing_untold() -> None:
    world, people = paired(20)
    change_left(world, people, last="New")
    # The second batch of five is refused while others are under way.
    world.right.fail(NeedsAttention("Enter a new key."), every=6, raised=True)
    done = world.run()
    assert done["state"] == "failed"
    assert done["reason"] == "Enter a new key."
    told = sum(world.right.values("person", right)["last"].startswith("New") for _, right in people)
    assert done["updated"]["right"] == states().count("done")
    assert 0 < told < 20
    world.run()
    world.run()
    assert all(world.right.values("person", right)["last"].startswith("New") for _, right in people)


def test_a_key_that_stops_working_before_the_second_try_takes_nothing_back() -> None:
    world, people = paired(2)
    change_left(world, people, last="New", first="Neu")
    world.right.fail(Rejected("No.", {"last": "not allowed"}))
    write = MemoryConnector.write
    calls: list[int] = []

    def stop_the_second(self: MemoryConnector, object_type: str, writes: Any) -> Any:
        calls.append(len(writes))
        if self.store is world.right and len(calls) == 2:
            raise NeedsAttention("Enter a new key.")
        return write(self, object_type, writes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryConnector, "write", stop_the_second)
        world.run()
    assert calls == [2, 1]
    assert states() == ["done", "set_aside"]


def broken(world: World, records: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector has a bug that strikes when it writes these records."""
    whole = MemoryConnector._write_one

    def strike(self: MemoryConnector, object_type: str, write: Any) -> Any:
        if self.store is world.right and (write.id or "new") in records:
            raise KeyError(SOMEBODY)
        return whole(self, object_type, write)

    monkeypatch.setattr(MemoryConnector, "_write_one", strike)


def test_a_bug_sets_that_record_aside_with_a_reference(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, people = paired(8)
    change_left(world, people, last="New")
    broken(world, {people[2][1]}, monkeypatch)
    done = world.run()
    assert (done["state"], done["set_aside"], done["updated"]["right"]) == ("partial", 1, 7)
    aside = ChangeRecord.objects.get(state="set_aside")
    assert "Tell whoever looks after AlumniSync: reference" in aside.reason
    assert aside.reason.rpartition(" ")[2].rstrip(".") in caplog.text
    assert SOMEBODY not in caplog.text


def test_a_bug_in_reading_strikes_one_record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = paired(4)
    change_left(world, people, last="New")
    read = MemoryConnector.read

    def strike(self: MemoryConnector, object_type: str, ids: Any, fields: Any) -> Any:
        if self.store is world.right and people[1][1] in ids:
            raise ZeroDivisionError
        return read(self, object_type, ids, fields)

    monkeypatch.setattr(MemoryConnector, "read", strike)
    done = world.run()
    assert (done["set_aside"], done["updated"]["right"]) == (1, 3)


def test_several_bugs_in_a_row_fail_the_run_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    world, people = paired(30)
    change_left(world, people, last="New")
    broken(world, {right for _, right in people}, monkeypatch)
    done = world.run()
    assert done["state"] == "failed"
    assert "records in a row could not be sent" in done["reason"]
    assert "planned" in states()
    monkeypatch.undo()
    world.run()
    assert all(world.right.values("person", right)["last"].startswith("New") for _, right in people)


@pytest.mark.parametrize("findable", [None, frozenset()])
def test_a_bug_in_a_create_is_looked_into_before_anything_else(findable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = paired(1, right={"create": "automatic"}, right_type={"findable": findable})
    world.left.put("person", {"first": "Mary", "last": "S", "email": "m@example.org"})
    broken(world, {"new"}, monkeypatch)
    assert [world.run()["set_aside"] for _ in range(3)] == [1, 1, 1]
    aside = ChangeRecord.objects.get(kind="create", state="set_aside")
    assert "reference" in aside.reason
    monkeypatch.undo()
    ChangeRecord.objects.update(next_try_at=None)
    assert world.run()["created"]["right"] == 1
    assert len(world.linked()) == 2
