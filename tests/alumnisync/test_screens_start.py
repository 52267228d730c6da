"""The start page, the menu, the sign-in page, and the pages of people and roles."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from alumnisync.demo.people import PASSWORD, PEOPLE, make_people
from alumnisync.models import SyncRun
from alumnisync.navigation import DEMO
from alumnisync.wording import RUN_STATES, SYNC_STATES, run_said
from connectors.models import Connection
from connectors.moments import when
from mappings.models import MappingVersion, Sync
from tests.factories import World

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 15
SignIn = Callable[..., Client]


@pytest.fixture
def sign_in(client: Client) -> SignIn:
    """Signs somebody in who has these roles."""

    def sign_in(*roles: str, **options: Any) -> Client:
        person = User.objects.create_user("somebody", is_staff=True, **options)
        person.groups.set(Group.objects.filter(name__in=roles))
        client.force_login(person)
        return client

    return sign_in


def start(client: Client) -> str:
    answer = client.get(reverse("admin:index"))
    assert answer.status_code == 200
    return answer.content.decode()


def words(page: str) -> str:
    """What a person reads of the page's own part."""
    _, _, content = page.partition('id="content"')
    return " ".join(unescape(strip_tags(content)).split())


def card(page: str, title: str) -> tuple[str, str]:
    """The number of a card and where it leads."""
    found = re.search(rf'<a class="as-card as-card--link" href="([^"]+)">\s*<span[^>]*>([^<]+)</span>\s*{title}', page)
    assert found, title
    return found[2], unescape(found[1])


def held_world() -> World:
    """A sync whose first run is on hold: nobody has approved its rules yet."""
    world = World()
    world.pair_up()
    assert world.run()["state"] == "held"
    return world


def test_an_empty_installation_shows_the_way(admin_client: Client) -> None:
    page = start(admin_client)
    said = words(page)
    for step in ("1. Connect two systems", "2. Make a sync", "3. Look at a preview", "4. Approve it"):
        assert step in said
    assert said.count(" next ") == 1
    assert f'href="{reverse("admin:connectors_connection_add")}">New connection' in page
    assert "No sync yet." in said
    assert "No connection yet." in said


def test_who_may_not_do_the_next_step_is_told_whom_to_ask(sign_in: SignIn) -> None:
    otto = User.objects.create_user("otto", first_name="Otto", last_name="Operator", is_staff=True)
    otto.groups.add(Group.objects.get(name="Operators"))
    left = User.objects.create_user("gone", first_name="Gone", is_staff=True, is_active=False)
    left.groups.add(Group.objects.get(name="Operators"))
    page = start(sign_in("Viewers"))
    assert "Ask Otto Operator: this takes the role Operators." in words(page)
    assert "New connection" not in page
    assert "New sync" not in page


def test_the_way_goes_on_as_things_are_done(admin_client: Client) -> None:
    world = held_world()
    page = start(admin_client)
    assert words(page).count(" done ") >= 3
    address = reverse("admin:alumnisync_syncrun_change", args=[world.sync.runs.get().pk])
    assert f'href="{address}">Look at the preview' in page
    world.approve(world.sync.runs.get().pk)
    assert "Your first sync" not in start(admin_client)


def test_what_waits_is_counted_and_linked(admin_client: Client) -> None:
    held_world()
    page = start(admin_client)
    assert card(page, "Both changed") == ("0", reverse("admin:alumnisync_conflict_changelist"))
    assert card(page, "To review") == ("0", reverse("admin:alumnisync_review_changelist"))
    assert card(page, "Possible matches") == ("0", reverse("admin:alumnisync_match_changelist"))
    assert card(page, "On hold") == ("1", reverse("admin:alumnisync_syncrun_changelist") + "?waiting=yes")
    assert card(page, "Couldn(?:&#x27;|')t be sent")[0] == "0"


def test_a_run_on_hold_is_prominent_with_its_reasons(admin_client: Client) -> None:
    world = held_world()
    run = world.sync.runs.get()
    said = words(start(admin_client))
    assert f"A run of {world.sync} is on hold" in said
    assert run.holds[0]["reason"] in said
    assert f"{world.sync} {world.sync} left ↔ {world.sync} right live" in said


def test_a_preview_waits_for_an_ok_until_it_is_given(admin_client: Client) -> None:
    world = World()
    world.pair_up()
    world.go()
    world.left.put("person", {"first": "Grace", "last": "Hopper", "email": "grace@example.org"})
    preview = world.run(preview=True)
    assert f"A preview of {world.sync} waits for an OK" in words(start(admin_client))
    world.approve(preview["run"])
    assert "waits for an OK" not in words(start(admin_client))


def test_a_draft_names_who_works_on_it(admin_client: Client) -> None:
    world = World()
    MappingVersion.objects.create(sync=world.sync, number=2, state="draft", created_by="edith")
    assert f"Version 2 of {world.sync} is a draft by edith, last changed today" in words(start(admin_client))
    MappingVersion.objects.filter(number=2).update(state="retired")
    assert "is a draft" not in start(admin_client)


def test_an_older_draft_is_no_news(admin_client: Client) -> None:
    world = World()
    MappingVersion.objects.filter(sync=world.sync).update(number=5)
    MappingVersion.objects.create(sync=world.sync, number=2, state="draft", created_by="edith")
    assert "is a draft" not in start(admin_client)


def test_what_the_last_run_wrote_is_said_by_system(admin_client: Client) -> None:
    world = World(right={"create": "automatic"})
    for number in range(3):
        world.left.put("person", {"first": "Grace", "last": "Hopper", "email": f"grace{number}@example.org"})
    world.go()
    said = words(start(admin_client))
    assert f"{world.sync} right: 3 created" in said
    assert f"{world.sync} left:" not in said


@pytest.mark.parametrize(
    ("state", "schedule", "expected"),
    [
        ("live", "", "only when somebody starts it"),
        ("live", "0 1 * * *", "not yet known"),
        ("paused", "0 1 * * *", "not while it is paused"),
        ("draft", "0 1 * * *", "not while it is a draft"),
    ],
)
def test_the_next_run_is_said(admin_client: Client, state: str, schedule: str, expected: str) -> None:
    Sync.objects.create(name="one", state=state, schedule=schedule)
    assert expected in words(start(admin_client))


def test_a_known_next_run_is_said_by_its_time(admin_client: Client) -> None:
    at = timezone.now() + timedelta(days=400)
    Sync.objects.create(name="one", state="live", schedule="0 1 * * *", next_run_at=at)
    assert when(at) in words(start(admin_client))


def test_connections_say_what_they_are(admin_client: Client) -> None:
    Connection.objects.create(name="New one", system="memory")
    Connection.objects.create(
        name="Office",
        system="memory",
        checked_at=timezone.now(),
        identity={"label": "Awesome University", "environment": "test"},
    )
    Connection.objects.create(name="Broken", system="memory", attention="The key is not good any more.")
    said = words(start(admin_client))
    assert "New one not checked yet" in said
    assert re.search(r"Office works .*· Awesome University test Last checked today", said)
    assert "Broken needs attention" in said
    assert "The key is not good any more." in said


def test_a_connection_that_will_stop_working_says_so_before(admin_client: Client) -> None:
    soon = {"organisation": "org-1", "warnings": ["The key expires in 5 days."]}
    one = Connection.objects.create(name="CRM", system="memory", identity=soon)
    assert "The key expires in 5 days." in words(start(admin_client))
    # Once it has stopped, only that counts.
    Connection.objects.filter(pk=one.pk).update(attention="The key has expired.")
    said = words(start(admin_client))
    assert "The key has expired." in said
    assert "in 5 days" not in said


def test_a_connection_of_a_system_that_is_gone_still_shows(admin_client: Client) -> None:
    Connection.objects.create(name="Old", system="no-longer-there")
    assert "no-longer-there" in words(start(admin_client))


@pytest.mark.parametrize("count", [1, 30])
def test_it_stays_cheap(
    admin_client: Client, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        world = World()
        SyncRun.objects.create(sync=world.sync, version=world.version, state="held", holds=[{"reason": "Why."}])
        MappingVersion.objects.create(sync=world.sync, number=2, state="draft", created_by="edith")
    with django_assert_max_num_queries(MOST_STATEMENTS):
        page = start(admin_client)
    assert page.count("is a draft by edith") == count
    assert page.count("is on hold</strong>") == min(count, 10)


def test_without_a_role_there_is_one_sentence(sign_in: SignIn) -> None:
    Connection.objects.create(name="Office", system="memory")
    World()
    page = start(sign_in())
    assert "you have no role yet. Ask an administrator" in words(page)
    assert "Office" not in page
    assert "world-" not in page


def test_only_what_somebody_may_see_is_there(sign_in: SignIn) -> None:
    client = sign_in()
    User.objects.get(username="somebody").user_permissions.add(Permission.objects.get(codename="view_conflict"))
    world = held_world()
    page = start(client)
    assert card(page, "Both changed")[0] == "0"
    assert "To review" not in page
    assert world.sync.name not in page


@pytest.mark.parametrize(
    ("role", "offers"),
    [
        ("Viewers", set()),
        ("Reviewers", set()),
        ("Editors", {"New sync"}),
        ("Operators", {"New connection"}),
    ],
)
def test_each_role_is_offered_what_it_may_do(sign_in: SignIn, role: str, offers: set[str]) -> None:
    page = start(sign_in(role))
    assert {name for name in ("New sync", "New connection") if f">{name}</a>" in page} == offers


@pytest.mark.parametrize("address", ["admin:index", "admin:auth_user_changelist", "admin:password_change"])
def test_every_page_of_a_demo_says_so(admin_client: Client, settings: Any, address: str) -> None:
    assert DEMO not in admin_client.get(reverse(address)).content.decode()
    settings.DEMO = True
    assert DEMO in admin_client.get(reverse(address)).content.decode()


def test_the_sign_in_page_of_a_demo_says_who_may(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "invented-password")
    make_people()
    User.objects.create_superuser("demo")
    User.objects.create_user("left", is_staff=True, is_active=False)
    login = reverse("admin:login")
    assert "vera" not in client.get(login).content.decode()
    settings.DEMO = True
    page = client.get(login).content.decode()
    said = " ".join(unescape(strip_tags(page)).split())
    assert DEMO in said
    for person in PEOPLE:
        assert f"{person.user} – {person.name}, {person.role}" in said  # noqa: RUF001
    assert "demo – Administrator" in said  # noqa: RUF001
    assert "left –" not in said  # noqa: RUF001
    assert "invented-password" not in page


def test_the_people_of_a_demo_sign_in_with_their_roles(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "invented-password")
    make_people()
    for person in PEOPLE:
        assert client.login(username=person.user, password="invented-password")
        assert client.get(reverse("admin:index")).status_code == 200
        assert [group.name for group in User.objects.get(username=person.user).groups.all()] == [person.role]


def test_the_page_after_signing_out_of_a_demo_says_so_too(admin_client: Client, settings: Any) -> None:
    settings.DEMO = True
    assert DEMO in admin_client.post(reverse("admin:logout")).content.decode()


def test_every_state_has_its_words() -> None:
    assert set(RUN_STATES) == set(SyncRun.State)
    assert set(SYNC_STATES) == set(Sync.State)


@pytest.mark.parametrize(
    ("kind", "state", "approved", "expected"),
    [
        ("preview", "done", False, "preview – needs your OK"),  # noqa: RUF001
        ("preview", "done", True, "done"),
        ("preview", "superseded", False, "out of date"),
        ("run", "done", False, "done"),
        ("run", "held", False, "on hold – needs your OK"),  # noqa: RUF001
    ],
)
def test_a_run_says_what_it_needs(kind: str, state: str, approved: bool, expected: str) -> None:
    run = SyncRun(kind=kind, state=state, approved_at=timezone.now() if approved else None)
    assert run_said(run).words == expected


def test_times_have_a_word(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TIME_ZONE = "America/New_York"
    now = datetime(2026, 3, 9, 2, 30, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert when(None) == ""
    assert when(now) == "today 22:30"
    assert when(now + timedelta(hours=2)) == "tomorrow 00:30"
    assert when(now - timedelta(days=1)) == "yesterday 21:30"
    assert when(datetime(2025, 12, 1, 12, tzinfo=UTC)) == "1 Dec 2025, 07:00"


NEW = {
    "username": "grace",
    "first_name": "Grace",
    "last_name": "Hopper",
    "email": "grace@example.org",
    "is_staff": "on",
    "usable_password": "true",
    "password1": "a-long-invented-one",
    "password2": "a-long-invented-one",
}


def test_a_colleague_is_added_with_a_role_in_one_form(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:auth_user_add")).content.decode()
    assert "May sign in here" in page
    assert re.search(r'name="is_staff"[^>]*checked', page)
    assert "Reviewers – decide what waits" in page  # noqa: RUF001
    group = Group.objects.get(name="Reviewers")
    admin_client.post(reverse("admin:auth_user_add"), {**NEW, "groups": [group.pk]})
    grace = User.objects.get(username="grace")
    assert (grace.get_full_name(), grace.email, grace.is_staff) == ("Grace Hopper", "grace@example.org", True)
    assert list(grace.groups.all()) == [group]
    assert grace.check_password("a-long-invented-one")
    listed = admin_client.get(reverse("admin:auth_user_changelist")).content.decode()
    assert "Grace Hopper" in listed


def test_the_long_lists_of_permissions_stay_away(admin_client: Client) -> None:
    person = User.objects.create_user("grace")
    page = admin_client.get(reverse("admin:auth_user_change", args=[person.pk])).content.decode()
    assert 'name="user_permissions"' not in page
    assert 'name="is_superuser"' in page


def test_who_looks_after_people_becomes_no_administrator_by_it(sign_in: SignIn) -> None:
    client = sign_in()
    helper = User.objects.get(username="somebody")
    codes = ("view_user", "change_user", "delete_user")
    helper.user_permissions.set(Permission.objects.filter(codename__in=codes))
    boss = User.objects.create_superuser("boss", password="unknown-to-them")
    own = reverse("admin:auth_user_change", args=[helper.pk])
    assert 'name="is_superuser"' not in client.get(own).content.decode()
    client.post(own, {"username": "somebody", "is_staff": "on", "is_active": "on", "is_superuser": "on"})
    helper.refresh_from_db()
    assert not helper.is_superuser
    for name, form in (
        ("change", {"username": "mine", "is_active": "on"}),
        ("delete", {"post": "yes"}),
    ):
        assert client.post(reverse(f"admin:auth_user_{name}", args=[boss.pk]), form).status_code == 403, name
    password = {"usable_password": "true", "password1": "a-long-invented-one", "password2": "a-long-invented-one"}
    assert client.post(reverse("admin:auth_user_password_change", args=[boss.pk]), password).status_code == 403
    boss.refresh_from_db()
    assert (boss.username, boss.check_password("unknown-to-them")) == ("boss", True)


def test_our_own_roles_keep_their_names_and_stay(admin_client: Client) -> None:
    group = Group.objects.get(name="Viewers")
    change = reverse("admin:auth_group_change", args=[group.pk])
    admin_client.post(change, {"name": "Onlookers", "permissions": [p.pk for p in group.permissions.all()]})
    assert admin_client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    admin_client.post(reverse("admin:auth_group_changelist"), many)
    assert Group.objects.get(pk=group.pk).name == "Viewers"


def test_the_roles_are_listed_with_what_they_do(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:auth_group_changelist")).content.decode()
    assert "see everything and change nothing" in page
