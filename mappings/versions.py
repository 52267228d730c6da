"""A sync's versions: their rules as values, a new draft, and putting one in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap
from mappings.rules import (
    ConflictRule,
    Create,
    FirstMeeting,
    Gone,
    MatchRule,
    OnBlank,
    OnInvalid,
    PairRules,
    Rules,
    Side,
    SideRules,
    Unmapped,
    ValuePairs,
    Word,
)
from mappings.setup.contents import Contents, Plain, pair_key, restore, store

Lengths = Mapping[Side, Mapping[str, int]]
"""Side → path → how many characters the field takes there."""


def rules_of(version: MappingVersion, lengths: Lengths | None = None) -> Rules:
    """What a version says, for the pure code that carries it out.

    lengths: as the systems describe them, where they were asked; without, no value is too long.
    """
    return Rules(
        sides={Side(row.side): _side_rules(row) for row in version.sides.select_related("connection")},
        pairs=tuple(_pair_rules(row, lengths or {}) for row in version.field_mappings.select_related("value_map")),
        match=tuple(MatchRule({Side.LEFT: tuple(left), Side.RIGHT: tuple(right)}) for left, right in version.match),
        pilot=frozenset(version.pilot),
    )


def current_version(sync: Sync) -> MappingVersion | None:
    """The version that a sync stands for: the active one; of a draft sync the newest."""
    return newest_version(sync) if sync.state == Sync.State.DRAFT else sync.active_version()


def newest_version(sync: Sync) -> MappingVersion | None:
    """The newest version that is not retired: where a person is at."""
    return sync.versions.exclude(state=MappingVersion.State.RETIRED).order_by("-number").first()


class Outdated(Exception):
    """Somebody else saved meanwhile. The text is for people."""


def draft_of(sync: Sync) -> MappingVersion | None:
    """The draft that people work on: the newest that is not in force yet."""
    return sync.versions.filter(state=MappingVersion.State.DRAFT).order_by("-number").first()


@transaction.atomic
def revise(
    sync: Sync,
    contents: Contents,
    *,
    by: str,
    based_on: tuple[int, int] | None = None,
    stable_ids: Mapping[str, str] | None = None,
) -> MappingVersion:
    """Keeps changed rules in the sync's draft, or in a new one, where they do nothing until they are put in force.

    based_on: number and edit of the version that the change began from. Raises Outdated where it is another by now.
    stable_ids: pair → the id that spreadsheets know it by, where it is not the one it always had
    """
    sync = Sync.objects.select_for_update().get(pk=sync.pk)
    newest = newest_version(sync)
    if based_on is not None and newest is not None and (newest.number, newest.edit) != based_on:
        who = newest.changed_by or newest.created_by or "Somebody else"
        raise Outdated(
            f"{who} saved these rules while you were working on them, so yours were not saved. "
            "Open the page again in another window, and take your changes over."
        )
    draft = draft_of(sync)
    # A draft that a preview shows stays as it was shown: approving must carry out exactly that.
    if draft is not None and draft.shown_at is None:
        restore(draft, contents, by=by, stable_ids=stable_ids)
        return draft
    drafts = sync.versions.filter(state=MappingVersion.State.DRAFT)
    drafts.update(state=MappingVersion.State.RETIRED)
    return store(sync, contents, by=by, stable_ids=stable_ids)


@transaction.atomic
def activate(version: MappingVersion) -> bool:
    """Puts a version in force and retires the one before it; False where it was in force already.

    The records must then be planned anew, which is done by `alumnisync.versions.activate`: call that one.
    """
    # Two at once would each retire the other's.
    Sync.objects.select_for_update().get(pk=version.sync_id)
    version.refresh_from_db(fields=["state"])
    if version.state == MappingVersion.State.ACTIVE:
        return False
    version.sync.versions.filter(state=MappingVersion.State.ACTIVE).update(state=MappingVersion.State.RETIRED)
    version.state = MappingVersion.State.ACTIVE
    version.save(update_fields=["state"])
    return True


def _side_rules(row: SyncSide) -> SideRules:
    return SideRules(
        object_type=row.object_type,
        key_field=row.key_field,
        create=Create(row.create),
        on_create=row.on_create,
        scope=row.scope,
        narrow=row.narrow,
        gone=Gone(row.gone),
        several=row.several,
        time_zone=row.connection.settings.get("time_zone") or "UTC",
    )


def _pair_rules(row: FieldMapping, lengths: Lengths) -> PairRules:
    paths = {Side.LEFT: row.left, Side.RIGHT: row.right}
    return PairRules(
        key=pair_key(row.left, row.right),
        paths=paths,
        kind=row.kind,
        words={Side.LEFT: Word(row.to_left), Side.RIGHT: Word(row.to_right)},
        conflict=ConflictRule(row.conflict),
        first_meeting=FirstMeeting(row.first_meeting),
        on_blank=OnBlank(row.on_blank),
        on_invalid=OnInvalid(row.on_invalid),
        defaults=_by_side(row.defaults),
        keep_old=_by_side(row.keep_old),
        group=row.group,
        region=str(row.region or ""),
        currency=row.currency,
        restricted_when=_by_side(row.restricted_when),
        value_map=_value_pairs(row.value_map),
        reads=_given({Side.LEFT: row.read_left, Side.RIGHT: row.read_right}),
        writes=_given({Side.LEFT: row.write_left, Side.RIGHT: row.write_right}),
        lengths={side: lengths[side][path] for side, path in paths.items() if path in lengths.get(side, {})},
    )


def _by_side(stored: Plain) -> dict[Side, Any]:
    return {Side(side): value for side, value in stored.items()}


def _given(expressions: Mapping[Side, str]) -> dict[Side, str]:
    return {side: source for side, source in expressions.items() if source}


def _value_pairs(value_map: ValueMap | None) -> ValuePairs | None:
    if value_map is None:
        return None
    return ValuePairs(
        pairs=tuple((left, right) for left, right in value_map.pairs),
        unmapped=Unmapped(value_map.unmapped),
        defaults=_by_side(value_map.defaults),
    )
