"""What the fields of a sync's page offer: the systems' own, with their labels, types and an example."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from connectors.described import remember
from connectors.models import Connection, Cursor, RemoteRecord
from connectors.records import Field, ObjectType
from mappings.forms.offered import LONGEST_EXAMPLE, Offer, offers

pytestmark = pytest.mark.django_db
SIDES = {
    "left": {"connection": "Directory", "object": "user"},
    "right": {"connection": "CRM", "object": "Contact"},
}
FIELDS = (
    Field("email", "E-mail", "string", "email"),
    Field("status", "Status", "picklist", "choice", options=("a", "b", "c", "d")),
    Field("created", type="datetime", writable=False),
)


def seen(connection: Connection, number: int, values: dict[str, Any]) -> None:
    cursor, _ = Cursor.objects.get_or_create(connection=connection, object_type="user")
    Cursor.objects.filter(pk=cursor.pk).update(change_no=number)
    RemoteRecord.objects.create(
        cursor=cursor,
        remote_id=f"{number}",
        fingerprint=b"x" * 16,
        change_no=number,
        landed_at=timezone.now(),
        values=values,
    )


@pytest.fixture
def directory() -> Connection:
    connection = Connection.objects.create(name="Directory", system="memory")
    Connection.objects.create(name="CRM", system="memory")
    remember(connection, [ObjectType("user", "Users", FIELDS)])
    return connection


def test_fields_say_what_they_are(directory: Connection) -> None:
    found = offers(SIDES)
    assert found.connections == ["CRM", "Directory"]
    assert found.kinds == {"CRM": [], "Directory": [Offer("user", "Users")]}
    assert found.fields == {
        "left": [
            Offer("email", "E-mail · string", "email"),
            Offer("status", "Status · picklist · e.g. a, b, c", "choice"),
            Offer("created", "created · datetime · can't be written"),
        ]
    }


def test_an_example_is_somebodys_own_and_only_for_who_may_see_people(
    directory: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    seen(directory, 1, {"email": "old@example.org"})
    seen(directory, 2, {"email": "ada@example.org", "status": "z", "created": {"nested": 1}})
    with django_assert_num_queries(3):
        labels = [offer.label for offer in offers(SIDES, with_examples=True).fields["left"]]
    assert labels[0] == "E-mail · string · e.g. ada@example.org"
    assert labels[1] == "Status · picklist · e.g. a, b, c"
    assert labels[2] == "created · datetime · can't be written"
    with django_assert_num_queries(2):
        assert "ada@" not in offers(SIDES).fields["left"][0].label


def test_a_long_example_is_cut_short(directory: Connection) -> None:
    seen(directory, 1, {"email": "x" * 500})
    label = offers(SIDES, with_examples=True).fields["left"][0].label
    assert label.endswith("…")
    assert len(label) == len("E-mail · string · e.g. ") + LONGEST_EXAMPLE
