"""What a write makes of a row, or why it can't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.http import refuse_unsayable
from connectors.records import ConnectorError, Duplicate, Gone, Rejected, Values, Write
from connectors.systems.spreadsheet.snapshot import Snapshot, key_of
from connectors.systems.spreadsheet.written import NEW


def row_or_error(snapshot: Snapshot, write: Write, new: set[str]) -> tuple[str, dict[str, str]] | ConnectorError:
    """What changes, and how the whole row should read. new: the keys that this batch adds, added to."""
    try:
        return _row_of(snapshot, write, new)
    except ConnectorError as error:
        return error


def _row_of(snapshot: Snapshot, write: Write, new: set[str]) -> tuple[str, dict[str, str]]:
    values: Values = {**write.values, **dict([write.key] if write.key else [])}
    refuse_unsayable(values)
    texts = {name: _text(name, value) for name, value in values.items()}
    if unknown := sorted(set(texts) - set(snapshot.columns)):
        raise Rejected(f"The file has no column “{unknown[0]}”.", dict.fromkeys(unknown, "There is no such column."))
    if write.id is not None:
        return _changed_row(snapshot, write.id, texts)
    id = key_of(texts.get(snapshot.key, ""))
    if not id:
        told = f"A new row needs a value in “{snapshot.key}”. Make a field pair for it."
        raise Rejected(told, {snapshot.key: told})
    if id in new or next(snapshot.by_id([id]), None):
        raise Duplicate(f"There is a row with this “{snapshot.key}” already.", [id])
    new.add(id)
    return NEW, {name: texts.get(name, "") for name in snapshot.columns if name}


def _changed_row(snapshot: Snapshot, id: str, texts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    row = next(snapshot.by_id([id]), None)
    if row is None:
        raise Gone("The file has no row for this person any more.")
    if row.problem:
        raise Rejected(f"{row.problem} Until then nothing is written for it.")
    if key_of(texts.get(snapshot.key, id)) != id:
        told = f"“{snapshot.key}” tells whose row it is, so it is never changed."
        raise Rejected(told, {snapshot.key: told})
    # A formula stays the file's own: its cell is left blank here.
    return ", ".join(sorted(texts)), {**{name: cell or "" for name, cell in row.values.items()}, **texts}


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict) or "\0" in str(value):
        raise Rejected(f"“{name}” holds something that no cell can hold.", {name: "No cell can hold this."})
    return str(value)
