"""A person with recognisable invented values, found again wherever a row of the database still holds one of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.db import connection
from django.utils import timezone

from alumnisync.models import Absence, Match, Member
from connectors.models import FeedRow, RemoteRecord, ServiceNote
from connectors.records import Rejected
from tests.factories import World

PLANTED = {
    "first": "Quillivane",
    "last": "Marrowbeck",
    "email": "both@fennelcote.example",
    "phone": "+15735550137",
}
EARLIER = ("Thistlewick", "Ploverhurst", "Umberfold", "+15735550142")
"""First and last name, city and phone, as they are later on one side."""
SHARED = "fennelcote"
"""Of the e-mail address, which somebody else has as well."""
COMMENT = "She asked Umberfold about it"
MARKS = ("quillivane", "marrowbeck", "5550137", "thistlewick", "ploverhurst", "5550142", "umberfold")


def marks_left(marks: Iterable[str] = MARKS) -> set[tuple[str, str]]:
    """(table and column, mark) of every value in the whole database that says one of these; packed ones too."""
    wanted = [mark.lower() for mark in marks]
    return {(place, mark) for place, text in _texts() for mark in wanted if mark in text.lower()}


def held(world: World, side: str, id: str) -> RemoteRecord:
    return RemoteRecord.objects.get(cursor=world.cursor(side), remote_id=id)


def story(world: World | None = None) -> tuple[World, str, str]:
    """Somebody of whom every kind of row holds something, beside two others; their ids on both sides.

    Filled and changed values, a conflict with a comment, a decided one, a review, a change that was refused, a match.
    """
    last_name = {"left": "last", "right": "last", "to_right": "review"}
    pairs = (
        {"left": "first", "right": "first"},
        last_name,
        {"left": "email", "right": "email", "kind": "email"},
        {"left": "phone", "right": "phone", "kind": "phone", "region": "US"},
        {"left": "city", "right": "city"},
    )
    world = world or World(pairs)
    left, right = world.pair_up(**PLANTED, city="")
    for _ in range(2):
        world.pair_up()
    world.go()
    world.left.alter("person", left, {"phone": EARLIER[3]})
    world.run()
    # The first name is a conflict, the last name a review, the city is refused.
    world.left.alter("person", left, dict(zip(("first", "last", "city"), EARLIER, strict=False)))
    world.right.alter("person", right, {"first": "Quilli Umberfold"})
    said = "There is no city “Umberfold”."
    world.right.fail(Rejected(said, {"city": said}), times=None)
    world.run()
    for conflict in world.conflicts():
        type(conflict).objects.filter(pk=conflict.pk).update(comment=COMMENT)
    _ask_of_others(world)
    _add_rest(world, left)
    return world, left, right


def _add_rest(world: World, left: str) -> None:
    """Rows that this pair of systems does not make."""
    now, cursor = timezone.now(), world.cursor("left")
    FeedRow.objects.create(
        cursor=cursor, change_id="7", remote_id=left, values={"city": "Umberfold"}, landed_at=now, acknowledged_at=now
    )
    linked = Member.objects.get(sync=world.sync, record=held(world, "left", left))
    Absence.objects.create(
        run=world.sync.runs.latest("pk"),
        link=linked.link,
        side="left",
        record=linked.record,
        since=now,
        comment=COMMENT,
    )
    ServiceNote.objects.create(
        connection=cursor.connection, place="12", service="save", at=now, status=422, record=left, why="Umberfold"
    )


def _ask_of_others(world: World) -> None:
    """Somebody unlinked who shares the e-mail address: the person is among the candidates."""
    world.left.put("person", {"first": "Robin", "last": "Ash", "email": PLANTED["email"]})
    world.run()
    Match.objects.filter(sync=world.sync, state="open").update(comment=COMMENT)


def _texts() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - the database's own names
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(columns, row, strict=True):
                    yield f"{table}.{name}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, memoryview | bytes):
        data = bytes(value)
        with suppress(zlib.error):
            data = zlib.decompress(data)
        return data.decode("utf-8", "replace")
    return str(value)
