"""Builders that make the least that is valid; `World` is a sync over two systems in memory."""

from __future__ import annotations

import itertools
from typing import Any

from django.utils import timezone

from alumnisync import checklist
from alumnisync.engine.report import summary
from alumnisync.engine.run import finish_approved, run_sync
from alumnisync.models import Conflict, Link, Match, Member, Review, SyncRun
from alumnisync.review import approve, reject
from alumnisync.versions import activate
from connectors.models import Connection, Cursor
from connectors.records import Field, ObjectType
from connectors.systems.memory import Store, stores
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap

_names = itertools.count(1)

FIELDS = (
    "id",
    "first",
    "last",
    "email",
    "phone",
    "city",
    "zip",
    "status",
    "crm_id",
    "left_id",
    "old_email",
    "no_mail",
    "dead",
)


def person_type(**options: Any) -> ObjectType:
    given = {"findable": None, "batch_read": 200, "whole_lists": False, **options}
    fields = tuple(Field(name, length=80 if name == "last" else None) for name in FIELDS)
    return ObjectType("person", "People", fields, **given)


def connect(store: Store, name: str) -> Connection:
    """A connection to a store of this process."""
    stores[name] = store
    settings = {"store": name, "requests_per_second": 1000, "concurrency": 2, "timeout": 0}
    return Connection.objects.create(name=name, system="memory", settings=settings)


PAIRS: tuple[dict[str, Any], ...] = (
    {"left": "first", "right": "first"},
    {"left": "last", "right": "last"},
    {"left": "email", "right": "email", "kind": "email"},
    {"left": "phone", "right": "phone", "kind": "phone", "region": "US"},
)


class World:
    """Two systems in memory, a live sync between them, and people who edit on both sides."""

    def __init__(
        self,
        pairs: tuple[dict[str, Any], ...] = PAIRS,
        *,
        left: dict[str, Any] | None = None,
        right: dict[str, Any] | None = None,
        match: list[Any] | None = None,
        left_type: dict[str, Any] | None = None,
        right_type: dict[str, Any] | None = None,
        store_type: type[Store] = Store,
        **options: Any,
    ) -> None:
        name = f"world-{next(_names)}"
        self.left = store_type(person_type(**(left_type or {})))
        self.right = store_type(person_type(**(right_type or {})))
        self.sync = Sync.objects.create(name=name, state=Sync.State.LIVE, **options)
        self.connections = {
            "left": connect(self.left, f"{name} left"),
            "right": connect(self.right, f"{name} right"),
        }
        self.version = self.add_version(pairs, left or {}, {"key_field": "left_id", **(right or {})}, match)

    def add_version(
        self, pairs: Any, left: dict[str, Any], right: dict[str, Any], match: list[Any] | None = None
    ) -> MappingVersion:
        """Other rules for the sync, in force at once."""
        version = MappingVersion.objects.create(
            sync=self.sync,
            number=self.sync.versions.count() + 1,
            match=[[["email"], ["email"]]] if match is None else match,
        )
        for side, options in (("left", left), ("right", right)):
            SyncSide.objects.create(
                version=version, side=side, connection=self.connections[side], object_type="person", **options
            )
        for position, pair in enumerate(pairs):
            value_map = pair.get("value_map")
            if isinstance(value_map, dict):
                value_map = ValueMap.objects.create(version=version, name=f"map {position}", **value_map)
            FieldMapping.objects.create(version=version, position=position, **{**pair, "value_map": value_map})
        activate(version)
        return version

    def run(self, *, preview: bool = False) -> dict[str, Any]:
        """One run; what `sync --json` tells of it."""
        return summary(run_sync(Sync.objects.get(pk=self.sync.pk), preview=preview))

    def approve(self, run: int) -> dict[str, Any]:
        approved = approve(SyncRun.objects.get(pk=run), by="pat")
        assert isinstance(approved, SyncRun)
        return summary(finish_approved(approved))

    def reject(self, run: int) -> None:
        reject(SyncRun.objects.get(pk=run), by="pat", why="No.")

    def go(self) -> dict[str, Any]:
        """A run by rules that somebody has approved already; it is let through where it is held all the same."""
        unseen = self.sync.versions.filter(state=MappingVersion.State.ACTIVE, approved_at=None)
        unseen.update(approved_at=timezone.now(), approved_by="pat")
        done = self.run()
        return self.approve(done["run"]) if done["state"] == "held" else done

    def pair_up(self, **values: Any) -> tuple[str, str]:
        """One person who is on both sides and holds the same there."""
        number = next(_names)
        values = {"first": "Ada", "last": f"Byron{number}", "email": f"ada{number}@example.org", "phone": "", **values}
        return self.left.put("person", values), self.right.put("person", {**values, "left_id": ""})

    def cursor(self, side: str) -> Cursor:
        return Cursor.objects.get(connection=self.connections[side])

    def conflicts(self) -> list[Conflict]:
        return list(Conflict.objects.filter(link__sync=self.sync, state="open"))

    def reviews(self) -> list[Review]:
        return list(Review.objects.filter(link__sync=self.sync, state="open"))

    def matches(self) -> list[Match]:
        return list(Match.objects.filter(sync=self.sync, state="open"))

    def linked(self) -> set[tuple[str, ...]]:
        """The ids of the records of each link, left first."""
        links = Link.objects.filter(sync=self.sync, state=Link.State.ACTIVE)
        return {
            tuple(Member.objects.filter(link=link).order_by("side").values_list("record__remote_id", flat=True))
            for link in links
        }

    def writes(self) -> int:
        """How many records were written on both sides, by their own count."""
        return sum(self.left.effects.values()) + sum(self.right.effects.values())


def waive_check_list(sync: Sync) -> None:
    """Nothing stands between a draft sync and going live."""
    checklist.answer(sync, [point.slug for point in checklist.points()], "Invented people.", by="pat", waives=True)
