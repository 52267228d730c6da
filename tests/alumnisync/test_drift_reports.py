"""Comparisons that people ask for, that come every week, and on the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from alumnisync import drift, due, tasks
from alumnisync.engine.chunk import Chunk
from alumnisync.models import DriftReport, SyncRun
from connectors.models import Cursor
from connectors.records import Temporary
from mappings.models import Sync
from tests.factories import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Comparisons handed to the queue."""
    handed: list[int] = []

    def hand(function: str, pk: int) -> None:
        assert function == "alumnisync.tasks.compare"
        handed.append(pk)

    monkeypatch.setattr(drift, "async_task", hand)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda call, robust: call())
    return handed


def losing(monkeypatch: pytest.MonkeyPatch, **options: Any) -> World:
    """A sync whose engine lost somebody's change."""
    world = World(**options)
    left, _ = world.pair_up()
    world.go()
    note = Chunk._note
    monkeypatch.setattr(Chunk, "_note", lambda *args: {} if args[-1].writes else note(*args))
    world.left.alter("person", left, {"first": "Augusta"})
    world.run()
    return world


def settled(**options: Any) -> World:
    world = World(**options)
    world.pair_up()
    world.go()
    return world


def test_a_live_sync_is_compared_every_week_and_once(queue: list[int]) -> None:
    settled()
    World()
    now = timezone.now()
    due.tick(now)
    due.tick(now)
    (report,) = DriftReport.objects.all()
    assert (queue, report.asked_by, report.made_at) == ([report.pk], "", None)
    tasks.compare(report.pk)
    tasks.compare(report.pk)
    report.refresh_from_db()
    assert (report.counts["people"], report.unknown, report.number) == (1, 0, 1)
    due.tick(now + timedelta(days=6))
    assert DriftReport.objects.count() == 1
    due.tick(now + timedelta(days=8))
    assert DriftReport.objects.count() == 2


@pytest.mark.parametrize("change", [{"drift_report": "off"}, {"state": "paused"}])
def test_none_comes_by_itself_where_nobody_wants_it(queue: list[int], change: dict[str, str]) -> None:
    world = settled()
    Sync.objects.filter(pk=world.sync.pk).update(**change)
    due.tick()
    assert queue == []


def test_none_comes_beside_a_run(queue: list[int]) -> None:
    world = settled()
    SyncRun.objects.filter(sync=world.sync).update(state="running", lease_until=timezone.now() + timedelta(hours=1))
    drift.ask_weekly(timezone.now())
    assert queue == []


def test_what_the_queue_lost_is_handed_over_again(queue: list[int]) -> None:
    world = settled()
    report = drift.ask(world.sync, by="pat")
    assert drift.ask(world.sync, by="kim") == report
    now = timezone.now()
    drift.take_up_lost(now)
    assert queue == [report.pk]
    drift.take_up_lost(now + timedelta(hours=2))
    assert queue == [report.pk, report.pk]


def test_mail_goes_out_when_something_is_not_explained(
    monkeypatch: pytest.MonkeyPatch, queue: list[int], mailoutbox: list[Any], settings: Any
) -> None:
    settings.SITE_URL = "https://sync.example.org"
    world = losing(monkeypatch, alerts=["data@example.org"])
    mailoutbox.clear()
    report = drift.ask(world.sync, by="")
    drift.compare(report.pk)
    (mail,) = mailoutbox
    assert mail.to == ["data@example.org"]
    assert "1 difference that no rule" in mail.body
    assert f"https://sync.example.org/admin/mappings/sync/{world.sync.pk}/differences/" in mail.body
    assert "Augusta" not in mail.body


def test_no_mail_where_all_is_explained_or_a_person_asked(
    monkeypatch: pytest.MonkeyPatch, queue: list[int], mailoutbox: list[Any]
) -> None:
    fine, lost = settled(alerts=["a@example.org"]), losing(monkeypatch, alerts=["a@example.org"])
    mailoutbox.clear()
    drift.compare(drift.ask(fine.sync, by="").pk)
    drift.compare(drift.ask(lost.sync, by="pat").pk)
    assert mailoutbox == []
    assert sorted(DriftReport.objects.values_list("unknown", flat=True)) == [0, 1]


def test_one_that_could_not_be_made_says_why(monkeypatch: pytest.MonkeyPatch, queue: list[int]) -> None:
    world = settled()
    first = drift.ask(world.sync, by="pat")
    monkeypatch.setattr(drift, "tally", lambda people: 1 / 0)
    drift.compare(first.pk)
    first.refresh_from_db()
    assert "reference" in first.problem
    world.version.state = "draft"
    world.version.save()
    second = drift.ask(world.sync, by="pat")
    drift.compare(second.pk)
    second.refresh_from_db()
    assert "no rules in force" in second.problem


def test_no_report_holds_a_value() -> None:
    world = World()
    world.left.put("person", {"first": "Bill", "last": "Gray", "email": "g@example.org", "phone": ""})
    world.right.put("person", {"first": "William", "last": "Gray", "email": "g@example.org", "phone": ""})
    world.go()
    report = drift.make(world.sync, by="pat")
    assert report.counts["fields"]["first|first"] == {"first_meeting": 1}
    assert not any(value in json.dumps(report.counts) for value in ("Bill", "William", "Gray", "example.org"))


def told(name: str, *words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("drift", name, *words, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_what_differs_and_ends_by_the_exit_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = settled()
    code, text = told(world.sync.name)
    assert (code, text.splitlines()[0]) == (0, f"1 linked people of {world.sync} compared; 0 differ somewhere.")
    lost = losing(monkeypatch)
    code, text = told(lost.sync.name, "--json")
    found = json.loads(text)
    assert (code, found["sync"], found["people"], found["differing"], found["unknown"]) == (1, lost.sync.name, 1, 1, 1)
    assert found["fields"]["first|first"] == {"unknown": 1}
    assert set(found) == {
        "sync", "report", "version", "people", "differing", "unknown", "outside", "fields", "examples",
    }  # fmt: skip
    assert told(world.sync.name + "x")[0] == 2
    lost.version.state = "draft"
    lost.version.save()
    assert told(lost.sync.name)[0] == 2


def test_read_anew_it_finds_what_the_systems_lists_of_changes_left_out() -> None:
    world = settled()
    (left, right), _ = (*world.left.live("person"), *world.right.live("person")), world.pair_up()
    world.run()
    world.left.rows["person"][left].values["first"] = "Zoë"
    world.run()
    assert "0 differ" in told(world.sync.name)[1]
    written = world.writes()

    code, text = told(world.sync.name, "--fresh", "--json")

    assert (code, json.loads(text)["fields"]["first|first"]) == (0, {"equal": 1, "planned": 1})
    assert world.writes() == written
    world.run()
    assert world.right.values("person", right)["first"] == "Zoë"


def test_nothing_is_read_anew_beside_a_run_nor_compared_where_it_could_not_be_read() -> None:
    world = settled()
    Cursor.objects.update(lease_owner="elsewhere")
    code, text = told(world.sync.name, "--fresh", "--json")
    assert (code, "works with the records" in json.loads(text)["error"]) == (4, True)
    Cursor.objects.update(lease_owner="")
    world.left.fail(Temporary("Too busy."), "poll")
    code, text = told(world.sync.name, "--fresh", "--json")
    assert (code, "so nothing was compared. Too busy." in json.loads(text)["error"]) == (4, True)
    assert not DriftReport.objects.exists()
