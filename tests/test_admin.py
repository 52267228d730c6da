"""One contract for every page of the admin: staff can look at it, nobody else can, and it stays cheap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from alumnisync.models import (
    Absence,
    Alarm,
    ChangeRecord,
    CheckAnswer,
    Conflict,
    DriftReport,
    ErasedKey,
    Erasure,
    ErasureTask,
    FieldChange,
    Link,
    Match,
    MatchKey,
    Member,
    Progress,
    Review,
    SyncRun,
)
from connectors.models import (
    AccessToken,
    Connection,
    Cursor,
    ErasedRecord,
    FeedRow,
    KnownObjectType,
    ReceivedRecord,
    RemoteRecord,
    SeenField,
    ServiceNote,
    ServiceUse,
)
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap

pytestmark = pytest.mark.django_db

OURS = ("alumnisync", "connectors", "mappings", "auth")
MOST_STATEMENTS = 15
SECRET = "a-secret-nobody-sees"
PAGES = list(admin.site._registry.values())
OWN_FORMS = ("mappings.Sync",)
READ_ONLY = [page for page in PAGES if page.model not in (User, Group)]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.opts.label)
every_read_only_page = pytest.mark.parametrize("page", READ_ONLY, ids=lambda page: page.opts.label)


def address(page: ModelAdmin[Any], name: str, *args: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_{name}", args=args)


@pytest.fixture
def staff(admin_client: Client) -> Client:
    return admin_client


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    """Three rows of every model, so that a statement per row would show."""
    for number in range(3):
        make_rows(str(number))


def make_rows(name: str) -> None:
    now = timezone.now()
    User.objects.create_user(f"user-{name}")
    Group.objects.create(name=name)
    connection = Connection(name=name, system="memory")
    connection.secrets = {"api_key": SECRET}
    connection.save()
    cursor = Cursor.objects.create(connection=connection, object_type="person")
    KnownObjectType.objects.create(connection=connection, name="person", described_at=now)
    record = RemoteRecord.objects.create(
        cursor=cursor,
        remote_id=name,
        fingerprint=b"x" * 16,
        change_no=1,
        landed_at=now,
        values={"name": "Ada"},
    )
    FeedRow.objects.create(cursor=cursor, change_id=name, landed_at=now)
    SeenField.objects.create(cursor=cursor, name=name, first_seen_at=now)
    ReceivedRecord.objects.create(connection=connection, number=1, received_at=now, changed_at=now)
    AccessToken.objects.create(connection=connection, place=name, digest=name, made_at=now)
    ServiceUse.objects.create(connection=connection, place=name, service="save", last_at=now)
    ServiceNote.objects.create(connection=connection, place=name, service="save", at=now, status=422)
    ErasedRecord.objects.create(connection=connection, digest=b"x" * 16, key="a", erased_at=now)
    sync = Sync.objects.create(name=name)
    version = MappingVersion.objects.create(sync=sync, number=1)
    SyncSide.objects.create(version=version, side="left", connection=connection, object_type="person")
    value_map = ValueMap.objects.create(version=version, name=name, pairs=[["a", "b"]])
    FieldMapping.objects.create(version=version, left="a", right="b", value_map=value_map, region="US")
    make_engine_rows(SyncRun.objects.create(sync=sync, version=version), record)


def make_engine_rows(run: SyncRun, record: RemoteRecord) -> None:
    sync = run.sync
    link = Link.objects.create(sync=sync)
    Alarm.objects.create(sync=sync, run=run)
    CheckAnswer.objects.create(sync=sync, point="contact", text="Ada", said_by="pat", said_at=timezone.now())
    DriftReport.objects.create(sync=sync, asked_at=timezone.now())
    Progress.objects.create(sync=sync, side="left")
    Member.objects.create(link=link, sync=sync, side="left", record=record)
    MatchKey.objects.create(sync=sync, side="left", rule="email", digest=b"x" * 16, record=record)
    change = ChangeRecord.objects.create(run=run, link=link, kind="update", record=record, source=record)
    FieldChange.objects.create(change=change, path="a", before="x", after="y", source="y", rule="automatic")
    Conflict.objects.create(run=run, link=link, unit="a")
    erasure = Erasure.objects.create(at=timezone.now(), by="pat")
    ErasureTask.objects.create(erasure=erasure, system="CRM", kind="records", what="person")
    ErasedKey.objects.create(erasure=erasure, sync=sync, digest=b"x" * 16, key="a")
    Review.objects.create(run=run, link=link, unit="a", side="left")
    Absence.objects.create(run=run, link=link, side="left", record=record, kind="deleted", since=timezone.now())
    match = Match.objects.create(run=run, sync=sync, side="left", record=record)
    match.candidates.set(RemoteRecord.objects.all())


def test_every_model_of_ours_has_a_page() -> None:
    registered = {page.model for page in admin.site._registry.values()}
    ours = {model for model in apps.get_models() if model._meta.app_label in OURS}
    assert registered == ours - {Permission}


def addresses(page: ModelAdmin[Any]) -> Iterator[str]:
    yield address(page, "changelist")
    yield address(page, "changelist") + "?q=1"
    yield address(page, "change", page.model._default_manager.values_list("pk", flat=True)[0])


@every_page
def test_a_superuser_sees_list_search_and_detail(
    page: ModelAdmin[Any], staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for at in addresses(page):
        with django_assert_max_num_queries(MOST_STATEMENTS):
            answer = staff.get(at)
        assert answer.status_code == 200, at
        assert SECRET not in answer.content.decode(), at


@every_page
def test_nobody_is_asked_to_sign_in(page: ModelAdmin[Any], client: Client) -> None:
    for at in addresses(page):
        answer = client.get(at)
        assert answer.status_code == 302, at
        assert answer.headers["Location"].startswith("/admin/login/"), at


@every_page
def test_staff_without_permission_is_refused(page: ModelAdmin[Any], client: Client) -> None:
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    assert {client.get(at).status_code for at in addresses(page)} == {403}


@every_read_only_page
def test_not_even_a_superuser_adds_edits_or_deletes_past_our_forms(page: ModelAdmin[Any], staff: Client) -> None:
    pk = page.model._default_manager.values_list("pk", flat=True)[0]
    before = page.model._default_manager.values_list().order_by("pk")
    kept = list(before)
    for at in (address(page, "add"), address(page, "change", pk), address(page, "delete", pk)):
        # Where we have a form of our own, it comes back: this is not what it asks for.
        refused = (200,) if page.opts.label in OWN_FORMS and at.endswith("/add/") else (403, 405)
        assert staff.post(at, {"post": "yes", "name": "changed"}).status_code in refused, at
    assert list(before.all()) == kept


def test_a_connection_is_shown_without_the_key_of_its_secrets(staff: Client, settings: Any) -> None:
    settings.ALUMNISYNC_ENCRYPTION_KEYS = []
    assert staff.get(reverse("admin:connectors_connection_changelist")).status_code == 200


def test_the_root_leads_to_the_admin(staff: Client) -> None:
    assert staff.get("/", follow=True).redirect_chain == [("/admin/", 302)]


def test_the_theme_is_served_without_collecting(client: Client) -> None:
    with closing(client.get("/static/unfold/css/styles.css")) as answer:
        assert answer.status_code == 200
