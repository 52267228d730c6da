"""The words of several syncs at once, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alumnisync.inbox.alike import Format
from alumnisync.naming import Names, described_there, names_by_version
from connectors.records import ObjectType
from mappings.models import MappingVersion
from mappings.rules import Side

URGENT = ("consent", "deceased")
"""Formats that nobody should wait for: an opt-out, a death."""


@dataclass(frozen=True)
class Wording:
    """A sync in words.

    version    its rules in force, or the newest where none are
    urgent     the fields (or groups) of it that come first
    described  side → the kind of record there as last described
    formats    field pair → what its values are
    """

    version: MappingVersion
    names: Names
    urgent: frozenset[str] = frozenset()
    described: Mapping[Side, ObjectType] = field(default_factory=dict)
    formats: Mapping[str, Format] = field(default_factory=dict)

    def side(self, side: str) -> str:
        return self.names.side(side)

    def format(self, pair: str) -> Format:
        """What the values of a field pair are; text where the rules no longer know it."""
        return self.formats.get(pair) or Format()

    def unit(self, unit: str) -> str:
        """What is decided together, in words."""
        return self.names.unit(unit)

    def rule(self, rule: str) -> str:
        """The fields of a match rule in words: “last name, class year”; of a key field, what it is."""
        if rule.startswith("key:"):
            return "the other system's id"
        columns = [part.split(", ") for part in rule.split(" ↔ ")]
        if len(columns) != 2 or len(columns[0]) != len(columns[1]):
            return rule
        return ", ".join(self.names.pair(f"{left}|{right}") for left, right in zip(*columns, strict=True))

    def is_complete(self) -> bool:
        """Whether both sides are there, so that something can be worked out by these rules."""
        return set(self.names.sides) == set(Side)


def wordings(syncs: Iterable[int]) -> dict[int, Wording]:
    """Sync → its words: four statements, however many syncs."""
    versions = _in_force(syncs)
    names = names_by_version(versions.values())
    return {sync: _wording(version, names[version.pk]) for sync, version in versions.items()}


def _in_force(syncs: Iterable[int]) -> dict[int, MappingVersion]:
    found: dict[int, MappingVersion] = {}
    for version in MappingVersion.objects.filter(sync__in=set(syncs)).select_related("sync").order_by("number"):
        known = found.get(version.sync_id)
        if known is None or known.state != MappingVersion.State.ACTIVE:
            found[version.sync_id] = version
    return found


def _wording(version: MappingVersion, names: Names) -> Wording:
    described = {Side(row.side): found for row in version.sides.all() if (found := described_there(row)) is not None}
    mapped = version.field_mappings.all()
    urgent = frozenset(row.group or f"{row.left}|{row.right}" for row in mapped if row.kind in URGENT)
    formats = {f"{row.left}|{row.right}": Format(row) for row in mapped}
    return Wording(version, names, urgent, described, formats)
