from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from alumnisync import models
from connectors.admin.pages import ReadOnlyAdmin

# The queue's own pages run any function by its name: not for people. OrmQ's is there with one broker only.
for queue_model in (Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(queue_model):
        admin.site.unregister(queue_model)
admin.site.unregister([User, Group])


@admin.register(User)
class ThemedUserAdmin(ModelAdmin, UserAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class ThemedGroupAdmin(ModelAdmin, GroupAdmin):
    pass


@admin.register(models.SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "state", "started_at", "finished_at", "reason")
    list_filter = ("state", "kind")
    list_select_related = ("sync",)
    search_fields = ("sync__name",)


@admin.register(models.Progress)
class ProgressAdmin(ReadOnlyAdmin):
    list_display = ("sync", "side", "planned_to")
    list_select_related = ("sync",)


@admin.register(models.Link)
class LinkAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "rule", "created_at")
    list_filter = ("state",)
    list_select_related = ("sync",)
    search_fields = ("members__record__remote_id__exact",)


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


@admin.register(models.ChangeRecord)
class ChangeRecordAdmin(ReadOnlyAdmin):
    list_display = ("run", "kind", "side", "state", "record", "source", "reason", "finished_at")
    list_filter = ("state", "kind", "side")
    list_select_related = ("run__sync", "record__cursor", "source__cursor")
    search_fields = ("record__remote_id__exact",)


@admin.register(models.FieldChange)
class FieldChangeAdmin(ReadOnlyAdmin):
    list_display = ("path", "change", "rule")
    list_select_related = ("change__run__sync",)
    search_fields = ("path",)


@admin.register(models.Conflict, models.Review)
class QuestionAdmin(ReadOnlyAdmin):
    list_display = ("unit", "link", "state", "choice", "decided_by", "decided_at", "created_at")
    list_filter = ("state",)
    list_select_related = ("link__sync",)
    search_fields = ("unit",)


@admin.register(models.Match)
class MatchAdmin(ReadOnlyAdmin):
    list_display = ("record", "sync", "side", "rule", "state", "reason", "decided_by")
    list_filter = ("state", "side")
    list_select_related = ("sync", "record__cursor")
    search_fields = ("record__remote_id__exact",)
    readonly_fields = ("found",)
    exclude = ("candidates",)

    @admin.display(description="candidates")
    def found(self, match: models.Match) -> str:
        return ", ".join(str(record) for record in match.candidates.select_related("cursor"))


@admin.register(models.Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ("sync", "state", "told_at")
    list_select_related = ("sync",)
