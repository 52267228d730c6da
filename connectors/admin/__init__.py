from __future__ import annotations

from django.contrib import admin

from connectors.admin import connections  # noqa: F401 - registers
from connectors.admin.pages import ReadOnlyAdmin
from connectors.models import Cursor, FeedRow, KnownObjectType, RemoteRecord, SeenField


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
