"""What a plan remembers from one run to the next: tries, decisions, refusals, and what a preview may not spend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alumnisync.models import ChangeRecord, Conflict, Link, Review, SyncRun
from alumnisync.review import approve, decide, reject, settle_match
from connectors.records import Rejected
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
MARY = {"first": "Mary", "last": "Somerville", "email": "m@example.org"}


def paired(**options: Any) -> tuple[World, str, str]:
    world = World(**options)
    left, right = world.pair_up(phone="573 555 0100", city="Rolla", zip="65401", dead=False)
    world.go()
    return world, left, right


def in_conflict(**options: Any) -> tuple[World, str, str]:
    world, left, right = paired(**options)
    world.left.alter("person", left, {"last": "Byron"})
    world.right.alter("person", right, {"last": "King"})
    world.run()
    return world, left, right


def asides() -> dict[str, ChangeRecord]:
    """Path → the change that is set aside with it."""
    changes = ChangeRecord.objects.filter(state="set_aside")
    return {row.path: change for change in changes for row in change.fields.all()}


def test_several_fields_of_one_person_are_set_aside_each_with_its_own_reason() -> None:
    world, left, right = paired()
    world.left.alter("person", left, {"phone": "ask", "last": "L" * 81, "first": "Augusta"})
    done = world.run()
    assert (done["set_aside"], done["updated"]["right"]) == (2, 1)
    found = asides()
    assert set(found) == {"phone", "last"}
    assert "81 characters" in found["last"].reason
    assert found["phone"].pk != found["last"].pk
    world.left.alter("person", left, {"phone": "573 555 0111"})
    assert world.run()["set_aside"] == 1
    assert world.right.values("person", right)["phone"] == "+15735550111"


def test_a_refused_field_keeps_its_place_in_the_schedule_through_a_preview() -> None:
    world, left, _ = paired()
    world.left.alter("person", left, {"last": "X", "first": "Y"})
    world.right.fail(Rejected("No.", {"last": "not allowed"}), times=None)
    world.run()
    assert asides()["last"].attempts == 1
    world.run(preview=True)
    world.run()
    aside = asides()["last"]
    assert aside.attempts == 2
    assert aside.next_try_at is not None
    assert aside.next_try_at > timezone.now() + timedelta(hours=23)


def test_other_rules_send_what_was_refused_at_once() -> None:
    world, left, right = paired()
    world.left.alter("person", left, {"last": "X"})
    world.right.fail(Rejected("No."), times=2)
    world.run()
    world.run()
    assert asides()["last"].attempts == 2
    world.add_version(PAIRS, {}, {"key_field": "left_id"})
    world.go()
    assert world.right.values("person", right)["last"] == "X"


def test_a_preview_does_not_spend_a_decision() -> None:
    world, _left, _right = in_conflict()
    decide(world.conflicts()[0], "leave", by="pat")
    world.run(preview=True)
    assert Conflict.objects.get().state == "decided"
    assert world.run()["conflicts"] == 0
    assert Conflict.objects.get().state == "closed"
    assert world.run()["conflicts"] == 0


def test_a_decision_that_failed_to_go_out_stands() -> None:
    world, _left, right = in_conflict()
    other_left, _other_right = world.pair_up()
    world.run()
    world.left.alter("person", other_left, {"last": "Noel"})
    decide(world.conflicts()[0], "left", by="pat")
    world.right.fail(Rejected("No."), every=1)
    world.run()
    assert Conflict.objects.get().state == "decided"
    world.run()
    assert world.right.values("person", right)["last"] == "Byron"
    assert Conflict.objects.get().state == "closed"


def test_a_conflict_reopens_with_the_former_choice_as_suggestion() -> None:
    world, _left, right = in_conflict()
    decide(world.conflicts()[0], "left", by="pat")
    world.right.alter("person", right, {"last": "Noel"})
    assert world.run()["conflicts"] == 1
    (conflict,) = world.conflicts()
    assert (conflict.suggestion, conflict.choice, conflict.decided_by) == ("left", "", "")
    assert conflict.shown["right"] == {"last|last": "Noel"}
    assert Conflict.objects.count() == 1


def test_a_side_that_comes_back_to_its_base_closes_the_conflict() -> None:
    world, left, right = paired()
    before = world.right.values("person", right)["last"]
    world.left.alter("person", left, {"last": "Byron"})
    world.right.alter("person", right, {"last": "King"})
    assert world.run()["conflicts"] == 1
    world.right.alter("person", right, {"last": before})
    assert world.run()["conflicts"] == 0
    assert world.right.values("person", right)["last"] == "Byron"


def test_what_is_asked_stays_one_question_from_run_to_run() -> None:
    world, *_ = in_conflict()
    for _ in range(2):
        world.run()
    assert Conflict.objects.count() == 1


def test_fields_of_a_group_that_agree_get_their_base_though_another_is_sent() -> None:
    world, left, right = paired(pairs=(*PAIRS, {**HOME[0], "group": ""}))
    world.add_version((*PAIRS, *HOME), {}, {"key_field": "left_id"})
    world.left.alter("person", left, {"city": "Newburg"})
    world.go()
    assert world.right.values("person", right)["city"] == "Newburg"
    assert Link.objects.get().bases["zip|zip"] == {"left": "65401", "right": "65401"}


def test_a_death_keeps_what_was_asked_and_decided_about_everything_else() -> None:
    world, left, right = in_conflict(pairs=(*PAIRS, {"left": "dead", "right": "dead", "kind": "deceased"}))
    decide(world.conflicts()[0], "left", by="pat")
    world.left.alter("person", left, {"dead": True})
    world.run()
    assert world.right.values("person", right)["last"] == "King"
    assert Conflict.objects.get().state == "decided"
    approve(world.reviews()[0], by="pat")
    world.run()
    world.run()
    assert world.right.values("person", right)["last"] == "Byron"


def test_a_removal_that_was_held_is_held_again_until_a_person_lets_it_through() -> None:
    pairs = (*PAIRS[:3], {**PAIRS[3], "on_blank": "ask"})
    world, left, _ = paired(pairs=pairs, guards={"blanked": {"floor": 0, "share": 0}})
    world.left.alter("person", left, {"phone": ""})
    first, again = world.run(), world.run()
    assert [item["guard"] for item in (*first["held"], *again["held"])] == ["blanked", "blanked"]
    assert world.reviews() == []
    world.approve(again["run"])
    assert len(world.reviews()) == 1
    assert world.run()["held"] == []
    assert len(world.reviews()) == 1


@pytest.mark.parametrize("on_blank", ["keep", "ask"])
def test_a_removal_that_was_refused_is_not_held_again(on_blank: str) -> None:
    pairs = (*PAIRS[:3], {**PAIRS[3], "on_blank": on_blank})
    world, left, right = paired(pairs=pairs, guards={"blanked": {"floor": 0, "share": 0}})
    world.left.alter("person", left, {"phone": ""})
    held = world.run()
    reject(SyncRun.objects.get(pk=held["run"]), by="pat", why="a glitch")
    after = world.run()
    assert (after["held"], after["reviews"]) == ([], 0)
    assert world.right.values("person", right)["phone"] == "573 555 0100"
    world.left.alter("person", left, {"phone": "573 555 0111"})
    assert world.run()["updated"]["right"] == 1


def test_a_create_refused_with_its_run_is_not_planned_again_until_the_record_changes() -> None:
    world, *_ = paired(right={"create": "automatic"}, guards={"created": {"floor": 0, "share": 0}})
    mary = world.left.put("person", dict(MARY))
    held = world.run()
    assert [item["guard"] for item in held["held"]] == ["created"]
    reject(SyncRun.objects.get(pk=held["run"]), by="pat", why="a parent")
    assert world.run()["held"] == []
    world.left.alter("person", mary, {"first": "Maria"})
    assert [item["guard"] for item in world.run()["held"]] == ["created"]


def test_a_create_for_review_that_was_refused_is_asked_again_once_the_record_changes() -> None:
    world, *_ = paired(right={"create": "review"})
    mary = world.left.put("person", dict(MARY))
    assert world.run()["reviews"] == 1
    reject(world.reviews()[0], by="pat", why="a parent")
    assert world.run()["reviews"] == 0
    world.left.alter("person", mary, {"city": "Jedburgh"})
    assert world.run()["reviews"] == 0
    world.left.alter("person", mary, {"first": "Maria"})
    assert world.run()["reviews"] == 1
    approve(world.reviews()[0], by="pat")
    assert world.run()["created"]["right"] == 1


def test_a_match_decided_create_is_not_planned_again_once_the_create_was_refused() -> None:
    world, *_ = paired(right={"create": "automatic"}, guards={"created": {"floor": 0, "share": 0}})
    for first in ("Ann", "Bob"):
        world.left.put("person", {"first": first, "last": "Ray", "email": "rays@example.org"})
    world.right.put("person", {"first": "Cy", "last": "Ray", "email": "rays@example.org", "left_id": ""})
    world.run()
    (match,) = world.matches()
    settle_match(match, "create", by="pat")
    held = world.run()
    assert [item["guard"] for item in held["held"]] == ["created"]
    reject(SyncRun.objects.get(pk=held["run"]), by="pat", why="no")
    writes = world.writes()
    for _ in range(2):
        assert world.run()["held"] == []
    assert world.writes() == writes


def test_a_review_of_a_proposed_link_that_was_refused_stays_refused_when_the_link_comes_into_being() -> None:
    world = World(({"left": "last", "right": "last", "first_meeting": "left", "to_right": "review"}, *PAIRS[2:]))
    _left, right = world.pair_up()
    world.right.alter("person", right, {"last": "King"})
    preview = world.run()
    (review,) = world.reviews()
    reject(review, by="pat", why="the registrar says otherwise")
    preview = world.run()
    world.approve(preview["run"])
    assert world.run()["reviews"] == 0
    assert world.right.values("person", right)["last"] == "King"
    assert Review.objects.filter(state="open").count() == 0


def test_a_review_at_a_first_meeting_that_was_refused_is_not_asked_again() -> None:
    world, left, right = paired(pairs=PAIRS[2:])
    world.left.alter("person", left, {"last": "Byron"})
    world.right.alter("person", right, {"last": ""})
    world.add_version(
        (*PAIRS[2:], {"left": "last", "right": "last", "to_right": "review"}), {}, {"key_field": "left_id"}
    )
    world.version = world.sync.active_version() or world.version
    world.version.approved_at = timezone.now()
    world.version.save()
    assert world.run()["reviews"] == 1
    reject(world.reviews()[0], by="pat", why="no")
    assert world.run()["reviews"] == 0
    assert world.right.values("person", right)["last"] == ""


def test_two_refusals_for_one_person_are_both_remembered() -> None:
    world, left, right = paired(guards={"changed": {"floor": 0, "share": 0}})
    world.left.alter("person", left, {"last": "X"})
    world.right.alter("person", right, {"first": "Y"})
    held = world.run()
    assert len(held["held"]) == 2
    reject(SyncRun.objects.get(pk=held["run"]), by="pat", why="no")
    assert world.run()["held"] == []
    assert set(Link.objects.get().bases["last|last"]["refused"]) == {"left"}
    assert set(Link.objects.get().bases["first|first"]["refused"]) == {"right"}


def test_a_decision_refused_with_its_run_is_asked_again() -> None:
    world, *_ = in_conflict(guards={"changed": {"floor": 0, "share": 0}})
    decide(world.conflicts()[0], "left", by="pat")
    held = world.run()
    assert held["state"] == "held"
    reject(SyncRun.objects.get(pk=held["run"]), by="kim", why="ask again")
    (conflict,) = world.conflicts()
    assert conflict.suggestion == "left"
    assert (world.run()["conflicts"], world.run()["held"]) == (1, [])


def test_a_pilot_narrows_and_widening_it_reaches_everybody() -> None:
    world = World()
    people = [world.pair_up() for _ in range(2)]
    for _, right in people:
        world.right.alter("person", right, {"phone": "573 555 0111"})
    world.version.pilot = [people[0][0]]
    world.version.save()
    world.go()
    assert world.linked() == {people[0]}
    assert world.left.values("person", people[1][0])["phone"] == ""
    world.add_version(PAIRS, {}, {"key_field": "left_id"})
    world.go()
    assert world.left.values("person", people[1][0])["phone"] == "+15735550111"


def test_a_scope_that_can_not_be_judged_sets_the_person_aside() -> None:
    world, left, right = paired(right={"scope": "record['city'] > 'A'"})
    world.right.alter("person", right, {"city": 7})
    world.left.alter("person", left, {"last": "X"})
    done = world.run()
    assert (done["set_aside"], done["updated"]["right"]) == (1, 0)
    assert "can't be told" in ChangeRecord.objects.get(state="set_aside").reason
    world.right.alter("person", right, {"city": "Rolla"})
    assert world.run()["updated"]["right"] == 1


def test_the_replaced_value_goes_where_it_is_kept() -> None:
    world, left, right = paired(pairs=(*PAIRS[:2], {**PAIRS[2], "keep_old": {"right": "old_email"}}, PAIRS[3]))
    before = world.right.values("person", right)["email"]
    world.left.alter("person", left, {"email": "new@example.org"})
    assert world.run()["updated"]["right"] == 1
    now = world.right.values("person", right)
    assert (now["email"], now["old_email"]) == ("new@example.org", before)
    assert world.run()["updated"]["right"] == 0


def test_who_can_t_be_judged_is_set_aside_until_they_can() -> None:
    world = World(left={"scope": "record['zip'] > 3"}, right={"create": "automatic"})
    left = world.left.put("person", {"first": "Mary", "last": "Somerville", "email": "m@example.org", "zip": ""})
    world.go()
    for _ in range(2):
        assert world.run()["set_aside"] == 1
    assert "can't be told" in ChangeRecord.objects.get(state="set_aside").reason
    assert world.right.live("person") == {}
    world.left.alter("person", left, {"zip": 4})
    done = world.run()
    assert (done["set_aside"], done["created"]["right"]) == (0, 1)


def test_a_key_that_comes_to_name_somebody_else_is_told_until_it_is_mended() -> None:
    world = World()
    left, right = world.pair_up()
    world.go()
    world.right.alter("person", right, {"left_id": "somebody-else"})
    for _ in range(2):
        done = world.run()
        assert (done["set_aside"], done["stamped"]["right"]) == (1, 0)
    assert "names somebody else" in ChangeRecord.objects.get(state="set_aside").reason
    world.right.alter("person", right, {"left_id": left})
    assert world.run()["set_aside"] == 0


def test_a_key_that_holds_another_id_is_never_stamped_over() -> None:
    world, left, right = paired()
    assert world.right.values("person", right)["left_id"] == left
    world.right.alter("person", right, {"left_id": "somebody-else", "first": "New"})
    assert world.run()["stamped"] == {"left": 0, "right": 0}
    assert world.right.values("person", right)["left_id"] == "somebody-else"
    world.right.alter("person", right, {"left_id": ""})
    assert world.run()["stamped"] == {"left": 0, "right": 1}


def count_statements(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return len([query for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]])


def test_planning_takes_no_more_statements_for_more_people() -> None:
    counts = []
    for people in (3, 12):
        world = World((*PAIRS, *HOME))
        world.left.page_size = world.right.page_size = 100
        for _ in range(people):
            world.pair_up()
        world.go()
        for left, right in sorted(world.linked()):
            world.left.alter("person", left, {"last": "X" + left, "first": "Y", "zip": "1"})
            world.right.alter("person", right, {"last": "Z" + right, "city": "Rolla"})
        counts.append(count_statements(lambda world=world: world.run(preview=True)))  # type: ignore[misc]
    assert counts[0] == counts[1]
