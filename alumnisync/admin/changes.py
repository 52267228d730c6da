"""Changes: all of them, those that couldn't be sent, and one by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone

from alumnisync import starting
from alumnisync.admin.lists import Filter, ListAdmin, filter_of, query, turning, who
from alumnisync.admin.undos import undo_links
from alumnisync.changes import (
    KINDS,
    STATES,
    Wanted,
    line_of,
    lines_of,
    loaded,
    names_for,
    page_of,
    reasons,
)
from alumnisync.models import ChangeRecord
from alumnisync.naming import names_by_version
from alumnisync.wording import counted, whole
from connectors.admin.pages import back, tell
from connectors.moments import when
from mappings.models import Sync

RETRIES = "alumnisync.change_changerecord"
NOT_SENT = (ChangeRecord.State.SET_ASIDE, ChangeRecord.State.SENDING)
STATE_WORDS = [(state, said.words) for state, said in STATES.items()]


@admin.register(ChangeRecord)
class ChangeRecordAdmin(ListAdmin):
    """What was, will be or couldn't be written."""

    def screens(self) -> Iterable[URLPattern]:
        return (self.does("retry/", self.retry, "retry", self._permission("view"), RETRIES),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeRecord]:
        return loaded(super().get_queryset(request))

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        asked, wanted = request.GET, Wanted.read(request.GET)
        kept = {name: asked[name] for name in ("waiting", "run") if asked.get(name)}
        title = "Couldn't be sent" if wanted.waiting else "Changes"
        return self.show(
            request,
            "alumnisync/changes/list.html",
            title,
            **changes_shown_by(request, wanted),
            filters=_filters(request, wanted),
            reasons=_reasons(request, wanted) if wanted.waiting else [],
            kept=kept,
            is_narrowed=wanted.is_narrowed() or bool(wanted.sync),
            everything=query(kept),
        )

    def page(self, request: HttpRequest, found: ChangeRecord) -> HttpResponseBase:
        names = names_by_version([found.run.version])[found.run.version_id]
        line = line_of(found, names)
        records = [(member.side, member.record) for member in found.link.members.all()] if found.link else []
        return self.show(
            request,
            "alumnisync/changes/change.html",
            f"{line.kind.capitalize()}: {line.person}",
            line=line,
            names=names,
            records=[
                (
                    names.side(side),
                    one,
                    names.address_of(side, one.remote_id),
                    side in {was for was, _ in records[:place]},
                )
                for place, (side, one) in enumerate(records)
            ],
            address=names.address_of(found.side, line.record_id) if line.record_id else "",
            times={
                "Worked out": when(found.run.started_at or found.run.created_at),
                "Sent": when(found.sent_at),
                "Ended": when(found.finished_at),
                "Tries": tries_said(found),
            },
            undo_links=undo_links(request, found, names),
            can_retry=line.can_be_retried and request.user.has_perm(RETRIES),
            trail=[("Runs", _runs()), (f"Run {found.run_id}", _runs(found.run_id))],
        )

    def retry(self, request: HttpRequest) -> HttpResponse:
        """The changes ticked are tried again."""
        ids = [whole(text) for text in request.POST.getlist("change")]
        changes = list(ChangeRecord.objects.filter(pk__in=ids, state=ChangeRecord.State.SET_ASIDE))
        if not changes:
            tell(request, "Nothing was ticked that can be tried again. Tick at least one line.", wrong=True)
            return back(request, self.address("changelist") + "?waiting=yes")
        try:
            count = starting.retry(changes, by=who(request))
        except starting.Refused as refused:
            tell(request, str(refused), wrong=True)
        else:
            tell(request, f"{counted(count, 'change')} will be tried again by the next run.")
        return back(request, self.address("changelist") + "?waiting=yes")


def changes_shown_by(request: HttpRequest, wanted: Wanted, names: Any = None) -> dict[str, Any]:
    """A page of changes for the template `changes/table.html`: four statements, three more without the names."""
    number = whole(request.GET.get("page", "")) or 1
    changes, has_next = page_of(loaded(wanted.rows()), number)
    lines = lines_of(changes, names_for(changes) if names is None else names)
    may_retry = request.user.has_perm(RETRIES) and any(line.can_be_retried for line in lines)
    return {
        "lines": [(line, tries_said(line.change)) for line in lines],
        "wanted": wanted,
        "turning": turning(request.GET, number, has_next=has_next),
        "may_retry": may_retry,
        "here": request.get_full_path(),
    }


def tries_said(change: ChangeRecord) -> str:
    """Since when a change couldn't be sent, how often it was tried, and when it is again; "" for others."""
    if change.state not in NOT_SENT:
        return ""
    since = when(change.finished_at or change.sent_at or change.run.started_at)
    tried = f"tried {counted(change.attempts, 'time')}" if change.attempts else "not tried as it is"
    # What a new record waits for may come about elsewhere: the person of a gift is linked, say.
    waits = change.kind == ChangeRecord.Kind.CREATE and not change.attempts
    again = "every run looks whether it can go" if waits else "when its value changes"
    if change.state == ChangeRecord.State.SENDING:
        again = "the next run finds out"
    elif change.next_try_at:
        again = "with the next run" if change.next_try_at <= timezone.now() else when(change.next_try_at)
    return f"since {since} · {tried} · next try: {again}"


def kind_filters(request: HttpRequest) -> list[Filter]:
    """What any list of changes can be narrowed by."""
    asked = request.GET
    return [filter_of("kind", "What", asked, KINDS.items()), filter_of("state", "State", asked, STATE_WORDS)]


def linked(found: list[dict[str, Any]], request: HttpRequest) -> list[dict[str, Any]]:
    """Reasons, each with its count in words and the address of the changes that have it."""
    chosen = whole(request.GET.get("like", ""))
    return [
        {
            **one,
            "said": counted(one["count"], "change"),
            "address": query(request.GET, like=one["like"], page=""),
            "is_chosen": one["like"] == chosen,
        }
        for one in found
    ]


def _filters(request: HttpRequest, wanted: Wanted) -> list[Filter]:
    syncs = filter_of(
        "sync", "Sync", request.GET, [(str(pk), name) for pk, name in Sync.objects.values_list("pk", "name")]
    )
    # Whatever couldn't be sent has the same state.
    return [syncs, *(one for one in kind_filters(request) if not (wanted.waiting and one.name == "state"))]


def _reasons(request: HttpRequest, wanted: Wanted) -> list[dict[str, Any]]:
    narrowed = Wanted(waiting=True, run=wanted.run, sync=wanted.sync, kind=wanted.kind)
    return linked(reasons(narrowed.rows()), request)


def _runs(*args: Any) -> str:
    return reverse(f"admin:alumnisync_syncrun_{'change' if args else 'changelist'}", args=args)
