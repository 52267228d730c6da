"""What all pages have in common: who may look and press, and that looking changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, path, reverse
from unfold.sites import UnfoldAdminSite

from connectors.admin.pages import ScreenAdmin, back, shows_form, tell
from connectors.models import Cursor

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
LOOK, PRESS = "connectors.view_cursor", "connectors.change_connection"


class Pages(ScreenAdmin):
    def screens(self) -> list[URLPattern]:
        return [
            self.looks("look/", self.look, "look"),
            self.does("press/", self.press, "press", PRESS),
            self.does("form/", self.fill, "form", PRESS),
        ]

    def look(self, request: HttpRequest) -> HttpResponse:
        return self.show(request, "alumnisync/screen.html", "A page", trail=[("Elsewhere", "/admin/")])

    def press(self, request: HttpRequest) -> HttpResponse:
        tell(request, "Pressed.")
        return back(request, "/admin/")

    @shows_form
    def fill(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.method)


# The admin as it is, but for one model whose pages are those above.
site = UnfoldAdminSite()
site._registry = {**admin.site._registry}
site.unregister(Cursor)
site.register(Cursor, Pages)
urlpatterns: list[Any] = [path("admin/", site.urls)]


@pytest.fixture
def visitor() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    return client


def allow(*names: str) -> None:
    user = User.objects.get(username="visitor")
    user.user_permissions.set(Permission.objects.filter(codename__in=[name.split(".")[1] for name in names]))


def at(name: str) -> str:
    return reverse(f"admin:connectors_cursor_{name}")


def test_who_may_look_and_who_may_press(visitor: Client) -> None:
    assert visitor.get(at("look")).status_code == 403
    allow(LOOK)
    assert visitor.get(at("look")).status_code == 200
    assert visitor.post(at("press")).status_code == 403
    allow(PRESS)
    assert visitor.post(at("press")).status_code == 302
    assert visitor.get(at("look")).status_code == 403


def test_looking_never_presses(visitor: Client) -> None:
    allow(LOOK, PRESS)
    assert visitor.get(at("press")).status_code == 405
    assert visitor.post(at("look")).status_code == 405
    assert visitor.get(at("form")).content == b"GET"
    assert visitor.post(at("form")).content == b"POST"


def test_nobody_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(at("look")).status_code == 302
    assert client.post(at("press")).status_code == 302


def test_a_form_says_where_to_go_afterwards_but_never_out_of_here(visitor: Client) -> None:
    allow(PRESS)
    assert visitor.post(at("press"), {"next": "/admin/?a=1"}).headers["Location"] == "/admin/?a=1"
    assert visitor.post(at("press"), {"next": "https://example.org/"}).headers["Location"] == "/admin/"
    assert visitor.post(at("press"), {"next": "//example.org/"}).headers["Location"] == "/admin/"


def test_a_button_needs_its_forms_token() -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("visitor", is_staff=True))
    allow(PRESS)
    assert strict.post(at("press")).status_code == 403
