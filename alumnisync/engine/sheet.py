"""The lines of a plan, gathered for a chunk of people and stored with a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alumnisync.engine.units import FieldWrite, Outcome
from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Review, SyncRun
from connectors.models import RemoteRecord
from mappings.rules import Side

REOPENED = ["state", "shown", "reason", "suggestion"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Where a change that was set aside stands: how often it was tried, when it is due again, and why."""

    attempts: int = 0
    next_try_at: datetime | None = None
    reason: str = ""
    waits: bool = False


@dataclass
class Sheet:
    """What planning a chunk of people comes to."""

    run: SyncRun
    changes: list[tuple[ChangeRecord, list[FieldChange]]] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    kept_conflicts: list[Conflict] = field(default_factory=list)
    kept_reviews: list[Review] = field(default_factory=list)

    def settle(self, link: Link, bases: dict[str, Any], side: Side | None = None) -> ChangeRecord:
        """A line that moves bases (and brings a proposed link into being) without a write."""
        change = ChangeRecord(
            run=self.run,
            link=link,
            kind=ChangeRecord.Kind.SETTLE,
            side=side.value if side else "",
            settles=bases,
        )
        self.changes.append((change, []))
        return change

    def write(
        self,
        kind: ChangeRecord.Kind,
        link: Link,
        side: Side,
        record: RemoteRecord | None,
        source: RemoteRecord | None,
        retry: Retry | None = None,
    ) -> list[FieldChange]:
        """A line that writes a record on `side`; the caller adds its fields to the list returned."""
        retry = retry or Retry()
        change = ChangeRecord(
            run=self.run,
            link=link,
            kind=kind,
            side=side.value,
            record=record,
            source=source,
            state=ChangeRecord.State.SET_ASIDE if retry.waits else ChangeRecord.State.PLANNED,
            reason=retry.reason,
            attempts=retry.attempts,
            next_try_at=retry.next_try_at,
        )
        fields: list[FieldChange] = []
        self.changes.append((change, fields))
        return fields

    def store(self) -> None:
        """Write everything down; to be called inside a transaction."""
        ChangeRecord.objects.bulk_create([change for change, _ in self.changes])
        for change, fields in self.changes:
            for row in fields:
                row.change = change
        FieldChange.objects.bulk_create([row for _, fields in self.changes for row in fields])
        Conflict.objects.bulk_create(self.conflicts)
        Conflict.objects.bulk_update(self.kept_conflicts, REOPENED)
        Review.objects.bulk_create(self.reviews)
        Review.objects.bulk_update(self.kept_reviews, REOPENED)


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
