"""Runs as the engine makes them, and what the pages about them say."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from alumnisync.models import ChangeRecord, SyncRun
from mappings.models import MappingVersion
from tests.factories import World

MOST_STATEMENTS = 16
SOME_LIMIT = {"changed": {"floor": 1, "share": 0}}


def settled(count: int = 3, **options: Any) -> tuple[World, list[tuple[str, str]]]:
    """A live sync with people who agree on both sides."""
    world = World(**options)
    people = [world.pair_up() for _ in range(count)]
    world.go()
    return world, people


def renamed(count: int = 3, **options: Any) -> World:
    """The same, each with a last name that has changed on the left since."""
    world, people = settled(count, **options)
    for number, (left, _) in enumerate(people):
        world.left.alter("person", left, {"last": f"Lovelace{number}"})
    return world


def newest(world: World) -> SyncRun:
    return SyncRun.objects.filter(sync=world.sync).latest("pk")


def previewed(count: int = 3, **options: Any) -> tuple[World, SyncRun]:
    world = renamed(count, **options)
    world.run(preview=True)
    return world, newest(world)


def held(count: int = 3) -> tuple[World, SyncRun]:
    """A run that a safety limit stopped for one field; a phone went through."""
    world, people = settled(count, guards=SOME_LIMIT)
    for left, _ in people:
        world.left.alter("person", left, {"last": "Same"})
    world.left.alter("person", people[0][0], {"phone": "+1 573 555 0199"})
    world.run()
    return world, newest(world)


def at(name: str, run: SyncRun) -> str:
    return reverse(f"admin:alumnisync_syncrun_{name}", args=[run.pk])


def text_of(answer: Any) -> str:
    """What a page says, without the frame around it and without its tags."""
    inside = answer.content.decode().split('id="content"', 1)[-1].split("search-input-command", 1)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", inside)).replace("&#x27;", "'")


def told(answer: Any) -> list[str]:
    """The sentences at the top of a page."""
    return [str(message) for message in answer.context["messages"]]


def page(client: Client, run: SyncRun, query: str = "") -> str:
    return text_of(client.get(at("change", run) + query))


def as_role(client: Client, role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def everything() -> list[Any]:
    models = (SyncRun, ChangeRecord, MappingVersion)
    return [list(model._default_manager.order_by("pk").values_list()) for model in models]
