"""What only a person can do: delete the records at the systems, and a row in a file that was put here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from alumnisync.models import ErasureTask
from alumnisync.privacy.person import Person
from connectors import uploads
from connectors.folder import name_of
from connectors.models import Connection
from connectors.records import ConnectorError
from connectors.registry import connectors

Kind = ErasureTask.Kind


@dataclass(frozen=True)
class Task:
    """Something to do at one system. ids: of the records there, with the address where one can open each, or ""."""

    connection: Connection
    kind: ErasureTask.Kind
    what: str
    ids: list[tuple[str, str]] = field(default_factory=list)

    @property
    def system(self) -> str:
        return self.connection.name

    @property
    def count(self) -> int:
        return len(self.ids) or 1


def tasks_of(person: Person) -> list[Task]:
    """What has to be done by hand, the systems first."""
    return [*_records(person), *files_of(person)]


def files_of(person: Person) -> list[Task]:
    """Files in the folder for files in which the person may stand."""
    return [
        Task(connection, Kind.FILE, name)
        for connection in person.connections
        for name in sorted(set(_files(connection)))
    ]


def _records(person: Person) -> Iterator[Task]:
    found: dict[tuple[int, str], Task] = {}
    ids: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    for record in person.records:
        cursor = record.cursor
        place = (cursor.connection_id, cursor.object_type)
        kind = connectors().get(cursor.connection.system)
        address = kind.page_of(cursor.connection.settings, cursor.object_type, record.remote_id) if kind else ""
        ids[place].append((record.remote_id, address))
        found[place] = Task(cursor.connection, Kind.RECORDS, cursor.object_type, ids[place])
    yield from found.values()


def _files(connection: Connection) -> Iterator[str]:
    kind = connectors().get(connection.system)
    if kind is None or not kind.file_kinds:
        return
    try:
        yield from filter(None, [kind.reads_from(connection.settings)])
        yield from map(name_of, chain(kind.files_written(connection.settings), uploads.kept(connection)))
    except ConnectorError:
        # A folder that can't be reached holds nothing that we could name.
        return
