"""A gift's person: the id in one system becomes the linked record's id in the other, or the gift waits."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alumnisync.engine.run import Refused
from alumnisync.models import Link, Member
from connectors.models import RemoteRecord
from mappings.models import Sync
from tests.alumnisync.gifts import Office

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained")]
LOOK_UP = '"connectors_remoterecord"."remote_id" IN'


def test_the_person_of_a_gift_is_the_linked_record_of_the_other_system() -> None:
    office = Office()
    there, here = office.person("Ada")
    gift = office.give(there, "1234.50")
    office.run_both()
    assert office.gifts() == [{"source_id": gift, "amount": "1234.50", "donor": here, "fund": "Lab fund"}]


def test_a_gift_whose_person_is_not_linked_waits_and_goes_by_itself_afterwards() -> None:
    office = Office()
    there, here = office.person("Ada", linked=False)
    office.give(there)
    done = office.run_both()
    assert office.gifts() == []
    assert office.waiting() == [f"person: “{there}” is not linked by “people” yet; this goes by itself once it is."]
    assert done["set_aside"] == 1
    office.crm.alter("person", here, {"email": "ada@example.org"})
    office.run_both()
    assert [gift["donor"] for gift in office.gifts()] == [here]
    assert office.waiting() == []


def test_several_records_of_one_person_all_lead_to_the_same() -> None:
    office = Office()
    there, here = office.person("Ada")
    twins = [office.vault.put("person", {"name": "Ada", "email": ""}) for _ in range(4)]
    office.run("people")
    link = Link.objects.get(sync__name="people")
    records = RemoteRecord.objects.filter(remote_id__in=twins)
    Member.objects.bulk_create(
        Member(link=link, sync_id=link.sync_id, side="right", record=record) for record in records
    )
    for id in (there, *twins):
        office.give(id)
    office.run()
    assert [gift["donor"] for gift in office.gifts()] == [here] * 5


def test_a_preview_shows_the_id_that_would_be_written() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there)
    office.run_both()
    office.give(there)
    office.run(preview=True)
    assert len(office.gifts()) == 1
    assert office.waiting() == []


def test_a_sync_that_is_gone_is_said_before_anything_is_read() -> None:
    office = Office()
    Sync.objects.filter(name="people").update(name="humans")
    with pytest.raises(Refused, match="there is no sync so called"):
        office.run()


def test_looking_up_takes_as_many_statements_for_many_gifts_as_for_one() -> None:
    office = Office()
    people = [office.person(f"Ada{number}") for number in range(6)]
    office.run_both()
    counted = []
    for gifts in (people[:1], people[1:2], people[2:]):
        for there, _ in gifts:
            office.give(there)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            office.run()
        counted.append(sum(LOOK_UP in one["sql"] and "alumnisync_member" in one["sql"] for one in captured))
    # From the second run on, gifts that were written before are read with them, on both sides.
    assert counted == [1, 2, 2]
    assert len(office.gifts()) == 6
