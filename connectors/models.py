"""What we keep of other systems: the connections, how far polling got, and the records last seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from connectors.base import Connector, SecretField
from connectors.encryption import SecretsField
from connectors.packing import PackedField
from connectors.registry import connectors


class Connection(models.Model):
    """One configured account at a system."""

    name = models.CharField(max_length=100, unique=True)
    system = models.CharField(max_length=50)
    settings = models.JSONField(default=dict, blank=True)
    secrets = SecretsField(default=dict, blank=True, editable=False)
    identity = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Who we were there at the first check."
    )
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    attention = models.TextField(blank=True, editable=False, help_text="What a person must do before it works again.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def open(self) -> Connector:
        """A connector with this connection's settings, defaults and secrets."""
        kind = connectors()[self.system]
        # A setting left blank means its default, as in a form; None and "" are what is stored then.
        given = {name: value for name, value in self.settings.items() if value not in (None, "")}
        opened = kind({**setting_defaults(kind), **given, **self.secrets})
        opened.connection_id = self.pk
        return opened


def setting_defaults(kind: type[Connector]) -> dict[str, Any]:
    """What a system's settings are where nothing else was said."""
    return {
        name: field.initial() if callable(field.initial) else field.initial
        for name, field in kind.Settings.base_fields.items()
        if not isinstance(field, SecretField)
    }


class KnownObjectType(models.Model):
    """A kind of record as its system last described it, so that screens need not ask again."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="known_object_types")
    name = models.CharField(max_length=200)
    label = models.CharField(max_length=255, blank=True)
    described = PackedField(default=dict, editable=False, help_text="Fields and abilities; empty: only its name.")
    described_at = models.DateTimeField()

    class Meta:
        verbose_name = "kind of record"
        verbose_name_plural = "kinds of record"
        ordering = ["connection", "label", "name"]
        constraints = [models.UniqueConstraint(fields=["connection", "name"], name="known_object_types_are_there_once")]

    def __str__(self) -> str:
        return self.label or self.name


class Cursor(models.Model):
    """How far polling of one object type of a connection got, and the last change number given there."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="cursors")
    object_type = models.CharField(max_length=200)
    position = models.JSONField(null=True, blank=True)
    fields = models.JSONField(default=list, blank=True, help_text="The fields asked for by the last poll.")
    narrow = models.TextField(blank=True, help_text="The filter of the last poll, in the system's own language.")
    change_no = models.BigIntegerField(default=0)
    accepted_count = models.IntegerField(
        null=True, blank=True, help_text="Length of the last list that was let through."
    )
    list_count = models.IntegerField(null=True, blank=True, help_text="Length of the last complete list.")
    list_verdict = models.TextField(blank=True, help_text="Why the last complete list is not believed, in words.")
    poll_started_at = models.DateTimeField(null=True, blank=True, help_text="When the last finished poll began.")
    polled_at = models.DateTimeField(null=True, blank=True, help_text="When the last finished poll ended.")
    poll_was_whole = models.BooleanField(default=False, help_text="The last finished poll brought a complete list.")

    lease_owner = models.CharField(max_length=200, blank=True, editable=False, help_text="The run that works with it.")

    class Meta:
        ordering = ["connection", "object_type"]
        constraints = [models.UniqueConstraint(fields=["connection", "object_type"], name="one_cursor_per_object_type")]

    def __str__(self) -> str:
        return f"{self.connection}: {self.object_type}"


class RemoteRecord(models.Model):
    """A record as we last saw it, with only the fields that syncs ask for."""

    cursor = models.ForeignKey(Cursor, on_delete=models.PROTECT, related_name="records")
    remote_id = models.CharField(max_length=255)
    values = PackedField(default=dict, editable=False)
    fingerprint = models.BinaryField(max_length=16, editable=False)
    change_no = models.BigIntegerField()
    version = models.CharField(max_length=255, blank=True)
    created_there = models.DateTimeField(null=True, blank=True)
    modified_there = models.DateTimeField(null=True, blank=True)
    field_times = PackedField(default=dict, editable=False)
    problem = models.TextField(blank=True, help_text="Why it could not be read, in words.")
    missed = models.PositiveSmallIntegerField(default=0, help_text="Complete lists in a row without it.")
    gone_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.CharField(max_length=255, blank=True)
    unnamed = models.BooleanField(default=False, help_text="A row of a feed that does not say whom it speaks of.")
    landed_at = models.DateTimeField()

    class Meta:
        verbose_name = "record"
        verbose_name_plural = "records"
        ordering = ["cursor", "remote_id"]
        constraints = [models.UniqueConstraint(fields=["cursor", "remote_id"], name="one_row_per_record")]
        indexes = [models.Index(fields=["cursor", "change_no"], name="changes_in_order")]

    def __str__(self) -> str:
        return f"{self.cursor.object_type} {self.remote_id}"

    def changed_at(self) -> dict[str, datetime]:
        """Field → when it was changed there, where the system says so."""
        return {path: datetime.fromisoformat(text) for path, text in self.field_times.items()}


class ErasedRecord(models.Model):
    """A record of somebody who was erased: only a sealed digest, which tells that it must never be stored again."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="erased_records")
    digest = models.BinaryField(max_length=16, editable=False, help_text="Of the object type and the id, sealed.")
    key = models.CharField(max_length=12, help_text="Name of the encryption key that it was sealed with.")
    erased_at = models.DateTimeField()

    class Meta:
        verbose_name = "erased record"
        verbose_name_plural = "erased records"
        ordering = ["-erased_at", "id"]
        constraints = [models.UniqueConstraint(fields=["connection", "digest"], name="a_record_is_erased_once")]

    def __str__(self) -> str:
        return f"{self.connection} {self.pk}"


class FeedRow(models.Model):
    """One row of a feed of changes, with only the fields that syncs ask for.

    It stays after it was acknowledged, for as long as the person's record does: a row that comes late has to find
    what newer ones said, and the record is nothing but its rows laid over each other.
    """

    class Outcome(models.TextChoices):
        DONE = "done"
        WAITING = "waiting", "waits for a person"
        SET_ASIDE = "set_aside", "couldn't be sent"
        KEPT = "kept", "kept: nobody linked yet"

    cursor = models.ForeignKey(Cursor, on_delete=models.PROTECT, related_name="feed_rows")
    change_id = models.CharField(max_length=100)
    remote_id = models.CharField(max_length=255, help_text="The record it is laid into: a person's, or its own.")
    values = PackedField(default=dict, editable=False)
    field_times = PackedField(default=dict, editable=False)
    landed_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True, help_text="What it had come to by then.")
    acknowledged_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty: not yet, or the system brought it again since."
    )

    class Meta:
        verbose_name = "feed row"
        verbose_name_plural = "feed rows"
        ordering = ["cursor", "id"]
        constraints = [models.UniqueConstraint(fields=["cursor", "change_id"], name="one_row_per_change")]
        indexes = [
            models.Index(fields=["cursor", "remote_id"], name="rows_of_a_person"),
            models.Index(fields=["cursor", "id"], condition=models.Q(acknowledged_at=None), name="rows_to_acknowledge"),
        ]

    def __str__(self) -> str:
        return f"{self.cursor.object_type} {self.change_id}"


class SeenField(models.Model):
    """A field that records of an object type were seen to have, and how often it was filled; no values."""

    cursor = models.ForeignKey(Cursor, on_delete=models.CASCADE, related_name="seen_fields")
    name = models.CharField(max_length=255)
    seen = models.BigIntegerField(default=0)
    filled = models.BigIntegerField(default=0)
    first_seen_at = models.DateTimeField()

    class Meta:
        verbose_name = "field seen"
        verbose_name_plural = "fields seen"
        ordering = ["cursor", "name"]
        constraints = [models.UniqueConstraint(fields=["cursor", "name"], name="one_row_per_seen_field")]

    def __str__(self) -> str:
        return self.name


class AccessToken(models.Model):
    """Lets a system call our web services for one place of a connection; only its hash is kept."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="access_tokens")
    place = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    minute = models.DateTimeField(null=True, blank=True, editable=False, help_text="The minute that is counted.")
    calls = models.PositiveIntegerField(default=0, editable=False, help_text="Calls in that minute.")

    class Meta:
        verbose_name = "token"
        verbose_name_plural = "tokens"
        ordering = ["connection", "place", "made_at"]

    def __str__(self) -> str:
        return f"{self.connection}: {self.place}"


class ServiceUse(models.Model):
    """How often a place called a web service of ours, and whether it ever worked."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="service_uses")
    place = models.CharField(max_length=100)
    service = models.CharField(max_length=50)
    done = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    first_done_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name = "use of a service"
        verbose_name_plural = "uses of services"
        ordering = ["connection", "place", "service"]
        constraints = [models.UniqueConstraint(fields=["connection", "place", "service"], name="one_row_per_service")]

    def __str__(self) -> str:
        return f"{self.place}: {self.service}"


class ServiceNote(models.Model):
    """A call that was refused, or that lacked something, and why; no values."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="service_notes")
    place = models.CharField(max_length=100)
    service = models.CharField(max_length=50)
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    record = models.CharField(max_length=255, blank=True, help_text="The id the caller gave it.")
    why = models.TextField()

    class Meta:
        verbose_name = "note on a call"
        verbose_name_plural = "notes on calls"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["connection", "-id"], name="newest_notes_first")]

    def __str__(self) -> str:
        return self.why


class ReceivedRecord(models.Model):
    """What a system sent us, as it stands now: a poll reads it as if it came from another system.

    place      the part of the account it belongs to; "" for all of them
    sender_id  its id at the sender; "" where it has none. Ours is the primary key
    number     rises with every change, in the order of the commits
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="received_records")
    object_type = models.CharField(max_length=50)
    place = models.CharField(max_length=100, blank=True)
    sender_id = models.CharField(max_length=255, blank=True)
    stage = models.CharField(max_length=20, blank=True)
    values = PackedField(default=dict, editable=False)
    number = models.BigIntegerField()
    received_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "received record"
        verbose_name_plural = "received records"
        ordering = ["connection", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "object_type", "place", "sender_id"],
                condition=~models.Q(sender_id=""),
                name="one_row_per_sender_id",
            )
        ]
        indexes = [models.Index(fields=["connection", "number"], name="received_in_order")]

    def __str__(self) -> str:
        return f"{self.object_type} {self.pk}"
