"""The differences of a sync: how many, in which fields, and why; compared anew, and down as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern

from alumnisync import drift
from alumnisync.admin.downloads import download
from alumnisync.admin.lists import ListAdmin, who
from alumnisync.downloads import differences_of
from alumnisync.drift.showing import shown
from connectors.admin.pages import tell

LOOKS, REPORTS, PREVIEWS = "mappings.view_sync", "alumnisync.view_driftreport", "alumnisync.preview_syncrun"
# Real people's data: who may see a sync's rules need not be allowed to see it.
SEES_PEOPLE = ("alumnisync.view_link", "connectors.view_remoterecord")
ASKED = "All linked people are being compared. Open this page again in a minute or two."


class DifferencesScreens(ListAdmin):
    """For the admin of syncs."""

    def differences_screens(self) -> list[URLPattern]:
        return [
            self.looks("<int:pk>/differences/", self.see_differences, "differences", LOOKS, REPORTS),
            self.does("<int:pk>/differences/compare/", self.compare, "compare", LOOKS, REPORTS, PREVIEWS),
            self.looks(
                "<int:pk>/differences/download/<str:form>/",
                self.download_differences,
                "differences_download",
                LOOKS,
                *SEES_PEOPLE,
            ),
        ]

    def see_differences(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        sync = self.found(request, pk)
        may_see = all(map(request.user.has_perm, SEES_PEOPLE))
        return self.show(
            request,
            "mappings/syncs/differences.html",
            f"Differences of {sync}",
            sync=sync,
            shown=shown(sync, with_people=may_see),
            may_compare=request.user.has_perm(PREVIEWS),
            may_see=may_see,
            trail=[("Syncs", self.address("changelist")), (sync.name, self.address("change", pk))],
        )

    def compare(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Has a worker compare everybody soon."""
        drift.ask(self.found(request, pk), by=who(request))
        tell(request, ASKED)
        return HttpResponseRedirect(self.address("differences", pk))

    def download_differences(self, request: HttpRequest, pk: int, form: str) -> HttpResponseBase:
        """All differences as they are now."""
        try:
            return download(differences_of(self.found(request, pk)), form)
        except drift.NotReady as error:
            tell(request, str(error), wrong=True)
            return HttpResponseRedirect(self.address("differences", pk))
