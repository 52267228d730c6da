"""Lists and pages of our own: filters that are a form, pages that are not counted, buttons that tell how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from alumnisync import review, starting
from connectors.admin.pages import ScreenAdmin, tell
from mappings.models import Sync
from mappings.versions import Outdated

READS = ("GET", "HEAD")
Options = Iterable[tuple[str, str]]


REFUSALS = (starting.Refused, review.Refusal, Outdated)


def who(request: HttpRequest) -> str:
    """Whoever pressed the button, as rows remember them."""
    return request.user.get_username()


@dataclass(frozen=True)
class Filter:
    """One drop-down of a list's filters. value: what is chosen, "" for all."""

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]]


def filter_of(name: str, label: str, asked: Mapping[str, Any], options: Options) -> Filter:
    return Filter(name, label, str(asked.get(name, "")), [("", "all"), *options])


def query(asked: Mapping[str, Any], **other: Any) -> str:
    """An address's query with some of it changed; what is empty is left out."""
    wanted = {**dict(asked.items()), **other}
    text = urlencode({name: value for name, value in wanted.items() if value not in ("", None)})
    return f"?{text}" if text else "?"


def turning(asked: Mapping[str, Any], number: int, *, has_next: bool) -> dict[str, Any]:
    """The links to the page before and after."""
    return {
        "number": number,
        "previous": query(asked, page=number - 1) if number > 1 else "",
        "next": query(asked, page=number + 1) if has_next else "",
    }


class ListAdmin(ScreenAdmin):
    """A model whose list and page are our own templates; both answer to GET alone."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        self._may_look(request)
        return self.list_page(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        self._may_look(request)
        return self.page(request, self.found(request, object_id))

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        raise NotImplementedError

    def page(self, request: HttpRequest, found: Any) -> HttpResponseBase:
        raise NotImplementedError

    def found(self, request: HttpRequest, pk: str | int) -> Any:
        """The row, or “not found”."""
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        return row

    def address(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def go(self, pk: int) -> HttpResponseRedirect:
        """To a row's own page."""
        return HttpResponseRedirect(self.address("change", pk))

    def carry(self, request: HttpRequest, pk: int, what: Callable[[], Any], done: str, then: str = "") -> HttpResponse:
        """Does what a button says, tells how it went, and leads back to the row; once done to `then`, if given."""
        try:
            what()
        except REFUSALS as refused:
            tell(request, str(refused), wrong=True)
            return self.go(pk)
        tell(request, done)
        return HttpResponseRedirect(then) if then else self.go(pk)

    def start_run(self, request: HttpRequest, pk: int, sync: Sync, *, preview: bool) -> HttpResponse:
        """Has a run of a sync begin and leads to it; where it can't, back to the row."""
        try:
            started = starting.start(sync, by=who(request), preview=preview)
        except REFUSALS as refused:
            tell(request, str(refused), wrong=True)
            return self.go(pk)
        return HttpResponseRedirect(reverse("admin:alumnisync_syncrun_change", args=[started.pk]))

    def _may_look(self, request: HttpRequest) -> None:
        if request.method not in READS or not self.has_view_permission(request):
            raise PermissionDenied
