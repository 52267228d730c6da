from __future__ import annotations

from django.contrib import admin

from connectors.admin import connections  # noqa: F401 - registers
from connectors.admin.pages import ReadOnlyAdmin
from connectors.models import (
    AccessToken,
    Cursor,
    ErasedRecord,
    FeedRow,
    KnownObjectType,
    ReceivedRecord,
    RemoteRecord,
    SeenField,
    ServiceNote,
    ServiceUse,
)


@admin.register(Cursor)
class CursorAdmin(ReadOnlyAdmin):
    list_display = ("connection", "object_type", "list_count", "polled_at", "list_verdict")
    list_select_related = ("connection",)
    search_fields = ("connection__name", "object_type")


@admin.register(RemoteRecord)
class RemoteRecordAdmin(ReadOnlyAdmin):
    list_display = ("remote_id", "cursor", "modified_there", "landed_at", "gone_at", "problem")
    list_select_related = ("cursor__connection",)
    search_fields = ("remote_id__exact",)
    change_form_outer_before_template = "alumnisync/privacy/of_record.html"


@admin.register(ErasedRecord)
class ErasedRecordAdmin(ReadOnlyAdmin):
    list_display = ("connection", "key", "erased_at")
    list_select_related = ("connection",)


@admin.register(FeedRow)
class FeedRowAdmin(ReadOnlyAdmin):
    list_display = ("change_id", "remote_id", "cursor", "landed_at", "outcome", "acknowledged_at")
    list_select_related = ("cursor__connection",)
    search_fields = ("change_id__exact", "remote_id__exact")


@admin.register(SeenField)
class SeenFieldAdmin(ReadOnlyAdmin):
    list_display = ("name", "cursor", "seen", "filled", "first_seen_at")
    list_select_related = ("cursor__connection",)
    search_fields = ("name",)


@admin.register(KnownObjectType)
class KnownObjectTypeAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "connection", "described_at")
    list_select_related = ("connection",)
    search_fields = ("name", "label")


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    list_display = ("place", "connection", "made_by", "made_at", "last_used_at")
    list_select_related = ("connection",)
    search_fields = ("place__exact",)


@admin.register(ServiceUse)
class ServiceUseAdmin(ReadOnlyAdmin):
    list_display = ("service", "place", "connection", "done", "refused", "last_at")
    list_select_related = ("connection",)
    search_fields = ("service", "place__exact")


@admin.register(ServiceNote)
class ServiceNoteAdmin(ReadOnlyAdmin):
    list_display = ("at", "place", "service", "status", "record", "why")
    list_select_related = ("connection",)
    search_fields = ("record__exact", "why")


@admin.register(ReceivedRecord)
class ReceivedRecordAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "sender_id", "place", "stage", "connection", "changed_at", "removed_at")
    list_select_related = ("connection",)
    search_fields = ("sender_id__exact",)
