"""Mail about runs: once, in words, without anybody's data, and never in a run's way."""

from __future__ import annotations

import logging

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from alumnisync.engine import points
from alumnisync.engine.run import Busy
from alumnisync.models import Alarm, SyncRun
from connectors.records import NeedsAttention
from tests.alumnisync.queueing import last_run, settled
from tests.factories import PAIRS, World

pytestmark = pytest.mark.django_db

TEAM = ["data-team@example.org", "kim@example.org"]
Box = list[EmailMessage]


@pytest.fixture
def world(mailoutbox: Box) -> World:
    world, _ = settled(60, alerts=TEAM)
    mailoutbox.clear()
    return world


def fail(world: World, words: str = "The key has expired.") -> None:
    world.left.failures = []
    world.left.fail(NeedsAttention(words), "poll", raised=True, every=1)
    assert world.run()["state"] == "failed"


def mend(world: World) -> None:
    world.left.failures = []
    assert world.run()["state"] == "done"


def clean_up(world: World, field: str, text: str) -> None:
    """Change a field of everybody."""
    for number, row in enumerate(list(world.left.live("person"))):
        world.left.alter("person", row, {field: f"{text}{number}"})


def test_a_failed_run_is_told_with_what_to_do_and_where(world: World, mailoutbox: Box, settings: Settings) -> None:
    settings.SITE_URL = "https://sync.example.org"
    fail(world)
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (TEAM, f"AlumniSync: {world.sync} failed")
    assert f"Run {last_run(world).pk} of the sync {world.sync} failed." in mail.body
    assert "- The key has expired." in mail.body
    assert "run the sync again" in mail.body
    assert f"https://sync.example.org/admin/alumnisync/syncrun/{last_run(world).pk}/change/" in mail.body


def test_without_an_address_of_the_site_there_is_no_link(world: World, mailoutbox: Box, settings: Settings) -> None:
    settings.SITE_URL = ""
    fail(world)
    assert "SITE_URL is not set" in str(mailoutbox[0].body)
    assert "http" not in str(mailoutbox[0].body)


def test_the_same_failure_every_night_is_told_once_and_its_end_too(world: World, mailoutbox: Box) -> None:
    fail(world, "360 people wait; try again in 34 seconds.")
    fail(world, "1,360 people wait; try again in 7 seconds.")
    assert len(mailoutbox) == 1
    fail(world, "The key has expired.")
    assert len(mailoutbox) == 2
    mend(world)
    mend(world)
    assert [mail.subject for mail in mailoutbox[2:]] == [f"AlumniSync: {world.sync} works again"]
    fail(world, "The key has expired.")
    assert len(mailoutbox) == 4


def test_a_hold_is_told_with_its_reasons_and_again_when_another_field_is_held(world: World, mailoutbox: Box) -> None:
    clean_up(world, "last", "X")
    assert world.run()["state"] == "held"
    (mail,) = mailoutbox
    assert "is on hold and needs your OK" in mail.subject
    assert last_run(world).holds[0]["reason"] in mail.body
    world.pair_up()
    assert world.run()["state"] == "held"
    assert len(mailoutbox) == 1
    clean_up(world, "first", "Y")
    assert world.run()["state"] == "held"
    assert len(mailoutbox) == 2
    world.approve(last_run(world).pk)
    assert "works again" in mailoutbox[2].subject


def test_what_a_system_says_in_its_own_words_stays_out(world: World, mailoutbox: Box) -> None:
    fail(world, "It refuses this. It says: “ada@example.org” is “taken”. Look there.")
    body = str(mailoutbox[0].body)
    assert "It refuses this. It says: “…”. Look there." in body
    assert "ada@" not in body


def test_previews_and_syncs_without_recipients_tell_nobody(world: World, mailoutbox: Box) -> None:
    world.left.fail(NeedsAttention("The key has expired."), "poll", raised=True, every=1)
    assert world.run(preview=True)["state"] == "failed"
    type(world.sync).objects.update(alerts=[])
    fail(world)
    assert mailoutbox == []
    type(world.sync).objects.update(alerts=TEAM)
    fail(world)
    assert len(mailoutbox) == 1


def test_a_run_that_could_not_start_counts_as_failed(mailoutbox: Box) -> None:
    world = World(pairs=(*PAIRS, {"left": "nickname", "right": "nickname"}), alerts=TEAM)
    with pytest.raises(Exception, match="nickname"):
        world.run()
    assert [mail.subject for mail in mailoutbox] == [f"AlumniSync: {world.sync} failed"]


def test_trouble_with_mail_never_fails_a_run_and_is_tried_again(
    world: World, mailoutbox: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(message: EmailMessage) -> None:
        raise OSError(f"no such mailbox: {message.to}")

    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(EmailMessage, "send", refuse)
        fail(world)
    assert "could not be sent: OSError" in caplog.text
    assert "example.org" not in "".join(record.getMessage() for record in caplog.records)
    assert (mailoutbox, Alarm.objects.exclude(state="fine").exists()) == ([], False)
    fail(world)
    assert len(mailoutbox) == 1


def test_a_run_that_lost_its_lease_is_nobody_s_news(
    world: World, mailoutbox: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(point: str) -> None:
        if point == points.GUARDED:
            SyncRun.objects.filter(state="running").update(lease_owner="elsewhere|1|1|1")

    clean_up(world, "last", "X")
    monkeypatch.setattr(points, "watchers", [take])
    with pytest.raises(Busy, match="taken over by another process"):
        world.run()
    assert (last_run(world).state, mailoutbox) == ("running", [])
