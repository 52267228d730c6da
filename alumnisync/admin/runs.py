"""Runs: all of them, what is on hold, and one by itself, to be approved, rejected, stopped or started again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern

from alumnisync import narrowing, review, starting
from alumnisync.admin.changes import changes_shown_by, kind_filters, linked
from alumnisync.admin.downloads import download
from alumnisync.admin.lists import Filter, ListAdmin, filter_of, query, turning, who
from alumnisync.admin.undos import UNDOES, Narrowed, asking, may_undo, undo_shown
from alumnisync.changes import Wanted, page_of, reasons
from alumnisync.downloads import changes_of
from alumnisync.models import ChangeRecord, SyncRun
from alumnisync.naming import names_by_version, names_of
from alumnisync.reconciled import reconciled
from alumnisync.reporting import (
    KINDS,
    UNDER_WAY,
    FieldFigures,
    Report,
    duration,
    holds_of,
    kind_said,
    report,
    said_of,
    switches_on,
    totals,
    waits_for_ok,
)
from alumnisync.waiting import HELD
from alumnisync.wording import RUN_STATES, whole
from alumnisync.wording import number as count
from connectors.admin.pages import shows_form, tell
from connectors.moments import when
from mappings.models import Sync

PREVIEWS, STARTS, APPROVES = (f"alumnisync.{action}_syncrun" for action in ("preview", "start", "approve"))
SWITCHES_ON = "mappings.activate_sync"
LOOKS = "alumnisync.view_syncrun"
SIDE_COLUMNS = {
    "Read": "read",
    "New or different": "changed",
    "Created": "created",
    "Updated": "updated",
    "Ids written": "stamped",
    "On hold": "held",
    "Couldn't be sent": "refused",
}
FIELD_COLUMNS = {"Sent": "done", "Not sent yet": "planned", "On hold": "held", "Couldn't be sent": "refused"}
PART = "part:"
APPROVED = "It is approved. Exactly what it shows is sent as soon as a worker is free."
NARROWED = "It is approved but for what you kept back. The rest is sent as soon as a worker is free."
REJECTED = "It is rejected. Nothing of it will be sent."


class ReasonForm(forms.Form):
    """Why a plan is rejected."""

    why = forms.CharField(
        label="Why is it rejected?",
        help_text="Whoever looks at this run later reads it. Please name no people here.",
        max_length=500,
        widget=forms.Textarea(attrs={"class": "as-input", "rows": 3}),
        error_messages={"required": "Say why it is rejected, in a few words."},
    )


@admin.register(SyncRun)
class SyncRunAdmin(ListAdmin):
    """Every pass of a sync."""

    def screens(self) -> Iterable[URLPattern]:
        return (
            self.looks("<int:pk>/progress/", self.progress, "progress"),
            self.looks(
                "<int:pk>/download/<str:form>/", self.download, "download", LOOKS, "alumnisync.view_changerecord"
            ),
            self.does("<int:pk>/approve/", self.approve, "approve", LOOKS, APPROVES),
            self.does("<int:pk>/reject/", self.reject, "reject", LOOKS, APPROVES),
            self.does("<int:pk>/undo/", self.undo, "undo", LOOKS, UNDOES),
            self.does("<int:pk>/again/", self.again, "again", LOOKS, STARTS),
            self.does("<int:pk>/preview-again/", self.preview_again, "preview_again", LOOKS, PREVIEWS),
            self.does("<int:pk>/stop/", self.stop, "stop", LOOKS, STARTS),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        rows: QuerySet[SyncRun] = super().get_queryset(request)
        return rows.select_related("sync", "version")

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        asked, waiting = request.GET, request.GET.get("waiting") == "yes"
        kept = {"waiting": "yes"} if waiting else {}
        number = whole(asked.get("page", "")) or 1
        runs, has_next = page_of(_narrowed(self.get_queryset(request).defer("progress"), asked), number)
        return self.show(
            request,
            "alumnisync/runs/list.html",
            "On hold" if waiting else "Runs",
            lines=_lines(runs, with_holds=waiting),
            waiting=waiting,
            filters=_filters(request, waiting=waiting),
            is_narrowed=any(asked.get(name) for name in ("sync", "state", "kind")),
            kept=kept,
            everything=query(kept),
            turning=turning(asked, number, has_next=has_next),
        )

    def page(self, request: HttpRequest, found: SyncRun) -> HttpResponseBase:
        told, may = report(found), _may(request, found)
        wanted = Wanted.read({**request.GET.dict(), "run": found.pk, "waiting": ""})
        changes: dict[str, Any] = {}
        if request.user.has_perm("alumnisync.view_changerecord"):
            changes = changes_shown_by(request, wanted, {found.version_id: told.names})
        return self.show(
            request,
            "alumnisync/runs/run.html",
            f"Run {found.pk} of {found.sync.name}",
            report=told,
            facts=_facts(found),
            sides=[{"system": one.system, "counts": _figures(one, SIDE_COLUMNS)} for one in told.sides],
            fields=[_field(one, found, may_undo=may["may_undo"]) for one in told.fields],
            reasons=linked(told.refused, request),
            reconciled=reconciled(found, told.names),
            filters=[*_side_filters(request, told), *kind_filters(request)],
            everything="?",
            trail=[("Runs", self.address("changelist"))],
            undo_address=Narrowed().address(found.pk),
            **undo_shown(found, told.names),
            left=linked(reasons(found.changes.filter(state=ChangeRecord.State.LEFT_ALONE)), request),
            **_live(found),
            **may,
            **changes,
        )

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far a run is, fetched again and again by its page."""
        run = self.found(request, pk)
        return TemplateResponse(request, "alumnisync/runs/progress.html", {"run": run, **_live(run)})

    def download(self, request: HttpRequest, pk: int, form: str) -> HttpResponseBase:
        return download(changes_of(self.found(request, pk)), form)

    @shows_form
    def approve(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Says in figures what will be written; by POST it is."""
        run = self.found(request, pk)
        _refuse_switching(request, run)
        if request.method == "POST":
            drop, wait = _chosen(request, narrowing.DROP), _chosen(request, narrowing.WAIT)
            done = NARROWED if drop or wait else APPROVED
            return self.carry(
                request, pk, lambda: starting.approve_and_go(run, by=who(request), drop=drop, wait=wait), done
            )
        if not waits_for_ok(run):
            return self.go(pk)
        told = report(run)
        parts = [(item, request.GET.get("drop") == item.key) for item in told.holds if item.key]
        return self._ask(request, run, "approve", report=told, parts=parts)

    @shows_form
    def reject(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Asks why; by POST the plan is rejected."""
        run = self.found(request, pk)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            why = form.cleaned_data["why"]
            return self.carry(request, pk, lambda: review.reject(run, by=who(request), why=why), REJECTED)
        if request.method != "POST" and not waits_for_ok(run):
            return self.go(pk)
        return self._ask(request, run, "reject", form=form)

    @shows_form
    def undo(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Says what undoing means; by POST it is worked out what it would put back."""
        run = self.found(request, pk)
        narrowed = Narrowed.read(request.POST if request.method == "POST" else request.GET)
        if request.method != "POST":
            return self._ask(request, run, "undo", **asking(run, narrowed, names_of(run.version)))
        try:
            asked = starting.start_undo(run, by=who(request), **narrowed.only())
        except starting.Refused as refused:
            tell(request, str(refused), wrong=True)
            return self.go(refused.run.pk if refused.run else pk)
        return self.go(asked.pk)

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.start_run(request, pk, self.found(request, pk).sync, preview=False)

    def preview_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.start_run(request, pk, self.found(request, pk).sync, preview=True)

    def stop(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = self.found(request, pk)
        return self.carry(request, pk, lambda: starting.stop(run, by=who(request)), "It is stopped.")

    def _ask(self, request: HttpRequest, run: SyncRun, what: str, **context: Any) -> HttpResponse:
        """The page before something is decided."""
        own = (f"Run {run.pk} of {run.sync.name}", self.address("change", run.pk))
        trail = [("Runs", self.address("changelist")), own]
        template, title = f"alumnisync/runs/{what}.html", f"{what.capitalize()} run {run.pk}?"
        return self.show(request, template, title, run=run, trail=trail, **context)


def _chosen(request: HttpRequest, choice: str) -> list[str]:
    """The holds for which this was chosen."""
    given = {name.removeprefix(PART): str(said) for name, said in request.POST.items() if name.startswith(PART)}
    return [key for key, said in given.items() if said == choice]


def _narrowed(runs: QuerySet[SyncRun], asked: Any) -> QuerySet[SyncRun]:
    exact = {"sync": whole(asked.get("sync", "")), "state": asked.get("state", ""), "kind": asked.get("kind", "")}
    runs = runs.filter(**{name: value for name, value in exact.items() if value})
    return runs.filter(HELD) if asked.get("waiting") == "yes" else runs


def _lines(runs: list[SyncRun], *, with_holds: bool) -> list[dict[str, Any]]:
    names = names_by_version(run.version for run in runs) if with_holds else {}
    return [
        {
            "run": run,
            "state": said_of(run),
            "kind": kind_said(run),
            "by": run.requested_by or "its schedule",
            "when": when(run.started_at or run.created_at),
            "took": duration(run),
            "totals": totals(run),
            "holds": holds_of(run, names[run.version_id]) if with_holds else (),
        }
        for run in runs
    ]


def _filters(request: HttpRequest, *, waiting: bool) -> list[Filter]:
    syncs = [(str(pk), name) for pk, name in Sync.objects.values_list("pk", "name")]
    states = [(state.value, said.words) for state, said in RUN_STATES.items()]
    found = [filter_of("sync", "Sync", request.GET, syncs), filter_of("kind", "What", request.GET, KINDS.items())]
    return found if waiting else [*found, filter_of("state", "State", request.GET, states)]


def _side_filters(request: HttpRequest, told: Report) -> list[Filter]:
    sides = [(side, str(name)) for side, name in sorted(told.names.sides.items())]
    fields = dict.fromkeys((line.unit, line.label) for line in told.fields)
    return [filter_of("to", "In", request.GET, sides), filter_of("unit", "Field", request.GET, fields)]


def _facts(run: SyncRun) -> dict[str, str]:
    facts = {
        "What": kind_said(run),
        "Started by": run.requested_by or "its schedule",
        "Started": when(run.started_at) or f"asked for {when(run.created_at)}",
        "Took": duration(run),
        "Approved": f"{when(run.approved_at)} by {run.approved_by or 'somebody'}" if run.approved_at else "",
    }
    return {name: said for name, said in facts.items() if said}


def _figures(told: object, columns: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(label, count(getattr(told, name))) for label, name in columns.items()]


def _field(line: FieldFigures, run: SyncRun, *, may_undo: bool) -> dict[str, Any]:
    """A field of the table by fields; with the address of undoing it, where something of it was sent."""
    undo = Narrowed(unit=line.unit).address(run.pk) if may_undo and line.done else ""
    return {"label": line.label, "system": line.system, "counts": _figures(line, FIELD_COLUMNS), "undo": undo}


def _live(run: SyncRun) -> dict[str, Any]:
    return {"is_under_way": run.state in UNDER_WAY, "said": run.progress, "state": said_of(run), "figures": totals(run)}


def _may(request: HttpRequest, run: SyncRun) -> dict[str, bool]:
    """Which buttons the page of a run has."""
    user = request.user
    waits, is_over = waits_for_ok(run), run.state not in UNDER_WAY
    is_live = run.sync.state == Sync.State.LIVE
    decides = waits and user.has_perm(APPROVES)
    return {
        "may_approve": decides and (user.has_perm(SWITCHES_ON) or not switches_on(run)),
        "may_reject": decides,
        "may_run": is_over and is_live and user.has_perm(STARTS),
        "may_preview": is_over and user.has_perm(PREVIEWS),
        "may_undo": may_undo(request, run),
        "may_stop": not is_over and user.has_perm(STARTS),
    }


def _refuse_switching(request: HttpRequest, run: SyncRun) -> None:
    """Whoever puts rules in force by approving must be allowed to do that as well."""
    if switches_on(run) and not request.user.has_perm(SWITCHES_ON):
        raise PermissionDenied
