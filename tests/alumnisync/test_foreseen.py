"""What a preview would be refused for is told on the sync's page before anybody makes one."""

from __future__ import annotations

import pytest
from django.test import Client

from alumnisync.describing import foreseen
from connectors.described import recall, remember
from connectors.records import Field, ObjectType
from mappings.rules import Side
from mappings.setup.contents import Contents, contents_of
from tests.factories import World

pytestmark = pytest.mark.django_db


def described(world: World, *names: str) -> None:
    for connection in world.connections.values():
        fields = tuple(Field(name) for name in ("first", "last", "email", "phone", *names))
        remember(connection, [ObjectType("person", "People", fields, findable=None)])


def sides(world: World) -> dict[Side, ObjectType]:
    found = {side: recall(world.connections[side], "person") for side in Side}
    return {side: known for side, known in found.items() if known}


def test_a_field_that_a_system_does_not_have() -> None:
    world = World()
    described(world)
    contents = contents_of(world.version)
    (sentence,) = foreseen(contents, sides(world))
    assert "People on the right has no field “left_id”" in sentence
    described(world, "left_id")
    assert foreseen(contents, sides(world)) == []


def test_nothing_is_foreseen_of_systems_that_were_never_asked() -> None:
    world = World()
    assert foreseen(contents_of(world.version), sides(world)) == []
    assert foreseen(Contents(), {}) == []


def test_the_page_says_so_with_the_systems_names(admin_client: Client) -> None:
    world = World()
    described(world)
    page = admin_client.get(f"/admin/mappings/sync/{world.sync.pk}/change/").content.decode()
    assert "A preview would be refused" in page
    assert f"{world.connections['right'].name} has no field “left_id”" in page
