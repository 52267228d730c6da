"""The lines of a plan, gathered for a chunk of people and stored with a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from alumnisync.engine.tries import Retry
from alumnisync.engine.units import FieldWrite, Outcome
from alumnisync.models import ChangeRecord, FieldChange, Link, SyncRun
from connectors import bulk
from connectors.models import RemoteRecord
from mappings.rules import Side

State = ChangeRecord.State
FATE = ("link_id", "kind", "side", "record_id", "state", "attempts", "next_try_at", "reason")


@dataclass
class Sheet:
    """What planning a chunk of people comes to."""

    run: SyncRun
    changes: list[tuple[ChangeRecord, list[FieldChange]]] = field(default_factory=list)

    def settle(self, link: Link, bases: dict[str, Any], side: Side | None = None) -> list[FieldChange]:
        """A line that moves bases (and brings a proposed link into being) without a write."""
        kind = ChangeRecord.Kind.SETTLE
        return self._add(ChangeRecord(run=self.run, link=link, kind=kind, side=side or "", settles=bases))

    def write(
        self,
        kind: ChangeRecord.Kind,
        link: Link,
        side: Side,
        record: RemoteRecord | None,
        source: RemoteRecord | None,
        retry: Retry | None = None,
    ) -> list[FieldChange]:
        """A line that writes a record on `side`; the caller adds its fields to the list returned.

        Updates of one record that share their fate are one line.
        """
        retry = retry or Retry()
        change = ChangeRecord(
            run=self.run,
            link=link,
            kind=kind,
            side=side.value,
            record=record,
            source=source,
            state=State.SET_ASIDE if retry.waits else State.PLANNED,
            reason=retry.reason,
            attempts=retry.attempts,
            next_try_at=retry.next_try_at,
        )
        fate = [getattr(change, name) for name in FATE]
        for other, fields in reversed(self.changes):
            if other.link_id != link.pk:
                break
            if kind == ChangeRecord.Kind.UPDATE and [getattr(other, name) for name in FATE] == fate:
                return fields
        return self._add(change)

    def store(self) -> None:
        """Write everything down; to be called inside a transaction."""
        bulk.insert(change for change, _ in self.changes)
        for change, fields in self.changes:
            for row in fields:
                row.change = change
        bulk.insert(row for _, fields in self.changes for row in fields)

    def _add(self, change: ChangeRecord) -> list[FieldChange]:
        fields: list[FieldChange] = []
        self.changes.append((change, fields))
        return fields


def field_change(write: FieldWrite, unit: str, outcome: Outcome | None = None) -> FieldChange:
    """A row for one field; the change it belongs to is set when the sheet is stored."""
    return FieldChange(
        pair=write.pair,
        unit=unit,
        path=write.path,
        before=write.before,
        after=write.after,
        source=write.source,
        rule=write.rule,
        blanks=bool(outcome and outcome.blanked),
        urgent=bool(outcome and outcome.urgent),
    )
