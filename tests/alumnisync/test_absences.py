"""People gone: missing, deleted, merged, switched off; each is ignored, listed or asked about; nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from alumnisync.absences import settle_absence
from alumnisync.deciding import mark_of, settle_person
from alumnisync.engine.absences import lost
from alumnisync.models import Absence, ChangeRecord, Link, Member
from alumnisync.review import Refusal
from connectors.models import RemoteRecord
from mappings.rules import Side, SideRules
from tests.factories import World

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

OFF = "record['status'] == 'off'"
WAYS = (("missing",), ("deleted", "merged", "disabled"))
"""Kinds that one system can show: one that brings whole lists, and one that reports what changed."""

every_kind = pytest.mark.parametrize("kinds", WAYS, ids=("whole lists", "changes"))
People = dict[str, tuple[str, str]]


def office(
    gone: Any = "flag", kinds: tuple[str, ...] = WAYS[1], count: int = 4, **options: Any
) -> tuple[World, People]:
    """People who agree on both sides, one for each kind and some more by number; all of them take part."""
    world = World(
        left={"create": "automatic"},
        right={"create": "automatic", "disabled": OFF, "gone": gone},
        right_type={"whole_lists": "missing" in kinds},
        **options,
    )
    names = [*kinds, *map(str, range(count - len(kinds)))]
    people = {name: world.pair_up(status="on") for name in names}
    world.go()
    return world, people


def leave(world: World, people: People, *kinds: str) -> None:
    """What happens to a contact of each kind, until it is believed."""
    for kind in kinds:
        right = people[kind][1]
        if kind == "missing":
            world.right.lose("person", right)
            world.run()
        elif kind == "disabled":
            world.right.alter("person", right, {"status": "off"})
        else:
            # The one that is left lies outside of what this sync sees.
            world.right.remove("person", right, merged_into="person-elsewhere" if kind == "merged" else "")
    world.run()


def come_back(world: World, people: People, *kinds: str) -> None:
    for kind in kinds:
        left, right = people[kind]
        world.right.rows["person"].pop(right, None)
        world.right.put("person", {**world.left.values("person", left), "status": "on", "left_id": left}, id=right)
    world.run()


def rows(*states: str) -> list[Absence]:
    return list(Absence.objects.filter(state__in=states or ("open",)))


def right_members(people: People, *kinds: str) -> int:
    ids = [people[kind][1] for kind in kinds]
    return Member.objects.filter(side="right", record__remote_id__in=ids).count()


@every_kind
def test_each_is_told_apart_and_listed_and_nothing_is_asked_or_written(kinds: tuple[str, ...]) -> None:
    world, people = office("flag", kinds)
    before = world.writes()
    leave(world, people, *kinds)
    found = {row.kind: row for row in rows()}
    assert set(found) == set(kinds)
    for kind, row in found.items():
        assert (row.side, row.asks, row.record.remote_id) == ("right", False, people[kind][1])
        assert row.since == (row.record.landed_at if kind == "disabled" else row.record.gone_at)
        assert row.run.counts["absences"] == {"right": dict.fromkeys(kinds, 1)}
    world.run()
    assert {row.pk for row in rows()} == {row.pk for row in found.values()}
    assert (world.writes(), len(world.left.live("person"))) == (before, 4)
    assert (world.conflicts(), world.reviews(), world.matches()) == ([], [], [])


@pytest.mark.parametrize("asked", ["missing", "deleted", "merged", "disabled"])
def test_each_follows_the_word_for_it_alone(asked: str) -> None:
    kinds = next(one for one in WAYS if asked in one)
    world, people = office(
        {**dict.fromkeys(("missing", "deleted", "merged", "disabled"), "ignore"), asked: "review"}, kinds
    )
    leave(world, people, *kinds)
    assert [(row.kind, row.asks) for row in rows()] == [(asked, True)]


def test_who_is_switched_off_is_passed_over_unless_a_word_is_said() -> None:
    world, people = office({})
    leave(world, people, "disabled")
    assert rows() == []
    world.left.alter("person", people["disabled"][0], {"last": "King"})
    assert world.run()["updated"]["right"] == 1


@pytest.mark.quick(2)
@pytest.mark.parametrize("gone", ["ignore", "flag", "review"])
@every_kind
def test_whoever_is_gone_is_never_created_again_whatever_the_word(kinds: tuple[str, ...], gone: str) -> None:
    world, people = office(gone, kinds)
    leave(world, people, *kinds)
    for kind in kinds:
        world.left.alter("person", people[kind][0], {"first": "Augusta"})
    assert world.run()["created"] == {"left": 0, "right": 0}
    assert len(world.right.live("person")) == (3 if "missing" in kinds else 2)


@every_kind
def test_it_closes_itself_when_the_record_is_seen_again(kinds: tuple[str, ...]) -> None:
    world, people = office({**dict.fromkeys(kinds, "review")}, kinds)
    leave(world, people, *kinds)
    come_back(world, people, *kinds)
    assert (rows(), len(rows("closed")), Link.objects.count()) == ([], len(kinds), 4)
    leave(world, people, *kinds)
    assert len(rows()) == len(kinds)


@every_kind
def test_kept_as_it_is_nobody_is_asked_again_until_it_is_seen(kinds: tuple[str, ...]) -> None:
    world, people = office("review", kinds)
    leave(world, people, *kinds)
    for row in rows():
        settle_absence(row, "keep", by="pat")
        world.left.alter("person", people[row.kind][0], {"first": "Augusta"})
    assert world.run()["created"] == {"left": 0, "right": 0}
    assert (rows(), len(rows("decided")), Link.objects.count()) == ([], len(kinds), 4)
    come_back(world, people, *kinds)
    assert rows("open", "decided") == []


@every_kind
def test_unlinked_by_the_next_run_and_linked_again_by_a_person_alone(kinds: tuple[str, ...]) -> None:
    world, people = office("review", kinds)
    leave(world, people, *kinds)
    for row in rows():
        settle_absence(row, "unlink", by="pat")
    for kind in kinds:
        world.left.alter("person", people[kind][0], {"first": "Augusta"})
    preview = world.run(preview=True)
    assert (len(rows("decided")), right_members(people, *kinds)) == (len(kinds), len(kinds))
    # Nothing is planned any more for them, nor shown as if it were.
    assert not ChangeRecord.objects.filter(run=preview["run"]).exclude(kind="settle").exists()
    before = world.writes()
    world.run()
    world.run()
    assert (rows("open", "decided"), right_members(people, *kinds)) == ([], 0)
    assert Link.objects.filter(rule="unlinked").count() == len(kinds)
    assert (world.writes(), world.matches()) == (before, [])
    come_back(world, people, *kinds)
    assert (world.writes(), len(world.matches())) == (before, len(kinds))
    for match in world.matches():
        settle_person(match, "link", seen=mark_of(match), by="pat", candidate=str(match.candidates.get().pk))
    world.run()
    assert {people[kind] for kind in kinds} <= world.linked()
    for kind in kinds:
        world.left.alter("person", people[kind][0], {"last": "King"})
    assert world.run()["updated"]["right"] == len(kinds)


def test_who_is_seen_again_before_the_run_stays_linked() -> None:
    world, people = office("review")
    leave(world, people, "deleted")
    settle_absence(rows()[0], "unlink", by="pat")
    come_back(world, people, "deleted")
    assert people["deleted"] in world.linked()
    assert rows("open", "decided") == []


def test_who_is_seen_again_before_an_older_plan_is_carried_out_stays_linked() -> None:
    world, people = office("review")
    leave(world, people, "deleted")
    settle_absence(rows()[0], "unlink", by="pat")
    preview = world.run(preview=True)
    left, right = people["deleted"]
    world.right.rows["person"].pop(right)
    world.right.put("person", {**world.left.values("person", left), "left_id": left}, id=right)
    world.approve(preview["run"])
    assert people["deleted"] in world.linked()


def test_a_merger_whose_record_took_the_place_is_said_and_syncs_on() -> None:
    world, people = office({"merged": "review"})
    left, loser = people["merged"]
    winner = world.right.put("person", {**world.right.values("person", loser), "first": "Augusta", "left_id": ""})
    world.right.remove("person", loser, merged_into=winner)
    world.run(preview=True)
    world.run()
    assert [(row.kind, row.record.remote_id, row.asks) for row in rows()] == [("merged", loser, True)]
    world.left.alter("person", left, {"last": "King"})
    world.run()
    assert world.right.values("person", winner)["last"] == "King"
    settle_absence(rows()[0], "keep", by="pat")
    world.left.alter("person", left, {"last": "Lovelace"})
    world.run()
    assert (rows(), world.right.values("person", winner)["last"]) == ([], "Lovelace")
    world.right.remove("person", winner)
    world.run()
    assert [(row.kind, row.record.remote_id) for row in rows()] == [("deleted", winner)]


def test_a_merger_can_be_unlinked_too() -> None:
    world, people = office("review")
    left, loser = people["merged"]
    winner = world.right.put("person", {**world.right.values("person", loser), "left_id": ""})
    world.right.remove("person", loser, merged_into=winner)
    world.run()
    settle_absence(rows()[0], "unlink", by="pat")
    world.run()
    world.run()
    assert rows("open", "decided") == []
    assert Member.objects.filter(side="right", record__remote_id__in=[loser, winner]).count() == 0
    assert Member.objects.get(side="left", record__remote_id=left).link.rule == "unlinked"


def test_of_several_records_only_the_last_one_counts() -> None:
    world = World(right={"several": True, "disabled": OFF, "gone": "review"})
    _, first = world.pair_up(status="on")
    second = world.right.put("person", {**world.right.values("person", first), "left_id": ""})
    world.go()
    world.right.remove("person", first)
    world.run()
    assert rows() == []
    world.right.alter("person", second, {"status": "off"})
    world.run()
    assert [(row.kind, row.record.remote_id) for row in rows()] == [("disabled", second)]
    world.right.remove("person", second)
    world.run()
    assert [(row.kind, row.record.remote_id) for row in rows()] == [("deleted", second)]


def test_one_merged_into_another_of_the_same_person_is_nothing_to_say() -> None:
    world = World(right={"several": True, "gone": "review"})
    _, winner = world.pair_up()
    loser = world.right.put("person", {**world.right.values("person", winner), "left_id": ""})
    world.go()
    world.right.remove("person", loser, merged_into=winner)
    world.run()
    assert rows() == []


def test_another_word_later_reaches_those_who_are_gone_already() -> None:
    world, people = office("ignore")
    leave(world, people, "deleted")
    assert rows() == []
    for gone, wanted in (("review", [True]), ("flag", [False]), ("ignore", [])):
        world.add_version(PAIRS_NOW, {}, {"key_field": "left_id", "gone": gone})
        world.go()
        assert [row.asks for row in rows()] == wanted


PAIRS_NOW = ({"left": "first", "right": "first"},)


def test_a_draft_that_is_tried_says_nothing_of_anybody() -> None:
    world, people = office("ignore")
    leave(world, people, "deleted")
    draft = world.sync.versions.create(number=2)
    for side in world.version.sides.all():
        side.pk, side.version, side.gone = None, draft, "review"
        side.save()
    world.run(preview=True)
    assert rows("open", "held", "decided") == []


def test_half_the_people_gone_at_once_are_not_believed_until_a_person_does() -> None:
    world, people = office("review", guards={"gone": {"floor": 1, "share": 0}})
    for _, right in list(people.values())[:2]:
        world.right.remove("person", right)
    held = world.run()
    assert (held["state"], rows(), len(rows("held"))) == ("held", [], 2)
    with pytest.raises(Refusal, match=f"Run {held['run']} is on hold"):
        settle_absence(rows("held")[0], "unlink", by="pat")
    # A later run that is held as well hides neither it nor them.
    again = world.run()
    assert (again["state"], len(rows("held"))) == ("held", 2)
    world.approve(again["run"])
    assert (len(rows()), rows("held")) == (2, [])


def test_what_a_limit_stopped_is_seen_again_and_forgotten() -> None:
    world, people = office("review", guards={"gone": {"floor": 1, "share": 0}})
    values = [world.right.values("person", right) for _, right in list(people.values())[:2]]
    for _, right in list(people.values())[:2]:
        world.right.remove("person", right)
    world.run()
    for (_, right), one in zip(people.values(), values, strict=False):
        world.right.rows["person"].pop(right)
        world.right.put("person", one, id=right)
    assert world.run()["state"] == "done"
    assert rows("open", "held", "decided") == []


def test_a_condition_that_can_not_be_judged_leaves_what_was_said() -> None:
    world = World(right={"gone": "flag", "disabled": "record['status'] + 0 == 1"})
    _, right = world.pair_up(status=0)
    world.go()
    world.right.alter("person", right, {"status": 1})
    world.run()
    (row,) = rows()
    world.right.alter("person", right, {"status": "unclear"})
    world.run()
    assert [one.pk for one in rows()] == [row.pk]
    world.right.alter("person", right, {"status": 0})
    world.run()
    assert rows() == []


def test_choices_are_refused_in_words() -> None:
    world, people = office("review")
    leave(world, people, "deleted")
    (row,) = rows()
    with pytest.raises(Refusal, match="no choice"):
        settle_absence(row, "delete", by="pat")
    with pytest.raises(Refusal, match="has changed since"):
        settle_absence(row, "keep", by="pat", seen="something else")
    come_back(world, people, "deleted")
    with pytest.raises(Refusal, match="closed already"):
        settle_absence(row, "keep", by="pat")


def test_who_is_not_in_the_pilot_is_not_spoken_of() -> None:
    world, people = office("review")
    world.version.pilot = [people["merged"][0]]
    world.version.save()
    leave(world, people, "deleted", "merged")
    assert [row.kind for row in rows()] == ["merged"]


def test_what_was_recorded_is_asked_about_as_such_and_not_twice() -> None:
    world = World(left={"gone": "review"}, right={"gone": "review", "write_once": True, "create": "automatic"})
    pairs = [world.pair_up() for _ in range(2)]
    world.go()
    world.left.remove("person", pairs[0][0])
    world.right.remove("person", pairs[1][1])
    assert world.run()["reviews"] == 1
    assert [(row.side, row.record.remote_id) for row in rows()] == [("right", pairs[1][1])]


NOW = datetime(2026, 11, 27, tzinfo=UTC)


def judged(*records: dict[str, Any], states: tuple[str, ...] = (), **rules: Any) -> str | None:
    """Why a side with these records is no longer found."""
    ctx: Any = SimpleNamespace(rules=SimpleNamespace(sides={Side.LEFT: SideRules("person", **rules)}))
    made = [RemoteRecord(pk=number, remote_id=f"p{number}", landed_at=NOW, **one) for number, one in enumerate(records)]
    members = [
        Member(record=record, state=state)
        for record, state in zip(made, states or ["present"] * len(made), strict=True)
    ]
    found = lost(ctx, Side.LEFT, members)
    return found.kind.value if found else None


GONE: dict[str, Any] = {"gone_at": NOW}
MISSED, MERGED = {**GONE, "missed": 2}, {**GONE, "merged_into": "p1"}


def test_how_a_record_went_is_told_by_what_is_known_of_it() -> None:
    assert judged() is None
    assert judged({}) is None
    assert judged(GONE) == "deleted"
    # Missing once, and then reported: reported.
    assert judged({**GONE, "missed": 1}) == "deleted"
    assert judged(MISSED) == "missing"
    assert judged(MERGED) == "merged"
    assert judged({**MISSED, "gone_at": NOW - timedelta(1)}, GONE) == "deleted"
    assert judged(MISSED, {}) is None


def test_a_merger_is_said_where_another_record_took_the_place_and_not_where_one_was_there() -> None:
    assert judged(MERGED, {}, states=("present", "coming")) == "merged"
    assert judged(MERGED, {}, states=("present", "present")) is None
    assert judged(MERGED, {}, states=("left", "coming")) is None


def test_a_feed_brings_no_lists_so_only_deletions_are_known() -> None:
    assert judged(MISSED, feed=True) == "deleted"
    assert judged({"values": {"status": "off"}}, feed=True, disabled=OFF) is None


def test_all_records_of_a_person_are_switched_off_or_nobody_is() -> None:
    off, on = {"values": {"status": "off"}}, {"values": {"status": "on"}}
    assert judged(off, disabled=OFF) == "disabled"
    assert judged(off, off, disabled=OFF) == "disabled"
    assert judged(off, on, disabled=OFF) is None
    assert judged(off, GONE, disabled=OFF) == "disabled"
    assert judged({"values": {}}, disabled="record['status'] > 5") is None
