"""What the tests of the inbox share: worlds in which something waits, and people who may look or decide."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from alumnisync.deciding import mark_of
from alumnisync.models import Conflict, Match, Review
from alumnisync.roles import make_roles
from connectors.models import Connection
from tests.factories import PAIRS, World

HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
REVIEWED = ({"left": "last", "right": "last", "to_right": "review"}, *PAIRS[2:])


def named(world: World) -> World:
    """Its systems called as an office calls them."""
    for side, name in (("left", "Directory"), ("right", "CRM")):
        Connection.objects.filter(pk=world.connections[side].pk).update(name=f"{name} {world.sync.pk}")
    return world


def both_changed(people: int = 1, pairs: Any = PAIRS, **options: Any) -> tuple[World, list[tuple[str, str]]]:
    """People whose last name both sides changed."""
    world = named(World(pairs, **options))
    ids = [world.pair_up(city="Rolla", zip="65401") for _ in range(people)]
    world.go()
    for number, (left, right) in enumerate(ids):
        world.left.alter("person", left, {"last": f"Byron-{number}", "city": "Newburg"})
        world.right.alter("person", right, {"last": f"King-{number}", "city": "Doolittle"})
    world.run()
    return world, ids


def to_review(people: int = 1) -> tuple[World, list[tuple[str, str]]]:
    """People whose last name is to be looked at before it is written."""
    world = named(World(REVIEWED))
    ids = [world.pair_up() for _ in range(people)]
    world.go()
    for left, _ in ids:
        world.left.alter("person", left, {"last": "Byron"})
    world.run()
    return world, ids


def look_alikes(people: int = 1, **options: Any) -> World:
    """People who may be somebody on the other side: two there share their e-mail."""
    world = named(World(**options))
    for number in range(people):
        email = f"rays{number}@example.org"
        for first, store in (("Ann", world.left), ("Anna", world.right), ("Ben", world.right)):
            store.put("person", {"first": first, "last": "Ray", "email": email, "left_id": ""})
    world.go()
    return world


def signed_in(role: str) -> Client:
    """Somebody of a role."""
    make_roles()
    user = User.objects.create_user(f"user of {role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def address(row: Conflict | Review | Match | type[Any], name: str, *args: Any) -> str:
    return reverse(f"admin:alumnisync_{row._meta.model_name}_{name}", args=args)


def page_of(client: Client, row: Conflict | Review | Match, query: str = "") -> str:
    return client.get(address(row, "change", row.pk) + query).content.decode()


def decide(client: Client, row: Any, choice: str, **said: str) -> Any:
    """Press a button on a question's page, as it is now."""
    said = {"choice": choice, "seen": mark_of(row), **said}
    return client.post(address(row, "decide", row.pk), said, follow=True)


def decide_many(client: Client, model: type[Any], choice: str, **said: Any) -> Any:
    return client.post(address(model, "decide_many"), {"choice": choice, **said}, follow=True)


def tick(row: Any) -> str:
    return f"{row.pk}.{mark_of(row)}"
