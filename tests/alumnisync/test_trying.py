"""Rules tried on a real person: who that is, what each side holds, what would be written; nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from alumnisync.models import Link
from alumnisync.rehearsal import Unready
from alumnisync.rehearsal.trying import Row, try_pairs
from connectors.described import remember
from connectors.models import Connection, RemoteRecord
from connectors.records import NeedsAttention
from connectors.systems.memory import Failure, MemoryConnector, stores
from mappings.setup.contents import Contents, contents_of
from tests.factories import World, person_type

pytestmark = pytest.mark.django_db

EMAIL, FIRST = "email|email", "first|first"


@pytest.fixture
def world() -> World:
    return World()


def rules(world: World, **changes: dict[str, Any]) -> Contents:
    """The rules in force, with settings of pairs changed."""
    contents = contents_of(world.version)
    return replace(
        contents, pairs={key: {**pair, **changes.get(pair["left"], {})} for key, pair in contents.pairs.items()}
    )


def row(world: World, key: str = EMAIL, *, skip: int = 0, **changes: dict[str, Any]) -> Row:
    return try_pairs(world.sync, rules(world, **changes), skip=skip).rows[key]


def asked(world: World) -> list[str]:
    """Which calls both systems got."""
    return [call[0] for store in (world.left, world.right) for call in store.calls]


def linked(world: World, **values: Any) -> tuple[str, str]:
    pair = world.pair_up(**values)
    world.go()
    return pair


def test_a_linked_person_shows_what_both_sides_hold_and_that_they_agree(world: World) -> None:
    left, _ = linked(world, email="ada@example.org", last="Byron")
    tried = try_pairs(world.sync, rules(world))
    assert tried.person == left
    assert list(tried.rows) == ["first|first", "last|last", "email|email", "phone|phone"]
    told = tried.rows[EMAIL]
    assert (told.left, told.right, told.problem) == ("ada@example.org", "ada@example.org", "")
    assert told.to_left == told.to_right == "nothing, as both say the same"


def test_somebody_is_shown_by_name_where_a_field_says_it() -> None:
    world = World(({"left": "first_name", "right": "first_name"}, {"left": "last_name", "right": "last_name"}))
    world.pair_up(first_name="Ada", last_name="Byron")
    assert try_pairs(world.sync, rules(world)).person == "Ada Byron"


def test_what_was_read_is_enough_and_nothing_is_written(world: World) -> None:
    linked(world)
    world.left.calls.clear()
    world.right.calls.clear()
    before = world.writes(), RemoteRecord.objects.count(), Link.objects.count()
    try_pairs(world.sync, rules(world))
    assert asked(world) == []
    assert (world.writes(), RemoteRecord.objects.count(), Link.objects.count()) == before


def test_a_field_that_was_never_read_is_read_now(world: World) -> None:
    linked(world, city="Columbia")
    written = world.writes()
    contents = rules(world)
    extra = {**contents.pairs[FIRST], "left": "city", "right": "city"}
    told = try_pairs(world.sync, replace(contents, pairs={**contents.pairs, "city|city": extra})).rows["city|city"]
    assert (told.left, told.right) == ("Columbia", "Columbia")
    assert "read" in asked(world)
    assert world.writes() == written
    assert "city" not in RemoteRecord.objects.all()[0].values


def test_a_clean_up_shows_what_would_be_written(world: World) -> None:
    linked(world, first="ADA")
    told = row(world, FIRST, first={"read_left": "value|title_case"})
    assert (told.left, told.right, told.to_right, told.to_left) == (
        "ADA",
        "ADA",
        f"Ada, if it changes in {world.sync} left",
        f"ADA, if it changes in {world.sync} right",
    )


@pytest.mark.parametrize(
    ("word", "to_right"),
    [
        ("off", ""),
        ("fill", "nothing, as only a blank is filled"),
        ("review", "Eda – a person looks first"),  # noqa: RUF001
        ("automatic", "Eda"),
    ],
)
def test_a_direction_s_word_decides(world: World, word: str, to_right: str) -> None:
    linked(world)
    told = row(world, FIRST, first={"to_right": word, "to_left": "off", "read_left": "'Eda'"})
    assert told.to_right == to_right


def test_a_blank_is_filled(world: World) -> None:
    linked(world, phone="")
    told = row(world, "phone|phone", phone={"to_right": "fill", "read_left": "value|default('+1 573 555 0100')"})
    assert (told.right, told.to_right) == ("(blank)", "+15735550100")


@pytest.mark.parametrize(
    ("on_blank", "to_right"),
    [
        ("keep", "nothing, as a blank overwrites nothing"),
        ("ask", "a person is asked whether to remove it here too"),
        ("carry", "(blank): it is removed here too"),
    ],
)
def test_a_blank_does_what_was_said_of_blanks(world: World, on_blank: str, to_right: str) -> None:
    linked(world)
    told = row(world, FIRST, first={"on_blank": on_blank, "left": "old_email"})
    assert told.left == "(not known)"
    assert told.to_right == ""
    blanked = row(world, FIRST, first={"on_blank": on_blank, "read_left": "value|replace('Ada', '')"})
    assert (blanked.left, blanked.right, blanked.to_right) == ("Ada", "Ada", to_right)


def test_what_can_not_be_translated_is_told_with_why(world: World) -> None:
    linked(world, phone="+1 573 555 0100")
    told = row(world, "phone|phone", phone={"read_left": "'12'"})
    assert told.to_right == ""
    assert "phone" in told.problem


def test_what_is_too_long_for_the_field_there_is_told(world: World) -> None:
    remember(world.connections["right"], [person_type()])
    linked(world)
    told = row(world, "last|last", last={"read_left": "'x' ~ '" + "y" * 90 + "'"})
    assert told.to_right == ""
    assert "the field there takes 80" in told.problem


def test_a_field_that_is_not_there_is_told_and_the_others_are_tried(world: World) -> None:
    remember(world.connections["right"], [person_type()])
    linked(world)
    contents = rules(world)
    odd = {**contents.pairs[FIRST], "left": "first", "right": "frist", "to_left": "off"}
    tried = try_pairs(world.sync, replace(contents, pairs={**contents.pairs, "first|frist": odd}))
    assert tried.rows["first|frist"].problem == f"{world.connections['right']} has no field “frist” that we can see."
    assert tried.rows["first|frist"].to_right == "Ada"
    assert tried.rows[EMAIL].left.endswith("@example.org")


def test_a_pair_that_can_not_be_carried_out_stops_no_other(world: World) -> None:
    linked(world)
    tried = try_pairs(world.sync, rules(world, first={"read_left": "value|no_such_thing"}))
    assert "no_such_thing" in tried.rows[FIRST].problem
    assert tried.rows[EMAIL].problem == ""


def test_lifting_a_consent_takes_a_person_and_a_death_is_looked_at() -> None:
    consent = {
        "left": "no_mail",
        "right": "no_mail",
        "kind": "consent",
        "restricted_when": {"left": True, "right": True},
    }
    world = World(({"left": "first", "right": "first"}, consent, {"left": "dead", "right": "dead", "kind": "deceased"}))
    left, right = world.pair_up(no_mail=False, dead=False)
    world.go()
    left_record = RemoteRecord.objects.get(cursor=world.cursor("left"), remote_id=left)
    right_record = RemoteRecord.objects.get(cursor=world.cursor("right"), remote_id=right)
    left_record.values = {**left_record.values, "dead": True}
    right_record.values = {**right_record.values, "no_mail": True}
    left_record.save()
    right_record.save()
    told = try_pairs(world.sync, rules(world)).rows
    assert told["no_mail|no_mail"].to_right == "nothing, as a person must lift this"
    assert told["no_mail|no_mail"].to_left.startswith("yes")
    assert told["dead|dead"].to_right.startswith("yes – a person looks first")  # noqa: RUF001


def test_a_long_value_is_shown_shortened(world: World) -> None:
    linked(world, first="x" * 500)
    assert row(world, FIRST).left == "x" * 300 + "…"


def test_others_can_be_seen_and_after_the_last_the_first_again(world: World) -> None:
    for number in range(3):
        world.pair_up(first=f"Ada{number}")
    world.go()
    names = [row(world, FIRST, skip=skip).left for skip in range(4)]
    assert names == ["Ada0", "Ada1", "Ada2", "Ada0"]


def test_whom_a_preview_proposes_to_link_is_somebody(world: World) -> None:
    world.pair_up(first="Grace")
    world.run(preview=True)
    assert (row(world, FIRST).left, row(world, FIRST).right) == ("Grace", "Grace")


def test_before_anything_was_read_the_first_page_and_the_match_rules_find_somebody(world: World) -> None:
    remember(world.connections["right"], [person_type()])
    world.right.put("person", {"first": "Other", "email": "other@example.org"})
    world.pair_up(first="Ada", email="ada@example.org")
    told = row(world, FIRST)
    assert (told.left, told.right) == ("Ada", "Ada")
    assert not RemoteRecord.objects.exists()
    assert world.writes() == 0


def test_the_id_in_the_key_field_finds_the_partner_first(world: World) -> None:
    remember(world.connections["right"], [person_type()])
    left = world.left.put("person", {"first": "Ada", "email": "new@example.org"})
    world.right.put("person", {"first": "Augusta", "email": "old@example.org", "left_id": left})
    assert row(world, FIRST).right == "Augusta"


def test_the_id_in_one_s_own_key_field_finds_the_partner() -> None:
    world = World(left={"key_field": "crm_id"}, right={"key_field": ""})
    right = world.right.put("person", {"first": "Augusta"})
    world.left.put("person", {"first": "Ada", "crm_id": right})
    assert row(world, FIRST).right == "Augusta"


def test_without_a_partner_one_side_is_shown_and_what_it_would_send(world: World) -> None:
    world.left.put("person", {"first": "Ada", "email": "ada@example.org"})
    told = row(world, FIRST)
    assert (told.left, told.right, told.to_right, told.to_left) == ("Ada", "(nobody found)", "Ada", "")


def test_a_partner_that_can_not_be_looked_up_is_no_trouble(world: World) -> None:
    remember(world.connections["right"], [person_type()])
    world.left.put("person", {"first": "Ada", "email": "ada@example.org"})
    world.right.failures.append(Failure(NeedsAttention("Not today."), "find", times=None))
    assert row(world, FIRST).right == "(nobody found)"


def test_where_only_the_other_side_has_somebody_they_are_shown(world: World) -> None:
    world.right.put("person", {"first": "Ada"})
    told = row(world, FIRST)
    assert (told.left, told.right, told.to_left) == ("(nobody found)", "Ada", "Ada")


def test_where_nobody_is_it_is_said(world: World) -> None:
    with pytest.raises(Unready, match="Neither side has anybody"):
        try_pairs(world.sync, rules(world))


def test_a_system_that_refuses_is_quoted(world: World) -> None:
    world.left.failures.append(Failure(NeedsAttention("The key has expired."), "poll", times=None))
    with pytest.raises(Unready, match=r"world-.* left: The key has expired"):
        try_pairs(world.sync, rules(world))


def test_another_organisation_s_people_are_not_shown(world: World) -> None:
    world.go()
    world.pair_up()
    Connection.objects.filter(name=f"{world.sync} left").update(
        identity={"organisation": "elsewhere", "label": "Other"}
    )
    with pytest.raises(Unready, match="Nothing is read or sent"):
        try_pairs(world.sync, rules(world))


def test_a_feed_is_not_used_up_for_a_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair_up()
    monkeypatch.setattr(MemoryConnector, "may_look", False)
    with pytest.raises(Unready, match="Neither side"):
        try_pairs(world.sync, rules(world))
    assert "poll" not in asked(world)


def test_a_linked_person_who_is_gone_is_passed_over(world: World) -> None:
    linked(world, first="Ada")
    linked(world, first="Grace")
    first = RemoteRecord.objects.filter(cursor=world.cursor("left")).order_by("pk")[0]
    first.gone_at = first.landed_at
    first.save()
    assert row(world, FIRST).left == "Grace"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda contents: replace(contents, sides={"left": contents.sides["left"]}),
        lambda contents: replace(
            contents, sides={**contents.sides, "right": {**contents.sides["right"], "connection": "nowhere"}}
        ),
        lambda contents: replace(
            contents, sides={**contents.sides, "right": {**contents.sides["right"], "object": ""}}
        ),
    ],
)
def test_a_side_that_is_not_chosen_is_asked_for(world: World, spoil: Callable[[Contents], Contents]) -> None:
    with pytest.raises(Unready, match="Choose a connection"):
        try_pairs(world.sync, spoil(rules(world)))


def test_a_row_and_a_person_are_not_in_what_is_logged(world: World) -> None:
    linked(world, first="Ada", email="ada@example.org")
    assert "Ada" not in repr(try_pairs(world.sync, rules(world)))
    assert "ada@" not in repr(row(world))


def test_a_store_that_is_gone_is_told(world: World) -> None:
    del stores[f"{world.sync} left"]
    with pytest.raises(Unready, match="has no store"):
        try_pairs(world.sync, rules(world))
