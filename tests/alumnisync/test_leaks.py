"""Nothing of a person gets into logs, mails, texts of runs, exceptions or the queue's tables, whatever goes wrong.

Only their own rows say anything of them: those that an erasure clears.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from alumnisync import starting
from alumnisync.engine import queued
from alumnisync.engine.faults import without_words
from alumnisync.models import ChangeRecord, SyncRun
from connectors.records import NeedsAttention, Rejected, Temporary
from mappings.models import Sync
from tests.alumnisync.erasing import MARKS, PLANTED, marks_left, story
from tests.alumnisync.runs_made import SOME_LIMIT
from tests.factories import World

pytestmark = pytest.mark.django_db

THEIR_OWN = {
    "connectors_remoterecord",
    "connectors_feedrow",
    "connectors_servicenote",
    "alumnisync_link",
    "alumnisync_fieldchange",
    "alumnisync_changerecord",
    "alumnisync_conflict",
    "alumnisync_review",
    "alumnisync_match",
    "alumnisync_absence",
}
"""Tables that an erasure clears."""
SAYS = "The system refuses it. It says: “Quillivane of 'Umberfold' is “unknown” here”. Look there."
HOSTILE = "{{ Marrowbeck }} <script>Thistlewick</script> %s {0} \u202e Umberfold"


@pytest.fixture
def log(settings: Any) -> Iterator[StringIO]:
    """Everything that is logged, as the installation writes it."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    given: Any = settings.LOGGING["formatters"]["plain"]
    handler.setFormatter(import_string(given["class"])(given["format"], style=given["style"]))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def leaked(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text.lower()]


def tables() -> set[str]:
    return {place.partition(".")[0] for place, _ in marks_left()}


def mails() -> str:
    return "\n".join(f"{one.subject}\n{one.body}" for one in mail.outbox)


def test_conflicts_refusals_reviews_and_matches_are_told_to_nobody(log: StringIO) -> None:
    story()

    assert tables() <= THEIR_OWN
    assert tables() >= {"alumnisync_conflict", "alumnisync_changerecord"}
    assert log.getvalue()
    assert leaked(log.getvalue() + mails()) == []


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    ("error", "call"),
    [
        (NeedsAttention(SAYS), "poll"),
        (Temporary(SAYS), "poll"),
        (ValueError(HOSTILE), "poll"),
        (NeedsAttention(SAYS), "write"),
        (Temporary(SAYS), "write"),
        (Rejected(SAYS, {"last": SAYS}), "write"),
        (ValueError(HOSTILE), "write"),
        (NeedsAttention(SAYS), "read"),
        (ValueError(HOSTILE), "find"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_whatever_a_system_answers_stays_with_the_record(log: StringIO, error: Exception, call: str) -> None:
    world = World(alerts=["team@example.edu"], left={"create": "automatic"})
    left, _ = world.pair_up(**PLANTED)
    world.go()
    world.left.alter("person", left, {"last": HOSTILE})
    world.right.put("person", {**PLANTED, "email": "new@ploverhurst.example"})
    for store in (world.left, world.right):
        store.fail(error, call, times=None, raised=call == "write" and not isinstance(error, Rejected))

    world.run()

    assert tables() <= THEIR_OWN
    assert leaked(log.getvalue() + mails()) == []
    # That something went wrong is told all the same.
    assert SyncRun.objects.latest("pk").reason or ChangeRecord.objects.exclude(reason="").exists()


def test_what_is_held_is_said_in_figures(log: StringIO) -> None:
    world = World(
        alerts=["team@example.edu"], guards=dict.fromkeys(("changed", "blanked", "same_value"), SOME_LIMIT["changed"])
    )
    people = [world.pair_up(last="Old") for _ in range(4)]
    world.go()
    for left, _ in people:
        world.left.alter("person", left, {"last": "Marrowbeck", "phone": ""})

    done = world.run()

    assert done["state"] == "held"
    assert mails()
    assert tables() <= THEIR_OWN
    assert leaked(log.getvalue() + mails() + str(done)) == []


def test_what_the_command_says_of_a_run_holds_nothing(log: StringIO) -> None:
    world, *_ = story()
    out, err = StringIO(), StringIO()

    with pytest.raises(SystemExit):
        call_command("sync", world.sync.name, "--json", stdout=out, stderr=err)

    assert leaked(out.getvalue() + err.getvalue() + log.getvalue()) == []


def test_an_exception_that_escapes_a_task_is_kept_by_the_queue_without_its_text(
    monkeypatch: Any, log: StringIO
) -> None:
    def breaks(run: int) -> None:
        raise IntegrityError(f"DETAIL: Key (email)=({HOSTILE})")

    monkeypatch.setattr(queued, "work", breaks)

    with pytest.raises(Exception, match="reference"):
        async_task("alumnisync.tasks.work", 1, sync=True)

    assert leaked("".join(str(task.result) + str(task.args) for task in Task.objects.all())) == []
    assert tables() <= THEIR_OWN
    assert leaked(log.getvalue()) == []


def test_the_queue_holds_a_number_alone(django_capture_on_commit_callbacks: Any) -> None:
    world = World()
    world.pair_up(**PLANTED)

    with django_capture_on_commit_callbacks(execute=True):
        starting.start(Sync.objects.get(pk=world.sync.pk), by="pat")

    assert [one.task["args"] for one in OrmQ.objects.all()] == [(SyncRun.objects.latest("pk").pk,)]


def test_a_log_line_says_of_an_exception_where_it_was_and_not_what(log: StringIO) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error: %s", "/admin/")

    assert "ValueError" in log.getvalue()
    assert "test_leaks.py" in log.getvalue()
    assert leaked(log.getvalue()) == []


def test_words_of_a_system_are_taken_out_and_advice_stays() -> None:
    assert without_words(SAYS) == "The system refuses it. It says: “…”. Look there."
    assert without_words("The file has no column “Name”.") == "The file has no column “Name”."
