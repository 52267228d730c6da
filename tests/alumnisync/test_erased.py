"""A record of an erased person is never stored again, however it comes."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as installation
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alumnisync.engine.feeds import FeedLanding
from alumnisync.engine.landing import Landing
from alumnisync.models import Match, SyncRun
from alumnisync.privacy.erasing import erase
from alumnisync.review import settle_match
from connectors.encryption import key_names, sealed
from connectors.erased import erased_among, remember_erased
from connectors.models import Connection, Cursor, ErasedRecord, FeedRow, RemoteRecord
from connectors.records import Field, ObjectType, Page, Record
from tests.alumnisync.erasing import held, marks_left
from tests.alumnisync.feed_scene import FeedWorld
from tests.alumnisync.test_erasing import two

pytestmark = pytest.mark.django_db


def forget(cursor: Cursor, *ids: str) -> None:
    remember_erased(cursor.connection_id, cursor.object_type, ids, timezone.now())


@pytest.fixture
def cursor() -> Cursor:
    there = Connection.objects.create(name="There", system="memory")
    return Cursor.objects.create(connection=there, object_type="person", fields=["first"])


def test_a_poll_leaves_it_out_says_so_and_goes_on() -> None:
    world, [(left, right), (other, _)] = two()
    erase(held(world, "left", left), by="pat")
    world.left.alter("person", left, {"first": "Zephyrine"})
    world.right.alter("person", right, {"first": "Zephyrine"})
    world.left.alter("person", other, {"first": "Grace"})

    done = world.run()

    assert marks_left(["zephyrine"]) == set()
    assert not RemoteRecord.objects.filter(remote_id=left, cursor=world.cursor("left")).exists()
    run = SyncRun.objects.get(pk=done["run"])
    assert run.counts["left_out"] == {"left": 1, "right": 1}
    assert "1 erased person's record was left out." in str(run.progress)
    assert done["updated"] == {"left": 0, "right": 1}


def test_whoever_is_left_out_costs_one_statement_however_many_pages_there_are(cursor: Cursor) -> None:
    forget(cursor, *(f"p{number}" for number in range(40)))
    with CaptureQueriesContext(database) as queries:
        landing = Landing(cursor, frozenset())
        for first in (0, 20):
            people = range(first, first + 20)
            landing.land(Page(tuple(Record(f"p{number}", {"first": "Ada"}) for number in people), None))
    assert sum("erasedrecord" in query["sql"] for query in queries) == 1
    assert landing.left_out == 40
    assert not RemoteRecord.objects.exists()


def test_it_still_counts_as_part_of_the_list(cursor: Cursor) -> None:
    forget(cursor, "p1")
    landing = Landing(cursor, frozenset())

    landing.land(Page((Record("p1", {"first": "Ada"}), Record("p2", {"first": "Bo"})), None))

    assert (landing.read, landing.changed, len(landing.seen)) == (2, 1, 2)


def test_another_kind_of_record_and_another_connection_with_the_same_id_are_somebody_else(cursor: Cursor) -> None:
    forget(cursor, "p1")
    elsewhere = Connection.objects.create(name="Elsewhere", system="memory")

    assert erased_among(cursor.connection_id, "person", ["p1", "p2"]) == {"p1"}
    assert erased_among(cursor.connection_id, "gift", ["p1"]) == set()
    assert erased_among(elsewhere.pk, "person", ["p1"]) == set()


def test_a_deletion_or_an_unreadable_record_leaves_nothing_either(cursor: Cursor) -> None:
    forget(cursor, "p1", "p2")

    Landing(cursor, frozenset()).land(Page((Record("p1", {}, deleted=True), Record("p2", {}, problem="Torn.")), None))

    assert not RemoteRecord.objects.exists()


def test_rows_of_a_feed_are_left_out_those_that_name_nobody_too() -> None:
    feed = ObjectType("change", "Changes", (Field("first"),), feed=True)
    there = Connection.objects.create(name="Feed", system="memory")
    cursor = Cursor.objects.create(connection=there, object_type="change", fields=["first"])
    forget(cursor, "p1", "change-8")
    landing = FeedLanding(cursor, feed)

    landing.land(
        Page(
            (
                Record("p1", {"first": "Zephyrine"}, change_id="7"),
                Record("", {"first": "Zephyrine"}, change_id="8"),
                Record("p2", {"first": "Bo"}, change_id="9"),
            ),
            None,
        )
    )

    assert landing.left_out == 2
    assert [row.change_id for row in FeedRow.objects.all()] == ["9"]
    assert [record.remote_id for record in RemoteRecord.objects.all()] == ["p2"]
    assert marks_left(["zephyrine"]) == set()


def test_a_feed_is_told_that_rows_about_an_erased_person_are_handled() -> None:
    world = FeedWorld()
    world.contact("x1")
    world.contact("x2")
    world.told("x1", last="Zephyrine")
    world.run()
    erase(held(world, "left", "x1"), by="pat")
    world.told("x1", last="Zephyrine-Byron")
    world.told("x2", last="King")

    world.run(preview=True)
    assert len(world.open_rows()) == 2
    done = world.run()

    assert (world.acknowledged(), world.open_rows()) == (3, [])
    assert SyncRun.objects.get(pk=done["run"]).counts["acknowledged"] == {"left": 2}
    assert marks_left(["zephyrine"]) == set()


def test_a_create_that_is_answered_with_an_erased_record_becomes_a_question(monkeypatch: Any) -> None:
    creates = {"key_field": "left_id", "create": "automatic"}
    world, [(left, right), *_] = two(right=creates, right_type={"create_by_key": True, "findable": frozenset()})
    erase(held(world, "left", left), by="pat")
    monkeypatch.setattr(world.right, "_of_key", lambda kind, key: right)
    newcomer = world.left.put("person", {"first": "New", "last": "Comer", "email": "new@example.org"})

    world.run()

    assert not RemoteRecord.objects.filter(cursor=world.cursor("right"), remote_id=right).exists()
    (asked,) = Match.objects.filter(sync=world.sync, state="open")
    assert asked.record.remote_id == newcomer
    assert "was erased here" in asked.reason


def test_somebody_whom_the_erased_record_resembles_only_by_now_is_asked_about_and_can_be_let_in() -> None:
    world, [(left, right), *_] = two(right={"key_field": "left_id", "create": "automatic"})
    erase(held(world, "left", left), by="pat")
    # What it holds by now is not known here.
    world.right.alter("person", right, {"email": "moved@example.org"})
    world.left.put("person", {"first": "New", "last": "Comer", "email": "moved@example.org"})

    done = world.run()

    assert done["created"] == {"left": 0, "right": 0}
    (asked,) = world.matches()
    assert "erased here" in asked.reason
    settle_match(asked, "create", by="pat")
    assert world.run()["created"] == {"left": 0, "right": 1}


def test_the_digest_is_worth_nothing_without_the_key(settings: Any) -> None:
    first = sealed("person", "p1")
    settings.ALUMNISYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert set(sealed("person", "p1").values()) & set(first.values()) == set()
    assert sealed("person", "p1") != sealed("perso", "np1")


def test_with_a_new_key_in_front_erased_people_are_still_recognised(cursor: Cursor, settings: Any) -> None:
    forget(cursor, "p1")
    settings.ALUMNISYNC_ENCRYPTION_KEYS = [
        Fernet.generate_key().decode(),
        *installation.ALUMNISYNC_ENCRYPTION_KEYS,
    ]
    forget(cursor, "p2")

    assert erased_among(cursor.connection_id, "person", ["p1", "p2", "p3"]) == {"p1", "p2"}
    assert len(set(ErasedRecord.objects.values_list("key", flat=True))) == 2


def test_without_the_key_nothing_is_read_until_it_is_back(settings: Any) -> None:
    world, [(left, _), *_] = two()
    erase(held(world, "left", left), by="pat")
    before = installation.ALUMNISYNC_ENCRYPTION_KEYS
    settings.ALUMNISYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    failed = world.run()

    assert failed["state"] == "failed"
    assert "ALUMNISYNC_ENCRYPTION_KEYS" in failed["reason"]
    assert not RemoteRecord.objects.filter(cursor=world.cursor("left"), remote_id=left).exists()
    settings.ALUMNISYNC_ENCRYPTION_KEYS = [*settings.ALUMNISYNC_ENCRYPTION_KEYS, *before]
    assert world.run()["state"] == "done"
    assert len(key_names()) == 2
