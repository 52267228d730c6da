"""The words that screens say for sides, fields and people: the systems' own, never “left” and “right”."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Prefetch, prefetch_related_objects

from alumnisync.engine.plan import CREATED_UNIT, RECORDED_UNIT
from alumnisync.engine.tries import CREATE_UNIT
from connectors.described import restore
from connectors.models import KnownObjectType, RemoteRecord
from connectors.records import ObjectType
from connectors.registry import connectors
from mappings import paths
from mappings.models import MappingVersion, SyncSide

NAME_FIELD = re.compile(r"(^|_|\b)(first|preferred|middle|last|full|display)?_?name_?(__c)?$", re.IGNORECASE)
LABELS = {CREATE_UNIT: "New record", RECORDED_UNIT: "Later change", CREATED_UNIT: "Record that was created"}
"""What is asked about a record as a whole → in words."""


@dataclass(frozen=True)
class SideName:
    """One side of a version as people know it.

    connection  the connection's name: "CRM"
    object_type the system's own name for the kind of record: "Contact"
    labels      field → its label there, where the system gives one
    """

    connection: str
    object_type: str
    system: str = ""
    settings: Mapping[str, object] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.connection

    def label(self, path: str) -> str:
        """A field in words: its label there, with what the path picks of it; the path where there is no label."""
        root = paths.root(path)
        label = self.labels.get(path) or self.labels.get(root)
        if not label or label == root:
            return path
        return label if path in (root, label) else f"{label} {path.removeprefix(root).strip('.')}"

    def address_of(self, remote_id: str) -> str:
        """Where a person can open a record in its system; "" where that is not known."""
        kind = connectors().get(self.system)
        return kind.page_of(self.settings, self.object_type, remote_id) if kind else ""


@dataclass(frozen=True)
class Names:
    """What a version's sides, fields and pairs are called. pairs: key → side → path."""

    sides: Mapping[str, SideName]
    pairs: Mapping[str, Mapping[str, str]]

    def side(self, side: str) -> str:
        return str(self.sides.get(side, side))

    def field(self, side: str, path: str) -> str:
        return self.sides[side].label(path) if side in self.sides else path

    def pair(self, key: str) -> str:
        """A field pair in words: "E-mail", or both labels where they differ."""
        there = self.pairs.get(key) or dict(zip(("left", "right"), key.split("|", 1), strict=False))
        labels = [self.field(side, path) for side, path in there.items()]
        if len(labels) == 2 and _plain(labels[0]) == _plain(labels[1]):
            return max(labels, key=_prettiness)
        return " ↔ ".join(labels)

    def unit(self, unit: str) -> str:
        """What is decided together, in words: a field pair, a group's name, a new record, or one in the books."""
        if unit in self.pairs or "|" in unit:
            return self.pair(unit)
        return LABELS.get(unit) or unit.replace("_", " ").capitalize()

    def address_of(self, side: str, remote_id: str) -> str:
        return self.sides[side].address_of(remote_id) if side in self.sides else ""


def names_of(version: MappingVersion) -> Names:
    """The words of a version."""
    return names_by_version([version])[version.pk]


def names_by_version(versions: Iterable[MappingVersion]) -> dict[int, Names]:
    """The words of versions: three statements, however many. What they are made of stays at hand on each version."""
    by_id = {version.pk: version for version in versions}
    used = SyncSide.objects.filter(version__in=by_id).values("object_type")
    kinds = Prefetch("connection__known_object_types", KnownObjectType.objects.filter(name__in=used))
    sides = SyncSide.objects.select_related("connection").defer("connection__secrets").prefetch_related(kinds)
    prefetch_related_objects(list(by_id.values()), Prefetch("sides", sides), "field_mappings")
    return {pk: _names(version) for pk, version in by_id.items()}


def described_there(row: SyncSide) -> ObjectType | None:
    """The kind of record of a side as last described; None where it never was. For rows that were named before."""
    for known in row.connection.known_object_types.all():
        if known.name == row.object_type and known.described:
            return restore(known.described)
    return None


def person(records: Iterable[RemoteRecord | None]) -> str:
    """Somebody by name, from the first record that holds one; else by their record's id."""
    there = [record for record in records if record is not None]
    for record in there:
        parts = [str(value) for name, value in record.values.items() if value and NAME_FIELD.search(name)]
        if parts:
            return " ".join(dict.fromkeys(parts))
    return there[0].remote_id if there else "somebody"


def _names(version: MappingVersion) -> Names:
    pairs = {f"{row.left}|{row.right}": row for row in version.field_mappings.all()}
    return Names(
        sides={row.side: _side_name(row) for row in version.sides.all()},
        pairs={key: {"left": row.left, "right": row.right} for key, row in pairs.items()},
    )


def _side_name(row: SyncSide) -> SideName:
    described = described_there(row)
    labels = {one.name: one.label for one in described.fields if one.label} if described else {}
    return SideName(row.connection.name, row.object_type, row.connection.system, row.connection.settings, labels)


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())


def _prettiness(label: str) -> tuple[bool, int]:
    return label != label.lower() and "_" not in label, -len(label)
