"""The pages of runs: the list, what is on hold, a run by itself."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alumnisync.models import SyncRun
from alumnisync.reporting import duration, waits_for_ok
from alumnisync.roles import OPERATORS
from alumnisync.waiting import HELD
from connectors.models import Connection
from connectors.records import Field
from tests.alumnisync.runs_made import (
    MOST_STATEMENTS,
    as_role,
    at,
    held,
    newest,
    page,
    previewed,
    settled,
    text_of,
)
from tests.factories import World

pytestmark = pytest.mark.django_db


def test_a_preview_says_what_would_be_written_where(admin_client: Client) -> None:
    world, run = previewed()
    said = page(admin_client, run)
    assert "preview – needs your OK" in said  # noqa: RUF001
    assert f"In {world.connections['right'].name}: 3 records changed." in said
    assert f"In {world.connections['left'].name}: nothing is written." in said
    assert "Lovelace2" in said
    assert "not sent yet" in said


def test_what_is_on_hold_says_what_was_sent_and_what_was_not(admin_client: Client) -> None:
    world, run = held()
    right = world.connections["right"].name
    sentence = f"{right}: 3 people would get another last; usual is 0."
    consequence = "Nothing of this was sent; the rest was."
    said = page(admin_client, run)
    assert re.search(rf"{re.escape(right)}: 3 people would get another last[^.]*\. {re.escape(consequence)}", said), (
        sentence
    )
    assert f"In {right}: 3 records changed." in said
    listed = text_of(admin_client.get(reverse("admin:alumnisync_syncrun_changelist") + "?waiting=yes"))
    assert "until somebody looks at them" in listed
    assert consequence in listed
    assert f"Run {run.pk} of {world.sync.name}" in listed


def test_a_limit_that_stops_everything_says_so(admin_client: Client) -> None:
    world = World()
    world.pair_up()
    world.run()
    said = page(admin_client, newest(world))
    assert "These rules were never approved" in said
    assert "Nothing was sent." in said
    assert "the rest was" not in said


def test_the_list_tells_runs_apart_and_can_be_narrowed(admin_client: Client) -> None:
    world, run = held()
    other, preview = previewed()
    address = reverse("admin:alumnisync_syncrun_changelist")
    said = text_of(admin_client.get(address))
    assert "on hold – needs your OK" in said  # noqa: RUF001
    assert "preview – needs your OK" in said  # noqa: RUF001
    assert "its schedule" in said
    for query, there, gone in (
        (f"sync={world.sync.pk}", run, preview),
        ("kind=preview", preview, run),
        ("state=held", run, preview),
    ):
        listed = text_of(admin_client.get(f"{address}?{query}"))
        assert f"{there.sync.name} · {there.pk} " in listed, query
        assert f"{gone.sync.name} · {gone.pk} " not in listed, query
    assert "Nothing here fits what you chose." in text_of(admin_client.get(f"{address}?state=failed"))
    assert other.sync.name != world.sync.name


def test_an_empty_list_says_what_would_be_there(admin_client: Client) -> None:
    address = reverse("admin:alumnisync_syncrun_changelist")
    assert "No sync has run yet." in text_of(admin_client.get(address))
    assert "Nothing is on hold." in text_of(admin_client.get(address + "?waiting=yes"))


def test_waiting_means_the_same_to_the_page_and_to_the_database() -> None:
    world, _run = held()
    previewed()
    settled()
    for state in SyncRun.State:
        for kind in SyncRun.Kind:
            for approved_at in (None, timezone.now()):
                SyncRun.objects.create(
                    sync=world.sync, version=world.version, state="done", kind=kind, approved_at=approved_at
                )
                if state != SyncRun.State.RUNNING:
                    SyncRun.objects.create(
                        sync=world.sync, version=world.version, state=state, kind=kind, approved_at=approved_at
                    )
    waiting = set(SyncRun.objects.filter(HELD).values_list("pk", flat=True))
    assert waiting == {run.pk for run in SyncRun.objects.all() if waits_for_ok(run)}


def test_a_run_under_way_says_how_far_it_is_and_then_reloads(admin_client: Client) -> None:
    world, run = previewed()
    SyncRun.objects.filter(pk=run.pk).update(state="running", progress=["Reading the directory…", "Matching…"])
    shown = admin_client.get(at("change", run)).content.decode()
    assert f'data-refresh="{at("progress", run)}"' in shown
    fragment = admin_client.get(at("progress", run)).content.decode().strip()
    assert "Reading the directory…" in fragment
    assert fragment.startswith("<div")
    assert "<html" not in fragment
    SyncRun.objects.filter(pk=run.pk).update(state="done")
    assert 'data-reload="yes"' in admin_client.get(at("progress", run)).content.decode()
    assert "data-refresh=" not in admin_client.get(at("change", run)).content.decode()
    assert "What it said on its way" in page(admin_client, run)
    assert world.sync.name in page(admin_client, run)


def test_the_changes_of_a_run_can_be_narrowed_and_turned(admin_client: Client) -> None:
    world, run = previewed(60, guards={"changed": {"floor": 100, "share": 1}})
    first = page(admin_client, run)
    assert first.count("→") == 50 + first.count("Before → after")
    assert "Page 1" in first
    last = page(admin_client, run, "?page=2")
    assert last.count(" updated ") >= 10
    change = run.changes.filter(kind="update").first()
    assert change is not None
    assert change.record is not None
    assert page(admin_client, run, f"?q={change.record.remote_id}").count("Lovelace") == 1
    for query in ("?state=done", "?kind=create", "?to=left", "?unit=first|first", "?q=nobody", "?page=9"):
        assert "Nothing here fits what you chose." in page(admin_client, run, query), query
    for query in ("?state=planned", "?kind=update", "?to=right", "?unit=last|last"):
        assert "Lovelace" in page(admin_client, run, query), query
    assert world.sync.name in first


def test_people_are_counted_by_field(admin_client: Client) -> None:
    world, run = held()
    shown = admin_client.get(at("change", run)).content.decode()
    rows = re.findall(r'<th scope="row">(.*?)</th><td data-label="To">(.*?)</td>(.*?)</tr>', shown)
    figures = {(label, to): re.findall(r">([\d,]+)<", counts) for label, to, counts in rows}
    right = world.connections["right"].name
    assert figures == {("last", right): ["0", "0", "3", "0"], ("phone", right): ["1", "0", "0", "0"]}


def test_statements_stay_few_however_much_there_is(client: Client) -> None:
    as_role(client, OPERATORS)
    counted: dict[int, list[int]] = {}
    for people in (3, 200):
        world, run = previewed(people)
        for _ in range(people // 20):
            SyncRun.objects.create(sync=world.sync, version=world.version, kind="preview", state="done")
        counted[people] = []
        address = reverse("admin:alumnisync_syncrun_changelist")
        for one in (at("change", run), at("approve", run), address, address + "?waiting=yes", at("progress", run)):
            with CaptureQueriesContext(connection) as asked:
                client.get(one)
            counted[people].append(len(asked))
    assert max(counted[3]) <= MOST_STATEMENTS
    assert counted[3] == counted[200]


def test_a_page_that_is_not_there_is_not_found(admin_client: Client) -> None:
    for name in ("change", "approve", "reject", "progress"):
        assert admin_client.get(reverse(f"admin:alumnisync_syncrun_{name}", args=[999])).status_code == 404
    assert admin_client.get("/admin/alumnisync/syncrun/abc/change/").status_code == 404


def test_how_long_a_run_took_is_said_in_words() -> None:
    begun = timezone.now()
    took = {0.25: "0.2 s", 61: "1 min 1 s", 3700: "1 h 1 min"}
    for seconds, words in took.items():
        run = SyncRun(started_at=begun, finished_at=begun + timedelta(seconds=seconds))
        assert duration(run) == words
    assert duration(SyncRun(started_at=begun)) == ""


def test_no_screen_speaks_of_left_and_right(admin_client: Client) -> None:
    world = World()
    for side, name in (("left", "Directory"), ("right", "CRM")):
        Connection.objects.filter(pk=world.connections[side].pk).update(name=name)
    world.pair_up()
    world.run()
    run = newest(world)
    for name in ("change", "approve", "reject"):
        assert not re.search(r"\b(left|right|base|cursor|plan)\b", text_of(admin_client.get(at(name, run)))), name


def test_fields_that_appeared_are_told_with_how_many_have_them(admin_client: Client) -> None:
    world, run = previewed()
    run.counts["new_fields"] = {"left": {"shoe_size": 214}, "right": {"Shoe__c": None}}
    run.save()
    said = page(admin_client, run)
    left, right = (world.connections[side].name for side in ("left", "right"))
    assert f"New field in {left}: shoe_size; 214 records have it." in said
    assert f"New field in {right}: Shoe__c; no record was read with it yet." in said


def test_a_field_that_a_system_describes_for_the_first_time_is_told() -> None:
    world, _people = settled()
    kind = world.right.types["person"]
    world.right.types["person"] = replace(kind, fields=(*kind.fields, Field("shoe")))
    world.run()
    assert newest(world).counts["new_fields"] == {"left": {}, "right": {"shoe": None}}
    world.run()
    assert newest(world).counts["new_fields"] == {"left": {}, "right": {}}
