"""The pages of changes: all of them, what couldn't be sent, one by itself, and trying again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alumnisync.changes import RULES, Wanted, page_of, rule_said
from alumnisync.models import ChangeRecord, SyncRun
from alumnisync.naming import names_by_version
from alumnisync.roles import EDITORS, OPERATORS, REVIEWERS, VIEWERS
from connectors.models import KnownObjectType
from connectors.records import Rejected
from tests.alumnisync.runs_made import MOST_STATEMENTS, as_role, newest, previewed, renamed, settled, text_of
from tests.factories import World

pytestmark = pytest.mark.django_db

LIST = "/admin/alumnisync/changerecord/"
WAITING = LIST + "?waiting=yes"
REFUSED = "The last name is on a list that nobody may change."


def refused(count: int = 3) -> tuple[World, list[ChangeRecord]]:
    """Changes that the right system refuses."""
    world = renamed(count, guards={"changed": {"floor": 1000, "share": 1}})
    world.right.fail(Rejected(REFUSED), times=None)
    world.run()
    return world, list(ChangeRecord.objects.filter(run__sync=world.sync, state="set_aside"))


def page_at(change: ChangeRecord) -> str:
    return reverse("admin:alumnisync_changerecord_change", args=[change.pk])


def retry(client: Client, *changes: ChangeRecord, **more: Any) -> Any:
    address = reverse("admin:alumnisync_changerecord_retry")
    return client.post(address, {"change": [change.pk for change in changes], **more}, follow=True)


def rows() -> list[Any]:
    return [list(model._default_manager.order_by("pk").values_list()) for model in (ChangeRecord, SyncRun)]


def test_what_could_not_be_sent_says_who_why_and_when_again(admin_client: Client) -> None:
    world, changes = refused()
    assert len(changes) == 3
    said = text_of(admin_client.get(WAITING))
    assert f"{REFUSED} · 3 changes" in said
    assert said.count("tried 1 time · next try:") == 3
    assert "since today" in said
    assert f"of {world.sync.name}" in said
    for change in changes:
        assert change.record is not None
        assert change.record.remote_id in said
    assert "Lovelace0" in said


def test_the_ticked_ones_are_tried_again(admin_client: Client) -> None:
    world, (first, second, third) = refused()
    ChangeRecord.objects.update(next_try_at=timezone.now() + timedelta(days=2))
    answer = retry(admin_client, first, second, next=WAITING)
    assert answer.redirect_chain == [(WAITING, 302)]
    assert "2 changes will be tried again" in answer.content.decode()
    due = ChangeRecord.objects.filter(next_try_at__lte=timezone.now()).values_list("pk", flat=True)
    assert set(due) == {first.pk, second.pk}
    assert newest(world).requested_by == "admin"
    assert third.pk not in due


def test_one_is_tried_again_from_its_page(admin_client: Client) -> None:
    _world, (change, *_) = refused(1)
    shown = admin_client.get(page_at(change)).content.decode()
    assert f'name="change" value="{change.pk}"' in shown
    answer = retry(admin_client, change, next=page_at(change))
    assert "1 change will be tried again" in answer.content.decode()
    assert answer.redirect_chain == [(page_at(change), 302)]


def test_trying_nothing_again_says_so(admin_client: Client) -> None:
    refused()
    done = ChangeRecord.objects.filter(state="done").first()
    assert done is not None
    before = rows()
    for answer in (retry(admin_client), retry(admin_client, done), retry(admin_client, change="x")):
        assert "Nothing was ticked that can be tried again." in answer.content.decode()
    assert rows() == before


def test_a_form_leads_to_no_other_site(admin_client: Client) -> None:
    _world, (change, *_) = refused(1)
    assert retry(admin_client, change, next="https://example.org/").redirect_chain == [(WAITING, 302)]


@pytest.mark.quick(2)
@pytest.mark.parametrize("role", [VIEWERS, REVIEWERS, EDITORS, OPERATORS])
def test_trying_again_is_for_operators(role: str, client: Client) -> None:
    _world, (change, *_) = refused(1)
    as_role(client, role)
    may = role == OPERATORS
    address = reverse("admin:alumnisync_changerecord_retry")
    for at in (WAITING, page_at(change)):
        assert (address in client.get(at).content.decode()) == may
    before = rows()
    assert client.post(address, {"change": [change.pk]}).status_code == (302 if may else 403)
    assert (rows() == before) != may
    assert client.get(address).status_code == (405 if may else 403)


def test_without_a_token_nothing_is_tried_again() -> None:
    _world, (change, *_) = refused(1)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root"))
    before = rows()
    assert strict.post(reverse("admin:alumnisync_changerecord_retry"), {"change": [change.pk]}).status_code == 403
    assert rows() == before


def test_the_page_of_a_change_shows_all_of_it(admin_client: Client) -> None:
    world, (change, *_) = refused(1)
    said = text_of(admin_client.get(page_at(change)))
    left, right = (world.connections[side].name for side in ("left", "right"))
    assert change.record is not None
    assert change.source is not None
    for expected in (
        REFUSED, "couldn't be sent", f"{right} · {change.record.remote_id}", change.source.remote_id,
        "Lovelace0", f"automatic: changed in {left}", f"Run {change.run_id} of {world.sync.name}", "tried 1 time",
    ):  # fmt: skip
        assert expected in said, expected


def test_reasons_narrow_the_list_without_their_words_in_the_address(admin_client: Client) -> None:
    _world, changes = refused()
    ChangeRecord.objects.filter(pk=changes[0].pk).update(reason="ada@example.org is taken.")
    shown = admin_client.get(WAITING).content.decode()
    assert f"like={changes[0].pk}" in shown
    assert "ada%40" not in shown
    said = text_of(admin_client.get(f"{WAITING}&like={changes[0].pk}"))
    assert said.count("couldn't be sent ") == 1
    assert "Lovelace" in said


def test_a_reason_is_shown_as_text(admin_client: Client) -> None:
    _world, (change, *_) = refused(1)
    ChangeRecord.objects.filter(pk=change.pk).update(reason="<script>alert(1)</script>")
    for at in (WAITING, page_at(change)):
        assert "<script>alert(1)" not in admin_client.get(at).content.decode()


def test_all_changes_are_listed_and_narrowed(admin_client: Client) -> None:
    world, _changes = refused()
    other, run = previewed()
    said = text_of(admin_client.get(LIST))
    assert world.sync.name in said
    assert other.sync.name in said
    for query, there, gone in (
        (f"sync={world.sync.pk}", f"of {world.sync.name} ", f"of {other.sync.name} "),
        (f"run={run.pk}", f"of {other.sync.name} ", f"of {world.sync.name} "),
        ("state=set_aside", f"of {world.sync.name} ", f"of {other.sync.name} "),
        ("state=planned", f"of {other.sync.name} ", f"of {world.sync.name} "),
    ):
        listed = text_of(admin_client.get(f"{LIST}?{query}"))
        assert there in listed, query
        assert gone not in listed, query
    assert "Nothing here fits what you chose." in text_of(admin_client.get(LIST + "?kind=create&state=held"))


def test_empty_lists_say_what_would_be_there(admin_client: Client) -> None:
    assert "Nothing was changed yet." in text_of(admin_client.get(LIST))
    assert "Everything could be sent." in text_of(admin_client.get(WAITING))


def test_lines_that_write_nothing_and_say_nothing_are_not_listed() -> None:
    settled()
    assert ChangeRecord.objects.filter(kind="settle", fields=None).exists()
    assert not Wanted().rows().filter(kind="settle").exists()


def test_a_removal_that_stays_on_its_side_is_listed(admin_client: Client) -> None:
    world, people = settled(1, pairs=({"left": "email", "right": "email"}, {"left": "city", "right": "city"}))
    world.left.alter("person", people[0][0], {"city": "Rolla"})
    world.right.alter("person", people[0][1], {"city": "Rolla"})
    world.run()
    world.left.alter("person", people[0][0], {"city": ""})
    world.run()
    left, right = (world.connections[side].name for side in ("left", "right"))
    said = text_of(admin_client.get(f"{LIST}?run={newest(world).pk}"))
    assert "removed on one side only" in said
    assert f"(removed in {left}, kept in {right})" in said


def test_fields_are_called_what_their_system_calls_them(admin_client: Client) -> None:
    world, _run = previewed(1)
    known = KnownObjectType.objects.get_or_create(
        connection=world.connections["right"], name="person", defaults={"described_at": timezone.now()}
    )[0]
    described = {"name": "person", "label": "People", "fields": [{"name": "last", "label": "Family name"}]}
    KnownObjectType.objects.filter(pk=known.pk).update(described=described)
    assert "Family name:" in text_of(admin_client.get(LIST))


def test_every_rule_has_words_for_people() -> None:
    world = World()
    names = names_by_version([world.version])[world.version.pk]
    for rule in RULES:
        said = rule_said(rule, "right", names)
        assert "{" not in said
        assert said
    assert rule_said("changed", "right", names) == f"automatic: changed in {world.connections['left'].name}"
    assert rule_said("something {new}", "right", names) == "something {new}"
    assert rule_said("both changed: left", "", names).startswith("both changed: world-")


@pytest.mark.parametrize("asked", [{}, {"run": "x", "sync": "-1", "like": "9" * 40, "page": "1e9"}, {"state": "';--"}])
def test_an_address_that_makes_no_sense_does_no_harm(asked: dict[str, str], admin_client: Client) -> None:
    for at in (LIST, "/admin/alumnisync/syncrun/"):
        assert admin_client.get(at, asked).status_code == 200
        assert admin_client.get(at, {**asked, "page": "99999999999999999"}).status_code == 200


def test_a_page_knows_whether_there_is_another_without_counting() -> None:
    previewed(3)
    rows_ = Wanted(kind="update").rows()
    with CaptureQueriesContext(connection) as asked:
        assert [(len(found), more) for found, more in (page_of(rows_, number, 2) for number in (1, 2, 3))] == [
            (2, True), (1, False), (0, False),
        ]  # fmt: skip
    assert len(asked) == 3
    assert not [one for one in asked if "COUNT(" in one["sql"]]


def test_statements_stay_few_however_much_there_is(client: Client) -> None:
    as_role(client, OPERATORS)
    counted: dict[int, list[int]] = {}
    for people in (3, 200):
        _world, changes = refused(people)
        for _ in range(people // 40):
            previewed(3)
        counted[people] = []
        for at in (LIST, WAITING, page_at(changes[0])):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(at).status_code == 200
            counted[people].append(len(asked))
    assert max(counted[200]) <= MOST_STATEMENTS
    assert counted[3] == counted[200]
