"""Versions: their list, a version's rules and differences, and going back to one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from alumnisync.models import SyncRun
from alumnisync.roles import EDITORS, OPERATORS, REVIEWERS, VIEWERS
from connectors.models import Connection
from mappings.models import MappingVersion, Sync
from mappings.setup.contents import Contents, contents_of
from mappings.setup.loading import load
from mappings.versions import activate, draft_of, revise
from tests.mappings.setup_example import read, register

pytestmark = pytest.mark.django_db
State = MappingVersion.State
MOST_STATEMENTS = 15


@pytest.fixture
def sync(monkeypatch: pytest.MonkeyPatch) -> Sync:
    """A sync with an earlier version 1, version 2 in force, and draft 3."""
    register(monkeypatch)
    load(read(), activate=activate)
    sync = Sync.objects.get()
    first = sync.versions.get()
    first.approved_at, first.approved_by = timezone.now(), "olga"
    first.save()
    second = revise(sync, changed(contents_of(first), conflict="left"), by="edith")
    activate(second)
    revise(sync, changed(contents_of(second), kind="text"), by="ed")
    return sync


def changed(contents: Contents, **settings: Any) -> Contents:
    """The same with settings of the first pair changed."""
    key = next(iter(contents.pairs))
    return replace(contents, pairs={**contents.pairs, key: {**contents.pairs[key], **settings}})


def version(sync: Sync, number: int) -> MappingVersion:
    return sync.versions.get(number=number)


def address(name: str, *args: Any) -> str:
    return reverse(f"admin:mappings_mappingversion_{name}", args=args)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def page(client: Client, sync: Sync, number: int) -> str:
    return text_of(client.get(address("change", version(sync, number).pk)))


def as_role(client: Client, role: str) -> Client:
    user = User.objects.create_user(role.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def test_the_list_says_of_each_which_state_it_is_in_and_who_made_it(admin_client: Client, sync: Sync) -> None:
    text = text_of(admin_client.get(address("changelist")))
    name = sync.name
    assert re.search(rf"{name} · version 3 draft ed, today \d\d:\d\d – nobody yet", text)  # noqa: RUF001
    assert re.search(rf"{name} · version 2 in force edith, today", text)
    assert re.search(rf"{name} · version 1 earlier a setup file, today \d\d:\d\d – olga, today", text)  # noqa: RUF001


def test_the_list_is_narrowed_to_a_sync_and_a_state(admin_client: Client, sync: Sync) -> None:
    other = MappingVersion.objects.create(sync=Sync.objects.create(name="other"), number=7)
    text = text_of(admin_client.get(address("changelist"), {"sync__id__exact": str(sync.pk), "state": "retired"}))
    assert f"{sync.name} · version 1" in text
    assert "version 2" not in text
    assert f"version {other.number}" not in text
    none = text_of(admin_client.get(address("changelist"), {"sync__id__exact": "nonsense"}))
    assert "Nothing here fits what you chose" in none


def test_without_versions_it_is_said_where_they_come_from(admin_client: Client) -> None:
    assert "There are no versions yet" in text_of(admin_client.get(address("changelist")))


def test_many_versions_come_in_pages(
    admin_client: Client, sync: Sync, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    MappingVersion.objects.bulk_create(
        MappingVersion(sync=sync, number=number, state=State.RETIRED) for number in range(100, 160)
    )
    with django_assert_max_num_queries(MOST_STATEMENTS):
        first = text_of(admin_client.get(address("changelist")))
    assert "version 110" in first
    assert "version 109" not in first
    assert "version 109" in text_of(admin_client.get(address("changelist"), {"page": "2"}))


def test_a_version_is_told_in_the_systems_names_and_plain_words(admin_client: Client, sync: Sync) -> None:
    text = page(admin_client, sync, 2)
    assert "Version 2 of alumni-crm" in text
    assert "Changes to CRM" in text
    assert "Changes to Alumni platform" in text
    assert "Kind of record" in text
    assert "Who is the same person" in text
    pair = next(iter(contents_of(version(sync, 2)).pairs.values()))
    assert pair["left"] in text
    assert "Alumni platform wins" in text
    assert not re.search(r"\b(left|right|to_left|to_right|keep_old|on_blank)\b", text)


def test_drop_down_pairs_are_told(admin_client: Client, sync: Sync) -> None:
    contents = contents_of(version(sync, 2))
    name, settings = next(iter(contents.value_maps.items()))
    text = page(admin_client, sync, 2)
    assert f"Drop-down pairs {name}" in text
    one, other = settings["pairs"][0]
    assert f"{one} {other}" in text


def test_a_version_is_held_against_the_one_before_it(admin_client: Client, sync: Sync) -> None:
    text = page(admin_client, sync, 2)
    assert "Differences from version 1, the one before it" in text
    assert "Both changed: ask a person → Alumni platform wins" in text
    assert text.count("Differences from") == 1


def test_a_draft_is_held_against_what_is_in_force_once(admin_client: Client, sync: Sync) -> None:
    text = page(admin_client, sync, 3)
    assert "Differences from version 2, which is in force" in text
    assert text.count("Differences from") == 1


def test_an_earlier_one_is_held_against_both(admin_client: Client, sync: Sync) -> None:
    other = MappingVersion.objects.create(sync=sync, number=9, state=State.RETIRED)
    text = page(admin_client, sync, other.number)
    assert "Differences from version 3, the one before it" in text
    assert "Differences from version 2, which is in force" in text
    assert "Field pair" in text
    assert "Taken out." in text


def test_that_nothing_differs_is_said(admin_client: Client, sync: Sync) -> None:
    activate(revise(sync, contents_of(version(sync, 2)), by="edith"))
    assert "Both say the same." in page(admin_client, sync, 3)


def test_a_version_s_page_is_cheap(
    client: Client, sync: Sync, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    other = MappingVersion.objects.create(sync=sync, number=9, state=State.RETIRED)
    as_role(client, VIEWERS)
    with django_assert_max_num_queries(MOST_STATEMENTS):
        page(client, sync, other.number)


def test_an_empty_version_can_be_looked_at(admin_client: Client) -> None:
    bare = MappingVersion.objects.create(sync=Sync.objects.create(name="bare"), number=1)
    text = text_of(admin_client.get(address("change", bare.pk)))
    assert "This version has no field pairs." in text
    assert "No systems are chosen" in text
    assert "Differences" not in text


def test_what_is_not_there_is_not_found(admin_client: Client, sync: Sync) -> None:
    assert admin_client.get(address("change", 10**6)).status_code == 404
    assert admin_client.post(address("use", 10**6)).status_code == 404


def test_an_earlier_version_is_put_back_in_force(client: Client, sync: Sync) -> None:
    operator = as_role(client, OPERATORS)
    assert "Put back in force" in page(operator, sync, 1)
    answer = operator.post(address("put_back", version(sync, 1).pk), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("admin:mappings_sync_change", args=[sync.pk])
    assert "Version 1 is in force again" in text_of(answer)
    states = dict(sync.versions.values_list("number", "state"))
    assert (states[1], states[2]) == (State.ACTIVE, State.RETIRED)
    assert (
        version(sync, 1).changed_by == operator.session["_auth_user_id"] or version(sync, 1).changed_by == "operators"
    )


def test_why_it_can_not_be_put_back_is_told(admin_client: Client, sync: Sync) -> None:
    SyncRun.objects.create(sync=sync, version=version(sync, 2), state=SyncRun.State.RUNNING)
    answer = admin_client.post(address("put_back", version(sync, 1).pk), follow=True)
    assert "under way" in text_of(answer)
    assert version(sync, 2).state == State.ACTIVE


@pytest.mark.parametrize("number", [2, 3])
def test_what_is_in_force_or_a_draft_has_nothing_to_go_back_to(admin_client: Client, sync: Sync, number: int) -> None:
    text = page(admin_client, sync, number)
    assert "Put back in force" not in text
    assert "Use as draft" not in text


def test_what_was_never_approved_is_not_offered_to_be_put_back(admin_client: Client, sync: Sync) -> None:
    MappingVersion.objects.filter(number=1).update(approved_at=None)
    assert "Put back in force" not in page(admin_client, sync, 1)
    assert "Use as draft" in page(admin_client, sync, 1)


def test_an_earlier_version_becomes_the_draft(client: Client, sync: Sync) -> None:
    editor = as_role(client, EDITORS)
    answer = editor.post(address("use", version(sync, 1).pk), follow=True)
    assert "The draft says what version 1 said." in text_of(answer)
    draft = draft_of(sync)
    assert draft is not None
    assert (draft.number, draft.changed_by) == (3, "editors")
    assert contents_of(draft) == contents_of(version(sync, 1))
    assert version(sync, 2).state == State.ACTIVE


@pytest.mark.parametrize(
    ("role", "may_put_back", "may_use"),
    [(VIEWERS, False, False), (REVIEWERS, False, False), (EDITORS, False, True), (OPERATORS, True, False)],
)
def test_each_role_has_the_buttons_it_may_press(
    client: Client, sync: Sync, role: str, may_put_back: bool, may_use: bool
) -> None:
    somebody = as_role(client, role)
    text, before = page(somebody, sync, 1), list(sync.versions.values_list("number", "state", "edit"))
    assert ("Put back in force" in text, "Use as draft" in text) == (may_put_back, may_use)
    for name, may in (("put_back", may_put_back), ("use", may_use)):
        if not may:
            assert somebody.post(address(name, version(sync, 1).pk)).status_code == 403
    assert list(sync.versions.values_list("number", "state", "edit")) == before


@pytest.mark.parametrize("name", ["put_back", "use"])
def test_a_link_changes_nothing(admin_client: Client, sync: Sync, name: str) -> None:
    before = list(sync.versions.values_list("number", "state", "edit"))
    assert admin_client.get(address(name, version(sync, 1).pk)).status_code == 405
    assert list(sync.versions.values_list("number", "state", "edit")) == before


def test_two_connections_with_one_name_are_told_apart(admin_client: Client, sync: Sync) -> None:
    one = Connection.objects.get(name="CRM")
    version(sync, 2).sides.update(connection=one)
    text = page(admin_client, sync, 2)
    assert "Changes to CRM (1)" in text
    assert "Changes to CRM (2)" in text
