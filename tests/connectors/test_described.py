"""What systems said of their kinds of record: kept, and given back as it was."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from connectors.described import dump, recall, remember, restore
from connectors.models import Connection, KnownObjectType
from connectors.records import Field, ObjectType

PEOPLE = ObjectType(
    "person",
    "People",
    (Field("name", "Name", "string", "text", length=80, required=True), Field("year", options=("2001", "2002"))),
    findable=frozenset({"name"}),
    volatile=frozenset({"stamp"}),
    batch_read=200,
)
OUTLINE = ObjectType("person", "Persons", fields_known=False)


@pytest.fixture
def crm(db: None) -> Connection:
    return Connection.objects.create(name="CRM", system="memory")


def test_a_description_comes_back_as_it_was(crm: Connection) -> None:
    remember(crm, [PEOPLE])
    assert recall(crm, "person") == PEOPLE


def test_an_outline_takes_no_fields_away(crm: Connection) -> None:
    remember(crm, [PEOPLE])
    remember(crm, [OUTLINE])
    assert recall(crm, "person") == PEOPLE
    assert KnownObjectType.objects.get().label == "Persons"


def test_fields_that_come_later_are_added(crm: Connection) -> None:
    remember(crm, [OUTLINE])
    assert recall(crm, "person") is None
    remember(crm, [PEOPLE])
    assert recall(crm, "person") == PEOPLE


def test_the_newest_description_counts(crm: Connection) -> None:
    remember(crm, [PEOPLE])
    newer = ObjectType("person", "People", (Field("name"),))
    remember(crm, [newer])
    assert recall(crm, "person") == newer


def test_connections_keep_their_own(crm: Connection) -> None:
    other = Connection.objects.create(name="Other", system="memory")
    remember(crm, [PEOPLE])
    remember(other, [OUTLINE])
    assert recall(crm, "person") == PEOPLE
    assert recall(other, "person") is None


def test_a_kind_named_twice_and_a_label_too_long_do_no_harm(crm: Connection) -> None:
    remember(crm, [PEOPLE, ObjectType("person", "P" * 300, (Field("name"),))])
    assert KnownObjectType.objects.get().label == "P" * 255


def test_a_thousand_kinds_cost_what_ten_cost(
    crm: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    kinds = [ObjectType(f"kind{number}", "Kind") for number in range(1000)]
    # SQLite takes so many values in one statement that a few are needed.
    with django_assert_max_num_queries(20):
        remember(crm, kinds)
    assert crm.known_object_types.count() == 1000


def test_what_a_newer_version_wrote_down_is_left_out() -> None:
    plain = dump(PEOPLE)
    plain["unheard_of"] = plain["fields"][0]["unheard_of"] = 1
    assert restore(plain) == PEOPLE


def test_any_field_may_be_findable() -> None:
    anything = ObjectType("person", "People", (Field("name"),), findable=None)
    assert restore(dump(anything)) == anything
