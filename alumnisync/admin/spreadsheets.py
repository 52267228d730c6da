"""A sync's field pairs and drop-down pairs as spreadsheets: down, and up again by way of a preview."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern

from alumnisync.admin.lists import ListAdmin, who
from alumnisync.naming import names_of
from connectors.admin.pages import tell
from connectors.models import Connection
from mappings.forms.upload import Shown, UploadForm, shown_of
from mappings.models import Sync
from mappings.presets.layouts import laid_out, layout_for
from mappings.resources import FORMATS, written
from mappings.sheets import SIDES, Current, Kind, Labels, current_of, rows_of
from mappings.sheets.changes import Proposal, propose, store_sheet
from mappings.sheets.files import UnreadableSheet
from mappings.versions import Outdated, newest_version

LOOKS, EDITS = "mappings.view_sync", "mappings.change_sync"
TITLES = {Kind.PAIRS: "Field pairs", Kind.OPTIONS: "Drop-down pairs"}
FORM_NAMES = {"xlsx": "Excel", "ods": "OpenDocument", "csv": "CSV", "tsv": "TSV"}
TEMPLATE = "template"
STORED = "Stored as draft {}. It does nothing until a preview of it is approved."
SAME = "The file says what the rules say already, so there was nothing to store."


class SpreadsheetScreens(ListAdmin):
    """What the Sync's admin adds to its own pages."""

    def spreadsheet_screens(self) -> list[URLPattern]:
        route = "<int:pk>/spreadsheets/"
        return [
            self.looks(route, self.spreadsheets, "spreadsheets", LOOKS),
            self.looks(f"{route}<slug:which>.<slug:form>", self.spreadsheet_down, "spreadsheet_down", LOOKS),
            self.does(f"{route}preview/", self.spreadsheet_up, "spreadsheet_up", LOOKS, EDITS),
            self.does(f"{route}store/", self.spreadsheet_store, "spreadsheet_store", LOOKS, EDITS),
        ]

    def spreadsheets(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The files to download, and the form for one to upload."""
        sync = self.found(request, pk)
        return self._spreadsheet_page(request, sync, current_of(sync))

    def spreadsheet_down(self, request: HttpRequest, pk: int, which: str, form: str) -> HttpResponseBase:
        """A file: field-pairs, drop-down-pairs, or template-… in one of its orders."""
        sync = self.found(request, pk)
        current = current_of(sync)
        if current is None or form not in FORMATS:
            raise Http404
        rows, columns, title = _sheet(sync, current, which)
        data, content_type = written(rows, columns, form, title=title)
        name = f"{sync.name}-{which}-version-{current.number}.{form}"
        return HttpResponse(
            data, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )

    def spreadsheet_up(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Shows what an uploaded file would change; nothing is stored."""
        sync = self.found(request, pk)
        current = _needed(sync)
        try:
            shown = shown_of(request.POST, request.FILES, sync, current)
            proposal = propose(sync, current, shown.given, keep=shown.keep)
        except UnreadableSheet as error:
            return self._spreadsheet_page(request, sync, current, wrong=error.wrong)
        compared = replace(shown, based_on=(current.number, current.edit))
        return self._spreadsheet_preview(request, sync, compared, proposal)

    def spreadsheet_store(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Keeps in the draft what was shown, and nothing else."""
        sync = self.found(request, pk)
        current = _needed(sync)
        try:
            shown = shown_of({"rows": request.POST.get("rows", "")}, {}, sync, current)
            by = who(request)
            version = store_sheet(sync, shown.given, by=by, based_on=shown.based_on, keep=shown.keep)
        except UnreadableSheet as error:
            return self._spreadsheet_page(request, sync, current, wrong=error.wrong)
        except Outdated as outdated:
            tell(request, str(outdated), wrong=True)
            return HttpResponseRedirect(self.address("spreadsheets", pk))
        tell(request, STORED.format(version.number) if version else SAME)
        return HttpResponseRedirect(self.address("change", pk))

    def _spreadsheet_page(
        self, request: HttpRequest, sync: Sync, current: Current | None, **context: Any
    ) -> HttpResponseBase:
        return self.show(
            request,
            "mappings/spreadsheets/page.html",
            "Spreadsheets",
            sync=sync,
            current=current,
            downloads=self._spreadsheet_downloads(sync, current) if current else [],
            form=UploadForm() if request.user.has_perm(EDITS) else None,
            upload=self.address("spreadsheet_up", sync.pk),
            names=current.names if current else {},
            trail=self._spreadsheet_trail(sync),
            **context,
        )

    def _spreadsheet_preview(
        self, request: HttpRequest, sync: Sync, shown: Shown, proposal: Proposal
    ) -> HttpResponseBase:
        return self.show(
            request,
            "mappings/spreadsheets/preview.html",
            f"What the {TITLES[shown.given.kind].lower()} in the file change",
            sync=sync,
            proposal=proposal,
            unknown=shown.given.unknown,
            counts=_counts(proposal),
            keep=shown.keep,
            rows=shown.signed(sync),
            rows_otherwise=replace(shown, keep=not shown.keep).signed(sync),
            up=self.address("spreadsheet_up", sync.pk),
            store=self.address("spreadsheet_store", sync.pk),
            again=self.address("spreadsheets", sync.pk),
            trail=[
                *self._spreadsheet_trail(sync),
                ("Spreadsheets", self.address("spreadsheets", sync.pk)),
            ],
        )

    def _spreadsheet_downloads(self, sync: Sync, current: Current) -> list[dict[str, Any]]:
        """What can be downloaded: name, about, and a link for each kind of file."""
        counts = {Kind.PAIRS: len(current.contents.pairs), Kind.OPTIONS: len(current.contents.value_maps)}
        offered = [(kind.value, TITLES[kind], f"{counts[kind]:,} of version {current.number}") for kind in Kind]
        if found := layout_for(current, _systems(current)):
            layout = found[1]
            offered += [(f"{TEMPLATE}-{order}", layout.label, words) for order, words in layout.orders.items()]
        return [
            {
                "title": title,
                "about": about,
                "links": [
                    (FORM_NAMES[form], self.address("spreadsheet_down", sync.pk, which, form)) for form in FORMATS
                ],
            }
            for which, title, about in offered
        ]

    def _spreadsheet_trail(self, sync: Sync) -> list[tuple[str, str]]:
        return [
            ("Syncs", self.address("changelist")),
            (sync.name, self.address("change", sync.pk)),
        ]


def _needed(sync: Sync) -> Current:
    current = current_of(sync)
    if current is None:
        raise Http404
    return current


def _sheet(sync: Sync, current: Current, which: str) -> tuple[list[dict[str, str]], Any, str]:
    """The rows, columns and title of what was asked for."""
    if which in set(Kind):
        kind = Kind(which)
        labels = _labels(sync, current) if kind == Kind.PAIRS else None
        return rows_of(current, kind, labels), current.columns(kind), TITLES[kind]
    found = layout_for(current, _systems(current))
    order = which.removeprefix(f"{TEMPLATE}-")
    if found is None or order not in found[1].orders or order == which:
        raise Http404
    return *laid_out(current, *found, order, _labels(sync, current)), TITLES[Kind.PAIRS]


def _labels(sync: Sync, current: Current) -> Labels:
    """What the systems call their fields, where that is not the field's name."""
    version = newest_version(sync)
    if version is None:
        return {}
    names = names_of(version)
    paths = {(side, pair[side]) for pair in current.contents.pairs.values() for side in SIDES}
    return {(side, path): label for side, path in paths if (label := names.field(side, path)) != path}


def _systems(current: Current) -> dict[str, str]:
    names = [settings["connection"] for settings in current.contents.sides.values()]
    return dict(Connection.objects.filter(name__in=names).values_list("name", "system"))


def _counts(proposal: Proposal) -> list[tuple[str, str]]:
    counts = [(state.capitalize(), proposal.count(state)) for state in ("added", "changed", "removed")]
    return [(name, f"{count:,}") for name, count in [*counts, ("As they were", proposal.unchanged)]]
