"""The roles: what `migrate` makes of them, and a walk through every page and button with each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.management import call_command
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client, RequestFactory

from alumnisync.roles import ABOUT, ROLES, make_roles
from tests.alumnisync.access import (
    ACCESS,
    ACTIONS,
    ADMINISTRATOR,
    EVERYBODY,
    NOBODY,
    OPEN,
    STRANGER,
    Access,
)
from tests.alumnisync.walk import Page, everything, pages, snapshot

pytestmark = pytest.mark.django_db

every_role = pytest.mark.parametrize("role", EVERYBODY)
REFUSED = (403, 405)


class Undo(Exception):
    """Takes back what a button did."""


def permissions_of(role: str) -> set[str]:
    found = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in found}


def person(role: str) -> User | AnonymousUser:
    """Somebody of that role."""
    if role == NOBODY:
        return AnonymousUser()
    made = User.objects.create_user("walker", is_staff=True, is_superuser=role == ADMINISTRATOR)
    made.groups.set(Group.objects.filter(name=role))
    return made


def client_of(role: str, *, enforce_csrf_checks: bool = False) -> Client:
    client = Client(enforce_csrf_checks, raise_request_exception=False)
    who = person(role)
    if isinstance(who, User):
        client.force_login(who)
    return client


@pytest.fixture
def site(db: None) -> list[Page]:
    everything()
    return [page for page in pages() if page.name not in OPEN]


def test_the_roles_are_made_by_migrate() -> None:
    assert set(ROLES) == set(ABOUT) == {group.name for group in Group.objects.all()}
    looking = permissions_of("Viewers")
    assert {code.split(".")[1].split("_")[0] for code in looking} == {"view"}
    assert not [code for code in looking if code.startswith("auth.")]
    for role, more in ROLES.items():
        assert permissions_of(role) == looking | set(more), role


def test_every_permission_that_a_role_names_is_there() -> None:
    there = {f"{one.content_type.app_label}.{one.codename}" for one in Permission.objects.all()}
    assert {code for codes in ROLES.values() for code in codes} <= there


def test_only_operators_approve_and_switch_on() -> None:
    for code in ("alumnisync.approve_syncrun", "mappings.activate_sync", "connectors.change_connection"):
        assert [role for role in ROLES if code in permissions_of(role)] == ["Operators"], code


def test_made_again_they_are_the_same() -> None:
    before = {role: permissions_of(role) for role in ROLES}
    call_command("migrate", verbosity=0)
    make_roles()
    assert {role: permissions_of(role) for role in ROLES} == before
    assert Group.objects.count() == len(ROLES)


def test_what_an_office_adds_stays_and_what_is_missing_comes_back() -> None:
    viewers = Group.objects.get(name="Viewers")
    viewers.permissions.add(Permission.objects.get(codename="change_conflict"))
    viewers.permissions.remove(Permission.objects.get(codename="view_sync"))
    make_roles()
    assert {"alumnisync.change_conflict", "mappings.view_sync"} <= permissions_of("Viewers")


def test_every_address_is_in_the_table_and_the_table_names_nothing_else(site: list[Page]) -> None:
    assert not [str(page) for page in site if page.name not in ACCESS], "Say in tests/alumnisync/access.py who may."
    assert not set(ACCESS) - {page.name for page in site}


def test_our_own_pages_and_the_table_agree_on_methods(site: list[Page]) -> None:
    for page in site:
        if page.methods is not None:
            access = ACCESS[page.name]
            assert ("GET" in page.methods, "POST" in page.methods) == (bool(access.looks), bool(access.acts)), page


def test_our_own_pages_ask_for_a_permission(site: list[Page]) -> None:
    assert not [str(page) for page in site if page.needs is not None and not page.needs]


def read(answer: HttpResponseBase) -> int:
    """The status; a download is read to its end, since it works while it is read."""
    if answer.streaming:
        for _ in answer:
            pass
    return answer.status_code


def is_sent_to_sign_in(answer: HttpResponseBase) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.quick(3)
@every_role
def test_looking_changes_nothing_and_is_for_whom_it_should(site: list[Page], role: str) -> None:
    client = client_of(role)
    wrong = []
    with snapshot() as changed:
        for page in site:
            # Django answers to HEAD as to GET; ours say which methods they take.
            for method in (client.get, client.head) if page.methods else (client.get,):
                answer = method(page.address)
                status = read(answer)
                if not is_right_look(answer, page, role):
                    wrong.append(f"{page}: {role} got {status}")
                if tables := changed():
                    pytest.fail(f"{page}: {method.__name__} changed {tables}")
    assert not wrong, "\n".join(wrong)


def is_right_look(answer: HttpResponseBase, page: Page, role: str) -> bool:
    if role == NOBODY:
        return is_sent_to_sign_in(answer)
    if role in ACCESS[page.name].looks:
        # Some of Django's addresses lead nowhere here; all of ours do.
        good = (200, 301, 302, 404) if page.methods is None else (200, 302)
        return answer.status_code in good and not is_sent_to_sign_in(answer)
    return answer.status_code in REFUSED or (role == STRANGER and answer.status_code == 404)


@pytest.mark.quick(3)
@every_role
def test_buttons_work_for_whom_they_should_and_change_nothing_for_others(site: list[Page], role: str) -> None:
    client = client_of(role)
    wrong = []
    with snapshot() as changed:
        for page in site:
            access = ACCESS[page.name]
            for answer in posted(client, page):
                if role in access.acts:
                    good = answer.status_code < 500 and answer.status_code not in REFUSED
                else:
                    good = not changed() and is_refusal(answer, access, role)
                if not good:
                    wrong.append(f"{page}: {role} got {answer.status_code}, changed {changed()}")
    assert not wrong, "\n".join(wrong)


def posted(client: Client, page: Page) -> Iterator[HttpResponseBase]:
    """What an empty form does; it is undone."""
    try:
        with transaction.atomic():
            answer = client.post(page.address)
            read(answer)
            yield answer
            raise Undo
    except Undo:
        return


def is_refusal(answer: HttpResponseBase, access: Access, role: str) -> bool:
    if role == NOBODY:
        return is_sent_to_sign_in(answer)
    if access.also_posted and role in access.looks:
        return answer.status_code < 500
    return answer.status_code in REFUSED or (role == STRANGER and answer.status_code == 404)


def test_nothing_is_taken_from_another_site(site: list[Page]) -> None:
    client = client_of(ADMINISTRATOR, enforce_csrf_checks=True)
    with snapshot() as changed:
        assert not [f"{page} {status}" for page in site if (status := client.post(page.address).status_code) != 403]
        assert not changed()


@every_role
def test_what_is_done_to_ticked_rows_is_for_whom_it_should(rf: RequestFactory, role: str) -> None:
    request = rf.get("/")
    request.user = person(role)
    for page in admin.site._registry.values():
        expected = {name for name, roles in ACTIONS.get(page.opts.label_lower, {}).items() if role in roles}
        assert set(page.get_actions(request)) == expected, page.opts.label


def test_nothing_is_done_by_a_link() -> None:
    """The theme's own actions are links, and work when they are looked at."""
    for page in admin.site._registry.values():
        kinds = ("actions_list", "actions_row", "actions_detail", "actions_submit_line")
        assert not [kind for kind in kinds if getattr(page, kind, ())], page.opts.label


@pytest.mark.quick(3)
@every_role
def test_the_menu_leads_nowhere_that_is_refused(site: list[Page], role: str) -> None:
    if role == NOBODY:
        pytest.skip("has no menu")
    client = client_of(role)
    menu = client.get("/admin/").context["sidebar_navigation"]
    links = [item["link"] for group in menu for item in group["items"]]
    assert links
    assert {client.get(str(link)).status_code for link in links} == {200}
