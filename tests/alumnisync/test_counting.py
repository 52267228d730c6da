"""How many people rules concern, as far as what was read last can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alumnisync.models import SyncRun
from alumnisync.rehearsal import counting
from alumnisync.rehearsal.counting import count_links, count_scope, unmapped
from connectors.described import remember
from connectors.models import RemoteRecord
from connectors.records import Field, ObjectType
from mappings.rules import Side
from mappings.setup.contents import Contents, contents_of
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

STATUS = {"left": "status", "right": "status"}
EMAIL = "email ↔ email"


@pytest.fixture
def world() -> World:
    """Two people on both sides, linked, and whoever a test adds; all are read."""
    world = World((*PAIRS, STATUS))
    world.pair_up(status="alum")
    world.pair_up(status="friend")
    world.go()
    return world


def rules(world: World, *, side: dict[str, Any] | None = None, **more: Any) -> Contents:
    """The rules in force, with settings of the left side changed, or of the whole."""
    contents = contents_of(world.version)
    left = {**contents.sides["left"], **(side or {})}
    return replace(contents, sides={**contents.sides, "left": left}, **more)


def take_part(world: World, scope: str = "", **more: Any) -> str:
    return count_scope(rules(world, side={"scope": scope}, **more), Side.LEFT)


def test_without_a_condition_everybody_takes_part(world: World) -> None:
    assert take_part(world) == "2 of 2 take part."


def test_who_takes_part_is_counted(world: World) -> None:
    assert take_part(world, "record['status'] == 'alum'") == "1 of 2 take part."


def test_large_numbers_are_told_with_their_thousands_apart(world: World) -> None:
    row = RemoteRecord.objects.filter(cursor=world.cursor("left"))[0]
    RemoteRecord.objects.bulk_create(
        RemoteRecord(
            cursor=row.cursor,
            remote_id=f"x{number}",
            values={"status": "alum"},
            fingerprint=b"",
            change_no=1,
            landed_at=row.landed_at,
        )
        for number in range(1_500)
    )
    assert take_part(world, "record['status'] == 'alum'") == "1,501 of 1,502 take part."


def test_who_is_gone_or_can_not_be_read_takes_no_part(world: World) -> None:
    first, second = RemoteRecord.objects.filter(cursor=world.cursor("left")).order_by("pk")
    RemoteRecord.objects.filter(pk=first.pk).update(gone_at=first.landed_at)
    RemoteRecord.objects.filter(pk=second.pk).update(problem="Torn.")
    assert take_part(world) == "0 of 1 take part."
    assert take_part(world, "true") == "0 of 1 take part."


def test_a_pilot_list_is_told(world: World) -> None:
    assert take_part(world, pilot=["1"]) == "2 of 2 take part; the pilot list narrows it to 1 named records."


def test_whom_a_condition_can_not_judge_are_told_apart(world: World) -> None:
    assert take_part(world, "record['status']|int > 3") == "0 of 2 take part; of 2 it can't be told."


def test_only_so_many_are_looked_at_and_it_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST", 1)
    assert take_part(world, "true") == "1 of 1 take part; only 1 of 2 were looked at."


def test_a_field_that_was_not_read_yet_is_for_the_next_preview(world: World) -> None:
    assert take_part(world, "record['city'] == 'x'") == f"city of {world.sync} left was not read yet. " + (
        "The next preview will count."
    )


def test_another_filter_is_for_the_next_preview(world: World) -> None:
    assert "another selection" in count_scope(rules(world, side={"filter": "x = 1"}), Side.LEFT)


def test_a_condition_that_is_none_is_told(world: World) -> None:
    assert "record[" in take_part(world, "record[")


def test_what_was_never_read_is_for_the_first_preview() -> None:
    world = World()
    assert count_scope(rules(world), Side.LEFT) == f"{world.sync} left was not read yet. The first preview will count."


def test_a_side_that_is_not_chosen_is_asked_for(world: World) -> None:
    assert count_scope(Contents(), Side.LEFT).startswith("Choose a connection")
    assert count_links(world.sync, Contents()) == ["Choose a connection and a kind of record for both sides first."]


def add(world: World, side: str, **values: Any) -> str:
    """A record of one side that is read, but linked to nobody."""
    row = RemoteRecord.objects.filter(cursor=world.cursor(side))[0]
    known = RemoteRecord.objects.create(
        cursor=row.cursor,
        remote_id=f"new{RemoteRecord.objects.count()}",
        values={"email": "", "left_id": "", "first": "", "last": "", **values},
        fingerprint=b"",
        change_no=row.cursor.change_no,
        landed_at=row.landed_at,
    )
    return known.remote_id


def other_rules(world: World) -> Contents:
    """Rules that no run has shown."""
    return rules(world, match=[[["email"], ["email"]], [["first", "last"], ["first", "last"]]])


def test_each_rule_is_told_in_order_then_ids_then_who_is_alone(world: World) -> None:
    add(world, "left", email="New@Example.org")
    add(world, "right", email="new@example.org")
    for side in ("left", "right", "right"):
        add(world, side, first="Ann", last="Lee")
    add(world, "left", email="alone@example.org")
    assert count_links(world.sync, other_rules(world)) == [
        f"{EMAIL}: 1 linked, 0 to look at, of those not linked yet.",
        "first, last ↔ first, last: 0 linked, 1 to look at, of those not linked yet.",
        "The id in left_id: 0 linked, 0 to look at, of those not linked yet.",
        f"1 only on {world.sync} left.",
        f"0 only on {world.sync} right.",
    ]


def test_who_shares_a_key_with_a_linked_person_is_to_be_looked_at(world: World) -> None:
    taken = RemoteRecord.objects.filter(cursor=world.cursor("right"))[0].values["email"]
    add(world, "left", email=taken)
    assert count_links(world.sync, other_rules(world))[0].startswith(f"{EMAIL}: 0 linked, 1 to look at")


def test_an_id_links(world: World) -> None:
    add(world, "right", left_id=add(world, "left", email="a@example.org"))
    assert "The id in left_id: 1 linked, 0 to look at, of those not linked yet." in count_links(
        world.sync, other_rules(world)
    )


def test_who_does_not_take_part_is_not_linked(world: World) -> None:
    add(world, "left", email="new@example.org", status="friend")
    add(world, "right", email="new@example.org")
    contents = replace(other_rules(world), sides=rules(world, side={"scope": "record['status'] == 'alum'"}).sides)
    assert count_links(world.sync, contents)[0].startswith(f"{EMAIL}: 0 linked, 1 to look at")


def test_what_a_run_of_these_very_rules_showed_is_told(world: World) -> None:
    world.left.put("person", {"email": "twin@example.org"})
    world.left.put("person", {"email": "twin@example.org"})
    world.right.put("person", {"email": "twin@example.org"})
    world.run()
    assert count_links(world.sync, rules(world)) == [
        f"{EMAIL}: 2 linked, 1 to look at, as in the last run.",
        "The id in left_id: 0 linked, 0 to look at, as in the last run.",
    ]


def test_a_run_that_failed_showed_nothing(world: World) -> None:
    SyncRun.objects.update(state=SyncRun.State.FAILED)
    assert count_links(world.sync, rules(world))[0].endswith("of those not linked yet.")


def test_a_match_field_that_was_not_read_is_for_the_next_preview(world: World) -> None:
    assert count_links(world.sync, rules(world, match=[[["city"], ["city"]]])) == [
        f"city of {world.sync} left was not read yet. The next preview will count."
    ]


def test_too_many_are_left_to_the_preview(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_MATCHED", 1)
    told = count_links(world.sync, other_rules(world))
    assert told == [f"{world.sync} left has too many records to try this on (2). The next preview will count."]


def with_options(world: World, **options: tuple[str, ...]) -> Contents:
    """The rules with drop-down pairs for the status, and systems that say which options there are."""
    for side, offered in options.items():
        described = ObjectType("person", "People", (Field("status", options=offered), Field("first")))
        remember(world.connections[side], [described])
    contents = rules(world)
    pairs = {**contents.pairs, "status|status": {**contents.pairs["status|status"], "value_map": "status"}}
    value_map = {"unmapped": "set_aside", "pairs": [["alum", "Alumnus"], ["alum", "Alumna"]], "default": {}}
    return replace(contents, pairs=pairs, value_maps={"status": value_map})


def test_options_without_a_pair_are_named(world: World) -> None:
    contents = with_options(world, left=("alum", "lost", "friend"), right=("Alumna", "Alumnus", "Lost"))
    assert unmapped(contents) == {"status": {"left": ["lost", "friend"], "right": ["Lost"]}}


def test_lists_that_lack_nothing_and_fields_without_options_are_left_out(world: World) -> None:
    assert unmapped(with_options(world, left=("alum",), right=("Alumna",))) == {}
    assert unmapped(with_options(world, left=(), right=())) == {}
    assert unmapped(rules(world)) == {}


def test_a_field_that_two_pairs_share_is_named_once_and_not_endlessly(world: World) -> None:
    many = tuple(f"o{number}" for number in range(80))
    contents = with_options(world, left=("alum", *many))
    twice = {**contents.pairs, "status|first": {**contents.pairs["status|status"], "right": "first"}}
    assert unmapped(replace(contents, pairs=twice))["status"]["left"] == list(many[:50])
