"""That somebody was erased, and what tells them again; none of it says who it was."""

from __future__ import annotations

from django.db import models

from connectors.models import Connection
from mappings.models import Sync


class Erasure(models.Model):
    """A person was erased. It holds nothing of them."""

    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    ticket = models.CharField(
        max_length=100, blank=True, help_text="Where the request is filed: a ticket's number, and no name."
    )
    counts = models.JSONField(default=list, help_text="[kind, system, how many were removed or blanked].")

    class Meta:
        ordering = ["-id"]
        permissions = [("erase_person", "Can see all that is held about a person, export it and erase it")]

    def __str__(self) -> str:
        return f"Erasure {self.pk}"


class ErasureTask(models.Model):
    """What a person does by hand at a system, or with a file, after an erasure."""

    class Kind(models.TextChoices):
        RECORDS = "records"
        FILE = "file"

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="tasks")
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="+")
    system = models.CharField(max_length=100, help_text="The connection's name then.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    what = models.CharField(max_length=300, help_text="The kind of record, or the file.")
    count = models.PositiveIntegerField(default=1)
    done_by = models.CharField(max_length=150, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "task after an erasure"
        verbose_name_plural = "tasks after erasures"
        ordering = ["erasure", "id"]

    def __str__(self) -> str:
        return f"{self.system}: {self.what}"


class ErasedKey(models.Model):
    """A match key of somebody who was erased, sealed: whoever has it as well may be them, and a person says so."""

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="keys")
    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField(max_length=16, editable=False)
    key = models.CharField(max_length=12, help_text="Name of the encryption key that it was sealed with.")

    class Meta:
        verbose_name = "match key of an erased person"
        verbose_name_plural = "match keys of erased people"
        ordering = ["erasure", "id"]
        indexes = [models.Index(fields=["sync", "digest"], name="erased_people_by_key")]

    def __str__(self) -> str:
        return f"{self.sync} {self.pk}"
