"""The marks of erased people as a file beside the backups; and, after one was restored, everybody erased again.

The file holds sealed digests, times, and who erased by which request: nothing of the people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from alumnisync.models import ErasedKey, Erasure, ErasureTask
from alumnisync.privacy.erasing import erase
from connectors import bulk
from connectors.erased import erased_among
from connectors.models import Connection, Cursor, ErasedRecord, RemoteRecord
from mappings.models import Sync

CHUNK = 500
NOT_OURS = "This is no file that “erasures --dump” wrote, or it is cut off. Nothing was stored."
AGAIN = "again, after a backup was restored"

Document = dict[str, Any]


class Unreadable(ValueError):
    """The file is none that was written here. The text is for people."""


def dump() -> Document:
    """Every erasure and every mark. Connections and syncs are named by their numbers, which a backup keeps."""
    erasures = Erasure.objects.prefetch_related("tasks", "keys").order_by("pk")
    return {
        "records": [_mark(row) for row in ErasedRecord.objects.order_by("pk").iterator()],
        "erasures": [_dumped(erasure) for erasure in erasures],
    }


@transaction.atomic
def load(document: Document) -> int:
    """Store what is not there yet; how many erasures that were. Raises Unreadable.

    What belonged to connections and syncs that are gone is left out.
    """
    try:
        _load_records(document["records"])
        return sum(_load_erasure(one) for one in document["erasures"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(NOT_OURS) from error


def erase_again(by: str) -> int:
    """Erase whoever is kept here although their records were erased; how many people that were. Raises Refused."""
    count = 0
    for record in _back():
        # The others of the same person went with the first one.
        if RemoteRecord.objects.filter(pk=record.pk).exists():
            erase(record, by=by, ticket=AGAIN)
            count += 1
    return count


def _back() -> Iterator[RemoteRecord]:
    for cursor in Cursor.objects.filter(connection__erased_records__isnull=False).distinct():
        rows = RemoteRecord.objects.filter(cursor=cursor).order_by("pk").only("remote_id", "cursor")
        last = 0
        while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
            last = chunk[-1].pk
            ids = erased_among(cursor.connection_id, cursor.object_type, [row.remote_id for row in chunk])
            yield from (row for row in chunk if row.remote_id in ids)


def _mark(row: ErasedRecord) -> Document:
    digest, at = bytes(row.digest).hex(), _text(row.erased_at)
    return {"connection": row.connection_id, "digest": digest, "key": row.key, "at": at}


def _dumped(erasure: Erasure) -> Document:
    return {
        "at": _text(erasure.at),
        "by": erasure.by,
        "ticket": erasure.ticket,
        "counts": erasure.counts,
        "tasks": [
            {
                "connection": task.connection_id,
                "system": task.system,
                "kind": task.kind,
                "what": task.what,
                "count": task.count,
                "done_by": task.done_by,
                "done_at": _text(task.done_at),
            }
            for task in erasure.tasks.all()
        ],
        "keys": [
            {"sync": key.sync_id, "digest": bytes(key.digest).hex(), "key": key.key} for key in erasure.keys.all()
        ],
    }


def _load_records(rows: list[Mapping[str, Any]]) -> None:
    there = set(Connection.objects.values_list("pk", flat=True))
    records = [
        ErasedRecord(
            connection_id=row["connection"],
            digest=bytes.fromhex(row["digest"]),
            key=row["key"],
            erased_at=datetime.fromisoformat(row["at"]),
        )
        for row in rows
        if row["connection"] in there
    ]
    bulk.upsert(records, by=["connection", "digest"], fields=["key"])


def _load_erasure(row: Mapping[str, Any]) -> bool:
    """Whether it was not there yet."""
    at = datetime.fromisoformat(row["at"])
    if Erasure.objects.filter(at=at, by=row["by"]).exists():
        return False
    erasure = Erasure.objects.create(at=at, by=row["by"], ticket=row["ticket"], counts=row["counts"])
    connections = set(Connection.objects.values_list("pk", flat=True))
    syncs = set(Sync.objects.values_list("pk", flat=True))
    ErasureTask.objects.bulk_create(_task(erasure, task, connections) for task in row["tasks"])
    bulk.insert(
        ErasedKey(erasure=erasure, sync_id=key["sync"], digest=bytes.fromhex(key["digest"]), key=key["key"])
        for key in row["keys"]
        if key["sync"] in syncs
    )
    return True


def _task(erasure: Erasure, row: Mapping[str, Any], connections: set[int]) -> ErasureTask:
    done_at = datetime.fromisoformat(row["done_at"]) if row["done_at"] else None
    connection = row["connection"] if row["connection"] in connections else None
    kept = {name: row[name] for name in ("system", "kind", "what", "count", "done_by")}
    return ErasureTask(erasure=erasure, connection_id=connection, done_at=done_at, **kept)


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
