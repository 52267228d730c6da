"""Every run of a sync, how far it got, and what people said about a sync before and after it."""

from __future__ import annotations

from django.db import models

from mappings.models import MappingVersion, Sync, choices
from mappings.rules import Side


class Progress(models.Model):
    """How far the changes of one side of a sync have been planned."""

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="progress")
    side = models.CharField(max_length=5, choices=choices(Side))
    planned_to = models.BigIntegerField(default=0, help_text="Change numbers up to this one are planned.")

    class Meta:
        verbose_name_plural = "progress"
        constraints = [models.UniqueConstraint(fields=["sync", "side"], name="one_progress_per_side")]

    def __str__(self) -> str:
        return f"{self.sync} {self.side}"


class SyncRun(models.Model):
    """One pass of a sync, a preview, or an undo."""

    class Kind(models.TextChoices):
        RUN = "run"
        PREVIEW = "preview"
        UNDO = "undo"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        HELD = "held"
        DONE = "done"
        PARTIAL = "partial"
        FAILED = "failed"
        STOPPED = "stopped"
        SUPERSEDED = "superseded"

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="runs")
    version = models.ForeignKey(MappingVersion, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RUN)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by", help_text="What it undoes."
    )
    only = models.JSONField(
        default=dict, blank=True, help_text="Of an undo: the links and units it is narrowed to; empty: the whole run."
    )
    requested_by = models.CharField(max_length=150, blank=True, help_text="Who started it; empty: its schedule.")
    progress = models.JSONField(default=list, blank=True, help_text="What it said on its way, a sentence each.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    holds = models.JSONField(default=list, blank=True, help_text="What the safety limits stopped, and why.")
    planned_to = models.JSONField(default=dict, blank=True, help_text="Side → the change number the plan reached.")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.CharField(max_length=150, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, was rejected or stopped, in words.")
    forgotten_at = models.DateTimeField(
        null=True, blank=True, help_text="When its values were removed, since history is not kept so long."
    )

    class Meta:
        verbose_name = "run"
        verbose_name_plural = "runs"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["sync"], condition=models.Q(state="running"), name="one_live_run_per_sync")
        ]
        permissions = [
            ("preview_syncrun", "Can start a preview"),
            ("start_syncrun", "Can start a run"),
            ("approve_syncrun", "Can approve or reject a run"),
            ("undo_syncrun", "Can ask what undoing a run would put back"),
        ]

    def __str__(self) -> str:
        return f"{self.sync} #{self.pk}"


class Alarm(models.Model):
    """What a sync's recipients were last told, so that they are told once and not every night."""

    class State(models.TextChoices):
        FINE = "fine"
        FAILED = "failed"
        HELD = "held"

    sync = models.OneToOneField(Sync, on_delete=models.CASCADE, related_name="alarm")
    state = models.CharField(max_length=10, choices=State.choices, default=State.FINE)
    what = models.CharField(max_length=64, blank=True, help_text="Digest of the reasons that were told.")
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="+")
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["sync"]

    def __str__(self) -> str:
        return f"{self.sync}: {self.state}"


class CheckAnswer(models.Model):
    """What a person said to a point of a sync's check list, or why it needs no answer."""

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="check_answers")
    point = models.CharField(max_length=40)
    text = models.TextField()
    is_waived = models.BooleanField(default=False)
    said_by = models.CharField(max_length=150)
    said_at = models.DateTimeField()

    class Meta:
        ordering = ["sync", "point"]
        constraints = [models.UniqueConstraint(fields=["sync", "point"], name="one_answer_per_point")]

    def __str__(self) -> str:
        return f"{self.sync}: {self.point}"
