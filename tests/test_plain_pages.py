"""What people see when something is wrong: a sentence and a way back, never a bare number."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client

pytestmark = pytest.mark.django_db


def signed_in(*, enforce_csrf_checks: bool = False) -> Client:
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(User.objects.create_user("vera", is_staff=True))
    return client


def test_who_may_not_is_told_which_role_may() -> None:
    page = signed_in().get("/admin/mappings/sync/")
    assert page.status_code == 403
    assert "Operators connect systems" in page.content.decode()


def test_a_form_from_elsewhere_is_refused_in_words() -> None:
    page = signed_in(enforce_csrf_checks=True).post("/admin/logout/")
    assert page.status_code == 403
    assert "press the button once more" in page.content.decode()


def test_an_address_that_leads_nowhere(client: Client) -> None:
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert "To the start page" in page.content.decode()


def test_a_fault_is_told_without_anything_else_to_go_on() -> None:
    assert "A fault in AlumniSync" in render_to_string("500.html")
