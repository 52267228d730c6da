"""Syncs: all of them, a new one, and one with its rules, to be edited as a draft, previewed, run and switched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, reverse
from django_countries import countries

from alumnisync import starting
from alumnisync.admin.check_list import CheckListScreens
from alumnisync.admin.differences import DifferencesScreens
from alumnisync.admin.lists import ListAdmin, who
from alumnisync.admin.spreadsheets import SpreadsheetScreens
from alumnisync.admin.trying import SEES_PEOPLE, TryingScreens
from alumnisync.dashboard import sync_lines
from alumnisync.describing import foreseen, limits_foreseen
from alumnisync.engine.guard import DEFAULTS
from alumnisync.limits import suggested_limits
from alumnisync.rules_in_words import InWords
from alumnisync.waiting import waiting_by_sync
from alumnisync.wording import SYNC_STATES, whole
from connectors.admin.in_words import ENVIRONMENTS
from connectors.admin.pages import shows_form, tell
from connectors.forms import time_zones
from connectors.models import Connection
from connectors.moments import when
from mappings.forms.new import EMPTY, NewSyncForm
from mappings.forms.offered import Offers, offers
from mappings.forms.rules import RulesForm, side_words
from mappings.forms.wording import READY_CLEANUPS, in_words
from mappings.models import MappingVersion, Sync
from mappings.setup.contents import Contents, contents_of_all
from mappings.setup.editing import begin, discard, read_rules, save_rules
from mappings.setup.sections import SetupError
from mappings.versions import Outdated, draft_of

ADDS, EDITS, SWITCHES = (f"mappings.{action}_sync" for action in ("add", "change", "activate"))
PREVIEWS, STARTS = "alumnisync.preview_syncrun", "alumnisync.start_syncrun"
LOOKS = "mappings.view_sync"
USUAL = {name: (limit.floor, limit.share) for name, limit in DEFAULTS.items()}
State = MappingVersion.State


@admin.register(Sync)
class SyncAdmin(TryingScreens, SpreadsheetScreens, CheckListScreens, DifferencesScreens, ListAdmin):
    """Two kinds of record kept in step, and the rules."""

    def screens(self) -> Iterable[URLPattern]:
        return (
            self.does("add/", self.new, "add", LOOKS, ADDS),
            self.does("<int:pk>/save/", self.save, "save", LOOKS, EDITS),
            self.does("<int:pk>/preview/", self.preview, "preview", LOOKS, PREVIEWS),
            self.does("<int:pk>/run/", self.run, "run", LOOKS, STARTS),
            self.does("<int:pk>/on/", self.switch_on, "on", LOOKS, SWITCHES),
            self.does("<int:pk>/off/", self.switch_off, "off", LOOKS, SWITCHES),
            self.does("<int:pk>/discard/", self.discard, "discard", LOOKS, EDITS),
            *self.spreadsheet_screens(),
            *self.trying_screens(),
            *self.check_list_screens(),
            *self.differences_screens(),
        )

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        new = self.address("add") if request.user.has_perm(ADDS) else ""
        lines = sync_lines(waiting_by_sync())
        return self.show(request, "mappings/syncs/list.html", "Syncs", lines=lines, new_sync=new)

    @shows_form
    def new(self, request: HttpRequest) -> HttpResponseBase:
        """Asks which records, then what to start from; by POST with both the sync is made."""
        systems = dict(Connection.objects.values_list("name", "system"))
        form = NewSyncForm(request.POST if request.method == "POST" else None, systems=systems)
        if form.is_valid() and (sync := _begun(form, by=who(request))):
            tell(request, f"{sync.name} is made. It sends nothing until you switch it on.")
            return self.go(sync.pk)
        return self.show(
            request,
            "mappings/syncs/new.html",
            "New sync",
            form=form,
            is_asked=form.is_valid(),
            presets=form.presets() if form.is_valid() else [],
            empty=EMPTY,
            kinds=offers({}).kinds,
            connections=reverse("admin:connectors_connection_changelist") if len(systems) < 2 else "",
            trail=[("Syncs", self.address("changelist"))],
        )

    def page(self, request: HttpRequest, found: Sync) -> HttpResponseBase:
        current = _current(found)
        said = contents_of_all(current)
        contents = said[current[0].pk] if current else Contents()
        offered = offers(contents.sides, with_examples=request.user.has_perm(SEES_PEOPLE))
        form = RulesForm(
            found, contents, connections=offered.connections, usual=USUAL, suggested=suggested_limits(found)
        )
        based_on = (current[0].number, current[0].edit) if current else (0, 0)
        status = _status(current, said, form)
        misfits = [in_words(sentence, form.words, str) for sentence in foreseen(contents, offered.described)]
        limits = [in_words(sentence, form.words, str) for sentence in limits_foreseen(contents, offered.described)]
        return self._shown(request, form, offered, based_on=based_on, misfits=misfits, limits=limits, **status)

    @shows_form
    def save(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Keeps the page as it was sent; with mistakes it is shown again, each at its field."""
        sync = self.found(request, pk)
        if request.method != "POST":
            return self.go(pk)
        form, problem = RulesForm(sync, post=request.POST, usual=USUAL, suggested=suggested_limits(sync)), ""
        document = form.document()
        if form.is_readable:
            try:
                setup = read_rules(sync, document, form.line_at)
                version = save_rules(sync, setup, by=who(request), based_on=_based_on(request))
            except SetupError as error:
                form.take(error)
            except Outdated as outdated:
                problem = str(outdated)
            else:
                tell(request, _saved(version))
                return self.go(pk)
        status = _status(_current(sync), {}, form)
        offered = offers({side: part.plain() for side, part in form.sides.items()})
        return self._shown(
            request, form, offered, based_on=_based_on(request), problem=problem, is_unsaved=True, **status
        )

    def preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.start_run(request, pk, self.found(request, pk), preview=True)

    def run(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.start_run(request, pk, self.found(request, pk), preview=False)

    def switch_on(self, request: HttpRequest, pk: int) -> HttpResponse:
        sync = self.found(request, pk)
        return self.carry(request, pk, lambda: starting.switch_on(sync), f"{sync.name} is switched on.")

    def switch_off(self, request: HttpRequest, pk: int) -> HttpResponse:
        sync = self.found(request, pk)
        return self.carry(request, pk, lambda: starting.switch_off(sync), f"{sync.name} is paused. It sends nothing.")

    def discard(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = draft_of(self.found(request, pk))
        if draft is None:
            tell(request, "There is no draft to discard any more.", wrong=True)
            return self.go(pk)
        based_on = _based_on(request)
        return self.carry(request, pk, lambda: discard(draft, based_on=based_on), "The draft is discarded.")

    def _shown(self, request: HttpRequest, form: RulesForm, offered: Offers, **context: Any) -> HttpResponse:
        sync = form.sync
        return self.show(
            request,
            "mappings/syncs/page.html",
            sync.name,
            sync=sync,
            form=form,
            offered=offered,
            environments={side: ENVIRONMENTS.get(said) for side, said in offered.environments.items()},
            state=SYNC_STATES[Sync.State(sync.state)],
            next_run=when(sync.next_run_at),
            spares=form.spares(),
            patterns=form.patterns(),
            cleanups=READY_CLEANUPS,
            time_zones=time_zones(),
            sync_names=Sync.objects.exclude(pk=sync.pk).values_list("name", flat=True),
            countries=countries,
            trail=[("Syncs", self.address("changelist"))],
            **_may(request),
            **context,
        )


def _current(sync: Sync) -> list[MappingVersion]:
    """The versions that still count, the newest first: a draft, and the one in force."""
    return list(sync.versions.exclude(state=State.RETIRED).order_by("-number"))


def _status(current: list[MappingVersion], said: Mapping[int, Contents], form: RulesForm) -> dict[str, Any]:
    """Which version is in force, and whether a draft waits; how it differs where what they say is at hand."""
    in_force = next((version for version in current if version.state == State.ACTIVE), None)
    draft = current[0] if current and current[0].state == State.DRAFT else None
    words = InWords(form.words)
    found = words.differences(said[in_force.pk], said[draft.pk]) if draft and in_force and said else []
    return {
        "in_force": in_force,
        "in_force_since": when(in_force.approved_at or in_force.created_at) if in_force else "",
        "draft": draft,
        "draft_saved": f"{draft.changed_by or draft.created_by or 'somebody'} {when(draft.changed_at)}"
        if draft
        else "",
        "differences": [f"{part.name}: {change}" for part in found for change in part.changes],
    }


def _begun(form: NewSyncForm, *, by: str) -> Sync | None:
    """The new sync; None while nobody chose what to start from, or where it would contradict itself."""
    try:
        contents = form.contents()
        return begin(form.cleaned_data["name"], contents, by=by) if contents else None
    except SetupError as error:
        words = side_words({side: form.cleaned_data[f"{side}_connection"] for side in ("left", "right")})
        for _line, sentence in error.found:
            form.add_error(None, in_words(sentence, words, str))
        return None


def _saved(version: MappingVersion | None) -> str:
    if version is None:
        return "Saved. The rules are as they were."
    return f"Saved as draft {version.number}. It does nothing until a preview of it is approved."


def _based_on(request: HttpRequest) -> tuple[int, int]:
    return whole(request.POST.get("number", "")), whole(request.POST.get("edit", ""))


def _may(request: HttpRequest) -> dict[str, bool]:
    may = {"edit": EDITS, "preview": PREVIEWS, "start": STARTS, "switch": SWITCHES}
    found = {f"may_{what}": request.user.has_perm(permission) for what, permission in may.items()}
    return {**found, "may_try": request.user.has_perm(SEES_PEOPLE)}
