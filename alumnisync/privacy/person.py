"""Which records are one person: in every sync, through every link, and what names them besides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q

from alumnisync.engine.identity import MERGED
from alumnisync.models import ChangeRecord, Link, Match, Member, SyncRun
from connectors.models import Connection, RemoteRecord
from mappings import paths
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide

CHUNK = 1000

Place = tuple[int, str]
"""Connection and object type."""


@dataclass(frozen=True)
class Person:
    """records: without their values, as they came; named: keys of those that only name the person, such as gifts."""

    records: tuple[RemoteRecord, ...]
    named: frozenset[int] = frozenset()

    @property
    def keys(self) -> list[int]:
        return [record.pk for record in self.records]

    @cached_property
    def links(self) -> list[int]:
        """Links of nobody else: all of whose records are theirs."""
        return [link for link, records in self._linked.items() if records <= set(self.keys)]

    @cached_property
    def shared(self) -> list[int]:
        """Proposed links, with records that may be somebody else's."""
        return [link for link in self._linked if link not in self.links]

    @cached_property
    def syncs(self) -> list[Sync]:
        """Every sync that reads these records, or ever planned anything for them."""
        sides = Q()
        for record in self.records:
            cursor = record.cursor
            sides |= Q(connection=cursor.connection_id, object_type=cursor.object_type)
        changes = ChangeRecord.objects.filter(
            Q(record__in=self.keys) | Q(source__in=self.keys) | Q(link__in=self.links)
        )
        runs = SyncRun.objects.filter(pk__in=changes.values("run"))
        reading = SyncSide.objects.filter(sides).values("version__sync")
        found = Q(pk__in=reading) | Q(pk__in=runs.values("sync")) | Q(links__in=[*self.links, *self.shared])
        return list(Sync.objects.filter(found).distinct().order_by("pk"))

    @cached_property
    def connections(self) -> list[Connection]:
        found = {record.cursor.connection_id: record.cursor.connection for record in self.records}
        return [found[pk] for pk in sorted(found)]

    @cached_property
    def ids(self) -> Mapping[int, list[str]]:
        """Cursor → the ids of the records there."""
        found: dict[int, list[str]] = defaultdict(list)
        for record in self.records:
            found[record.cursor_id].append(record.remote_id)
        return found

    @cached_property
    def _linked(self) -> Mapping[int, set[int]]:
        """Link → its records; of those who may only join one, none."""
        certain = Member.objects.exclude(state=Member.State.JOINING).order_by()
        links = list(certain.filter(record__in=self.keys).values_list("link", flat=True))
        found: dict[int, set[int]] = defaultdict(set)
        for link, record in certain.filter(link__in=links).values_list("link_id", "record_id"):
            found[link].add(record)
        return found


def person_of(record: RemoteRecord) -> Person:
    """Everything that is the person of this record."""
    own = _closure({record.pk})
    everything = _closure(own | set(_naming(own)))
    rows = (
        RemoteRecord.objects.filter(pk__in=everything)
        .defer("values", "field_times", "cursor__connection__secrets")
        .select_related("cursor__connection")
    )
    return Person(tuple(rows.order_by("cursor", "pk")), frozenset(everything - own))


def _closure(known: set[int]) -> set[int]:
    """These records and all that are one person with any of them."""
    while fresh := set(_beside(known)) - known:
        known = known | fresh
    return known


def _beside(known: set[int]) -> Iterator[int]:
    yield from _linked_with(known)
    yield from _decided_with(known)
    yield from _merged_with(known)


def _linked_with(known: Iterable[int]) -> Iterator[int]:
    """What somebody may join by its keys is not certain."""
    certain = Member.objects.exclude(state=Member.State.JOINING).order_by()
    links = certain.filter(link__state=Link.State.ACTIVE, record__in=known)
    # In two statements: of rows that came a moment ago no database knows how many they are, and joins them badly.
    yield from certain.filter(link__in=list(links.values_list("link", flat=True))).values_list("record_id", flat=True)


def _decided_with(known: Iterable[int]) -> Iterator[int]:
    """A person said that they are one, and no run has carried it out yet."""
    decided = Match.objects.filter(state=Match.State.DECIDED, choice="link").exclude(rule=MERGED)
    for pair in decided.filter(Q(record__in=known) | Q(chosen__in=known)).values_list("record_id", "chosen_id"):
        yield from (pk for pk in pair if pk)


def _merged_with(known: Iterable[int]) -> Iterator[int]:
    """What their system merged with one of them."""
    rows = RemoteRecord.objects.filter(pk__in=known).values_list("cursor_id", "remote_id", "merged_into")
    beside = Q(pk__in=())
    for cursor, remote_id, winner in rows:
        beside |= Q(cursor=cursor, merged_into=remote_id)
        if winner:
            beside |= Q(cursor=cursor, remote_id=winner)
    yield from RemoteRecord.objects.filter(beside).values_list("pk", flat=True)


def _naming(known: set[int]) -> Iterator[int]:
    """Records of other kinds that name one of these by its id, as a gift names who gave it."""
    ids: dict[Place, set[str]] = defaultdict(set)
    rows = RemoteRecord.objects.filter(pk__in=known).order_by()
    for connection, object_type, id in rows.values_list("cursor__connection", "cursor__object_type", "remote_id"):
        ids[connection, object_type].add(id)
    for (connection, object_type), path, named in sorted(set(_references())):
        wanted = ids.get(named, set())
        # Somebody of the same kind, who names this person as a spouse, is somebody else.
        if wanted and (connection, object_type) not in ids:
            there = RemoteRecord.objects.filter(cursor__connection=connection, cursor__object_type=object_type)
            for record in there.only("values").order_by().iterator(CHUNK):
                if str(paths.get(record.values, path)).strip() in wanted:
                    yield record.pk


def _references() -> Iterator[tuple[Place, str, Place]]:
    """Kind of record, its field, and the kind of record that is named there, by the rules that are not retired."""
    versions = MappingVersion.objects.exclude(state=MappingVersion.State.RETIRED).prefetch_related("sides")
    sides = {version.pk: {row.side: row for row in version.sides.all()} for version in versions}
    by_sync: dict[str, list[SyncSide]] = defaultdict(list)
    for version in versions.select_related("sync"):
        by_sync[version.sync.name] += sides[version.pk].values()
    for pair in FieldMapping.objects.filter(kind="reference", version__in=sides):
        for side, row in sides[pair.version_id].items():
            for there in by_sync[pair.through]:
                if there.connection_id == row.connection_id:
                    here = (row.connection_id, row.object_type)
                    yield here, getattr(pair, side), (there.connection_id, there.object_type)
