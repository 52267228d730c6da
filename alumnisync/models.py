"""Who is linked to whom, what both sides last agreed on, and every run with what it planned and did.

Written by the engine only.
"""

from __future__ import annotations

from django.db import models

from connectors.models import RemoteRecord
from connectors.packing import PackedField
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
