"""Every address of the admin, found by itself, with objects for its arguments; and whether anything changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from alumnisync.models import Absence, Alarm, CheckAnswer, DriftReport, ErasedKey, Erasure, ErasureTask, Member, SyncRun
from connectors.encryption import key_names
from connectors.models import (
    AccessToken,
    ErasedRecord,
    FeedRow,
    KnownObjectType,
    ReceivedRecord,
    RemoteRecord,
    SeenField,
    ServiceNote,
    ServiceUse,
)
from mappings.models import MappingVersion, ValueMap
from tests.factories import PAIRS, World

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
# Sessions begin and end with who looks; that somebody signed in is not a page's doing.
NOT_COMPARED = ("django_session",)
ROOT = "/admin/"
HARMLESS = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")


@dataclass(frozen=True)
class Page:
    """One address. needs and methods: as `looks` and `does` say; None for Django's own."""

    name: str
    route: str
    address: str
    needs: tuple[str, ...] | None
    methods: tuple[str, ...] | None

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


def pages() -> list[Page]:
    """All of them. Of two patterns for one address the first answers."""
    found: dict[str, Page] = {}
    for pattern, route in _patterns(admin.site.get_urls(), ""):
        name = pattern.name or "unnamed " + re.sub(r"^\w+/\w+/", "", route)
        address = ROOT + _filled(route)
        found.setdefault(
            address,
            Page(
                name,
                route,
                address,
                getattr(pattern.callback, "needs", None),
                getattr(pattern.callback, "methods", None),
            ),
        )
    return list(found.values())


def _patterns(patterns: Iterable[Any], before: str) -> Iterator[tuple[URLPattern, str]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, route)
        else:
            yield pattern, route


def _filled(route: str) -> str:
    plain = PARAMETER.sub(lambda found: _argument(found[1] or found[2], route), route)
    return plain.replace("^", "").replace("$", "")


ARGUMENTS: dict[str, Callable[[], str]] = {
    "system": lambda: "memory",
    "name": lambda: "person",
    "app_label": lambda: "mappings",
    "url": lambda: "no-such-page",
    "side": lambda: "left",
    "form": lambda: "csv",
    "format": lambda: "csv",
    "which": lambda: "field-pairs",
    "record": lambda: str(RemoteRecord.objects.order_by("-pk").values_list("pk", flat=True)[0]),
    "task": lambda: str(ErasureTask.objects.order_by("-pk").values_list("pk", flat=True)[0]),
    "content_type_id": lambda: str(ContentType.objects.get_for_model(User).pk),
}


def _argument(name: str, route: str) -> str:
    """A value for a part of an address: an object of the model whose page it is, or what is named above."""
    model = _model_of(route)
    if name in ("object_id", "pk", "id"):
        wanted = model or User
        return str(wanted._default_manager.order_by("-pk").values_list("pk", flat=True)[0])
    assert name in ARGUMENTS, f"Say in walk.ARGUMENTS what stands for <{name}> of {route}."
    return ARGUMENTS[name]()


def _model_of(route: str) -> type[models.Model] | None:
    app, _, rest = route.partition("/")
    try:
        return apps.get_model(app, rest.partition("/")[0])
    except (LookupError, ValueError):
        return None


def digest() -> dict[str, str]:
    """Table → what it holds, in short."""
    tables = [name for name in connection.introspection.table_names() if name not in NOT_COMPARED]
    with connection.cursor() as cursor:
        return {table: _digest_of(cursor, table) for table in tables}


def _digest_of(cursor: Any, table: str) -> str:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - the names are the database's
    rows = sorted(repr([bytes(one) if isinstance(one, memoryview) else one for one in row]) for row in cursor)
    return f"{len(rows)} {sha256(''.join(rows).encode()).hexdigest()}"


def moved(before: dict[str, str]) -> list[str]:
    """The tables that are not what they were."""
    now = digest()
    return sorted(table for table in before if before[table] != now[table])


@contextmanager
def snapshot() -> Iterator[Callable[[], list[str]]]:
    """Gives what tells, as often as it is asked within, which tables are not what they were at the beginning.

    The tables are read only where a statement was run meanwhile that may have changed something.
    """
    before = digest()
    written: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not sql.lstrip().upper().startswith(HARMLESS):
            written.append(sql)
        return execute(sql, *rest)

    def changed() -> list[str]:
        tables = moved(before) if written else []
        if not tables:
            written.clear()
        return tables

    with connection.execute_wrapper(note):
        yield changed


def everything() -> World:
    """A database in which something of every model is there and everything that can wait waits."""
    last_name = {**PAIRS[1], "to_right": "review"}
    world = World((PAIRS[0], last_name, *PAIRS[2:]), match=[[["email"], ["email"]]])
    people = [world.pair_up() for _ in range(5)]
    world.go()
    (left, right), (reviewed, _), (unsendable, _), *_ = people
    world.left.alter("person", left, {"phone": "+15735550101"})
    world.right.alter("person", right, {"phone": "+15735550102"})
    world.left.alter("person", reviewed, {"last": "Hopper"})
    world.left.alter("person", unsendable, {"phone": "ask my sister"})
    for first in ("Robin", "Robert"):
        world.right.put("person", {"first": first, "last": "Ashgrove", "email": "both@example.org"})
    world.left.put("person", {"first": "Robin", "last": "Ashgrove", "email": "both@example.org"})
    assert world.run()["set_aside"] == 1
    assert (len(world.conflicts()), len(world.reviews()), len(world.matches())) == (1, 1, 1)
    _add_rest(world)
    return world


def _add_rest(world: World) -> None:
    """Rows that no run makes, and a draft whose preview waits."""
    now = timezone.now()
    cursor = world.cursor("left")
    SeenField.objects.get_or_create(cursor=cursor, name="email", defaults={"first_seen_at": now})
    FeedRow.objects.create(cursor=cursor, change_id="1", landed_at=now)
    KnownObjectType.objects.get_or_create(
        connection=world.connections["right"], name="person", defaults={"described_at": now}
    )
    Alarm.objects.create(sync=world.sync)
    member = Member.objects.filter(sync=world.sync, side="left").first()
    assert member is not None
    Absence.objects.create(
        run=SyncRun.objects.latest("pk"), link=member.link, side="left", record=member.record, kind="deleted", since=now
    )
    DriftReport.objects.create(sync=world.sync, asked_at=now, asked_by="pat")
    CheckAnswer.objects.create(sync=world.sync, point="contact", text="Ada", said_by="pat", said_at=now)
    caller = world.connections["left"]
    ReceivedRecord.objects.create(connection=caller, number=1, received_at=now, changed_at=now)
    AccessToken.objects.create(connection=caller, place="12", digest="x", made_at=now)
    ServiceUse.objects.create(connection=caller, place="12", service="save", last_at=now)
    ServiceNote.objects.create(connection=caller, place="12", service="save", at=now, status=422)
    ErasedRecord.objects.create(connection=caller, digest=b"x" * 16, key=key_names()[0], erased_at=now)
    erasure = Erasure.objects.create(at=now, by="pat")
    ErasureTask.objects.create(erasure=erasure, system="CRM", kind="records", what="person")
    ErasedKey.objects.create(erasure=erasure, sync=world.sync, digest=b"x" * 16, key=key_names()[0])
    ValueMap.objects.create(version=world.version, name="status", pairs=[["a", "b"]])
    draft = MappingVersion.objects.create(sync=world.sync, number=2, state="draft", created_by="edith")
    for side in world.version.sides.all():
        side.pk, side.version = None, draft
        side.save()
    SyncRun.objects.create(sync=world.sync, version=world.version, kind="preview", state="done", finished_at=now)
    person = User.objects.create_user("colleague", is_staff=True)
    person.groups.add(Group.objects.create(name="Guests"))
