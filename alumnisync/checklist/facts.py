"""What is known of a sync and its two systems without asking them: read once, for every point of the check list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.base import Connector
from connectors.described import restore
from connectors.models import Connection, Cursor, KnownObjectType, SeenField
from connectors.records import ObjectType
from connectors.registry import connectors
from mappings import paths
from mappings.models import MappingVersion, Sync
from mappings.rules import PairRules, Rules, Side
from mappings.versions import newest_version, rules_of


@dataclass(frozen=True)
class End:
    """One side: described is None until its connection was checked, cursor until it was first read."""

    side: Side
    connection: Connection
    kind: type[Connector] | None
    described: ObjectType | None
    cursor: Cursor | None
    seen: tuple[SeenField, ...]

    @property
    def name(self) -> str:
        return self.connection.name

    @property
    def records(self) -> str:
        """What people call the records there."""
        return self.described.label if self.described else "records"


@dataclass(frozen=True)
class Facts:
    """A sync with the version that people work on."""

    sync: Sync
    version: MappingVersion
    rules: Rules
    ends: Mapping[Side, End]

    def pairs(self, *kinds: str) -> Iterator[PairRules]:
        """The field pairs of these formats."""
        return (pair for pair in self.rules.pairs if pair.kind in kinds)

    def unpaired(self, side: Side) -> list[SeenField]:
        """Fields seen in records there that nothing here uses."""
        used = {paths.root(pair.paths[side]) for pair in self.rules.pairs} | {self.rules.sides[side].key_field}
        return [field for field in self.ends[side].seen if field.name not in used]


def gather(sync: Sync, version: MappingVersion | None = None) -> Facts | None:
    """The facts, in a fixed number of statements; None where the sync has no rules yet."""
    version = version or newest_version(sync)
    if version is None:
        return None
    rows = list(version.sides.select_related("connection").defer("connection__secrets"))
    if len(rows) < len(Side):
        return None
    wanted = {(row.connection_id, row.object_type) for row in rows}
    known = KnownObjectType.objects.filter(connection__in=[row.connection_id for row in rows])
    described = {(one.connection_id, one.name): restore(one.described) for one in known if one.described}
    cursors = Cursor.objects.filter(connection__in=[row.connection_id for row in rows])
    reading = {(one.connection_id, one.object_type): one for one in cursors}
    seen = list(SeenField.objects.filter(cursor__in=[one.pk for key, one in reading.items() if key in wanted]))
    ends = {}
    for row in rows:
        key = (row.connection_id, row.object_type)
        cursor = reading.get(key)
        ends[Side(row.side)] = End(
            Side(row.side),
            row.connection,
            connectors().get(row.connection.system),
            described.get(key),
            cursor,
            tuple(one for one in seen if cursor and one.cursor_id == cursor.pk),
        )
    return Facts(sync, version, rules_of(version), ends)
