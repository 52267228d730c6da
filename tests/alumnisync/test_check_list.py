"""The check list: what the product knows is ticked, the rest is answered or waived by name before a sync goes live."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from alumnisync import checklist, starting
from alumnisync.checklist import Line
from alumnisync.engine.admission import Refused
from alumnisync.models import CheckAnswer, SyncRun
from connectors.described import remember
from connectors.models import Connection, Cursor, SeenField
from connectors.records import Field
from mappings.models import FieldMapping, MappingVersion, Sync, ValueMap
from tests.alumnisync.runs_made import text_of
from tests.factories import World, person_type, waive_check_list

pytestmark = pytest.mark.django_db

PERSONAL = {"contact", "privacy", "data_protection", "firewall"}


@pytest.fixture
def world() -> World:
    made = World()
    made.go()
    return made


def by_slug(world: World) -> dict[str, Line]:
    return {line.point.slug: line for line in checklist.lines(world.sync)}


def found(world: World, slug: str) -> str:
    line = by_slug(world)[slug]
    assert line.found
    return line.found.words


def is_open(world: World, slug: str) -> bool:
    return by_slug(world)[slug].is_open


def connection(world: World, side: str) -> Connection:
    version = world.sync.active_version()
    assert version
    return version.sides.get(side=side).connection


def test_every_point_has_its_own_name_and_those_for_people_come_first() -> None:
    slugs = [point.slug for point in checklist.points()]
    assert len({*slugs}) == len(slugs)
    assert {*slugs[: len(PERSONAL)]} == PERSONAL


def test_what_nobody_can_know_is_open_until_a_person_says_it(world: World) -> None:
    assert {slug for slug, line in by_slug(world).items() if line.point.find is None} == PERSONAL
    assert all(is_open(world, slug) for slug in PERSONAL)
    checklist.answer(world.sync, ["contact"], " Ada, IT services ", by="pat")
    said = by_slug(world)["contact"].said
    assert said
    assert (said.text, said.said_by, said.is_waived) == ("Ada, IT services", "pat", False)
    assert not is_open(world, "contact")


def test_the_open_points_come_first(world: World) -> None:
    order = [line.is_open for line in checklist.lines(world.sync)]
    assert order == sorted(order, reverse=True)
    assert {True, False} == {*order}


def test_a_point_is_waived_by_name_and_only_with_a_reason(world: World) -> None:
    with pytest.raises(Refused, match="why it needs no answer"):
        checklist.answer(world.sync, ["firewall"], "  ", by="pat", waives=True)
    checklist.answer(world.sync, ["firewall"], "Both are on the campus.", by="pat", waives=True)
    row = CheckAnswer.objects.get()
    assert (row.point, row.is_waived, row.said_by) == ("firewall", True, "pat")
    checklist.take_back(world.sync, "firewall")
    assert is_open(world, "firewall")


def test_a_point_that_there_is_not_is_not_kept(world: World) -> None:
    assert checklist.answer(world.sync, ["nonsense"], "Yes", by="pat") == 0
    assert not CheckAnswer.objects.exists()


def test_keys_that_do_not_work_are_an_open_point(world: World) -> None:
    assert "signed in at Memory" in found(world, "authentication")
    assert not is_open(world, "authentication")
    Connection.objects.filter(pk=connection(world, "right").pk).update(attention="The key has expired. Renew it.")
    assert "The key has expired. Renew it." in found(world, "authentication")
    assert is_open(world, "authentication")


def test_a_connection_that_nobody_checked_is_an_open_point(world: World) -> None:
    Connection.objects.update(checked_at=None)
    assert is_open(world, "authentication")


def test_test_systems_are_told_from_real_ones(world: World) -> None:
    assert "is a test system" in found(world, "test_system")
    row = connection(world, "left")
    row.identity = {**row.identity, "environment": ""}
    row.save()
    assert is_open(world, "test_system")


def test_a_list_of_few_people_is_something_to_try_it_on(world: World) -> None:
    for row in Connection.objects.all():
        row.identity = {**row.identity, "environment": "production"}
        row.save()
    assert is_open(world, "test_data")
    MappingVersion.objects.update(pilot=["left-1", "left-2"])
    assert "begins with 2 named records" in found(world, "test_data")
    assert not is_open(world, "test_data")


def test_nobody_who_is_told_of_failures_is_an_open_point(world: World) -> None:
    Sync.objects.update(alerts=[])
    world.sync.refresh_from_db()
    assert is_open(world, "errors")
    Sync.objects.update(alerts=["data@example.edu"])
    world.sync.refresh_from_db()
    assert found(world, "errors") == "By mail: data@example.edu."


def test_recognising_nobody_is_an_open_point(world: World) -> None:
    version = world.sync.active_version()
    assert version
    assert not is_open(world, "keys")
    MappingVersion.objects.update(match=[])
    version.sides.update(key_field="")
    assert is_open(world, "keys")


def test_an_amount_without_a_currency_is_an_open_point(world: World) -> None:
    assert found(world, "currencies") == "No amounts are kept in step."
    pair = FieldMapping.objects.filter(left="first")
    pair.update(kind="money")
    assert is_open(world, "currencies")
    pair.update(currency="USD")
    assert found(world, "currencies") == "first in USD. Others are refused, never converted."


@pytest.mark.parametrize(("unmapped", "waits"), [("set_aside", True), ("pass", False)])
def test_options_without_a_counterpart_are_named(world: World, unmapped: str, waits: bool) -> None:
    version = world.sync.active_version()
    assert version
    options = ValueMap.objects.create(version=version, name="status", pairs=[["a", "A"]], unmapped=unmapped)
    FieldMapping.objects.filter(left="first").update(kind="choice", value_map=options)
    described = person_type()
    listed = tuple(Field(f.name, options=("a", "lost")) if f.name == "first" else f for f in described.fields)
    remember(connection(world, "left"), [replace(described, fields=listed)])
    assert "lost" in found(world, "options")
    assert is_open(world, "options") is waits


def test_a_field_that_appeared_later_is_counted(world: World) -> None:
    assert "none since these rules were made" in found(world, "custom_fields")
    cursor = Cursor.objects.get(connection=connection(world, "left"))
    later = timezone.now() + timedelta(minutes=1)
    SeenField.objects.create(cursor=cursor, name="shoe_size", seen=300, filled=214, first_seen_at=later)
    SeenField.objects.create(cursor=cursor, name="phone_too", seen=300, filled=3, first_seen_at=later)
    assert "shoe_size (214 records have it)" in found(world, "custom_fields")


def test_a_sync_without_rules_has_only_what_people_say() -> None:
    sync = Sync.objects.create(name="empty")
    assert all(line.is_open for line in checklist.lines(sync))


def test_a_draft_goes_live_only_when_no_point_is_open() -> None:
    world = World()
    world.pair_up()
    Sync.objects.update(state="draft")
    MappingVersion.objects.update(state="draft")
    run = SyncRun.objects.get(pk=world.run(preview=True)["run"])
    with pytest.raises(Refused, match="points of its check list must be answered or waived"):
        starting.approve_and_go(run, by="pat")
    assert Sync.objects.get().state == "draft"
    waive_check_list(world.sync)
    starting.approve_and_go(run, by="pat")
    assert Sync.objects.get().state == "live"


def at(name: str, world: World) -> str:
    return reverse(f"admin:mappings_sync_{name}", args=[world.sync.pk])


@pytest.mark.screens
def test_the_page_shows_what_is_open_and_what_is_known(admin_client: Client, world: World) -> None:
    said = text_of(admin_client.get(at("check_list", world)))
    assert "Who can be asked about technical matters" in said
    assert "signed in at Memory" in said
    admin_client.post(at("check_answer", world), {"point": "contact", "text": "<b>Ada</b>", "how": "answer"})
    page = admin_client.get(at("check_list", world)).content.decode()
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    assert CheckAnswer.objects.get().said_by == "admin"
    admin_client.post(at("check_take_back", world), {"point": "contact"})
    assert not CheckAnswer.objects.exists()


@pytest.mark.screens
def test_all_open_points_are_waived_by_one_reason(admin_client: Client, world: World) -> None:
    slugs = [line.point.slug for line in checklist.open_lines(world.sync)]
    admin_client.post(at("check_answer", world), {"point": slugs, "text": "A trial.", "how": "waive"})
    assert checklist.open_lines(world.sync) == []
    assert "Nothing is open" in text_of(admin_client.get(at("check_list", world)))


@pytest.mark.screens
def test_an_answer_without_words_is_refused_on_the_page(admin_client: Client, world: World) -> None:
    answer = admin_client.post(
        at("check_answer", world), {"point": "contact", "text": "", "how": "answer"}, follow=True
    )
    assert "Write the answer." in answer.content.decode()
    assert not CheckAnswer.objects.exists()


@pytest.mark.screens
def test_who_may_only_look_finds_no_button(client: Client, world: World) -> None:
    person = User.objects.create_user("looker", is_staff=True)
    person.groups.set(Group.objects.filter(name="Viewers"))
    client.force_login(person)
    assert 'name="how"' not in client.get(at("check_list", world)).content.decode()
    assert client.post(at("check_answer", world), {"point": "contact", "text": "x"}).status_code == 403


@pytest.mark.screens
def test_the_page_takes_as_many_statements_however_much_there_is(
    admin_client: Client, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(15):
        admin_client.get(at("check_list", world))
