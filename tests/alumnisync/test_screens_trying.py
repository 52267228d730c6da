"""“Show on a real person” and “Count” on a sync's page: they answer for the form as it was sent, and keep nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from alumnisync.roles import EDITORS, OPERATORS, REVIEWERS, VIEWERS
from connectors.models import RemoteRecord
from mappings.models import MappingVersion
from mappings.setup.contents import contents_of
from tests.alumnisync.test_screens_syncs_form import Fields, form_of
from tests.factories import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World()
    world.pair_up(first="Ada", email="ada@example.org")
    world.go()
    return world


@pytest.fixture
def page(world: World, admin_client: Client) -> Fields:
    """The sync's page as a browser would send it unchanged."""
    return form_of(admin_client.get(reverse("admin:mappings_sync_change", args=[world.sync.pk])))


def send(client: Client, world: World, name: str, page: Fields, **changes: Any) -> Any:
    return client.post(reverse(f"admin:mappings_sync_{name}", args=[world.sync.pk]), {**page, **changes})


def row_of(page: Fields, left: str) -> str:
    """The prefix of the field pair with this field."""
    return next(
        name.removesuffix("-left") for name, value in page.items() if name.endswith("-left") and value == [left]
    )


def test_every_pair_of_the_page_is_shown_on_somebody(admin_client: Client, world: World, page: Fields) -> None:
    said = send(admin_client, world, "try", page).json()
    assert said["person"]
    assert list(said["rows"]) == ["first|first", "last|last", "email|email", "phone|phone"]
    assert said["rows"]["first|first"] == {
        "left": "Ada",
        "right": "Ada",
        "to_left": "nothing, as both say the same",
        "to_right": "nothing, as both say the same",
        "problem": "",
    }


def test_what_is_tried_is_what_was_typed_and_it_is_not_kept(admin_client: Client, world: World, page: Fields) -> None:
    before = contents_of(world.version), world.writes(), RemoteRecord.objects.count()
    said = send(admin_client, world, "try", page, **{f"{row_of(page, 'first')}-read_left": "value|upper"}).json()
    assert said["rows"]["first|first"]["to_right"].startswith("ADA, if it changes in ")
    assert MappingVersion.objects.count() == 1
    assert (contents_of(world.version), world.writes(), RemoteRecord.objects.count()) == before


def test_another_person_can_be_asked_for(admin_client: Client, world: World, page: Fields) -> None:
    world.pair_up(first="Grace")
    world.run()
    found = [send(admin_client, world, "try", page, skip=skip).json() for skip in ("1", "no number", "9" * 30)]
    assert [said["rows"]["first|first"]["left"] for said in found] == ["Grace", "Ada", "Ada"]


def test_people_are_counted(admin_client: Client, world: World, page: Fields) -> None:
    said = send(admin_client, world, "count", page, **{"left-scope": "record['first'] == 'Eve'"}).json()
    assert said["sides"] == {"left": "0 of 1 take part.", "right": "1 of 1 take part."}
    assert said["match"][0].startswith("email ↔ email: ")
    assert said["unmapped"] == {}


@pytest.mark.parametrize("name", ["try", "count"])
def test_what_is_wrong_is_told_in_the_page_s_words(admin_client: Client, world: World, page: Fields, name: str) -> None:
    answer = send(admin_client, world, name, page, **{f"{row_of(page, 'first')}-read_left": "value|no_such_thing"})
    assert answer.status_code == 200
    assert answer.json()["error"].startswith("Please mend this first: ")
    assert "no_such_thing" in answer.json()["error"]
    assert "line 1" not in answer.json()["error"]
    assert "read_left" not in answer.json()["error"]


def test_that_there_is_nobody_is_told(admin_client: Client) -> None:
    world = World()
    page = form_of(admin_client.get(reverse("admin:mappings_sync_change", args=[world.sync.pk])))
    assert send(admin_client, world, "try", page).json() == {
        "error": "Neither side has anybody yet to try the rules on."
    }


@pytest.mark.parametrize("name", ["try", "count"])
def test_a_sync_that_is_not_there_is_not_found(admin_client: Client, world: World, page: Fields, name: str) -> None:
    assert admin_client.post(reverse(f"admin:mappings_sync_{name}", args=[world.sync.pk + 1]), page).status_code == 404


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", ["try", "count"])
@pytest.mark.parametrize(("role", "status"), [(VIEWERS, 403), (REVIEWERS, 403), (OPERATORS, 403), (EDITORS, 200)])
def test_only_who_edits_rules_may_try_them(
    client: Client, world: World, page: Fields, name: str, role: str, status: int
) -> None:
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    assert send(client, world, name, page).status_code == status


@pytest.mark.parametrize("name", ["try", "count"])
def test_nothing_answers_to_a_link(admin_client: Client, world: World, name: str) -> None:
    assert admin_client.get(reverse(f"admin:mappings_sync_{name}", args=[world.sync.pk])).status_code == 405
