"""Rules that are stored nowhere say the same as those of a stored version; several versions are read like one."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from connectors.models import Connection
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap
from mappings.rules import Side
from mappings.setup.compiling import rules_in
from mappings.setup.contents import Contents, contents_of, contents_of_all
from mappings.versions import rules_of

pytestmark = pytest.mark.django_db
ZONES = {Side.LEFT: "UTC", Side.RIGHT: "Asia/Tokyo"}


def make_version(number: int = 1) -> MappingVersion:
    """A version with nearly everything said."""
    sync, _ = Sync.objects.get_or_create(name="alumni-crm")
    match = [[["email"], ["Email"]], [["last", "year"], ["LastName", "Year__c"]]]
    version = MappingVersion.objects.create(sync=sync, number=number, match=match, pilot=["b", "a"])
    for side, zone in ZONES.items():
        settings = {"time_zone": zone} if zone != "UTC" else {}
        connection, _ = Connection.objects.get_or_create(name=f"{side} one", system="toy", settings=settings)
        SyncSide.objects.create(version=version, side=side, connection=connection, object_type="person")
    version.sides.filter(side="right").update(
        key_field="Key__c",
        create="review",
        on_create={"a": 1},
        deactivate={"a": 0},
        scope="record['x']",
        narrow="x",
        gone="review",
        several=True,
    )
    value_map = ValueMap.objects.create(
        version=version, name="status", unmapped="use_default", pairs=[["a", "A"]], defaults={"left": "a", "right": "A"}
    )
    FieldMapping.objects.create(version=version, position=1, left="city", right="City")
    FieldMapping.objects.create(
        version=version,
        position=0,
        left="status",
        right="Status__c",
        kind="choice",
        to_left="off",
        to_right="review",
        conflict="left",
        first_meeting="right",
        on_blank="ask",
        on_invalid="use_default",
        defaults={"right": "A"},
        keep_old={"right": "Old__c"},
        group="work",
        region="US",
        currency="USD",
        restricted_when={"left": True, "right": "yes"},
        value_map=value_map,
        read_left="value|trim",
        write_right="value|upper",
    )
    return version


@pytest.mark.parametrize("lengths", [None, {Side.RIGHT: {"City": 40}}])
def test_rules_on_the_screen_are_those_of_the_version_that_is_stored_from_them(
    lengths: dict[Side, dict[str, int]] | None,
) -> None:
    version = make_version()
    assert rules_in(contents_of(version), ZONES, lengths) == rules_of(version, lengths)


def test_rules_without_sides_have_none() -> None:
    assert rules_in(Contents(), {}).sides == {}


def test_many_versions_are_read_like_one_and_as_cheaply(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    versions = [make_version(number) for number in (1, 2, 3)]
    bare = MappingVersion.objects.create(sync=versions[0].sync, number=4)
    with django_assert_num_queries(3):
        found = contents_of_all([*versions, bare])
    assert found == {version.pk: contents_of(version) for version in [*versions, bare]}
    assert list(found[versions[0].pk].pairs) == ["status|Status__c", "city|City"]
