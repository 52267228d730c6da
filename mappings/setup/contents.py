"""What a version says, as plain values in the setup file's words: what is compared, copied and dumped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import models
from django.db.models import Max
from django.utils import timezone

from connectors.models import Connection
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap, new_stable_id

Plain = dict[str, Any]

HEAD_WORDS = ("state", "schedule", "time_zone", "alerts", "tolerance", "drift_report", "guards")
SIDE_WORDS = (
    "connection",
    "object",
    "key_field",
    "create",
    "on_create",
    "deactivate",
    "scope",
    "filter",
    "gone",
    "disabled",
    "several",
    "write_once",
)
PAIR_WORDS = (
    *("left", "right", "kind", "to_left", "to_right", "conflict", "first_meeting", "on_blank", "on_invalid"),
    *("default", "keep_old", "group", "region", "currency", "currency_field", "through"),
    *("restricted_when", "value_map"),
    *("read_left", "write_left", "read_right", "write_right"),
)
MAP_WORDS = ("unmapped", "pairs", "default")
ATTRIBUTES = {"object": "object_type", "filter": "narrow", "default": "defaults"}


@dataclass(frozen=True)
class Contents:
    """A version's rules.

    sides        "left" and "right" → SIDE_WORDS, with the connection's name
    match        [[left fields], [right fields]] in order
    pilot        record ids, sorted
    pairs        "left|right" → PAIR_WORDS, with the value map's name
    value_maps   name → MAP_WORDS
    """

    sides: dict[str, Plain] = field(default_factory=dict)
    match: list[list[list[str]]] = field(default_factory=list)
    pilot: list[str] = field(default_factory=list)
    pairs: dict[str, Plain] = field(default_factory=dict)
    value_maps: dict[str, Plain] = field(default_factory=dict)

    def without_unused_maps(self) -> Contents:
        """The same with only the value maps that a pair uses: all that a setup file says."""
        used = {pair["value_map"] for pair in self.pairs.values()}
        return replace(self, value_maps={name: each for name, each in self.value_maps.items() if name in used})

    def parts(self) -> dict[str, Plain]:
        """The same under names for people, each part with its settings, ready to be compared."""
        return {
            "": {"match": self.match, "pilot": self.pilot},
            **{f"{side} side": settings for side, settings in self.sides.items()},
            **{pair_label(pair): pair for pair in self.pairs.values()},
            **{f"value map {name}": settings for name, settings in self.value_maps.items()},
        }


def pair_label(pair: Plain) -> str:
    return f"field pair {pair['left']} ↔ {pair['right']}"


def pair_key(left: str, right: str) -> str:
    """What a pair is known by in bases and changes."""
    return f"{left}|{right}"


def defaults_of(model: type[models.Model], words: Sequence[str]) -> Plain:
    """What each setting is where the file says nothing."""
    return {word: default_of(model, ATTRIBUTES.get(word, word)) for word in words}


def default_of(model: type[models.Model], name: str) -> Any:
    """What a column holds where nothing else is said."""
    column = model._meta.get_field(name)
    return _plain(column.get_default()) if isinstance(column, models.Field) else ""


def _plain(value: Any) -> Any:
    # Enumerations and countries are stored and dumped as the texts they stand for.
    return value if isinstance(value, dict | list | bool | int) else "" if value is None else str(value)


def plain_row(row: models.Model, words: Sequence[str]) -> Plain:
    """A row's settings by the file's words; a foreign key as the name of what it points to."""
    return {word: _plain(getattr(row, ATTRIBUTES.get(word, word))) for word in words}


def contents_of(version: MappingVersion) -> Contents:
    """What a version says now."""
    return contents_of_all([version])[version.pk]


def contents_of_all(versions: Iterable[MappingVersion]) -> dict[int, Contents]:
    """Version → what it says: three statements, however many there are."""
    by_id = {version.pk: version for version in versions}
    sides = SyncSide.objects.filter(version__in=by_id).select_related("connection").defer("connection__secrets")
    pairs = FieldMapping.objects.filter(version__in=by_id).select_related("value_map")
    maps = ValueMap.objects.filter(version__in=by_id)
    return {
        pk: assemble(
            version,
            [row for row in sides if row.version_id == pk],
            [row for row in pairs if row.version_id == pk],
            [row for row in maps if row.version_id == pk],
        )
        for pk, version in by_id.items()
    }


def assemble(
    version: MappingVersion, sides: Iterable[SyncSide], pairs: Iterable[FieldMapping], maps: Iterable[ValueMap]
) -> Contents:
    """What a version says, of its rows."""
    return Contents(
        sides={row.side: plain_row(row, SIDE_WORDS) for row in sides},
        match=version.match,
        pilot=sorted(version.pilot),
        pairs={
            pair_key(row.left, row.right): plain_row(row, PAIR_WORDS) | {"value_map": _map_name(row)} for row in pairs
        },
        value_maps={row.name: plain_row(row, MAP_WORDS) for row in maps},
    )


def _map_name(row: FieldMapping) -> str:
    return row.value_map.name if row.value_map else ""


def store(
    sync: Sync, contents: Contents, *, by: str = "", stable_ids: Mapping[str, str] | None = None
) -> MappingVersion:
    """A new draft version of the sync with these contents. Call it inside a transaction.

    stable_ids: pair → the id that spreadsheets know it by, where it is not the one it always had
    """
    # The lock keeps two people who save at once from giving out one number twice.
    Sync.objects.select_for_update().get(pk=sync.pk)
    last = sync.versions.aggregate(last=Max("number"))["last"] or 0
    ids = {**stable_ids_of(sync), **(stable_ids or {})}
    version = sync.versions.create(
        number=last + 1, match=contents.match, pilot=contents.pilot, created_by=by, changed_by=by
    )
    _fill(version, contents, ids)
    return version


def restore(
    version: MappingVersion, contents: Contents, *, by: str = "", stable_ids: Mapping[str, str] | None = None
) -> None:
    """Makes a draft say something else. Call it inside a transaction, with the sync's row locked."""
    ids = {**stable_ids_of(version.sync), **(stable_ids or {})}
    version.field_mappings.all().delete()
    version.value_maps.all().delete()
    version.sides.all().delete()
    version.match, version.pilot = contents.match, contents.pilot
    version.changed_by, version.changed_at, version.edit = by, timezone.now(), version.edit + 1
    version.save(update_fields=["match", "pilot", "changed_by", "changed_at", "edit"])
    _fill(version, contents, ids)


def stable_ids_of(sync: Sync) -> dict[str, str]:
    """Pair → the id that spreadsheets know it by; the newest version's where several have it."""
    rows = FieldMapping.objects.filter(version__sync=sync).order_by("version__number")
    return {pair_key(left, right): id for left, right, id in rows.values_list("left", "right", "stable_id")}


def _fill(version: MappingVersion, contents: Contents, stable_ids: Mapping[str, str]) -> None:
    _store_sides(version, contents)
    _store_pairs(version, contents, stable_ids)


def _store_sides(version: MappingVersion, contents: Contents) -> None:
    names = {settings["connection"] for settings in contents.sides.values()}
    found = {connection.name: connection for connection in Connection.objects.filter(name__in=names)}
    SyncSide.objects.bulk_create(
        SyncSide(
            version=version,
            side=side,
            **_attributes(settings | {"connection": found[settings["connection"]]}),
        )
        for side, settings in contents.sides.items()
    )


def _store_pairs(version: MappingVersion, contents: Contents, stable_ids: Mapping[str, str]) -> None:
    maps = {
        name: ValueMap.objects.create(version=version, name=name, **_attributes(settings))
        for name, settings in contents.value_maps.items()
    }
    FieldMapping.objects.bulk_create(
        FieldMapping(
            version=version,
            position=position,
            stable_id=stable_ids.get(key) or new_stable_id(),
            **_attributes(pair | {"value_map": maps[pair["value_map"]] if pair["value_map"] else None}),
        )
        for position, (key, pair) in enumerate(contents.pairs.items())
    )


def _attributes(settings: Plain) -> Plain:
    return {ATTRIBUTES.get(word, word): value for word, value in settings.items()}
