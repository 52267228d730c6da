"""Polls of a cursor without a system: what arrives is written down page by page."""

from collections.abc import Iterator, Sequence
from typing import Any

from alumnisync.engine.poll import ListLimits, Polled, poll
from connectors.models import Connection, Cursor, RemoteRecord
from connectors.records import ObjectType, Page, Record
from connectors.systems.memory import MemoryConnector

LIMITS = ListLimits(floor=2, share=0.10)
PEOPLE = ObjectType("person", "People", fields_known=False)


class Scripted(MemoryConnector):
    """Brings the pages it was given; raises where one is an exception."""

    def __init__(self, *pages: Page | Exception) -> None:
        self.pages = pages
        self.asked: list[tuple[Any, tuple[str, ...], str]] = []

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        self.asked.append((cursor, tuple(fields), narrow))
        for page in self.pages:
            if isinstance(page, Exception):
                raise page
            yield page


def new_cursor() -> Cursor:
    there = Connection.objects.create(name="There", system="memory")
    return Cursor.objects.create(connection=there, object_type="person")


def run(connector: MemoryConnector, cursor: Cursor, wanted: Sequence[str] = ("email",), **options: Any) -> Polled:
    options = {"described": PEOPLE, "limits": LIMITS, "beat": lambda: None, **options}
    return poll(connector, Cursor.objects.get(pk=cursor.pk), wanted, **options)


def land(cursor: Cursor, *records: Record, wanted: Sequence[str] = ("email",), **options: Any) -> Polled:
    return run(Scripted(Page(records)), cursor, wanted, **options)


def list_of(cursor: Cursor, ids: Sequence[str], **options: Any) -> Polled:
    """One poll that brings a whole list of these ids."""
    records = tuple(Record(id, {"email": id}) for id in ids)
    return run(Scripted(Page(records, complete=True)), cursor, **options)


def row(cursor: Cursor, id: str) -> RemoteRecord:
    return RemoteRecord.objects.get(cursor=cursor, remote_id=id)


def numbers(cursor: Cursor) -> dict[str, int]:
    return dict(RemoteRecord.objects.filter(cursor=cursor).values_list("remote_id", "change_no"))


def everything(cursor: Cursor) -> list[tuple[Any, ...]]:
    return list(RemoteRecord.objects.filter(cursor=cursor).values_list())
