"""Syncs, their frozen versions, and the field pairs and drop-down pairs in them."""

from __future__ import annotations

import secrets
from enum import StrEnum

from django.db import models
from django.utils import timezone
from django_countries.fields import CountryField

from connectors.models import Connection
from mappings import rules
from mappings.rules import Side


def choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


def gone_by_default() -> str:
    return rules.Gone.FLAG.value


def new_stable_id() -> str:
    # Without the letters and digits that people confuse, and none that a spreadsheet takes for a number.
    return "p" + "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(9))


class Sync(models.Model):
    """Two object types kept in step. What may change without a new version is here; the rules are a version's."""

    class State(models.TextChoices):
        DRAFT = "draft"
        LIVE = "live"
        PAUSED = "paused"

    class DriftReports(models.TextChoices):
        WEEKLY = "weekly"
        OFF = "off"

    name = models.SlugField(max_length=100, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    schedule = models.CharField(max_length=100, blank=True, help_text="When it runs by itself, as cron; empty: never.")
    time_zone = models.CharField(max_length=60, default="UTC")
    drift_report = models.CharField(
        max_length=10,
        choices=DriftReports.choices,
        default=DriftReports.WEEKLY,
        help_text="How often all linked people are compared by themselves.",
    )
    alerts = models.JSONField(default=list, blank=True, help_text="Who gets mail when something needs a person.")
    tolerance = models.PositiveIntegerField(default=0, help_text="How many set-aside records are nothing unusual.")
    guards = models.JSONField(default=dict, blank=True, help_text="Safety limits that differ from the defaults.")
    next_run_at = models.DateTimeField(null=True, blank=True, help_text="When the schedule starts it next.")
    next_run_of = models.CharField(
        max_length=200,
        blank=True,
        editable=False,
        help_text="The schedule and zone that this time was worked out from.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        permissions = [("activate_sync", "Can switch syncs on and off and put rules in force")]

    def __str__(self) -> str:
        return self.name

    def active_version(self) -> MappingVersion | None:
        """The version in force."""
        return self.versions.filter(state=MappingVersion.State.ACTIVE).first()


class MappingVersion(models.Model):
    """A sync's rules, frozen once it is active."""

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        RETIRED = "retired"

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    match = models.JSONField(default=list, blank=True, help_text="Match rules in order: [left fields, right fields].")
    pilot = models.JSONField(default=list, blank=True, help_text="Record ids that take part; empty: everybody.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.CharField(max_length=150, blank=True)
    edit = models.PositiveIntegerField(default=0, help_text="How often a draft was saved; tells who saves an old page.")
    shown_at = models.DateTimeField(
        null=True, blank=True, help_text="When a run first planned by it; it is not edited any more."
    )
    approved_at = models.DateTimeField(null=True, blank=True, help_text="When a preview of it was first approved.")
    approved_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "version"
        verbose_name_plural = "versions"
        ordering = ["sync", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["sync", "number"], name="versions_are_numbered"),
            models.UniqueConstraint(
                fields=["sync"], condition=models.Q(state="active"), name="one_active_version_per_sync"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sync} v{self.number}"


class SyncSide(models.Model):
    """One side of a version: which records of which connection take part, and what may be done there."""

    version = models.ForeignKey(MappingVersion, on_delete=models.CASCADE, related_name="sides")
    side = models.CharField(max_length=5, choices=choices(Side))
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="sync_sides")
    object_type = models.CharField(max_length=200)
    key_field = models.CharField(max_length=255, blank=True)
    create = models.CharField(max_length=10, choices=choices(rules.Create), default=rules.Create.OFF)
    on_create = models.JSONField(default=dict, blank=True)
    deactivate = models.JSONField(
        default=dict, blank=True, help_text="What is set on a record here that is to be switched off."
    )
    scope = models.TextField(blank=True)
    narrow = models.TextField(blank=True, help_text="A filter in the system's own language.")
    gone = models.JSONField(default=gone_by_default, help_text="One word for all kinds of absence, or a word each.")
    disabled = models.TextField(blank=True, help_text="A condition: who is switched off there; empty: nobody.")
    several = models.BooleanField(default=False, help_text="A person may have several records here.")
    write_once = models.BooleanField(default=False, help_text="Records here are written once and never changed.")

    class Meta:
        verbose_name = "side of a sync"
        verbose_name_plural = "sides of syncs"
        ordering = ["version", "side"]
        constraints = [models.UniqueConstraint(fields=["version", "side"], name="two_sides_per_version")]

    def __str__(self) -> str:
        return f"{self.version} {self.side}"


class ValueMap(models.Model):
    """Drop-down options of the left side paired with the right's."""

    version = models.ForeignKey(MappingVersion, on_delete=models.CASCADE, related_name="value_maps")
    name = models.CharField(max_length=100)
    unmapped = models.CharField(max_length=12, choices=choices(rules.Unmapped), default=rules.Unmapped.SET_ASIDE)
    pairs = models.JSONField(default=list, help_text="[left option, right option], in order.")
    defaults = models.JSONField(default=dict, blank=True, help_text="Side → the option used for unmapped ones.")

    class Meta:
        verbose_name = "drop-down pairs"
        verbose_name_plural = "drop-down pairs"
        ordering = ["version", "name"]
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="value_maps_have_names")]

    def __str__(self) -> str:
        return self.name


class FieldMapping(models.Model):
    """One pair of fields."""

    version = models.ForeignKey(MappingVersion, on_delete=models.CASCADE, related_name="field_mappings")
    position = models.PositiveIntegerField(default=0)
    stable_id = models.CharField(
        max_length=12, default=new_stable_id, help_text="What the pair is known by in spreadsheets, in every version."
    )
    left = models.CharField(max_length=255)
    right = models.CharField(max_length=255)
    kind = models.CharField(max_length=20, default="text")
    to_left = models.CharField(max_length=10, choices=choices(rules.Word), default=rules.Word.AUTOMATIC)
    to_right = models.CharField(max_length=10, choices=choices(rules.Word), default=rules.Word.AUTOMATIC)
    conflict = models.CharField(max_length=10, choices=choices(rules.ConflictRule), default=rules.ConflictRule.ASK)
    first_meeting = models.CharField(
        max_length=10, choices=choices(rules.FirstMeeting), default=rules.FirstMeeting.LEAVE
    )
    on_blank = models.CharField(max_length=10, choices=choices(rules.OnBlank), default=rules.OnBlank.KEEP)
    on_invalid = models.CharField(max_length=12, choices=choices(rules.OnInvalid), default=rules.OnInvalid.SET_ASIDE)
    defaults = models.JSONField(
        default=dict, blank=True, help_text="Side → value written where none can be translated."
    )
    keep_old = models.JSONField(default=dict, blank=True, help_text="Side → field that the replaced value moves to.")
    group = models.CharField(max_length=100, blank=True)
    region = CountryField(blank=True, help_text="Where phone numbers without a country code are.")
    currency = models.CharField(max_length=3, blank=True)
    currency_field = models.JSONField(
        default=dict, blank=True, help_text="Side → the field there that names an amount's currency."
    )
    through = models.CharField(
        max_length=100, blank=True, help_text="Format reference: the sync that links the records that are named."
    )
    restricted_when = models.JSONField(default=dict, blank=True, help_text="Side → the value that means restricted.")
    value_map = models.ForeignKey(ValueMap, null=True, blank=True, on_delete=models.RESTRICT)
    read_left = models.TextField(blank=True)
    write_left = models.TextField(blank=True)
    read_right = models.TextField(blank=True)
    write_right = models.TextField(blank=True)

    class Meta:
        verbose_name = "field pair"
        verbose_name_plural = "field pairs"
        ordering = ["version", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["version", "left", "right"], name="a_pair_is_there_once")]

    def __str__(self) -> str:
        return f"{self.left} ↔ {self.right}"
