"""A new sync begun from ready-made rules whose references go through another sync."""

from __future__ import annotations

import pytest

from connectors.models import Connection
from mappings.forms.new import NewSyncForm
from mappings.models import MappingVersion, Sync, SyncSide

pytestmark = pytest.mark.django_db
SYSTEMS = {"Vault": "alumni_spaces", "CRM": "salesforce"}
GIFTS = {
    "name": "gifts",
    "left_connection": "Vault",
    "left_object": "transaction",
    "right_connection": "CRM",
    "right_object": "Opportunity",
    "start": "alumni-spaces-gifts-salesforce",
}


@pytest.fixture(autouse=True)
def connections() -> dict[str, Connection]:
    return {name: Connection.objects.create(name=name, system=system) for name, system in SYSTEMS.items()}


def link(name: str, left: Connection, right: Connection) -> None:
    """A sync of people between two systems."""
    version = MappingVersion.objects.create(sync=Sync.objects.create(name=name), number=1)
    for side, connection, kind in (("left", left, "person"), ("right", right, "Contact")):
        SyncSide.objects.create(version=version, side=side, connection=connection, object_type=kind)


def through() -> str:
    form = NewSyncForm(GIFTS, systems=SYSTEMS)
    assert form.is_valid(), form.errors
    contents = form.contents()
    assert contents is not None
    assert contents.pairs["value|Amount"]["through"] == ""
    return str(contents.pairs["person|ContactId"]["through"])


def test_a_reference_goes_through_the_one_sync_between_the_two_systems(connections: dict[str, Connection]) -> None:
    assert through() == "people"
    other = Connection.objects.create(name="Other", system="salesforce")
    link("elsewhere", connections["Vault"], other)
    assert through() == "people"
    link("donors", connections["CRM"], connections["Vault"])
    assert through() == "donors"


def test_of_several_none_is_taken_for_it(connections: dict[str, Connection]) -> None:
    for name in ("donors", "buyers"):
        link(name, connections["Vault"], connections["CRM"])
    assert through() == "people"
