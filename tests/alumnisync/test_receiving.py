"""What a system sent us goes on like anything that was polled; the other side's staff come here."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from alumnisync.engine.report import summary
from alumnisync.engine.run import finish_approved, run_sync
from alumnisync.models import SyncRun
from alumnisync.review import approve
from alumnisync.versions import activate
from connectors.models import Connection, RemoteRecord
from connectors.receiving.inbox import there
from connectors.systems.intouch_receiver.keeping import keep_person
from connectors.systems.memory import Store
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide
from tests.factories import connect, person_type

_names = itertools.count(1)
TO_RIGHT: tuple[dict[str, Any], ...] = (
    {"left": "first_name", "right": "first", "to_left": "off"},
    {"left": "last_name", "right": "last", "to_left": "off"},
    {"left": "email", "right": "email", "kind": "email", "to_left": "off"},
)
STAFF: tuple[dict[str, Any], ...] = (
    {"left": "name", "right": "first", "to_right": "off"},
    {"left": "email", "right": "email", "kind": "email", "to_right": "off"},
)


class Scene:
    """The Connector's clubs at the left, a CRM at the right, and a live sync between them."""

    def __init__(self, object_type: str, pairs: tuple[dict[str, Any], ...], *, creates: str, **left: Any) -> None:
        name = f"scene-{next(_names)}"
        self.crm = Store(person_type())
        settings = {"client_id": "C-77", "club_ids": ["12"], "requests_per_second": 1000}
        self.clubs = Connection.objects.create(name=f"{name} clubs", system="intouch_receiver", settings=settings)
        self.sync = Sync.objects.create(name=name, state=Sync.State.LIVE)
        version = MappingVersion.objects.create(sync=self.sync, number=1, match=[[["email"], ["email"]]])
        sides = (
            ("left", self.clubs, object_type, left),
            ("right", connect(self.crm, f"{name} crm"), "person", {"key_field": "left_id"}),
        )
        for side, connection, kind, options in sides:
            create = {"create": "automatic"} if side == creates else {}
            SyncSide.objects.create(
                version=version, side=side, connection=connection, object_type=kind, **create, **options
            )
        for position, pair in enumerate(pairs):
            FieldMapping.objects.create(version=version, position=position, **pair)
        activate(version)

    def receive(self, id: str, stage: str = "prospect", **values: Any) -> str:
        saved = keep_person(self.clubs.pk, "12", stage, {"external_id": id, "last_name": "Ashgrove", **values}, id=None)
        assert saved.row
        return str(saved.row.pk)

    def go(self) -> dict[str, Any]:
        done = summary(run_sync(Sync.objects.get(pk=self.sync.pk)))
        if done["state"] != "held":
            return done
        approved = approve(SyncRun.objects.get(pk=done["run"]), by="pat")
        assert isinstance(approved, SyncRun)
        return summary(finish_approved(approved))


@pytest.mark.django_db
def test_who_was_received_is_created_linked_and_kept_in_step() -> None:
    scene = Scene("prospect", TO_RIGHT, creates="right")
    known = scene.crm.put("person", {"first": "Rob", "last": "Ash", "email": "rob@example.org", "left_id": ""})
    ada = scene.receive("a", first_name="Ada", email="ada@example.org")
    rob = scene.receive("r", first_name="Rob", last_name="Ash", email="rob@example.org")
    done = scene.go()
    assert (done["state"], done["created"]["right"], done["stamped"]["right"]) == ("done", 1, 1), done
    people = scene.crm.live("person")
    made = next(id for id in people if id != known)
    assert {id: row.values["left_id"] for id, row in people.items()} == {made: ada, known: rob}
    scene.receive("a", first_name="Adah")
    # The CRM may change what it likes: the Connector never reads it back.
    scene.crm.alter("person", known, {"first": "Robert"})
    done = scene.go()
    assert (done["state"], done["updated"]) == ("done", {"left": 0, "right": 1}), done
    assert scene.crm.values("person", made)["first"] == "Adah"
    assert scene.go()["changed"] == {"left": 0, "right": 0}


@pytest.mark.django_db
def test_a_prospect_who_joins_leaves_the_sync_of_prospects_and_enters_that_of_members() -> None:
    prospects = Scene("prospect", TO_RIGHT, creates="right", scope="record['stage'] == 'prospect'")
    ada = prospects.receive("a", first_name="Ada", email="ada@example.org")
    prospects.go()
    assert prospects.receive("a", "member", first_name="Adah") == ada
    done = prospects.go()
    assert done["updated"]["right"] == 0, done
    assert [row.values["first"] for row in prospects.crm.live("person").values()] == ["Ada"]
    landed = RemoteRecord.objects.get(cursor__connection=prospects.clubs)
    assert (landed.values["stage"], landed.gone_at) == ("member", None)


@pytest.mark.django_db(transaction=True)
def test_staff_of_the_crm_fill_the_list_that_the_connector_asks_for() -> None:
    # By threads that hold no connection to the database of their own.
    scene = Scene("staff", STAFF, creates="left", key_field="external_id")
    sam = scene.crm.put("person", {"first": "Sam", "email": "sam@example.org"})
    done = scene.go()
    assert (done["state"], done["created"]["left"]) == ("done", 1), done
    (row,) = there(scene.clubs.pk, "staff", "12")
    assert (row.sender_id, row.values) == (sam, {"name": "Sam", "email": "sam@example.org"})
    scene.crm.alter("person", sam, {"email": "sam.rowan@example.org"})
    done = scene.go()
    assert (done["state"], done["updated"]["left"]) == ("done", 1), done
    row.refresh_from_db()
    assert row.values["email"] == "sam.rowan@example.org"
