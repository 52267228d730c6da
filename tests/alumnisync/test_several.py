"""A person with several records on a side: one from the start, one create, the newest value, and no echo."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alumnisync.choosing import linkable, taken_of
from alumnisync.models import ChangeRecord, Link, Match, Member
from alumnisync.review import approve, settle_match
from connectors.records import Values
from tests.alumnisync.test_statements import statements
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_explained"), pytest.mark.quick(1)]

CONSENT = {"left": "no_mail", "right": "no_mail", "kind": "consent", "restricted_when": {"left": True, "right": True}}
DEAD = {"left": "dead", "right": "dead", "kind": "deceased"}
HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
NO_GUARDS = {name: {"floor": 1000} for name in ("changed", "same_value", "created", "blanked", "gone")}
ADA = {"first": "Ada", "last": "Byron", "email": "ada@example.org", "phone": "", "city": "", "zip": ""}


class Office(World):
    """Ada has several records on `many`, and at most one on `one`, or several on both."""

    def __init__(self, many: str, *, both: bool = False, pairs: Any = (*PAIRS, CONSENT, *HOME), **options: Any) -> None:
        self.many, self.one = many, {"left": "right", "right": "left"}[many]
        words: dict[str, dict[str, Any]] = {
            self.many: {"several": True},
            self.one: {"create": "automatic", "several": both},
        }
        sides: dict[str, Any] = {side: {**words[side], **options.pop(side, {})} for side in words}
        kinds: dict[str, Any] = {"left_type": {"field_times": True}, "right_type": {"field_times": True}}
        super().__init__(pairs, guards=NO_GUARDS, **kinds, **sides, **options)
        self.version.approved_at = timezone.now()
        self.version.save()

    def put(self, side: str, **values: Any) -> str:
        key = {"left_id": ""} if side == "right" else {}
        return str(getattr(self, side).put("person", {**ADA, "no_mail": False, **key, **values}))

    def ada(self, count: int = 5) -> list[str]:
        """So many records of hers, on the side with several."""
        return [self.put(self.many, first=f"Ada {number}") for number in range(count)]

    def edit(self, side: str, id: str, **values: Any) -> None:
        getattr(self, side).alter("person", id, values)

    def held(self, side: str, id: str) -> Values:
        return dict(getattr(self, side).values("person", id))

    def partner(self) -> tuple[str, Values]:
        """The one record of hers on the other side."""
        ((id, row),) = getattr(self, self.one).live("person").items()
        return id, row.values

    def is_at_rest(self) -> bool:
        before = self.writes()
        done = self.run()
        asked = done["conflicts"], done["reviews"], done["matches"]
        return self.writes() == before and done["state"] == "done" and asked == (0, 0, 0)


@pytest.fixture(params=["left", "right"])
def office(request: pytest.FixtureRequest) -> Office:
    return Office(request.param)


def scoped(many: str) -> Office:
    """Who is "out" over there takes no part."""
    options: dict[str, Any] = {many: {"scope": "record['status'] != 'out'"}}
    return Office(many, **options)


def states() -> list[str]:
    return list(Member.objects.order_by("record__remote_id").values_list("state", flat=True))


def test_five_records_of_one_person_make_one_create_with_the_newest_values(office: Office) -> None:
    ids = office.ada()
    office.edit(office.many, ids[1], phone="573 555 0101")
    done = office.run()
    assert (done["state"], done["created"][office.one]) == ("done", 1)
    _, made = office.partner()
    assert (made["first"], made["phone"]) == ("Ada 4", "+15735550101")
    assert len(*office.linked()) == 6
    # One of hers is stamped with the new record's id, where there is a field for it.
    assert office.is_at_rest()
    assert office.run()["changed"] == {"left": 0, "right": 0}


def test_more_than_five_are_one_person_too(office: Office) -> None:
    office.ada(8)
    done = office.run()
    assert (done["created"][office.one], done["matches"]) == (1, 0)
    assert len(*office.linked()) == 9


def test_they_are_linked_with_whom_the_other_side_has(office: Office) -> None:
    office.ada(3)
    office.put(office.one)
    assert office.run()["created"] == {"left": 0, "right": 0}
    assert len(*office.linked()) == 4
    assert office.is_at_rest()


def test_several_on_both_sides_are_one_person() -> None:
    office = Office("left", both=True)
    office.ada(3)
    for number in range(2):
        office.put("right", first=f"Ada {number}")
    office.run()
    assert len(*office.linked()) == 5
    assert office.is_at_rest()


def test_a_write_goes_to_the_record_that_spoke(office: Office) -> None:
    ids = office.ada(3)
    office.edit(office.many, ids[0], phone="573 555 0101")
    office.run()
    other, _ = office.partner()
    office.edit(office.one, other, phone="573 555 0102", city="Rolla", zip="")
    done = office.run()
    assert done["updated"][office.many] == 2
    assert office.held(office.many, ids[0])["phone"] == "+15735550102"
    # Nobody spoke of a city: the newest record gets it.
    assert [office.held(office.many, id)["city"] for id in ids] == ["", "", "Rolla"]
    assert office.is_at_rest()


def test_the_newest_of_them_wins_and_an_older_value_is_no_change(office: Office) -> None:
    ids = office.ada(3)
    office.run()
    office.edit(office.many, ids[0], first="Augusta")
    office.run()
    assert office.partner()[1]["first"] == "Augusta"
    assert office.is_at_rest()


def test_a_group_is_spoken_for_by_one_record(office: Office) -> None:
    ids = office.ada(2)
    office.edit(office.many, ids[0], city="Rolla", zip="65401")
    office.edit(office.many, ids[1], city="Columbia")
    office.run()
    assert (office.partner()[1]["city"], office.partner()[1].get("zip") or "") == ("Columbia", "")


def test_the_most_restricted_speaks_for_consent(office: Office) -> None:
    ids = office.ada(3)
    office.run()
    office.edit(office.many, ids[0], no_mail=True)
    office.edit(office.many, ids[2], no_mail=False)
    office.run()
    assert office.partner()[1]["no_mail"] is True
    assert office.is_at_rest()


def test_lifting_a_restriction_takes_a_person_and_lifts_it_everywhere(office: Office) -> None:
    ids = office.ada(3)
    office.run()
    for id in ids[:2]:
        office.edit(office.many, id, no_mail=True)
    office.run()
    other, _ = office.partner()
    office.edit(office.one, other, no_mail=False)
    assert office.run()["reviews"] == 1
    (review,) = office.reviews()
    approve(review, by="pat")
    office.run()
    assert [office.held(office.many, id)["no_mail"] for id in ids] == [False] * 3
    assert office.is_at_rest()


def test_a_value_removed_on_the_other_side_does_not_come_back_from_an_older_record() -> None:
    office = Office("left", pairs=({**PAIRS[3], "on_blank": "carry"}, *PAIRS[:3]))
    ids = office.ada(2)
    for id in ids:
        office.edit("left", id, phone=f"573 555 010{ids.index(id)}")
    office.run()
    office.edit("right", office.partner()[0], phone="")
    office.run()
    assert [office.held("left", id)["phone"] or "" for id in ids] == ["", ""]
    assert office.is_at_rest()


def test_a_death_that_one_of_them_reports_is_reviewed(office: Office) -> None:
    office = Office(office.many, pairs=(*PAIRS, DEAD))
    ids = [office.put(office.many, dead=False) for _ in range(3)]
    office.run()
    office.edit(office.many, ids[0], dead=True)
    assert office.run()["reviews"] == 1


@pytest.mark.parametrize("how", ["gone", "out of scope"])
def test_a_record_that_leaves_takes_its_value_along_and_nothing_is_written(office: Office, how: str) -> None:
    office = scoped(office.many)
    ids = [office.put(office.many, first=f"Ada {number}", status="in") for number in range(3)]
    office.run()
    writes = office.writes()
    if how == "gone":
        getattr(office, office.many).remove("person", ids[2])
    else:
        office.edit(office.many, ids[2], status="out", first="Somebody")
    office.run()
    assert (office.writes(), office.partner()[1]["first"]) == (writes, "Ada 2")
    assert states().count(Member.State.LEFT) == 1
    assert office.is_at_rest()
    # What counts now is the next one's, and its changes are changes.
    office.edit(office.many, ids[1], first="Augusta")
    office.run()
    assert office.partner()[1]["first"] == "Augusta"
    office.edit(office.one, office.partner()[0], first="Ada again")
    office.run()
    assert office.held(office.many, ids[1])["first"] == "Ada again"


def test_who_comes_back_into_scope_counts_again(office: Office) -> None:
    office = scoped(office.many)
    ids = [office.put(office.many, first=f"Ada {number}", status="in") for number in range(2)]
    office.run()
    office.edit(office.many, ids[1], status="out")
    office.run()
    office.edit(office.many, ids[1], status="in", first="Augusta")
    office.run()
    assert office.partner()[1]["first"] == "Augusta"
    assert set(states()) == {Member.State.PRESENT}


def test_a_record_that_comes_later_joins_by_its_key_and_its_value_is_a_change(office: Office) -> None:
    office.ada()
    office.run()
    sixth = office.put(office.many, first="Augusta")
    preview = office.run(preview=True)
    assert (preview["matches"], preview["created"][office.one]) == (0, 0)
    assert states().count(Member.State.JOINING) == 1
    done = office.run()
    assert (done["conflicts"], done["created"], done["updated"][office.one]) == (0, {"left": 0, "right": 0}, 1)
    assert office.partner()[1]["first"] == "Augusta"
    assert any(sixth in people for people in office.linked())
    assert set(states()) == {Member.State.PRESENT}
    assert office.is_at_rest()


def test_who_was_proposed_with_one_person_and_turns_out_to_be_another_s_joins_them(office: Office) -> None:
    office.put("left"), office.put("right")
    office.run()
    office.put(office.one, email="bo@example.org")
    stays, goes = (office.put(office.many, email="bo@example.org") for _ in range(2))
    office.run(preview=True)
    office.edit(office.many, goes, email=ADA["email"])
    office.run(preview=True)
    done = office.run()
    assert (done["state"], done["matches"]) == ("done", 0)
    assert sorted(len(one) for one in office.linked()) == [2, 3]
    assert [len(one) for one in office.linked() if stays in one] == [2]


def test_who_was_to_join_and_no_longer_shares_the_key_is_somebody_else(office: Office) -> None:
    office.ada(2)
    office.run()
    later = office.put(office.many, first="Augusta")
    office.run(preview=True)
    office.edit(office.many, later, email="augusta@example.org")
    assert office.run()["created"][office.one] == 1
    assert sorted(map(len, office.linked())) == [2, 3]


def test_who_shares_keys_with_two_people_is_asked_about(office: Office) -> None:
    office.put(office.many)
    office.put(office.many, email="mary@example.org", first="Mary")
    office.run()
    office.put(office.many, email=["ada@example.org", "mary@example.org"])
    done = office.run()
    assert (done["matches"], done["created"][office.one]) == (1, 0)
    assert len(office.linked()) == 2


def test_a_planned_create_goes_on_where_another_record_comes_before_it_is_let_through() -> None:
    office = Office("left", right={"create": "review"})
    office.ada(2)
    assert office.run()["reviews"] == 1
    link = Link.objects.get()
    office.put("left", first="Ada 9")
    assert office.run()["reviews"] == 1
    assert (Link.objects.get(), link.members.count()) == (link, 3)


def test_a_run_that_is_held_links_nobody_until_it_is_let_through(office: Office) -> None:
    office.version.approved_at = None
    office.version.save()
    office.ada(3)
    held = office.run()
    assert (held["state"], office.linked()) == ("held", set())
    office.approve(held["run"])
    assert len(*office.linked()) == 4
    assert office.is_at_rest()


def test_without_the_word_they_are_asked_about() -> None:
    office = Office("left", left={"several": False})
    office.ada(2)
    done = office.run()
    assert (done["matches"], done["created"]["right"]) == (1, 0)
    assert Match.objects.count() == 1


def test_statements_do_not_grow_with_the_records_of_a_person() -> None:
    def cost(count: int) -> list[int]:
        office = Office("left")
        office.left.page_size = 1000
        ids = office.ada(count)
        found = []
        for _ in range(2):
            with statements() as sent:
                assert office.run()["state"] == "done"
            found.append(len(sent))
            office.edit("left", ids[0], first="Augusta")
        return found

    cost(2)
    assert cost(3) == cost(30)


def test_each_record_is_written_by_a_line_of_its_own(office: Office) -> None:
    ids = office.ada(2)
    office.edit(office.many, ids[0], phone="573 555 0101")
    office.run()
    office.edit(office.one, office.partner()[0], phone="573 555 0102", first="Augusta")
    office.run()
    written = ChangeRecord.objects.filter(kind="update", side=office.many, state="done")
    assert sorted(written.values_list("record__remote_id", flat=True)) == sorted(ids)


def test_a_person_may_say_that_somebody_is_another_record_of_who_is_linked(office: Office) -> None:
    office.put(office.many)
    office.put(office.many, email="mary@example.org", first="Mary")
    office.run()
    office.put(office.many, email=["ada@example.org", "mary@example.org"])
    office.put(office.one, email="grace@example.org", first="Grace")
    office.run()
    (match,) = office.matches()
    partner = next(one for one in match.candidates.all() if one.cursor == office.cursor(office.one))
    assert not linkable(match, partner, taken_of(match))
    settle_match(match, "link", by="pat", record=partner)
    assert office.run()["matches"] == 0
    assert Member.objects.get(record=match.record).link == Member.objects.get(record=partner).link


def test_the_pages_show_every_record_and_the_values_that_count(office: Office, admin_client: Client) -> None:
    ids = office.ada(3)
    office.edit(office.many, ids[0], first="Augusta")
    office.run()
    office.edit(office.many, ids[0], first="Adele")
    office.edit(office.one, office.partner()[0], first="Adelaide")
    assert office.run()["conflicts"] == 1
    (conflict,) = office.conflicts()
    assert conflict.shown[office.many] == {"first|first": "Adele"}
    page = admin_client.get(reverse("admin:alumnisync_conflict_change", args=[conflict.pk])).content.decode()
    assert "Adele" in page
    assert page.count("also recorded as") == 2
    assert all(id in page for id in ids)
    assert "becomes “Adele”, now “Adelaide”" in page
    change = ChangeRecord.objects.filter(kind="create").get()
    page = admin_client.get(reverse("admin:alumnisync_changerecord_change", args=[change.pk])).content.decode()
    assert page.count("also recorded as") == 2
