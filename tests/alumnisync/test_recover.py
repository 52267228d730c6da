"""Writes whose answer was lost: found out by reading, by a look-up, by the next poll; never made twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alumnisync.models import ChangeRecord, Link, Member, SyncRun
from connectors.models import RemoteRecord
from connectors.records import NeedsAttention, Temporary, Unknown
from tests.factories import World

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

LOST = "The answer was lost."
NO_LOOK_UP: dict[str, Any] = {"findable": frozenset()}


def with_create(after: bool, *, key_field: str = "left_id", paired: int = 1, **options: Any) -> World:
    """A world in which the answer to the create of Mary was lost, after or before its effect."""
    world = World(right={"create": "automatic", "key_field": key_field}, **options)
    for _ in range(paired):
        world.pair_up()
    world.go()
    world.left.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org", "phone": ""})
    world.right.fail(Unknown(LOST), after=after, raised=True)
    return world


def lost() -> ChangeRecord:
    return ChangeRecord.objects.get(kind="create")


def sent_ago(seconds: float) -> None:
    then = timezone.now() - timedelta(seconds=seconds)
    ChangeRecord.objects.filter(state="sending").update(sent_at=then)
    SyncRun.objects.exclude(finished_at=None).update(finished_at=then)


def marys(world: World) -> int:
    return [row.values["first"] for row in world.right.live("person").values()].count("Mary")


def test_a_create_that_happened_is_found_by_its_key_in_the_same_run() -> None:
    world = with_create(after=True)
    done = world.run()
    assert (done["created"]["right"], done["set_aside"]) == (1, 0)
    assert lost().state == "done"
    assert len(world.linked()) == 2
    assert world.run()["changed"] == {"left": 0, "right": 0}


def test_what_was_found_is_stamped_in_the_same_run() -> None:
    world = with_create(after=True, left={"key_field": "crm_id"})
    assert world.run()["stamped"]["left"] == 1
    assert marys(world) == 1


def test_a_create_that_did_not_happen_goes_at_the_next_run() -> None:
    world = with_create(after=False)
    assert world.run()["set_aside"] == 0
    assert (lost().state, marys(world)) == ("dropped", 0)
    assert world.run()["created"]["right"] == 1
    assert marys(world) == 1


@pytest.mark.parametrize("key_field", ["left_id", ""])
def test_without_a_look_up_the_next_poll_tells(key_field: str) -> None:
    world = with_create(after=True, key_field=key_field, right_type=NO_LOOK_UP)
    assert world.run()["set_aside"] == 1
    assert lost().state == "sending"
    done = world.run()
    assert done["set_aside"] == 0
    assert (lost().state, marys(world), len(world.linked())) == ("done", 1, 2)
    writes = world.writes()
    world.run()
    assert world.writes() == writes


def test_the_next_poll_tells_that_it_did_not_happen() -> None:
    world = with_create(after=False, right_type=NO_LOOK_UP)
    world.run()
    done = world.run()
    assert (done["created"]["right"], done["set_aside"], marys(world)) == (1, 0, 1)


def test_a_created_record_without_a_key_is_known_by_what_it_says() -> None:
    world = with_create(after=True, key_field="", paired=0, right_type=NO_LOOK_UP, match=[[["crm_id"], ["left_id"]]])
    world.run()
    world.run()
    assert (lost().state, marys(world), len(world.linked())) == ("done", 1, 1)


def test_what_the_system_made_of_it_is_left_to_matching() -> None:
    world = with_create(after=True, key_field="", right_type=NO_LOOK_UP)
    world.right.normalise = lambda values: {**values, "last": str(values.get("last", "")).upper()}
    world.run()
    world.run()
    assert (lost().state, marys(world), len(world.linked())) == ("done", 1, 2)


def test_a_poll_that_began_while_the_request_could_last_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_create(after=False, right_type=NO_LOOK_UP)
    connection = world.connections["right"]
    connection.settings["timeout"] = 600
    connection.save()
    world.run()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        sent_ago(999)

    monkeypatch.setattr("alumnisync.engine.recover.time.sleep", wait)
    monkeypatch.setattr("alumnisync.engine.recover._seconds", lambda upto: 0.0 if waited else 600.0)
    assert world.run()["created"]["right"] == 1
    assert waited == [1.0]
    assert marys(world) == 1


def test_a_clock_that_was_put_back_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_create(after=False, right_type=NO_LOOK_UP)
    world.run()
    waited: list[float] = []
    monkeypatch.setattr("alumnisync.engine.recover.time.sleep", waited.append)
    sent_ago(-3600)
    world.run()
    assert (lost().state, waited) == ("sending", [])
    sent_ago(1)
    world.run()
    assert marys(world) == 1


def test_a_list_that_was_not_whole_tells_nothing() -> None:
    world = with_create(after=False, paired=2, right_type={**NO_LOOK_UP, "whole_lists": True})
    world.run()
    world.right.page_size, world.right.short_lists = 1, 1
    world.run()
    assert lost().state == "sending"
    world.right.short_lists = None
    # The first goes on where the short one ended; only the second is whole.
    world.run()
    assert marys(world) == 0
    world.run()
    assert marys(world) == 1


def test_where_nothing_can_tell_a_person_is_asked_to_look() -> None:
    world = with_create(after=False, right_type=NO_LOOK_UP)
    world.run()
    world.version.sides.filter(side="right").update(narrow="active = true")
    for _ in range(3):
        assert world.run()["set_aside"] == 1
    assert "Look there" in lost().reason
    assert marys(world) == 0
    world.right.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org", "phone": ""})
    assert world.run()["set_aside"] == 0
    assert len(world.linked()) == 2


def test_a_created_record_that_was_polled_already_is_taken_as_it_is() -> None:
    world = with_create(after=True)
    world.run()
    change = lost()
    # As when another sync of the same connection polled it between the request and our reading.
    assert change.record is not None
    Member.objects.filter(record=change.record).delete()
    assert change.link is not None
    Link.objects.filter(pk=change.link.pk).update(state="proposed", bases={})
    ChangeRecord.objects.filter(pk=change.pk).update(state="sending", record=None)
    before = RemoteRecord.objects.count()
    assert world.run()["state"] == "done"
    assert RemoteRecord.objects.count() == before
    assert (marys(world), len(world.linked())) == (1, 2)


def test_while_a_system_can_not_be_asked_nothing_is_decided() -> None:
    world = with_create(after=True)
    # The look-ups before the create, by key and by e-mail, go well.
    busy = world.right.fail(Temporary("Busy."), call="find", every=3)
    assert world.run()["set_aside"] == 1
    world.right.failures.remove(busy)
    assert world.run()["set_aside"] == 0
    assert (lost().state, marys(world)) == ("done", 1)


@pytest.mark.parametrize("after", [True, False])
def test_an_update_is_read_back(after: bool) -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "X"})
    world.right.fail(Unknown(LOST), after=after, raised=True)
    assert world.run()["updated"]["right"] == int(after)
    world.run()
    assert world.right.values("person", right)["last"] == "X"
    assert world.right.effects["updated"] == 2


def test_what_can_not_be_read_back_waits_and_is_not_sent_blindly() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "X"})
    world.right.fail(Unknown(LOST), after=True, raised=True)
    # The first reading is the one before the write.
    unread = world.right.fail(Temporary("Busy."), call="read", every=2, times=None)
    done = world.run()
    assert (done["state"], done["set_aside"]) == ("partial", 1)
    world.right.failures.remove(unread)
    world.left.alter("person", left, {"first": "Y"})
    assert world.run()["set_aside"] == 0
    assert world.right.values("person", right)["first"] == "Y"
    assert world.right.effects["updated"] == 3


def test_a_key_that_stopped_working_stops_the_recovery_too() -> None:
    world = World()
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "X"})
    world.right.fail(Unknown(LOST), after=True, raised=True)
    world.right.fail(NeedsAttention("Enter a new key."), call="read", every=2)
    assert world.run()["reason"] == "Enter a new key."
    assert world.run()["set_aside"] == 0


def test_rules_may_lose_a_pair_while_an_answer_is_lost() -> None:
    world = World()
    left, _ = world.pair_up()
    world.go()
    world.left.alter("person", left, {"last": "X"})
    world.right.fail(Unknown(LOST), after=True, raised=True)
    world.right.fail(Temporary("Busy."), call="read", every=2)
    world.run()
    world.add_version(({"left": "first", "right": "first"},), {}, {"key_field": "left_id"})
    assert world.run()["state"] == "held"
    assert ChangeRecord.objects.filter(state="sending").count() == 0
