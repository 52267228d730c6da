"""What a run planned to write, and what became of it."""

from __future__ import annotations

from typing import Any

from django.db import models

from alumnisync.models.people import Link
from alumnisync.models.runs import SyncRun
from connectors.models import RemoteRecord
from connectors.packing import PackedField
from mappings.models import choices
from mappings.rules import Side


class ChangeRecord(models.Model):
    """One record's planned write and what became of it; or, of kind settle, bases that move without a write."""

    class Kind(models.TextChoices):
        SETTLE = "settle"
        CREATE = "create"
        UPDATE = "update"
        STAMP = "stamp"

    class State(models.TextChoices):
        PLANNED = "planned"
        HELD = "held"
        SENDING = "sending"
        DONE = "done"
        DROPPED = "dropped"
        SET_ASIDE = "set_aside"
        REJECTED = "rejected"
        CLOSED = "closed"
        LEFT_ALONE = "left_alone", "left as it is by an undo"

    UNFINISHED = (State.PLANNED, State.HELD, State.SENDING, State.DROPPED, State.SET_ASIDE)

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="changes")
    link = models.ForeignKey(Link, null=True, on_delete=models.SET_NULL, related_name="changes")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    side = models.CharField(max_length=5, choices=choices(Side), blank=True, help_text="Where it is written.")
    record = models.ForeignKey(
        RemoteRecord, null=True, on_delete=models.SET_NULL, related_name="changes", help_text="What is written."
    )
    source = models.ForeignKey(
        RemoteRecord, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Where it comes from."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    reason = models.TextField(blank=True, help_text="Why it is held, set aside, dropped or refused, in words.")
    guard = models.CharField(max_length=20, blank=True, help_text="The safety limit that holds it.")
    settles = PackedField(default=dict, editable=False, help_text="Bases that move when it is carried out.")
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "change"
        verbose_name_plural = "changes"
        ordering = ["run", "id"]
        indexes = [
            models.Index(fields=["run", "state", "kind"], name="changes_of_a_run"),
            models.Index(fields=["link", "state"], name="changes_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.side} of {self.run}"

    def line_like(self, **different: Any) -> ChangeRecord:
        """Another line about the same records, not stored yet."""
        same = {name: getattr(self, name) for name in ("run_id", "link_id", "kind", "side", "record_id", "source_id")}
        return ChangeRecord(**same | different)


class FieldChange(models.Model):
    """A field of a change, before and after."""

    change = models.ForeignKey(ChangeRecord, on_delete=models.CASCADE, related_name="fields")
    pair = models.CharField(
        max_length=520, help_text="The field pair's key; empty for a key, a constant or a kept value."
    )
    unit = models.CharField(
        max_length=520, help_text="The pair's group, or its key: what is held and decided together."
    )
    path = models.CharField(max_length=255)
    before = PackedField(editable=False)
    after = PackedField(editable=False)
    source = PackedField(editable=False, help_text="The other side's raw value it was planned from.")
    rule = models.CharField(max_length=60)
    blanks = models.BooleanField(default=False, help_text="A side lost its value.")
    urgent = models.BooleanField(default=False, help_text="No safety limit may hold it.")

    class Meta:
        verbose_name = "field of a change"
        verbose_name_plural = "fields of changes"
        ordering = ["change", "id"]

    def __str__(self) -> str:
        return self.path
