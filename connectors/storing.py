"""What somebody enters of a connection, kept in the same form as a setup file's: only what was given."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from connectors.base import Connector, SecretField
from connectors.models import Connection, setting_defaults
from connectors.registry import connectors

BLANKS: tuple[Any, ...] = (None, "", [], {})


def offered_systems() -> list[type[Connector]]:
    """The systems that a new connection may be made to, by their labels."""
    return sorted((kind for kind in connectors().values() if kind.is_offered()), key=lambda kind: kind.label.lower())


def secret_fields(kind: type[Connector]) -> tuple[str, ...]:
    """The settings of a system that are encrypted and never shown."""
    return tuple(name for name, field in kind.Settings.base_fields.items() if isinstance(field, SecretField))


def file_place(kind: type[Connector], name: str) -> tuple[str, ...]:
    """Where a setting stands in a setup file: by its name, or by the name of its group and its own."""
    group = next((each for each in kind.Settings.groups if name.startswith(f"{each}_")), None)
    return (group, name.removeprefix(f"{group}_")) if group else (name,)


def readable_secrets(connection: Connection) -> dict[str, Any] | None:
    """The secrets stored; None where the key that they were encrypted with is gone."""
    try:
        return dict(connection.secrets)
    except ImproperlyConfigured:
        return None


def worth_keeping(
    kind: type[Connector], cleaned: Mapping[str, Any], typed: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings to store: neither blanks nor what is the default anyway, unless that was stored before.

    cleaned: as the system's form read them; typed: as they were sent
    """
    defaults = setting_defaults(kind)
    given = {name: cleaned[name] for name in defaults if cleaned.get(name) not in BLANKS}
    return {
        name: value if _is_json(value) else typed[name]
        for name, value in given.items()
        if name in before or value != defaults[name]
    }


@transaction.atomic
def keep(
    connection: Connection,
    *,
    name: str,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    without: Collection[str] = (),
) -> list[str]:
    """Stores a connection; the names of what changed. How it stands is then not known before the next check.

    secrets: those entered anew; all others stay as they are
    without: those that are not kept, neither stored nor entered ones
    """
    row = connection
    if connection.pk:
        row = Connection.objects.select_for_update().defer("secrets").get(pk=connection.pk)
    changed = [key for key in sorted({*row.settings, *settings}) if row.settings.get(key) != settings.get(key)]
    stored = readable_secrets(row) or {}
    wanted = {key: value for key, value in {**stored, **secrets}.items() if key not in without}
    changed += [key for key in sorted({*stored, *wanted}) if stored.get(key) != wanted.get(key)]
    renamed = ["name"] if row.name != name or not row.pk else []
    row.name, row.settings = name, dict(settings)
    if changed:
        row.checked_at = None
    # Secrets that can't be read now, and were not entered again, may be readable once the key is back.
    if wanted != stored or not row.pk:
        row.secrets = wanted
    row.save()
    connection.pk = row.pk
    return renamed + changed


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
