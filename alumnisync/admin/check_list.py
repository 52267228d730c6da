"""The check list of a sync: what is open on top, each point answered or waived by somebody who gives their name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern

from alumnisync import checklist
from alumnisync.admin.lists import REFUSALS, ListAdmin, who
from alumnisync.checklist import Line
from alumnisync.wording import counted
from connectors.admin.pages import tell
from connectors.moments import when

LOOKS, EDITS = "mappings.view_sync", "mappings.change_sync"


class CheckListScreens(ListAdmin):
    """For the admin of syncs."""

    def check_list_screens(self) -> list[URLPattern]:
        return [
            self.looks("<int:pk>/check-list/", self.see_check_list, "check_list", LOOKS),
            self.does("<int:pk>/check-list/answer/", self.answer_point, "check_answer", LOOKS, EDITS),
            self.does("<int:pk>/check-list/take-back/", self.take_back_answer, "check_take_back", LOOKS, EDITS),
        ]

    def see_check_list(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        sync = self.found(request, pk)
        found = [_shown(line) for line in checklist.lines(sync)]
        waiting = [line for line in found if line["is_open"]]
        return self.show(
            request,
            "mappings/syncs/check_list.html",
            f"Check list of {sync}",
            sync=sync,
            waiting=waiting,
            done=[line for line in found if not line["is_open"]],
            may_edit=request.user.has_perm(EDITS),
            trail=[("Syncs", self.address("changelist")), (sync.name, self.address("change", pk))],
        )

    def answer_point(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Several points may be waived at once, by one reason."""
        sync, waives = self.found(request, pk), request.POST.get("how") == "waive"
        slugs = request.POST.getlist("point")
        try:
            count = checklist.answer(sync, slugs, request.POST.get("text", ""), by=who(request), waives=waives)
        except REFUSALS as refused:
            tell(request, str(refused), wrong=True)
        else:
            tell(request, f"{counted(count, 'point')} {'waived' if waives else 'answered'}.")
        return self._back(pk)

    def take_back_answer(self, request: HttpRequest, pk: int) -> HttpResponse:
        checklist.take_back(self.found(request, pk), request.POST.get("point", ""))
        tell(request, "The answer is taken back.")
        return self._back(pk)

    def _back(self, pk: int) -> HttpResponse:
        return HttpResponseRedirect(self.address("check_list", pk))


def _shown(line: Line) -> dict[str, Any]:
    """A point in words."""
    found, said = line.found, line.said
    return {
        "slug": line.point.slug,
        "question": line.point.question,
        "is_open": line.is_open,
        "found": found.words if found else "",
        "found_at": when(found.at) if found else "",
        "said": said.text if said else "",
        "is_waived": bool(said and said.is_waived),
        "by": f"{said.said_by}, {when(said.said_at)}" if said else "",
        "state": _state(line),
    }


def _state(line: Line) -> Iterable[str]:
    """The badge's class and its word."""
    if line.is_open:
        return "warn", "open"
    if line.said is None:
        return "good", "known"
    return ("", "waived") if line.said.is_waived else ("good", "answered")
