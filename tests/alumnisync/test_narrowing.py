"""Letting a part of a held run through: let go, dropped, or kept waiting; and what becomes of each afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from alumnisync.engine.report import summary
from alumnisync.engine.run import finish_approved
from alumnisync.models import Review, SyncRun
from alumnisync.narrowing import approve_part
from alumnisync.review import Refusal
from alumnisync.roles import OPERATORS
from tests.alumnisync.runs_made import as_role, at, newest, page, settled, text_of, told
from tests.factories import World

pytestmark = pytest.mark.django_db

LIMITS = {"changed": {"floor": 1, "share": 0}, "created": {"floor": 1, "share": 0}}
LAST, FIRST = "changed:right:last|last", "changed:right:first|first"
NEW = "created:right:"


def glitch(**options: Any) -> tuple[World, list[tuple[str, str]], SyncRun]:
    """Both names of three people changed, one has a new phone, and three people are new."""
    world, people = settled(3, guards=LIMITS, right={"create": "automatic"}, **options)
    for number, (left, _) in enumerate(people):
        world.left.alter("person", left, {"last": f"Glitch{number}", "first": f"Odd{number}"})
    world.left.alter("person", people[0][0], {"phone": "+1 573 555 0199"})
    for number in range(3):
        world.left.put("person", {"first": "New", "last": f"N{number}", "email": f"n{number}@example.org"})
    assert world.run()["state"] == "held"
    return world, people, newest(world)


def carry_out(run: SyncRun, **parts: Any) -> dict[str, Any]:
    return summary(finish_approved(approve_part(run, by="pat", **parts)))


def held_at(world: World, people: list[tuple[str, str]], field: str) -> list[str]:
    return [world.right.values("person", right)[field] for _, right in people]


def test_a_dropped_field_is_left_out_and_the_others_go_through() -> None:
    world, people, run = glitch()
    assert [hold["guard"] for hold in run.holds] == ["created", "changed", "changed"]
    done = carry_out(run, drop=[LAST])
    assert (done["state"], done["held"], done["updated"]["right"], done["created"]["right"]) == ("done", [], 3, 3)
    assert held_at(world, people, "first") == ["Odd0", "Odd1", "Odd2"]
    assert not any(name.startswith("Glitch") for name in held_at(world, people, "last"))
    # Refused values are remembered until they move on.
    again = world.run()
    assert (again["state"], again["updated"]["right"]) == ("done", 0)
    world.left.alter("person", people[0][0], {"last": "King"})
    assert world.run()["updated"]["right"] == 1
    assert held_at(world, people[:1], "last") == ["King"]


def test_only_what_is_chosen_goes_through_and_the_rest_keeps_waiting() -> None:
    world, people, run = glitch()
    done = carry_out(run, wait=[LAST, NEW])
    assert (done["state"], done["updated"]["right"], done["created"]["right"]) == ("held", 3, 0)
    assert sorted(item["guard"] for item in done["held"]) == ["changed", "created"]
    assert held_at(world, people, "first") == ["Odd0", "Odd1", "Odd2"]
    # What waits can be decided in the same run, after all, ...
    run.refresh_from_db()
    done = carry_out(run, drop=[NEW])
    assert (done["state"], done["created"]["right"]) == ("done", 0)
    assert held_at(world, people, "last") == ["Glitch0", "Glitch1", "Glitch2"]
    assert world.run()["created"]["right"] == 0


def test_what_waits_is_looked_at_again_by_the_next_run() -> None:
    world, people, run = glitch()
    carry_out(run, wait=[LAST], drop=[NEW])
    again = world.run()
    assert (again["state"], [item["count"] for item in again["held"]]) == ("held", [3])
    run.refresh_from_db()
    assert run.state == "superseded"
    for left, right in people:
        world.left.alter("person", left, {"last": world.right.values("person", right)["last"]})
    assert world.run()["state"] == "done"


def test_dropped_creates_are_not_proposed_again_until_their_record_changes() -> None:
    world, _, run = glitch()
    carry_out(run, drop=[NEW])
    assert (world.run()["created"]["right"], len(world.right.live("person"))) == (0, 3)


def test_removals_that_are_held_can_be_dropped_and_kept_waiting() -> None:
    world, people = settled(
        3, guards={"blanked": {"floor": 1, "share": 0}}, pairs=({"left": "phone", "right": "phone", "on_blank": "ask"},)
    )
    for _, right in people:
        world.right.alter("person", right, {"phone": "+15735550100"})
    for left, _ in people:
        world.left.alter("person", left, {"phone": "+15735550100"})
    world.go()
    for left, _ in people:
        world.left.alter("person", left, {"phone": ""})
    assert world.run()["state"] == "held"
    key = "blanked:right:phone|phone"
    with pytest.raises(Refusal, match="nothing of it is let through"):
        approve_part(newest(world), by="pat", wait=[key])
    assert carry_out(newest(world), drop=[key])["state"] == "done"
    assert Review.objects.exclude(state="closed").count() == 0
    done = world.run()
    assert (done["state"], done["reviews"]) == ("done", 0)
    assert {one.values["phone"] for one in world.right.live("person").values()} == {"+15735550100"}


def test_of_a_first_preview_a_field_can_be_dropped_before_anything_is_sent() -> None:
    world = World(guards=LIMITS)
    pairs = [world.pair_up(first="Ada") for _ in range(3)]
    for left, right in pairs:
        world.left.alter("person", left, {"phone": "+15735550100", "first": ""})
        world.right.alter("person", right, {"phone": ""})
        world.right.alter("person", right, {"first": "Augusta"})
    held = world.run()
    run = newest(world)
    keys = [hold["guard"] for hold in held["held"]]
    assert keys == ["version", "changed", "changed"]
    done = carry_out(run, drop=["changed:left:first|first"])
    assert (done["state"], done["updated"]) == ("done", {"left": 0, "right": 3})
    assert len(world.linked()) == 3
    assert (world.run()["state"], {one.values["first"] for one in world.left.live("person").values()}) == ("done", {""})


def test_what_is_no_part_is_refused_in_words_and_changes_nothing() -> None:
    world, _, run = glitch()
    for part, sentence in (("changed:left:nothing", "not on hold in this run any more"), ("", "not on hold")):
        with pytest.raises(Refusal, match=sentence):
            approve_part(run, by="pat", drop=[part])
    run.refresh_from_db()
    assert run.state == "held"
    world.run()
    with pytest.raises(Refusal, match=f"Run {run.pk} is out of date: run {newest(world).pk} looked at everything anew"):
        approve_part(run, by="pat", drop=[LAST])
    assert not run.changes.filter(state="rejected").exists()


def test_a_limit_that_stops_everything_is_let_go_as_a_whole() -> None:
    world, people = settled(4, guards={"gone": {"floor": 1, "share": 0}})
    for _, right in people[:2]:
        world.right.remove("person", right)
    world.run()
    with pytest.raises(Refusal, match="let go as a whole"):
        approve_part(newest(world), by="pat", drop=["gone::"])


def test_the_page_shows_the_figures_and_somebody_narrows_the_run(client: Client) -> None:
    world, people, run = glitch()
    operator = as_role(client, OPERATORS)
    said = page(operator, run)
    assert "3 people would get another last; usual is 0." in said
    assert "this run 3 usual 0 limit 1" in said
    assert said.count("Drop these changes, let the others through") == 3
    asked = operator.get(at("approve", run) + f"?drop={LAST}")
    assert 'value="drop" checked' in asked.content.decode()
    assert asked.content.decode().count("checked") == 3
    assert f"nothing of last in {world.connections['right'].name} is sent" in text_of(asked)
    parts = {f"part:{LAST}": "drop", f"part:{FIRST}": "go", f"part:{NEW}": "wait"}
    answer = operator.post(at("approve", run), parts, follow=True)
    assert told(answer) == ["It is approved but for what you kept back. The rest is sent as soon as a worker is free."]
    run.refresh_from_db()
    assert [hold["waits"] for hold in run.holds] == [True, False]
    finish_approved(run)
    assert held_at(world, people, "first") == ["Odd0", "Odd1", "Odd2"]
    assert "3 new records would be created" in page(operator, run)


def test_a_stale_page_is_told_so(client: Client) -> None:
    world, _, run = glitch()
    world.run()
    answer = as_role(client, OPERATORS).post(at("approve", run), {f"part:{LAST}": "drop"}, follow=True)
    assert "is out of date" in told(answer)[0]
