from __future__ import annotations

from django.contrib import admin

from connectors.admin.pages import ReadOnlyAdmin
from mappings.models import FieldMapping, SyncSide, ValueMap


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
