"""People sent to the Vault by a whole sync: created once, found again by the full list, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from alumnisync.models import ChangeRecord
from connectors.models import Connection, RemoteRecord
from connectors.sandbox.server import start
from connectors.sandbox.stand_in import StandIn
from mappings.models import FieldMapping, SyncSide
from tests.factories import World

pytestmark = pytest.mark.django_db

PAIRS: tuple[dict[str, Any], ...] = (
    {"left": "first", "right": "name.first", "conflict": "newest"},
    {"left": "last", "right": "name.last", "to_right": "automatic"},
    {"left": "email", "right": "emails[personal]", "kind": "email"},
    {"left": "phone", "right": "phones[mobile].number", "kind": "phone", "region": "US"},
)
KEY = "externalIDs[yourDB].value"


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[StandIn]:
    with start("alumni_spaces", people=3) as stand_in:
        yield stand_in


def to_vault(there: StandIn, **side: Any) -> World:
    """A sync from a CRM in memory to the Vault, whose people are linked by e-mail at first."""
    world = World(PAIRS, right={"key_field": ""}, left_type={"field_times": True}, match=[])
    connection = Connection(name=f"Vault of {world.sync}", system="alumni_spaces")
    secret = {"password", "api_key"}
    connection.secrets = {name: value for name, value in there.settings.items() if name in secret}
    given = {name: value for name, value in there.settings.items() if name not in secret}
    connection.settings = {**given, "requests_per_second": 100_000, "timeout": 1}
    connection.save()
    right = {"key_field": KEY, "create": "automatic", **side}
    SyncSide.objects.filter(version=world.version, side="right").update(
        connection=connection, object_type="person", **right
    )
    world.version.match = [[["email"], ["emails[personal]"]]]
    world.version.save()
    return world


def mary(world: World, email: str = "m@example.org") -> str:
    values = {"first": "Mary", "last": "Somerville", "email": email, "phone": "+15735550142"}
    return world.left.put("person", values)


def marys(there: StandIn) -> list[Any]:
    return [row for row in there.records["person"].values() if row["name"]["first"] == "Mary"]


def test_a_person_is_added_with_our_id_and_never_changed(there: StandIn) -> None:
    world = to_vault(there)
    world.go()
    id = mary(world)
    assert world.go()["created"]["right"] == 1
    (made,) = marys(there)
    assert [(item["key"], item["value"]) for item in made["externalIDs"]] == [("yourDB", id)]
    assert made["phones"][0]["number"] == "15735550142"
    world.left.alter("person", id, {"last": "Greig"})
    assert world.run()["set_aside"] == 0
    assert (there.counts["creates"], there.counts["updates"]) == (1, 0)


@pytest.mark.quick(1)
@pytest.mark.parametrize(("kind", "is_made"), [("lost", True), ("500_after", True), ("reset", False)])
def test_a_create_whose_answer_was_lost_is_found_by_a_full_list_first(
    there: StandIn, kind: str, is_made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alumnisync.engine.recover.time.sleep", lambda seconds: None)
    world = to_vault(there)
    world.go()
    mary(world)
    there.faults.next(kind, method="POST")
    world.go()
    assert len(marys(there)) == (1 if is_made else 0)
    assert ChangeRecord.objects.get(kind="create").state == "sending"
    world.run()
    world.run()
    assert (len(marys(there)), there.counts["creates"]) == (1, 1)
    assert ("m@example.org",) in {tuple(item["address"] for item in row["emails"]) for row in marys(there)}
    assert len(world.linked()) == 1


def test_a_key_that_may_only_read_stops_the_sync_with_the_reason() -> None:
    with start("alumni_spaces", people=3, verbs="GET") as there:
        refused_sync(there)


def refused_sync(there: StandIn) -> None:
    world = to_vault(there)
    Connection.objects.filter(system="alumni_spaces").update(
        settings={**Connection.objects.get(system="alumni_spaces").settings, "verbs": "GET, POST"}
    )
    world.go()
    for number in range(12):
        mary(world, f"m{number}@example.org")
    done = world.go()
    assert done["state"] == "failed"
    # No more than were under way side by side.
    assert 1 <= [line.method for line in there.log].count("POST") <= 4
    assert there.counts["creates"] == 0
    assert ChangeRecord.objects.filter(kind="create", state="planned").count() >= 8


def test_times_of_properties_are_kept_by_the_paths_of_the_rules(there: StandIn) -> None:
    world = to_vault(there, create="off")
    known = {"name.first", "name.last", "emails[personal]", "phones[mobile].number"}
    FieldMapping.objects.update(to_right="off")
    world.go()
    rows = RemoteRecord.objects.filter(cursor__connection__system="alumni_spaces")
    assert len(rows) == 3
    assert all(known - {"phones[mobile].number"} <= row.changed_at().keys() <= known for row in rows)
