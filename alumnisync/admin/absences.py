"""No longer found: who is missing, deleted, merged or switched off, and what a person says to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern

from alumnisync.absences import settle_absence, settle_absences
from alumnisync.admin.lists import ListAdmin, filter_of, query, turning, who
from alumnisync.admin.questions import comment_of
from alumnisync.changes import page_of
from alumnisync.inbox.gone import CHOICES, HELD_NOTE, filters_offered, line_of, loaded, records_said, wanted_rows
from alumnisync.inbox.wording import wordings
from alumnisync.models import Absence
from alumnisync.wording import counted, whole
from connectors.admin.pages import tell
from connectors.moments import when
from mappings.models import Sync

TITLE = "No longer found"
DECIDES = "alumnisync.change_absence"
LOOKS = "alumnisync.view_absence"


@admin.register(Absence)
class AbsenceAdmin(ListAdmin):
    """People whose record is no longer there, or switched off."""

    def screens(self) -> Iterable[URLPattern]:
        return (
            self.does("decide-many/", self.decide_many, "decide_many", LOOKS, DECIDES),
            self.does("<int:pk>/decide/", self.decide, "decide", LOOKS, DECIDES),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Absence]:
        return loaded(super().get_queryset(request))

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.GET
        number = whole(asked.get("page", "")) or 1
        rows, has_next = page_of(wanted_rows(asked), number)
        words = wordings({row.link.sync_id for row in rows})
        shown, kinds = filters_offered()
        syncs = [(str(pk), name) for pk, name in Sync.objects.values_list("pk", "name")]
        return self.show(
            request,
            "alumnisync/gone/list.html",
            TITLE,
            lines=[line_of(row, words[row.link.sync_id]) for row in rows if row.link.sync_id in words],
            filters=[
                filter_of("shown", "Shown", asked, shown),
                filter_of("kind", "Why", asked, kinds),
                filter_of("sync", "Sync", asked, syncs),
            ],
            wanted={"q": asked.get("q", "")},
            is_narrowed=any(asked.get(name) for name in ("shown", "kind", "sync", "q")),
            kept={},
            everything="?",
            turning=turning(asked, number, has_next=has_next),
            here=query(asked),
            can_decide=request.user.has_perm(DECIDES),
            choices=CHOICES,
        )

    def page(self, request: HttpRequest, found: Absence) -> HttpResponseBase:
        word = wordings([found.link.sync_id])[found.link.sync_id]
        line = line_of(found, word)
        return self.show(
            request,
            "alumnisync/gone/person.html",
            line.person,
            line=line,
            records=records_said(found, word),
            decided_at=when(found.decided_at),
            held=HELD_NOTE.format(run=found.run_id) if found.state == Absence.State.HELD else "",
            can_decide=request.user.has_perm(DECIDES),
            trail=[(TITLE, self.address("changelist"))],
        )

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.found(request, pk)
        choice, seen = request.POST.get("choice", ""), request.POST.get("seen", "")
        return self.carry(
            request,
            pk,
            lambda: settle_absence(row, choice, by=who(request), comment=comment_of(request), seen=seen),
            "Decided. The next run carries it out.",
            self.address("changelist"),
        )

    def decide_many(self, request: HttpRequest) -> HttpResponseBase:
        """Says how many people it is about first."""
        ticks, choice = request.POST.getlist("tick"), request.POST.get("choice", "")
        if not ticks or choice not in CHOICES:
            tell(request, "Tick at least one first.", wrong=True)
            return HttpResponseRedirect(self.address("changelist"))
        if request.POST.get("sure") != "yes":
            return self._ask(request, ticks, choice)
        tally = settle_absences(ticks, choice, by=who(request), comment=comment_of(request))
        if tally.decided:
            tell(request, f"{counted(tally.decided, 'person', 'people')} decided. The next run carries it out.")
        if tally.problems:
            tell(request, " ".join(dict.fromkeys(tally.problems)), wrong=True)
        return HttpResponseRedirect(self.address("changelist"))

    def _ask(self, request: HttpRequest, ticks: list[str], choice: str) -> HttpResponse:
        context: dict[str, Any] = {"ticks": ticks, "choice": choice, "label": CHOICES[choice]}
        people = counted(len(ticks), "person", "people")
        trail = [(TITLE, self.address("changelist"))]
        title = f"{CHOICES[choice]}?"
        return self.show(request, "alumnisync/gone/confirm.html", title, people=people, trail=trail, **context)
