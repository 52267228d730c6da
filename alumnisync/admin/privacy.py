"""Privacy: what is held about a person, given to them as a file, and erased; and the list of those who were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern

from alumnisync.admin.lists import ListAdmin, turning, who
from alumnisync.changes import page_of
from alumnisync.models import ErasedKey, Erasure, ErasureTask
from alumnisync.privacy.erasing import LONGEST_TICKET, Preview, Refused, erase, preview, tick_off
from alumnisync.privacy.export import export
from alumnisync.privacy.person import person_of
from alumnisync.wording import counted, whole
from connectors.admin.pages import ReadOnlyAdmin, shows_form, tell
from connectors.models import RemoteRecord
from connectors.moments import when

ERASES = "alumnisync.erase_person"
LIST = "Erased people"
MOST_FOUND = 20
NO_SUCH_ID = "No record with this id is kept here. Type it exactly as its system writes it."


class EraseForm(forms.Form):
    """The last step: the id is typed, so that nobody is erased by a slip of the hand."""

    ticket = forms.CharField(
        label="Where the request is filed",
        help_text="A ticket's number, such as DP-2026-014. It is kept, so please write no name and no address here.",
        max_length=LONGEST_TICKET,
        required=False,
        widget=forms.TextInput(attrs={"class": "as-input", "autocomplete": "off"}),
    )
    confirmed = forms.CharField(
        label="The record's id",
        max_length=255,
        widget=forms.TextInput(attrs={"class": "as-input", "autocomplete": "off"}),
        error_messages={"required": "Type the record's id to confirm."},
    )

    def __init__(self, record: RemoteRecord, *args: Any) -> None:
        super().__init__(*args)
        self.record = record
        self.fields["confirmed"].help_text = f"Type {record.remote_id} to confirm. This can't be undone."

    def clean_confirmed(self) -> str:
        typed: str = self.cleaned_data["confirmed"]
        if typed != self.record.remote_id.strip():
            raise forms.ValidationError("This is not the id of this record. Nothing was erased.")
        return typed


@admin.register(Erasure)
class ErasureAdmin(ListAdmin):
    """Who was erased is not known any more; that somebody was, when, and what is left to do by hand, is."""

    def screens(self) -> Iterable[URLPattern]:
        return (
            self.does("find/", self.find, "find", ERASES),
            self.looks("record/<int:record>/", self.see_person, "person", ERASES),
            self.looks("record/<int:record>/export/", self.export, "export", ERASES),
            self.does("record/<int:record>/erase/", self.erase_person, "erase", ERASES),
            self.does("task/<int:task>/done/", self.tick, "tick", ERASES),
        )

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        number = max(1, whole(request.GET.get("page", "")))
        rows = self.get_queryset(request).prefetch_related("tasks").order_by("-pk")
        found, has_next = page_of(rows, number)
        return self.show(
            request,
            "alumnisync/privacy/list.html",
            LIST,
            lines=[_line(erasure) for erasure in found],
            may_erase=request.user.has_perm(ERASES),
            turning=turning(request.GET, number, has_next=has_next),
        )

    def page(self, request: HttpRequest, found: Erasure) -> HttpResponseBase:
        return self.show(
            request,
            "alumnisync/privacy/erasure.html",
            str(found),
            erasure=found,
            at=when(found.at),
            counts=found.counts,
            tasks=[(task, _task_words(task), when(task.done_at)) for task in found.tasks.all()],
            may_erase=request.user.has_perm(ERASES),
            trail=self._trail(),
        )

    def find(self, request: HttpRequest) -> HttpResponseBase:
        """The records with an id, of every system; by POST, so that no address names anybody."""
        id = request.POST.get("id", "").strip()
        rows = RemoteRecord.objects.filter(remote_id=id).select_related("cursor__connection")
        found = list(rows.defer("values", "field_times", "cursor__connection__secrets").order_by("pk")[:MOST_FOUND])
        if len(found) == 1:
            return HttpResponseRedirect(self.address("person", found[0].pk))
        if not found:
            tell(request, NO_SUCH_ID, wrong=True)
            return HttpResponseRedirect(self.address("changelist"))
        return self.show(request, "alumnisync/privacy/found.html", "Which record?", records=found, trail=self._trail())

    def see_person(self, request: HttpRequest, record: int) -> HttpResponseBase:
        """What is held, as figures."""
        found = preview(_record(record))
        return self.show(
            request, "alumnisync/privacy/person.html", "What is held", **_shown(found, record), trail=self._trail()
        )

    def export(self, request: HttpRequest, record: int) -> HttpResponseBase:
        """All of it, as a file."""
        person = person_of(_record(record))
        headers = {"Content-Disposition": f'attachment; filename="person-{record}.json"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(export(person), content_type="application/json", headers=headers)

    @shows_form
    def erase_person(self, request: HttpRequest, record: int) -> HttpResponseBase:
        """What erasing does, and the form that does it."""
        row = _record(record)
        form = EraseForm(row, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            return self._erase(request, row, form.cleaned_data["ticket"])
        return self.show(
            request,
            "alumnisync/privacy/erase.html",
            "Erase this person",
            form=form,
            **_shown(preview(row), record),
            trail=[*self._trail(), ("What is held", self.address("person", record))],
        )

    def tick(self, request: HttpRequest, task: int) -> HttpResponse:
        found = get_object_or_404(ErasureTask, pk=task)
        if tick_off(found, by=who(request)):
            tell(request, "It is ticked off, with your name.")
        return self.go(found.erasure_id)

    def _erase(self, request: HttpRequest, record: RemoteRecord, ticket: str) -> HttpResponse:
        try:
            erasure = erase(record, by=who(request), ticket=ticket)
        except Refused as refused:
            tell(request, str(refused), wrong=True)
            return HttpResponseRedirect(self.address("erase", record.pk))
        tell(request, "This person is erased here. Tick off below what is left to do by hand, once it is done.")
        return self.go(erasure.pk)

    def _trail(self) -> list[tuple[str, str]]:
        return [(LIST, self.address("changelist"))]


@admin.register(ErasureTask)
class ErasureTaskAdmin(ReadOnlyAdmin):
    list_display = ("erasure", "system", "what", "count", "done_by", "done_at")
    list_select_related = ("erasure",)
    search_fields = ("system__exact",)


@admin.register(ErasedKey)
class ErasedKeyAdmin(ReadOnlyAdmin):
    list_display = ("erasure", "sync", "key")
    list_select_related = ("erasure", "sync")


def _record(pk: int) -> RemoteRecord:
    rows = RemoteRecord.objects.select_related("cursor__connection")
    return get_object_or_404(rows.defer("values", "field_times", "cursor__connection__secrets"), pk=pk)


def _shown(found: Preview, record: int) -> dict[str, Any]:
    named = found.person.named
    return {
        "record": next((one for one in found.person.records if one.pk == record), None),
        "records": [(one, one.pk in named) for one in found.person.records],
        "counts": found.counts,
        "systems": [task for task in found.tasks if task.ids],
        "files": [task for task in found.tasks if not task.ids],
        "refusal": found.refusal,
    }


def _line(erasure: Erasure) -> dict[str, Any]:
    tasks = list(erasure.tasks.all())
    waiting = sum(task.done_at is None for task in tasks)
    return {
        "erasure": erasure,
        "at": when(erasure.at),
        "rows": counted(sum(count for _, _, count in erasure.counts), "row"),
        "waiting": counted(waiting, "thing") if waiting else "",
    }


def _task_words(task: ErasureTask) -> str:
    if task.kind == ErasureTask.Kind.FILE:
        return f"Look for the person in the file {task.what}, and delete the row or the file."
    return f"Delete {counted(task.count, 'record')} of the kind {task.what} there, if they are to go there as well."
