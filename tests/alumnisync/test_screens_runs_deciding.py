"""What the buttons of a run do: approve, reject, start again, stop; and for whom."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from alumnisync.engine.run import finish_approved
from alumnisync.models import SyncRun
from alumnisync.roles import EDITORS, OPERATORS, REVIEWERS, VIEWERS
from mappings.models import MappingVersion, Sync
from tests.alumnisync.runs_made import (
    as_role,
    at,
    everything,
    newest,
    page,
    previewed,
    settled,
    text_of,
    told,
)
from tests.factories import World, waive_check_list

pytestmark = pytest.mark.django_db

BUTTONS = {"approve": {OPERATORS}, "reject": {OPERATORS}, "again": {OPERATORS}, "stop": {OPERATORS}} | {
    "preview_again": {EDITORS, OPERATORS}
}


def test_a_preview_is_approved_and_exactly_that_is_sent(admin_client: Client) -> None:
    world, run = previewed()
    asked = text_of(admin_client.get(at("approve", run)))
    assert f"In {world.connections['right'].name}: 3 records changed." in asked
    answer = admin_client.post(at("approve", run), follow=True)
    run.refresh_from_db()
    assert (run.state, run.approved_by) == ("queued", "admin")
    assert told(answer) == ["It is approved. Exactly what it shows is sent as soon as a worker is free."]
    assert "approved, waiting to be sent" in text_of(answer)
    finish_approved(run)
    assert {world.right.values("person", one)["last"] for one in world.right.live("person")} == {
        "Lovelace0", "Lovelace1", "Lovelace2",
    }  # fmt: skip
    assert run.changes.filter(kind="update", state="done").count() == 3
    assert "approved preview" in page(admin_client, run)


def test_asking_to_approve_changes_nothing(admin_client: Client) -> None:
    _world, run = previewed()
    before = everything()
    for name in ("change", "approve", "reject", "progress"):
        assert admin_client.get(at(name, run)).status_code == 200
    admin_client.get(reverse("admin:alumnisync_syncrun_changelist"))
    assert everything() == before


def test_new_records_and_their_ids_are_counted_apart(admin_client: Client) -> None:
    world = World(left={"key_field": "crm_id"}, right={"create": "automatic"})
    world.pair_up(crm_id="")
    for number in range(2):
        world.left.put("person", {"first": "New", "last": f"N{number}", "email": f"n{number}@example.org"})
    world.run(preview=True)
    said = text_of(admin_client.get(at("approve", newest(world))))
    left, right = (world.connections[side].name for side in ("left", "right"))
    assert f"In {right}: 2 records created, 1 id written." in said
    assert f"In {left}: 1 id written, up to 2 ids of new records written." in said


def test_a_removal_that_stays_on_its_side_is_not_said_to_be_written(admin_client: Client) -> None:
    world, people = settled(2, guards={"blanked": {"floor": 1, "share": 0}})
    for left, _ in people:
        world.left.alter("person", left, {"last": ""})
    world.run()
    left, right = (world.connections[side].name for side in ("left", "right"))
    said = page(admin_client, newest(world))
    assert f"{right}: 2 people would lose their last" in said
    assert f"In {right}: nothing is written. 2 values that were removed in {left} stay." in said
    assert f"In {left}: nothing is written. " in said


def test_the_preview_of_a_draft_says_that_it_switches_rules_on(admin_client: Client) -> None:
    _world, run = previewed()
    assert "It also" not in text_of(admin_client.get(at("approve", run)))
    MappingVersion.objects.filter(pk=run.version_id).update(state="draft")
    assert "It also switches version 1 of" in text_of(admin_client.get(at("approve", run)))
    Sync.objects.filter(pk=run.sync_id).update(state="draft")
    assert "It also switches world-" in page(admin_client, run)
    waive_check_list(run.sync)
    admin_client.post(at("approve", run))
    run = SyncRun.objects.get(pk=run.pk)
    assert (run.state, run.version.state, run.sync.state) == ("queued", "active", "live")


def test_a_paused_sync_sends_what_is_approved_later(admin_client: Client) -> None:
    _world, run = previewed()
    Sync.objects.filter(pk=run.sync_id).update(state="paused")
    said = page(admin_client, run)
    assert "is paused: it is sent once somebody switches it on again." in said
    assert "Run again" not in said


def test_who_may_not_switch_rules_on_approves_no_draft(client: Client) -> None:
    _world, run = previewed()
    as_role(client, OPERATORS)
    Group.objects.get(name=OPERATORS).permissions.filter(codename="activate_sync").first().group_set.clear()  # type: ignore[union-attr]
    assert client.get(at("approve", run)).status_code == 200
    MappingVersion.objects.filter(pk=run.version_id).update(state="draft")
    assert client.get(at("approve", run)).status_code == 403
    assert client.post(at("approve", run)).status_code == 403
    assert "Approve…" not in page(client, run)
    run.refresh_from_db()
    assert run.approved_at is None


def test_a_plan_that_is_out_of_date_is_refused_in_words(admin_client: Client) -> None:
    world, run = previewed()
    world.run(preview=True)
    answer = admin_client.post(at("approve", run), follow=True)
    assert f"Run {run.pk} is out of date: run {newest(world).pk} looked at everything anew." in told(answer)
    assert SyncRun.objects.get(pk=run.pk).approved_at is None
    assert admin_client.get(at("approve", run)).status_code == 302


def test_rejecting_needs_a_reason(admin_client: Client) -> None:
    _world, run = previewed()
    for why in ("", "   "):
        answer = admin_client.post(at("reject", run), {"why": why})
        assert "Say why it is rejected, in a few words." in text_of(answer)
    run.refresh_from_db()
    assert run.state == "done"
    answer = admin_client.post(at("reject", run), {"why": "The file was wrong"}, follow=True)
    run.refresh_from_db()
    assert (run.state, run.reason) == ("stopped", "Rejected by admin: The file was wrong")
    assert "Rejected by admin: The file was wrong" in text_of(answer)
    assert {change.state for change in run.changes.filter(kind="update")} == {"rejected"}


def test_a_failed_run_says_why_and_can_be_run_again(admin_client: Client) -> None:
    world, run = previewed()
    SyncRun.objects.filter(pk=run.pk).update(state="failed", reason="The key was refused.")
    said = page(admin_client, run)
    assert "The key was refused. Nothing is lost: the next run goes on from there." in said
    answer = admin_client.post(at("again", run), follow=True)
    started = newest(world)
    assert (started.pk > run.pk, started.kind, started.requested_by) == (True, "run", "admin")
    assert answer.redirect_chain == [(at("change", started), 302)]


def test_a_new_preview_and_stopping_it(admin_client: Client) -> None:
    world, run = previewed()
    admin_client.post(at("preview_again", run))
    started = newest(world)
    assert (started.kind, started.state) == ("preview", "queued")
    assert "waiting to start" in page(admin_client, started)
    admin_client.post(at("stop", started))
    started.refresh_from_db()
    assert started.state == "stopped"


@pytest.mark.quick(2)
@pytest.mark.parametrize("role", [VIEWERS, REVIEWERS, EDITORS, OPERATORS])
def test_each_button_is_there_for_whoever_may_press_it(role: str, client: Client) -> None:
    _world, run = previewed()
    as_role(client, role)
    shown = client.get(at("change", run)).content.decode()
    for name, roles in BUTTONS.items():
        before = everything()
        answer = client.post(at(name, run))
        if role in roles:
            assert answer.status_code in (200, 302), name
        else:
            assert answer.status_code == 403, name
            assert everything() == before, name
        if name != "stop":
            assert (at(name, run) in shown) == (role in roles), name


def test_buttons_answer_to_post_alone(admin_client: Client) -> None:
    _world, run = previewed()
    for name in ("again", "preview_again", "stop"):
        assert admin_client.get(at(name, run)).status_code == 405
    assert admin_client.post(at("progress", run)).status_code == 405
    for address in (at("change", run), reverse("admin:alumnisync_syncrun_changelist")):
        assert admin_client.post(address).status_code == 403


def test_a_form_of_another_site_changes_nothing(client: Client) -> None:
    _world, run = previewed()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root"))
    before = everything()
    for name, sent in (("approve", {}), ("reject", {"why": "x"}), ("again", {}), ("preview_again", {}), ("stop", {})):
        assert strict.post(at(name, run), sent).status_code == 403, name
    assert everything() == before
