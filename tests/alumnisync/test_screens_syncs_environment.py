"""The page of a sync says beside each side whether it is the real system or one to try things on."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from connectors.models import Connection
from mappings.models import Sync
from mappings.setup.loading import load
from mappings.versions import activate
from tests.mappings.setup_example import read, register

pytestmark = pytest.mark.django_db
BESIDE = re.compile(r"<h3[^>]*>([^<]+)</h3>\s*(?:<span class=\"(as-badge[^\"]*)\">(\w+)</span>)?")


def beside(client: Client, *, posts: bool = False) -> dict[str, tuple[str, str]]:
    """Side's name → the look and the word of the badge beside it."""
    (sync,) = Sync.objects.all()
    if posts:
        wrong = {"number": "1", "left-connection": "CRM", "left-object": "user", "right-connection": "Alumni platform"}
        answer = client.post(reverse("admin:mappings_sync_save", args=[sync.pk]), wrong)
    else:
        answer = client.get(reverse("admin:mappings_sync_change", args=[sync.pk]))
    assert answer.status_code == 200
    found = BESIDE.findall(answer.content.decode())
    return {name: (look.removeprefix("as-badge").strip(), word) for name, look, word in found}


@pytest.fixture(autouse=True)
def _sync(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    load(read(), activate=activate)
    for name, environment in (("Alumni platform", "test"), ("CRM", "production")):
        Connection.objects.filter(name=name).update(identity={"label": "University", "environment": environment})


def test_each_side_says_whether_it_is_the_real_system(admin_client: Client) -> None:
    said = beside(admin_client)
    assert said["Alumni platform"] == ("as-badge--warn", "Test")
    assert said["CRM"] == ("", "Production")


def test_what_a_system_does_not_say_is_not_said(admin_client: Client) -> None:
    Connection.objects.update(identity={"label": "University"})
    said = beside(admin_client)
    assert (said["Alumni platform"], said["CRM"]) == (("", ""), ("", ""))


def test_a_page_with_mistakes_says_it_of_what_was_chosen(admin_client: Client) -> None:
    words = [word for _, word in beside(admin_client, posts=True).values() if word]
    assert words == ["Production", "Test"]
