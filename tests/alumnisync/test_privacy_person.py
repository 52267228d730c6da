"""Which records are one person, through every sync; and what of them was sent to us or names them."""

from __future__ import annotations

import pytest
from django.utils import timezone

from alumnisync.models import Link, Match, Member
from alumnisync.privacy.erasing import erase, preview
from alumnisync.privacy.person import person_of
from connectors.erased import erased_among
from connectors.models import FeedRow, ReceivedRecord, RemoteRecord, ServiceNote
from connectors.receiving.inbox import Erased
from tests.alumnisync.erasing import held, marks_left
from tests.alumnisync.gifts import Office
from tests.alumnisync.test_erasing import two
from tests.alumnisync.test_receiving import TO_RIGHT, Scene
from tests.factories import World

pytestmark = pytest.mark.django_db


def ids(record: RemoteRecord) -> list[str]:
    return sorted(one.remote_id for one in person_of(record).records)


def test_a_record_that_nobody_is_linked_to_is_a_person_too() -> None:
    world = World()
    alone = world.left.put("person", {"first": "Zephyrine", "email": "z@example.org"})
    world.go()
    record = held(world, "left", alone)

    assert ids(record) == [alone]
    erase(record, by="pat")
    assert marks_left(["zephyrine"]) == set()


def test_two_syncs_that_share_a_record_share_the_person() -> None:
    world, [(left, right), *_] = two()
    other = World()
    shared = other.version.sides.get(side="left")
    shared.connection = world.connections["right"]
    shared.save()
    third = other.right.put("person", {**world.right.values("person", right), "left_id": ""})
    other.go()
    assert Link.objects.filter(sync=other.sync, state="active").count() == 1

    record = held(world, "left", left)
    found = person_of(record)

    assert len(found.records) == 3
    assert {sync.pk for sync in found.syncs} == {world.sync.pk, other.sync.pk}
    erase(record, by="pat")
    assert not RemoteRecord.objects.filter(cursor=other.cursor("right"), remote_id=third).exists()
    assert not Link.objects.filter(sync=other.sync).exists()


def test_what_the_system_merged_is_one_person() -> None:
    world, [(left, _), (other, _)] = two()
    RemoteRecord.objects.filter(cursor=world.cursor("left"), remote_id=left).update(merged_into=other)

    assert ids(held(world, "left", left)) == ids(held(world, "left", other))
    assert len(ids(held(world, "left", left))) == 4


def test_what_a_person_said_is_the_same_counts_before_a_run_carries_it_out() -> None:
    world = World()
    left = world.left.put("person", {"first": "A", "email": "a@example.org"})
    right = world.right.put("person", {"first": "B", "email": "b@example.org"})
    run = world.go()["run"]
    one, other = held(world, "left", left), held(world, "right", right)
    match = Match.objects.create(run_id=run, sync=world.sync, side="left", record=one, state="open")
    assert len(person_of(one).records) == 1

    Match.objects.filter(pk=match.pk).update(state="decided", choice="link", chosen=other)

    assert {record.pk for record in person_of(one).records} == {one.pk, other.pk}


def test_what_may_only_join_is_somebody_else() -> None:
    world, [(left, _), (other, _)] = two()
    mine, theirs = held(world, "left", left), held(world, "left", other)
    Member.objects.filter(record=theirs).delete()
    Member.objects.create(
        sync=world.sync, side="left", record=theirs, link=Link.objects.get(members__record=mine), state="joining"
    )

    assert theirs.pk not in person_of(mine).keys
    erase(theirs, by="pat")
    assert len(person_of(mine).records) == 2


def test_gifts_that_name_the_person_go_too_and_nobody_elses() -> None:
    office = Office()
    giver, other = office.person("Zephyrine"), office.person("Bo")
    mine, theirs = office.give(giver[0], "25.00"), office.give(other[0], "40.00")
    office.run_both()
    record = RemoteRecord.objects.get(
        cursor__connection=office.connections["Vault"], remote_id=giver[0], cursor__object_type="person"
    )

    shown = preview(record)

    assert mine in [one.remote_id for one in shown.person.records if one.pk in shown.person.named]
    erase(record, by="pat")
    assert marks_left(["zephyrine"]) == set()
    transactions = RemoteRecord.objects.filter(cursor__object_type="transaction")
    assert [one.remote_id for one in transactions] == [theirs]
    assert RemoteRecord.objects.filter(cursor__object_type="gift").count() == 1


def test_what_was_sent_to_us_is_erased_and_refused_when_it_is_sent_again() -> None:
    scene = Scene("prospect", TO_RIGHT, creates="right")
    id = scene.receive("hub-1", first_name="Zephyrine", email="z@example.org")
    scene.go()
    ServiceNote.objects.create(
        connection=scene.clubs, place="12", service="save", at=timezone.now(), status=422, record="hub-1", why="?"
    )
    record = RemoteRecord.objects.get(cursor__connection=scene.clubs, remote_id=id)

    erase(record, by="pat")

    assert not ReceivedRecord.objects.exists()
    assert not ServiceNote.objects.exists()
    assert marks_left(["zephyrine", "hub-1"]) == set()
    with pytest.raises(Erased, match="Nothing was kept"):
        scene.receive("hub-1", first_name="Zephyrine")
    assert not ReceivedRecord.objects.exists()
    assert scene.receive("hub-2", first_name="Bo")


def test_a_row_of_a_feed_that_was_given_to_the_person_does_not_come_back_as_nobodys() -> None:
    world, [(left, _), *_] = two()
    cursor = world.cursor("left")
    FeedRow.objects.create(
        cursor=cursor, change_id="17", remote_id=left, values={"city": "Umberfold"}, landed_at=timezone.now()
    )

    erase(held(world, "left", left), by="pat")

    assert erased_among(cursor.connection_id, "person", ["change-17", "change-18"]) == {"change-17"}
    assert not FeedRow.objects.exists()
