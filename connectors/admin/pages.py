"""What the pages of the admin have in common: looked at by GET, changed by POST, each with its permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

View = Callable[..., HttpResponseBase]


class ReadOnlyAdmin(ModelAdmin):
    """Pages to look at. Nothing is added, edited or deleted here, whatever permissions somebody has."""

    # Counting a table of millions takes longer than showing a page of it.
    show_full_result_count = False
    paginator = InfinitePaginator
    list_per_page = 50
    list_disable_select_all = True

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class ScreenAdmin(ReadOnlyAdmin):
    """A model whose pages are our own: `screens` says which there are besides the list."""

    def screens(self) -> Iterable[URLPattern]:
        """The pages and buttons besides Django's own, each made by `looks` or `does`."""
        return ()

    def get_urls(self) -> list[URLPattern]:
        return [*self.screens(), *super().get_urls()]

    def looks(self, route: str, view: View, name: str, *permissions: str) -> URLPattern:
        """A page: answers to GET, changes nothing; whoever has all the permissions may look."""
        return self._url(route, view, name, permissions or (self._permission("view"),), ("GET", "HEAD"))

    def does(self, route: str, view: View, name: str, *permissions: str) -> URLPattern:
        """A button, or a form with its page: only POST may change anything.

        A view that shows its form for GET as well names itself so by `shows_form`.
        """
        methods = ("GET", "HEAD", "POST") if getattr(view, "shows_form", False) else ("POST",)
        return self._url(route, view, name, permissions, methods)

    def show(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        """A page inside the admin's frame."""
        # Without the model's options the theme's heading is the page's own title.
        frame = {**self.admin_site.each_context(request), "title": title}
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, {**frame, **context})

    def _permission(self, action: str) -> str:
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"

    def _url(
        self, route: str, view: View, name: str, permissions: tuple[str, ...], methods: tuple[str, ...]
    ) -> URLPattern:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(request, *args, **kwargs)

        wrapped = self.admin_site.admin_view(guarded)
        # What the walk through every page and button, with every role, reads.
        wrapped.needs, wrapped.methods = permissions, methods
        named: URLPattern = path(route, wrapped, name=f"{self.opts.app_label}_{self.opts.model_name}_{name}")
        return named


def shows_form(view: View) -> View:
    """Marks a view that answers to GET with the form that it takes by POST."""
    view.shows_form = True  # type: ignore[attr-defined]
    return view


def tell(request: HttpRequest, sentence: str, *, wrong: bool = False) -> None:
    """A sentence at the top of the next page."""
    messages.add_message(request, messages.ERROR if wrong else messages.SUCCESS, sentence)


def back(request: HttpRequest, default: str) -> HttpResponse:
    """To where the form that was sent says (`next`), if that is one of our pages; else to `default`."""
    wanted = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=False):
        wanted = default
    return HttpResponseRedirect(wanted)
