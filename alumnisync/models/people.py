"""Who is linked to whom, and what both sides last agreed on."""

from __future__ import annotations

from django.db import models

from connectors.models import RemoteRecord
from connectors.packing import PackedField
from mappings.models import Sync, choices
from mappings.rules import Side


class Link(models.Model):
    """These records are one person. A proposed link is a line of a plan: it counts for nothing else yet."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        ACTIVE = "active"

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="links")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    rule = models.CharField(max_length=100, blank=True, help_text="What linked them.")
    bases = PackedField(default=dict, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "linked person"
        verbose_name_plural = "linked people"
        ordering = ["sync", "id"]
        indexes = [models.Index(fields=["sync", "state"], name="links_of_a_sync")]

    def __str__(self) -> str:
        return f"{self.sync} person {self.pk}"


class Member(models.Model):
    """A record in a link; where a side has several, its value is the newest of those that are present."""

    class State(models.TextChoices):
        PRESENT = "present"
        JOINING = "joining", "joins by its keys"
        COMING = "coming", "joins for certain"
        LEAVING = "leaving"
        LEFT = "left"

    PENDING = (State.JOINING, State.COMING, State.LEAVING)

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="members")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="+")
    side = models.CharField(max_length=5, choices=choices(Side))
    record = models.ForeignKey(RemoteRecord, on_delete=models.PROTECT, related_name="memberships")
    state = models.CharField(
        max_length=10,
        choices=State.choices,
        default=State.PRESENT,
        help_text="Whether its values count; what is only planned comes into being when it is carried out.",
    )

    class Meta:
        verbose_name = "linked record"
        verbose_name_plural = "linked records"
        ordering = ["link", "side", "id"]
        constraints = [models.UniqueConstraint(fields=["sync", "side", "record"], name="a_record_is_one_person")]
        indexes = [
            models.Index(fields=["sync", "state"], condition=~models.Q(state="present"), name="members_on_their_way")
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.record_id}"


class MatchKey(models.Model):
    """A keyed digest of what a match rule compares, so that records can be found by it without their values."""

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="+")
    side = models.CharField(max_length=5, choices=choices(Side))
    rule = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=16)
    record = models.ForeignKey(RemoteRecord, on_delete=models.CASCADE, related_name="match_keys")

    class Meta:
        indexes = [models.Index(fields=["sync", "digest"], name="records_by_key")]

    def __str__(self) -> str:
        return f"{self.side} {self.rule}"
