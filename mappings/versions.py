"""A sync's versions: their rules as values, a new draft, and putting one in force."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from mappings.models import MappingVersion, Sync
from mappings.rules import Rules, Side
from mappings.setup.compiling import Lengths, rules_in
from mappings.setup.contents import Contents, assemble, restore, store


def rules_of(version: MappingVersion, lengths: Lengths | None = None) -> Rules:
    """What a version says, for the pure code that carries it out: two statements.

    lengths: as the systems describe them, where they were asked; without, no value is too long.
    """
    sides = list(version.sides.select_related("connection").defer("connection__secrets"))
    pairs = list(version.field_mappings.select_related("value_map"))
    used = {row.value_map.pk: row.value_map for row in pairs if row.value_map}
    zones = {Side(row.side): row.connection.settings.get("time_zone") or "UTC" for row in sides}
    return rules_in(assemble(version, sides, pairs, used.values()), zones, lengths)


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
