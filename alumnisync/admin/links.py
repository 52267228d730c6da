"""Linked people: all of them, and one by itself with what each field is at and everything that happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils.html import format_html_join

from alumnisync.admin.differences import SEES_PEOPLE
from alumnisync.admin.downloads import download
from alumnisync.admin.lists import ListAdmin
from alumnisync.downloads import history_table
from alumnisync.models import Link, Member
from alumnisync.naming import person
from alumnisync.portrait import portrait
from connectors.admin.pages import ReadOnlyAdmin


@admin.register(Link)
class LinkAdmin(ListAdmin):
    """These records are one person."""

    list_display = ("person", "records", "sync", "state", "rule", "created_at")
    list_filter = ("sync", "state")
    search_fields = ("members__record__remote_id__exact",)
    search_help_text = "The id of one of their records"

    def screens(self) -> Iterable[URLPattern]:
        return (self.looks("<int:pk>/history/<str:form>/", self.download, "download", *SEES_PEOPLE),)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        # The theme's own list serves: it filters and searches.
        answer: HttpResponse = ReadOnlyAdmin.changelist_view(self, request, extra_context)
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[Link]:
        members = Member.objects.select_related("record").order_by("side", "pk")
        rows: QuerySet[Link] = super().get_queryset(request)
        return rows.select_related("sync").prefetch_related(Prefetch("members", members))

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display if _sees_people(request) else ("__str__", *self.list_display[1:])

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:1]

    def page(self, request: HttpRequest, found: Link) -> HttpResponseBase:
        if not _sees_people(request):
            raise PermissionDenied
        shown = portrait(found)
        trail = [("Linked people", self.address("changelist"))]
        sync = reverse("admin:mappings_sync_change", args=[found.sync_id])
        return self.show(
            request, "alumnisync/people/person.html", shown.name, shown=shown, link=found, sync=sync, trail=trail
        )

    def download(self, request: HttpRequest, pk: int, form: str) -> HttpResponseBase:
        """Everything that happened to somebody."""
        return download(history_table(self.found(request, pk)), form)

    @admin.display(description="Person")
    def person(self, link: Link) -> str:
        return person(member.record for member in link.members.all())

    @admin.display(description="Records")
    def records(self, link: Link) -> str:
        return format_html_join(" ↔ ", "{}", ((member.record.remote_id,) for member in link.members.all()))


def _sees_people(request: HttpRequest) -> bool:
    return all(map(request.user.has_perm, SEES_PEOPLE))
