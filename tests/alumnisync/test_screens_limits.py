"""The page of a sync: what is said of people no longer found, and limits that suggest themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alumnisync.checklist.facts import gather
from alumnisync.checklist.mapped import points
from alumnisync.limits import suggested_limits
from alumnisync.models import Link, SyncRun
from alumnisync.roles import EDITORS, VIEWERS
from alumnisync.rules_in_words import InWords
from mappings.models import Sync
from mappings.setup.editing import newest_contents
from tests.alumnisync.runs_made import as_role, text_of, told
from tests.alumnisync.test_screens_syncs_form import Fields, form_of
from tests.factories import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


def page(client: Client, world: World) -> Any:
    return client.get(reverse("admin:mappings_sync_change", args=[world.sync.pk]))


def send(client: Client, world: World, **changes: str) -> Any:
    fields: Fields = form_of(page(client, world))
    given = {name.replace("__", "-", 1): value for name, value in changes.items()}
    return client.post(reverse("admin:mappings_sync_save", args=[world.sync.pk]), {**fields, **given}, follow=True)


def side(world: World) -> dict[str, Any]:
    return newest_contents(Sync.objects.get(pk=world.sync.pk)).sides["right"]


def test_each_way_of_going_is_chosen_by_itself_and_compared_in_words(client: Client, world: World) -> None:
    editor = as_role(client, EDITORS)
    before = newest_contents(world.sync)
    off = "record['status'] == 'off'"
    saved = send(editor, world, right__gone_missing="review", right__gone_disabled="flag", right__disabled=off)
    assert told(saved)[0].startswith("Saved as draft 2.")
    assert side(world)["gone"] == {"missing": "review", "disabled": "flag"}
    assert side(world)["disabled"] == off
    assert told(send(editor, world))[0] == "Saved. The rules are as they were."
    (part,) = InWords({"left": "Here", "right": "CRM"}).differences(before, newest_contents(world.sync))
    assert part.name == "CRM"
    assert part.changes == (
        "No longer found: list the person under “No longer found” → missing from two complete lists in a row: "
        "ask a person; switched off there: list the person under “No longer found”",
        "Who is switched off: nothing → record['status'] == 'off'",
    )


def test_a_word_for_who_is_switched_off_needs_its_condition(client: Client, world: World) -> None:
    answer = send(as_role(client, EDITORS), world, right__gone_disabled="review")
    assert "Nothing says who is switched off there" in text_of(answer)
    assert 'id="id_right-gone_disabled"' in answer.content.decode()
    assert not world.sync.versions.filter(state="draft").exists()


def test_the_check_list_says_what_each_deletion_means(world: World) -> None:
    world.version.sides.filter(side="right").update(gone={"missing": "review"}, disabled="record['status'] == 'off'")
    facts = gather(world.sync)
    assert facts is not None
    (point,) = [one for one in points() if one.slug == "deleted"]
    assert point.find is not None
    said = point.find(facts).words
    left, right = (world.connections[side].name for side in ("left", "right"))
    assert said.startswith("Nothing is ever deleted on the other.")
    assert f"{left}: missing from two complete lists in a row: list the person" in said
    assert f"{right}: missing from two complete lists in a row: ask a person; deleted there: list the person" in said
    assert said.count("nobody counts as switched off") == 1
    assert "switched off there: say nothing" in said


def remember(world: World, *counts: int) -> None:
    """People who are linked, and runs that changed so many of their mobiles."""
    Link.objects.bulk_create(Link(sync=world.sync, state="active") for _ in range(2_000))
    for count in counts:
        figures = {"changed": {"phone|phone>right": count}, "gone": {"": 0}}
        SyncRun.objects.create(sync=world.sync, version=world.version, state="done", counts={"figures": figures})


def test_limits_suggest_themselves_and_are_taken_over_by_a_button(client: Client, world: World) -> None:
    remember(world, 4, 0, 6, 2)
    assert suggested_limits(world.sync) == {}
    remember(world, 11)
    found = suggested_limits(world.sync)["changed"]
    assert (found.floor, found.usual, found.most) == (25, 4, 11)
    shown = page(as_role(client, EDITORS), world)
    assert f"25 people, {found.percent} % usual 4, most 11" in text_of(shown)
    takes = f'data-takes="id_guards-changed_floor=25 id_guards-changed_share={found.percent}"'
    assert takes in shown.content.decode()
    values = {"guards__changed_floor": "25", "guards__changed_share": found.percent}
    assert told(send(client, world, **values))[0] == "Saved. The rules are as they were."
    world.sync.refresh_from_db()
    assert world.sync.guards == {"changed": {"floor": 25, "share": found.share}}
    # What is in force already is not suggested.
    assert "changed" not in suggested_limits(world.sync)


def test_who_only_looks_has_no_button(client: Client, world: World) -> None:
    remember(world, 4, 0, 6, 2, 11)
    shown = page(as_role(client, VIEWERS), world)
    assert "25 people" in text_of(shown)
    assert "data-takes" not in shown.content.decode()
