"""A Setup into the database: only what differs is written, and what differs is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from connectors.models import Connection
from connectors.registry import connectors
from connectors.storing import keep, readable_secrets, secret_fields
from mappings.models import MappingVersion, Sync
from mappings.setup.connections import ConnectionSetup
from mappings.setup.contents import HEAD_WORDS, Contents, Plain, contents_of, plain_row, store
from mappings.setup.reading import Known, Setup
from mappings.setup.syncs import SyncSetup
from mappings.versions import current_version, newest_version

Activate = Callable[[MappingVersion], bool]


@dataclass
class Report:
    """What loading changed, or would change. updated: name → sentences; names are like "sync alumni-crm"."""

    created: list[str] = field(default_factory=list)
    updated: dict[str, list[str]] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return bool(self.created or self.updated)

    def note(self, name: str, is_new: bool, changes: list[str]) -> None:
        if is_new:
            self.created.append(name)
        elif changes:
            self.updated[name] = changes
        else:
            self.unchanged.append(name)


def known_setup() -> Known:
    """What a file may refer to besides itself."""
    versions = {sync.name: current_version(sync) for sync in Sync.objects.all()}
    return Known(
        systems=dict(Connection.objects.values_list("name", "system")),
        syncs={name: contents_of(version) for name, version in versions.items() if version},
    )


@transaction.atomic
def load(setup: Setup, *, activate: Activate, preview: bool = False) -> Report:
    """Makes the database say what the file says; whatever is not in the file stays as it is.

    activate: puts a version in force, with all that follows from it
    preview: takes the same way and then takes everything back
    """
    report = Report()
    for connection in setup.connections:
        _load_connection(connection, report)
    for sync in setup.syncs:
        _load_sync(sync, activate, report)
    if preview:
        transaction.set_rollback(True)
    return report


def _load_connection(setup: ConnectionSetup, report: Report) -> None:
    row = Connection.objects.select_for_update().filter(name=setup.name).first()
    is_new = row is None
    row = row or Connection(name=setup.name, system=setup.system)
    stored = (readable_secrets(row) or {}) if row.pk else {}
    # A secret that the system's form does not ask for was made here, and no file can know it.
    asked_for = secret_fields(connectors()[setup.system])
    gone = [name for name in stored if name in asked_for and name not in setup.secrets]
    secrets = {name: value for name, value in stored.items() if name not in gone} | setup.secrets
    changes = compare({"": row.settings}, {"": setup.settings})
    changes += [f"{name}: changed" for name in sorted({*stored, *secrets}) if stored.get(name) != secrets.get(name)]
    if is_new or changes:
        keep(row, name=setup.name, settings=setup.settings, secrets=setup.secrets, without=gone)
    report.note(f"connection {setup.name}", is_new, changes)


def _load_sync(setup: SyncSetup, activate: Activate, report: Report) -> None:
    row = Sync.objects.select_for_update().filter(name=setup.name).first()
    is_new = row is None
    row = row or Sync(name=setup.name)
    changes = compare({"": plain_row(row, HEAD_WORDS)}, {"": setup.head})
    if is_new or changes:
        for word, value in setup.head.items():
            setattr(row, word, value)
        row.save()
    changes += _load_version(row, setup.contents, activate)
    report.note(f"sync {setup.name}", is_new, changes)


def _load_version(sync: Sync, wanted: Contents, activate: Activate) -> list[str]:
    is_draft = sync.state == Sync.State.DRAFT
    newest, in_force = newest_version(sync), current_version(sync)
    if in_force and not differences(in_force, wanted):
        return []
    # A draft that was looked at goes into force as the version it is, with its previews.
    if newest and not differences(newest, wanted):
        activate(newest)
        return [f"version {newest.number}: in force"]
    before = in_force or newest
    changes = differences(before, wanted) if before else []
    version = store(sync, wanted, by="load_setup")
    if is_draft:
        # One draft at a time: what it replaces was never in force; its previews stay as they are.
        older = sync.versions.filter(state=MappingVersion.State.DRAFT).exclude(pk=version.pk)
        older.update(state=MappingVersion.State.RETIRED)
    else:
        activate(version)
    return [
        *changes,
        f"version {version.number}: {'a new draft' if is_draft else 'in force, shown as a preview first'}",
    ]


def differences(version: MappingVersion, wanted: Contents) -> list[str]:
    """How wanted rules differ from a version's, as sentences; empty where they say the same."""
    return compare(contents_of(version).without_unused_maps().parts(), wanted.without_unused_maps().parts())


def compare(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> list[str]:
    """Part → settings, before and after: what was added, what changed from what to what, what is gone."""
    changes = []
    for part in dict.fromkeys((*before, *after)):
        if part not in before:
            changes.append(f"{part}: added")
        elif part not in after:
            changes.append(f"{part}: removed")
        else:
            changes += _compare_settings(part, before[part], after[part])
    return changes


def _compare_settings(part: str, before: Plain, after: Plain) -> list[str]:
    prefix = f"{part}: " if part else ""
    return [
        f"{prefix}{name}: {_show(before.get(name))} → {_show(after.get(name))}"
        for name in dict.fromkeys((*before, *after))
        # As JSON, for which 1 and true differ; for Python they are equal.
        if json.dumps(before.get(name), sort_keys=True) != json.dumps(after.get(name), sort_keys=True)
    ]


def _show(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
