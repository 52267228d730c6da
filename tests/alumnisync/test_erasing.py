"""Erasing a person: nothing of them is left in any row, nothing comes back, and the figures stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from alumnisync.engine.lease import Lease
from alumnisync.engine.report import count_written, summary
from alumnisync.models import ChangeRecord, ErasedKey, Erasure, FieldChange, Link, Match, SyncRun
from alumnisync.privacy import clearing
from alumnisync.privacy.erasing import Refused, erase, preview, tick_off
from alumnisync.privacy.holdings import HOLDINGS
from alumnisync.undo import undo
from connectors.models import ErasedRecord, FeedRow, RemoteRecord, ServiceNote
from mappings.models import MappingVersion
from tests.alumnisync.erasing import SHARED, held, marks_left, story
from tests.factories import World

pytestmark = pytest.mark.django_db

EVERYWHERE = {
    "alumnisync_absence.comment",
    "alumnisync_changerecord.reason",
    "alumnisync_changerecord.settles",
    "alumnisync_conflict.comment",
    "alumnisync_conflict.shown",
    "alumnisync_fieldchange.after",
    "alumnisync_fieldchange.before",
    "alumnisync_fieldchange.source",
    "alumnisync_link.bases",
    "alumnisync_match.comment",
    "alumnisync_review.shown",
    "connectors_feedrow.values",
    "connectors_remoterecord.values",
    "connectors_servicenote.why",
}
FORGOTTEN = [
    (FieldChange, "before"),
    (FieldChange, "after"),
    (FieldChange, "source"),
    (ChangeRecord, "settles"),
    (Match, "comment"),
    (FeedRow, ""),
    (ServiceNote, ""),
]
"""What a careless eraser might leave; "" the whole row."""


class TakenBack(Exception):
    """Undoes what was tried out."""


@contextmanager
def tried() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
            raise TakenBack
    except TakenBack:
        pass


def two(count: int = 2, **options: Any) -> tuple[World, list[tuple[str, str]]]:
    """A live sync with people who agree on both sides."""
    world = World(**options)
    people = [world.pair_up() for _ in range(count)]
    world.go()
    return world, people


def test_nothing_of_an_erased_person_is_left_in_the_whole_database(monkeypatch: Any) -> None:
    world, left, right = story()
    assert {place for place, _ in marks_left()} >= EVERYWHERE
    record = held(world, "left", left)

    for model, field in FORGOTTEN:
        with tried():
            monkeypatch.setattr(clearing, "HOLDINGS", careless(model, field))
            erase(record, by="pat")
            assert marks_left(), (model, field)
    monkeypatch.undo()
    erase(record, by="pat", ticket="DP-1")

    assert marks_left() == set()
    assert marks_left([left, right]) == set()
    # Somebody else has the same e-mail address, and keeps it.
    assert marks_left([SHARED]) == {("connectors_remoterecord.values", SHARED)}


def careless(model: Any, field: str) -> Any:
    """The holdings of an eraser that forgets a field, or a kind of row."""
    if not field:
        return tuple(one for one in HOLDINGS if one.model is not model)
    return tuple(
        replace(one, blanks={name: value for name, value in one.blanks.items() if name != field})
        if one.model is model and one.blanks
        else one
        for one in HOLDINGS
    )


def test_the_figures_of_runs_stay_and_the_lines_say_nothing() -> None:
    world, [(left, _), *_] = two()
    world.left.alter("person", left, {"last": "Hopper"})
    done = world.run()
    run = SyncRun.objects.get(pk=done["run"])
    lines = run.changes.count()

    erasure = erase(held(world, "left", left), by="pat")

    again = summary(SyncRun.objects.get(pk=run.pk))
    assert again["updated"] == done["updated"] == {"left": 0, "right": 1}
    assert run.changes.count() == lines
    change = run.changes.get(kind="update")
    assert (change.record, change.source, change.link, change.settles) == (None, None, None, {})
    assert change.reason == f"This person was erased on {erasure.at:%-d %B %Y}."
    assert Link.objects.count() == 1


def test_what_runs_named_by_an_id_names_it_no_more() -> None:
    world, [(left, _), (other, _)] = two()
    run = SyncRun.objects.latest("pk")
    named = {"unread": {"ids": [left, other], "count": 2}}
    run.counts["reconciliation"] = {"lines": [{"apart": [left], "count_apart": 1, "missed": named}]}
    run.progress = [f"Never read: {other}, {left}.", f"Never read: {other}, {left}0."]
    run.save()

    erase(held(world, "left", left), by="pat")

    run.refresh_from_db()
    (line,) = run.counts["reconciliation"]["lines"]
    assert (line["apart"], line["missed"]["unread"]) == ([], {"ids": [other], "count": 2})
    assert run.progress == [f"Never read: {other}, {left}0."]


def test_a_run_that_goes_on_counts_the_erased_ones_too() -> None:
    world, people = two(3)
    for left, _ in people:
        world.left.alter("person", left, {"last": "Hopper"})
    run = SyncRun.objects.get(pk=world.run()["run"])
    for left, _ in people[:2]:
        erase(held(world, "left", left), by="pat")

    count_written(run)

    assert run.counts["updated"] == {"left": 0, "right": 3}


def test_an_old_preview_that_is_approved_sends_nothing_of_an_erased_person() -> None:
    world, [(left, right), (other, _)] = two()
    for id in (left, other):
        world.left.alter("person", id, {"last": "Hopper"})
    shown = world.run(preview=True)["run"]
    erase(held(world, "left", left), by="pat")
    lines = ChangeRecord.objects.filter(run=shown, link=None)
    assert set(lines.values_list("state", flat=True)) == {"closed"}

    done = world.approve(shown)

    assert done["updated"] == {"left": 0, "right": 1}
    assert done["created"] == {"left": 0, "right": 0}
    assert world.right.values("person", right)["last"] != "Hopper"


def test_an_undo_puts_nothing_of_an_erased_person_back() -> None:
    world, [(left, right), (other, kept)] = two()
    for id in (left, other):
        world.left.alter("person", id, {"last": "Hopper"})
    run = SyncRun.objects.get(pk=world.run()["run"])
    erase(held(world, "left", left), by="pat")

    shown = undo(run, by="pat")
    world.approve(shown.pk)

    assert world.right.values("person", right)["last"] == "Hopper"
    assert world.right.values("person", kept)["last"].startswith("Byron")
    assert not RemoteRecord.objects.filter(cursor=world.cursor("right"), remote_id=right).exists()


def test_what_was_set_aside_is_not_tried_again() -> None:
    world, left, right = story()
    before = world.right.values("person", right)
    erase(held(world, "left", left), by="pat")
    world.right.failures.clear()

    world.run()
    world.run()

    assert world.right.values("person", right) == before
    assert marks_left() == set()


def test_a_run_under_way_is_waited_for() -> None:
    world, [(left, _), *_] = two()
    run = SyncRun.objects.create(sync=world.sync, version=world.version)
    assert Lease(run).take()
    record = held(world, "left", left)

    assert preview(record).refusal == f"Run {run.pk} of {world.sync} is under way. Wait until it has ended, then erase."
    with pytest.raises(Refused, match="is under way"):
        erase(record, by="pat")
    assert held(world, "left", left)


def test_a_run_of_another_sync_that_reads_the_same_records_is_waited_for() -> None:
    world, [(left, _), *_] = two()
    other = World()
    for side in world.version.sides.all():
        other.version.sides.filter(side=side.side).update(connection=side.connection)
    run = SyncRun.objects.create(sync=other.sync, version=other.version)
    assert Lease(run).take()

    with pytest.raises(Refused, match="is under way"):
        erase(held(world, "left", left), by="pat")


def test_a_run_that_was_cut_off_has_to_be_finished_first() -> None:
    world, [(left, _), *_] = two()
    SyncRun.objects.create(
        sync=world.sync,
        version=world.version,
        state="running",
        lease_owner="elsewhere|1|1",
        lease_until=timezone.now() - timedelta(hours=1),
    )

    with pytest.raises(Refused, match="was cut off"):
        erase(held(world, "left", left), by="pat")


def test_an_answer_that_was_lost_is_found_out_first() -> None:
    world, [(left, _), *_] = two()
    world.left.alter("person", left, {"last": "Hopper"})
    run = SyncRun.objects.get(pk=world.run()["run"])
    run.changes.filter(kind="update").update(state="sending")

    with pytest.raises(Refused, match="nobody knows yet"):
        erase(held(world, "left", left), by="pat")
    world.run()
    erase(held(world, "left", left), by="pat")


def test_a_pilot_of_one_person_is_not_opened_to_everybody() -> None:
    world, [(left, right), *_] = two()
    MappingVersion.objects.filter(pk=world.version.pk).update(pilot=[left, right])

    erase(held(world, "left", left), by="pat")

    assert MappingVersion.objects.get(pk=world.version.pk).pilot == ["(erased)", "(erased)"]


def test_a_place_to_go_on_from_that_names_the_person_is_forgotten() -> None:
    world, [(left, _), *_] = two()
    cursor = world.cursor("left")
    type(cursor).objects.filter(pk=cursor.pk).update(position={"after": [left, 1]})

    erase(held(world, "left", left), by="pat")

    assert world.cursor("left").position is None


def test_what_a_system_said_in_a_failed_run_is_taken_out() -> None:
    world, [(left, _), *_] = two()
    run = SyncRun.objects.filter(sync=world.sync).latest("pk")
    run.reason = "The CRM said “no Marrowbeck here”. Try again."
    run.save()

    erase(held(world, "left", left), by="pat")

    run.refresh_from_db()
    assert run.reason == "The CRM said “…”. Try again."


def test_somebody_proposed_with_the_person_is_looked_at_anew() -> None:
    world = World()
    left, right = world.pair_up()
    world.run(preview=True)
    assert Link.objects.filter(state="proposed").exists()

    erase(held(world, "left", left), by="pat")

    assert not Link.objects.exists()
    assert held(world, "right", right)
    world.go()
    # It has the erased one's e-mail address: nothing is created by itself.
    assert [match.record.remote_id for match in world.matches()] == [right]


def test_the_record_of_an_erasure_says_nothing_of_the_person() -> None:
    world, left, _ = story()

    erasure = erase(held(world, "left", left), by="pat", ticket="  DP-1 \n")

    assert (erasure.by, erasure.ticket) == ("pat", "DP-1")
    assert ["Records, as last read", world.connections["left"].name, 1] in [list(one) for one in erasure.counts]
    assert {(task.system, task.what, task.count) for task in erasure.tasks.all()} == {
        (world.connections[side].name, "person", 1) for side in ("left", "right")
    }
    assert ErasedRecord.objects.count() >= 2
    assert ErasedKey.objects.filter(erasure=erasure).exists()


def test_a_task_is_ticked_off_once() -> None:
    world, [(left, _), *_] = two()
    task = erase(held(world, "left", left), by="pat").tasks.all()[0]

    assert tick_off(task, by="kim")
    assert not tick_off(task, by="lee")
    task.refresh_from_db()
    assert task.done_by == "kim"
    assert task.done_at


def test_somebody_who_is_gone_already_is_refused_in_words() -> None:
    world, [(left, _), *_] = two()
    record = held(world, "left", left)
    erase(record, by="pat")

    with pytest.raises(Refused, match="may be erased already"):
        erase(record, by="pat")
    assert Erasure.objects.count() == 1


def test_nobody_else_is_touched() -> None:
    world, [(left, _), (other, _)] = two()

    erase(held(world, "left", left), by="pat")

    assert held(world, "left", other).values["first"] == "Ada"
    assert Link.objects.filter(state="active").count() == 1
    assert world.run()["updated"] == {"left": 0, "right": 0}


def test_a_failure_in_the_middle_leaves_everything_as_it_was(monkeypatch: Any) -> None:
    world, [(left, _), *_] = two()

    def fails(*args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(clearing, "_scrub_runs", fails)
    with pytest.raises(RuntimeError):
        erase(held(world, "left", left), by="pat")

    assert held(world, "left", left).values["first"] == "Ada"
    assert Link.objects.filter(state="active").count() == 2
    assert not Erasure.objects.exists()
    assert not ErasedRecord.objects.exists()
    assert RemoteRecord.objects.count() == 4
