from __future__ import annotations

from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success

from alumnisync import models
from alumnisync.admin import (  # noqa: F401 - registers
    absences,
    changes,
    links,
    matches,
    people,
    privacy,
    questions,
    runs,
    syncs,
    versions,
)
from connectors.admin.pages import ReadOnlyAdmin

# The queue's own pages run any function by its name: not for people. OrmQ's is there with one broker only.
for queue_model in (Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(queue_model):
        admin.site.unregister(queue_model)


@admin.register(models.Progress)
class ProgressAdmin(ReadOnlyAdmin):
    list_display = ("sync", "side", "planned_to")
    list_select_related = ("sync",)


@admin.register(models.DriftReport)
class DriftReportAdmin(ReadOnlyAdmin):
    list_display = ("sync", "made_at", "asked_by", "unknown")
    list_filter = ("sync",)
    list_select_related = ("sync",)


@admin.register(models.Member)
class MemberAdmin(ReadOnlyAdmin):
    list_display = ("link", "side", "record")
    list_filter = ("side",)
    list_select_related = ("link__sync", "record__cursor")
    search_fields = ("record__remote_id__exact",)


@admin.register(models.MatchKey)
class MatchKeyAdmin(ReadOnlyAdmin):
    list_display = ("sync", "side", "rule", "record")
    list_select_related = ("sync", "record__cursor")
    search_fields = ("record__remote_id__exact",)


@admin.register(models.FieldChange)
class FieldChangeAdmin(ReadOnlyAdmin):
    list_display = ("path", "change", "rule")
    list_select_related = ("change__run__sync",)
    search_fields = ("path",)


@admin.register(models.CheckAnswer)
class CheckAnswerAdmin(ReadOnlyAdmin):
    list_display = ("sync", "point", "is_waived", "said_by", "said_at")
    list_filter = ("is_waived",)
    list_select_related = ("sync",)


@admin.register(models.Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ("sync", "state", "told_at")
    list_select_related = ("sync",)
