"""Comparisons of all linked people of a sync: counts and ids, never a value of anybody."""

from __future__ import annotations

from django.db import models

from mappings.models import Sync


class DriftReport(models.Model):
    """One comparison. It is queued until `made_at` is set; `problem` says why it could not be made.

    counts  people, differing, outside{why: count}, fields{pair: {reason: count}} and examples{pair: {reason: [link]}}
    """

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="drift_reports")
    number = models.PositiveIntegerField(null=True, blank=True, help_text="The version of the rules it was made by.")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150, blank=True, help_text="Who wanted it; empty: the weekly one.")
    started_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(null=True, blank=True)
    unknown = models.PositiveIntegerField(default=0, help_text="Differences that nothing explains: lost changes.")
    counts = models.JSONField(default=dict, blank=True)
    problem = models.TextField(blank=True)

    class Meta:
        verbose_name = "comparison"
        verbose_name_plural = "comparisons"
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["sync", "-asked_at"], name="newest_comparison_first")]

    def __str__(self) -> str:
        return f"{self.sync}: differences"
