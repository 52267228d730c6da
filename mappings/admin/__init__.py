from __future__ import annotations

from django.contrib import admin

from connectors.admin.pages import ReadOnlyAdmin
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap


@admin.register(Sync)
class SyncAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "schedule", "time_zone")
    list_filter = ("state",)
    search_fields = ("name",)


@admin.register(MappingVersion)
class MappingVersionAdmin(ReadOnlyAdmin):
    list_display = ("sync", "number", "state", "created_at", "created_by", "approved_at", "approved_by")
    list_filter = ("state",)
    list_select_related = ("sync",)
    search_fields = ("sync__name",)


@admin.register(SyncSide)
class SyncSideAdmin(ReadOnlyAdmin):
    list_display = ("version", "side", "connection", "object_type", "key_field", "create", "gone")
    list_select_related = ("version__sync", "connection")
    search_fields = ("version__sync__name", "connection__name", "object_type")


@admin.register(FieldMapping)
class FieldMappingAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "version", "kind", "to_left", "to_right", "conflict", "group")
    list_filter = ("kind",)
    list_select_related = ("version__sync",)
    search_fields = ("left", "right", "group")


@admin.register(ValueMap)
class ValueMapAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "unmapped")
    list_select_related = ("version__sync",)
    search_fields = ("name",)
