"""Linked people who are no longer found at one of the systems, and what a person said to it."""

from __future__ import annotations

from django.db import models

from alumnisync.models.people import Link
from alumnisync.models.runs import SyncRun
from connectors.models import RemoteRecord
from mappings.models import choices
from mappings.rules import AbsenceKind, Side


class Absence(models.Model):
    """One side of a linked person is no longer found, or is switched off: listed, or asked about.

    Nothing is ever written or deleted for it.
    """

    class State(models.TextChoices):
        HELD = "held", "not believed: its run is on hold"
        OPEN = "open"
        DECIDED = "decided"
        CLOSED = "closed"

    class Choice(models.TextChoices):
        KEEP = "keep"
        UNLINK = "unlink"

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="absences")
    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="absences")
    side = models.CharField(max_length=5, choices=choices(Side))
    record = models.ForeignKey(
        RemoteRecord, on_delete=models.CASCADE, related_name="absences", help_text="The last one there was there."
    )
    kind = models.CharField(max_length=10, choices=choices(AbsenceKind))
    asks = models.BooleanField(default=False, help_text="A person is asked; else it is only listed.")
    since = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    choice = models.CharField(max_length=10, choices=Choice.choices, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "no longer found"
        verbose_name_plural = "no longer found"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["link", "side"], condition=~models.Q(state="closed"), name="one_absence_per_side"
            )
        ]
        indexes = [models.Index(fields=["state", "id"], name="absences_by_state")]

    def __str__(self) -> str:
        return f"{self.kind} {self.side} of {self.link_id}"
