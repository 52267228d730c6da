"""Everything that happened to a person: in order, with who and what stood behind it; and what is no longer kept."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alumnisync import forgetting
from alumnisync.downloads import HISTORY, history_table
from alumnisync.drift.comparing import Comparing
from alumnisync.forgetting import forget
from alumnisync.history import Entry, history_of
from alumnisync.inbox.wording import wordings
from alumnisync.models import Absence, ChangeRecord, Conflict, FieldChange, Link, SyncRun
from alumnisync.portrait import portrait
from alumnisync.review import decide
from alumnisync.tables import as_csv
from alumnisync.undo import Refused, can_be_undone
from connectors.cells import unescape
from connectors.models import FeedRow
from connectors.records import MISSING
from tests.alumnisync.undos import Office
from tests.factories import World

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=2000)


def link_of(world: World) -> Link:
    return Link.objects.get(sync=world.sync)


def entries(world: World) -> list[Entry]:
    return history_of(link_of(world), wordings([world.sync.pk])[world.sync.pk]).entries


def told(world: World, label: str) -> list[tuple[Any, Any, str]]:
    """Before, after and state of what happened to a field."""
    return [(one.before, one.after, one.state.words) for one in entries(world) if one.label == label]


def lived() -> tuple[World, str, str]:
    """Somebody met, sent, clashed over and decided about."""
    world = World(schedule="")
    left, right = world.pair_up(first="Ada", phone="573 555 0100")
    world.go()
    world.left.alter("person", left, {"first": "Augusta"})
    world.run()
    world.left.alter("person", left, {"phone": "+15735550101"})
    world.right.alter("person", right, {"phone": "+15735550102"})
    world.run()
    decide(world.conflicts()[0], "left", by="kim", comment="she called")
    world.run()
    return world, left, right


def test_every_value_is_there_in_the_order_of_time_with_who_and_why() -> None:
    world, left, right = lived()
    assert [one[:2] for one in told(world, "first")] == [(MISSING, "Ada"), ("Ada", "Augusta")]
    found = entries(world)
    assert found == sorted(found, key=lambda one: one.at)
    sent = next(one for one in found if one.after == "Augusta")
    assert sent.run
    assert sent.change
    run = SyncRun.objects.get(pk=sent.run)
    assert (sent.where, sent.record_id, sent.from_where, sent.from_id) == (
        f"{world.sync} right", right, f"{world.sync} left", left,
    )  # fmt: skip
    assert (sent.version, sent.why, sent.who) == (
        1,
        f"automatic: changed in {world.sync} left",
        ("run started by its schedule",),
    )
    assert run.changes.filter(pk=sent.change).exists()


def test_a_decision_is_told_with_who_took_it() -> None:
    world, *_ = lived()
    asked, sent = [one for one in entries(world) if one.label == "phone"][-2:]
    assert asked.who == (f"decided by kim: use what {world.sync} left says",)
    assert (asked.reason, asked.state.words) == ("she called", "over")
    assert "+15735550102" in str(asked.after)
    assert (sent.before, sent.after, sent.who[0]) == ("+15735550102", "+15735550101", "decided by kim")


def test_an_approved_run_says_who_approved_it_and_what_was_left_says_so() -> None:
    world = World()
    world.left.put("person", {"first": "Bill", "last": "Gray", "email": "g@example.org", "phone": "573 555 0100"})
    world.right.put("person", {"first": "William", "last": "Gray", "email": "g@example.org", "phone": ""})
    world.approve(world.run()["run"])
    filled = next(one for one in entries(world) if one.label == "phone")
    assert (filled.before, filled.why, filled.who) == (
        "", "filled a blank", ("run started by its schedule", "approved by pat"),
    )  # fmt: skip
    left = next(one for one in entries(world) if one.label == "first")
    assert (left.what, left.state.words) == ("left as they are", "first meeting")
    assert "Bill" in str(left.after)
    assert "William" in str(left.after)


def test_what_a_later_run_wrote_anew_is_told_once() -> None:
    world = World()
    left, _ = world.pair_up(phone="573 555 0100")
    world.go()
    world.left.alter("person", left, {"phone": "ask my sister"})
    for _ in range(3):
        world.run()
    assert ChangeRecord.objects.filter(state="closed").exists()
    assert [state for *_, state in told(world, "phone")] == ["agreed", "couldn't be sent"]


def test_a_record_that_is_gone_and_what_was_said_to_it_is_told() -> None:
    world = World()
    _, right = world.pair_up()
    world.go()
    world.right.remove("person", right)
    world.run()
    Absence.objects.update(asks=True, choice="keep", state="decided", decided_by="kim", comment="she moved")
    (entry,) = [one for one in entries(world) if one.label == "The record"]
    assert (entry.what, entry.record_id, entry.reason) == ("deleted there", right, "she moved")
    assert entry.who == ("decided by kim: kept as it is",)


def test_a_row_of_a_feed_that_came_too_late_is_history_only() -> None:
    world = World()
    left, _ = world.pair_up()
    world.go()
    now = timezone.now()
    for number, (change_id, name) in enumerate((("12", "Augusta"), ("9", "Annabella"), ("13", "Ada"))):
        FeedRow.objects.create(
            cursor=world.cursor("left"), change_id=change_id, remote_id=left, values={"first": name},
            landed_at=now + timedelta(minutes=number),
        )  # fmt: skip
    assert [one[1:] for one in told(world, "first")[-3:]] == [
        ("Augusta", "read"), ("Annabella", "history only"), ("Ada", "read"),
    ]  # fmt: skip


def test_statements_do_not_grow_with_the_history() -> None:
    world, left, _ = lived()

    def statements() -> int:
        link = Link.objects.prefetch_related("members__record").select_related("sync").get(sync=world.sync)
        with CaptureQueriesContext(connection) as asked:
            portrait(link)
        return len(asked)

    before = statements()
    for name in ("Mary", "Grace", "Ada"):
        world.left.alter("person", left, {"first": name})
        world.run()
    assert statements() == before
    assert before <= 30


def test_the_file_holds_all_of_it() -> None:
    world, *_ = lived()
    table = history_table(link_of(world))
    text = b"".join(as_csv(table.columns, table.rows)).decode().removeprefix("\ufeff")
    heading, *rows = [[unescape(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]
    assert heading == list(HISTORY)
    assert len(rows) == len(entries(world))
    assert ["Ada", "Augusta"] in [row[7:9] for row in rows]


# --- how long it is kept ---------------------------------------------------------------------------------------


def age(*runs: int) -> None:
    """These runs, or all, are long past."""
    past = timezone.now() - LONG_AGO
    found = SyncRun.objects.filter(pk__in=runs) if runs else SyncRun.objects.all()
    found.update(finished_at=past)


def forget_all() -> int:
    pieces = 0
    while forget():
        pieces += 1
        assert pieces < 100
    return pieces


def test_old_values_are_removed_and_what_happened_stays() -> None:
    world, *_ = lived()
    before = [(one.label, one.what, one.run) for one in entries(world) if one.is_write]
    age()
    assert forget_all()
    after = [(one.label, one.what, one.run) for one in entries(world) if one.change]
    assert after == before
    assert all(one.after is MISSING for one in entries(world) if one.change)
    assert not ChangeRecord.objects.exclude(settles={}).exists()
    assert [one.shown for one in Conflict.objects.all()] == [{}]
    assert "kept any more" in portrait(link_of(world)).kept
    assert Link.objects.get(sync=world.sync).bases["first|first"]["left"] == "Augusta"


def test_what_is_young_or_unfinished_keeps_its_values() -> None:
    world, left, _ = lived()
    world.left.alter("person", left, {"phone": "ask my sister"})
    world.run()
    old, *_, newest = SyncRun.objects.order_by("pk").values_list("pk", flat=True)
    age(old, newest)
    forget_all()
    kept = FieldChange.objects.exclude(after=MISSING)
    assert kept.filter(change__run=newest, change__state="set_aside").count() == 1
    assert not kept.filter(change__run=old).exists()
    assert kept.filter(change__run__gt=old, change__state="done").exists()


def test_an_open_question_and_a_waiting_undo_keep_what_they_need() -> None:
    world, left, right = lived()
    world.left.alter("person", left, {"last": "King"})
    world.right.alter("person", right, {"last": "Lovelace"})
    world.run()
    SyncRun.objects.create(sync=world.sync, version=world.version, kind="undo", state="held")
    age()
    assert forget_all() == 0
    SyncRun.objects.filter(kind="undo").delete()
    forget_all()
    assert world.conflicts()[0].shown["left"] == {"last|last": "King"}


def test_a_run_whose_values_are_gone_is_not_undone() -> None:
    office = Office()
    run = office.carried(first="Augusta")
    age(run)
    forget_all()
    assert not can_be_undone(SyncRun.objects.get(pk=run))
    with pytest.raises(Refused, match="no longer kept"):
        office.undo(run)


def test_it_goes_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    people = [world.pair_up() for _ in range(4)]
    world.go()
    for left, _ in people:
        world.left.alter("person", left, {"first": "Augusta"})
    run = world.run()["run"]
    age(run)
    monkeypatch.setattr(forgetting, "PIECE", 2)
    forget()
    assert FieldChange.objects.filter(change__run=run, after=MISSING).count() == 2
    assert forget_all() >= 1
    assert FieldChange.objects.filter(change__run=run, after=MISSING).count() == 4


def test_zero_keeps_history_for_ever_and_less_than_a_month_is_a_month(settings: Any) -> None:
    world, *_ = lived()
    age()
    settings.HISTORY_DAYS = 0
    assert forget_all() == 0
    assert portrait(link_of(world)).kept == "History is kept for ever."
    SyncRun.objects.update(finished_at=timezone.now() - timedelta(days=10))
    settings.HISTORY_DAYS = 1
    assert forget_all() == 0


def test_a_difference_is_still_explained_when_its_history_is_gone() -> None:
    world = World()
    world.left.put("person", {"first": "Bill", "last": "Gray", "email": "g@example.org", "phone": ""})
    world.right.put("person", {"first": "William", "last": "Gray", "email": "g@example.org", "phone": ""})
    world.go()
    age()
    forget_all()
    (seen,) = Comparing(world.sync).everybody()
    assert [(one.pair, one.reason) for one in seen.differences] == [("first|first", "first_meeting")]
