"""What waits for a person, or had a decision."""

from __future__ import annotations

from django.db import models

from alumnisync.models.people import Link
from alumnisync.models.runs import SyncRun
from connectors.models import RemoteRecord
from connectors.packing import PackedField
from mappings.models import Sync, choices
from mappings.rules import Side


class Question(models.Model):
    """What Conflict and Review share: something about a linked person that waits for, or had, a decision."""

    class State(models.TextChoices):
        HELD = "held"
        OPEN = "open"
        DECIDED = "decided"
        CLOSED = "closed"

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="%(class)ss")
    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="%(class)ss")
    unit = models.CharField(max_length=520, help_text="The field pair's key, or the group.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    shown = PackedField(default=dict, editable=False, help_text="Pair → what each side held when it was asked.")
    reason = models.TextField(blank=True)
    choice = models.CharField(max_length=10, blank=True)
    value = PackedField(null=True, editable=False, help_text="Pair → the own value chosen.")
    suggestion = models.CharField(max_length=10, blank=True, help_text="What was chosen before a side moved on.")
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["id"]

    def __str__(self) -> str:
        return self.unit


class Conflict(Question):
    """Both sides changed a field (or group)."""

    class Meta(Question.Meta):
        verbose_name = "both changed"
        verbose_name_plural = "both changed"
        constraints = [
            models.UniqueConstraint(
                fields=["link", "unit"], condition=~models.Q(state="closed"), name="one_conflict_per_unit"
            )
        ]


class Review(Question):
    """A change that waits because its field says so."""

    side = models.CharField(max_length=5, choices=choices(Side), help_text="Where it would be written.")
    blanks = models.BooleanField(default=False, help_text="The other side lost its value.")

    class Meta(Question.Meta):
        verbose_name = "to review"
        verbose_name_plural = "to review"
        constraints = [
            models.UniqueConstraint(
                fields=["link", "unit"], condition=~models.Q(state="closed"), name="one_review_per_unit"
            )
        ]


class Match(models.Model):
    """A possible link that a person must decide."""

    class State(models.TextChoices):
        OPEN = "open"
        DECIDED = "decided"
        CLOSED = "closed"

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="matches")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="matches")
    side = models.CharField(max_length=5, choices=choices(Side))
    record = models.ForeignKey(RemoteRecord, on_delete=models.CASCADE, related_name="matches")
    candidates = models.ManyToManyField(RemoteRecord, related_name="+")
    rule = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True)
    choice = models.CharField(max_length=10, blank=True)
    chosen = models.ForeignKey(RemoteRecord, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "possible match"
        verbose_name_plural = "possible matches"
        constraints = [
            models.UniqueConstraint(
                fields=["sync", "side", "record"], condition=~models.Q(state="closed"), name="one_match_per_record"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sync}: {self.record_id}"
