"""The words that screens say for sides, fields and people."""

from __future__ import annotations

import pytest
from django.utils import timezone

from alumnisync.engine.tries import CREATE_UNIT
from alumnisync.naming import names_of, person
from connectors.described import remember
from connectors.models import RemoteRecord
from connectors.records import Field, ObjectType
from mappings.models import SyncSide
from tests.factories import World

pytestmark = pytest.mark.django_db


def describe(world: World, side: str, **labels: str) -> None:
    fields = tuple(Field(name, label) for name, label in labels.items())
    remember(world.connections[side], [ObjectType("person", "People", fields)])


def test_sides_are_called_by_their_connections() -> None:
    world = World()
    names = names_of(world.version)
    assert names.side("left") == world.connections["left"].name
    assert names.side("elsewhere") == "elsewhere"


def test_fields_have_their_systems_labels_where_there_are_any() -> None:
    world = World()
    describe(world, "left", first="First name", city="City")
    names = names_of(world.version)
    assert names.field("left", "first") == "First name"
    assert names.field("left", "city.name") == "City name"
    assert names.field("right", "first") == "first"


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [("E-mail", "Email", "Email"), ("e_mail", "E-mail", "E-mail"), ("Mail", "Post", "Mail ↔ Post"), ("", "", "email")],
)
def test_a_pair_is_one_word_where_both_systems_say_the_same(left: str, right: str, said: str) -> None:
    world = World()
    describe(world, "left", email=left)
    describe(world, "right", email=right)
    assert names_of(world.version).pair("email|email") == said


def test_a_group_and_a_new_record_have_words_too() -> None:
    names = names_of(World().version)
    assert names.unit("home_address") == "Home address"
    assert names.unit(CREATE_UNIT) == "New record"
    assert names.unit("gone|missing") == "gone ↔ missing"


def record(**values: str) -> RemoteRecord:
    return RemoteRecord(remote_id="17", values=values, change_no=1, landed_at=timezone.now())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"first_name": "Ada", "last_name": "Byron", "city": "London"}, "Ada Byron"),
        ({"FirstName": "Ada", "LastName": "Byron"}, "Ada Byron"),
        ({"Name": "Ada Byron"}, "Ada Byron"),
        ({"email": "ada@example.org"}, "17"),
    ],
)
def test_somebody_is_called_by_name(values: dict[str, str], said: str) -> None:
    assert person([None, record(**values)]) == said


def test_nobody_in_particular() -> None:
    assert person([None]) == "somebody"


def test_a_record_has_an_address_only_where_its_system_says_so() -> None:
    world = World()
    assert names_of(world.version).address_of("left", "7") == ""
    SyncSide.objects.all().delete()
    assert names_of(world.version).address_of("left", "7") == ""
