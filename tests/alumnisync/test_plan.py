"""One person planned from values alone: what freezes the rest, what a create holds, when an id is stamped."""

from __future__ import annotations

from typing import Any

import pytest

from alumnisync.engine.plan import FROZEN, Held, Person, Planner, lay_over
from alumnisync.engine.units import Base, Verdict
from connectors.records import MISSING
from mappings.rules import Rules, Side, SideRules
from tests.alumnisync.sights import LEFT, RIGHT, make_base, make_pair

SAID = {LEFT: True, RIGHT: True}


def planner(*pairs: Any, **right: Any) -> Planner:
    sides = {LEFT: SideRules("person"), RIGHT: SideRules("person", **{"key_field": "left_id", **right})}
    return Planner(Rules(sides, pairs))


def person(left: dict[str, Any], right: dict[str, Any], **bases: Base) -> Person:
    return Person({LEFT: Held(left), RIGHT: Held(right)}, bases)


def created(work: Planner, **values: Any) -> dict[str, Any]:
    return {write.path: write.after for write in work.creation(RIGHT, Held(values), "l1").writes}


def test_a_death_that_waits_keeps_everything_else_still() -> None:
    work = planner(make_pair("name"), make_pair("dead", kind="deceased"))
    bases = {"name": make_base("Ann", "Ann"), "dead": make_base(False, False)}
    outcomes = work.plan(
        person({"left_name": "Anna", "left_dead": True}, {"right_name": "Ann", "right_dead": False}, **bases)
    )
    assert outcomes["dead"].verdict is Verdict.REVIEW
    assert (outcomes["name"].verdict, outcomes["name"].drift) == (Verdict.NOTHING, FROZEN)


def test_a_restriction_goes_out_even_then() -> None:
    consent = make_pair("mail", kind="consent", restricted_when=SAID)
    work = planner(consent, make_pair("dead", kind="deceased"))
    bases = {"mail": make_base(False, False), "dead": make_base(False, False)}
    left, right = {"left_mail": True, "left_dead": True}, {"right_mail": False, "right_dead": False}
    assert work.plan(person(left, right, **bases))["mail"].verdict is Verdict.SEND


def test_a_create_holds_what_can_be_written_its_constants_and_the_id() -> None:
    pairs = (
        make_pair("name"),
        make_pair("secret", to_right="off"),
        make_pair("phone", kind="phone", region="US"),
        make_pair("blank"),
        make_pair("unsaid"),
    )
    work = planner(*pairs, on_create={"kind": "alum"})
    values = {"left_name": "Ann", "left_secret": "x", "left_phone": "ask", "left_blank": ""}
    assert created(work, **values) == {"right_name": "Ann", "kind": "alum", "left_id": "l1"}


@pytest.mark.parametrize(
    ("pair", "value"),
    [(make_pair("one", kind="deceased"), True), (make_pair("one", kind="consent", restricted_when=SAID), True)],
)
def test_nobody_deceased_or_not_to_be_contacted_is_created(pair: Any, value: Any) -> None:
    work = planner(make_pair("name"), pair)
    assert work.creation(RIGHT, Held({"left_name": "Ann", "left_one": value}), "l1").refused
    assert not work.creation(RIGHT, Held({"left_name": "Ann", "left_one": False}), "l1").refused


def test_nothing_is_created_of_nothing() -> None:
    assert planner(make_pair("name")).creation(RIGHT, Held({"left_name": " "}), "l1").refused


@pytest.mark.parametrize(("now", "stamped"), [("", True), (None, True), ("l1", False), ("other", False)])
def test_only_a_blank_key_is_stamped(now: Any, stamped: bool) -> None:
    write = planner(make_pair("name")).stamp(RIGHT, Held({"left_id": now}), "l1")
    assert (write is not None) == stamped
    assert write is None or (write.path, write.before, write.after) == ("left_id", now, "l1")


def test_a_key_that_is_not_there_or_not_named_is_not_stamped() -> None:
    work = planner(make_pair("name"))
    assert work.stamp(RIGHT, Held({}), "l1") is None
    assert work.stamp(Side.LEFT, Held({"left_id": ""}), "r1") is None


def test_the_unit_of_a_pair_is_its_group_or_itself() -> None:
    work = planner(make_pair("city", group="home"), make_pair("name"))
    assert (work.unit_of("city"), work.unit_of("name")) == ("home", "name")


def test_laying_over_leaves_the_record_as_it_was() -> None:
    values = {"name": {"first": "Ann", "last": "Lee"}, "tags": ["a"]}
    laid = lay_over(values, {"name.first": "Bea", "mail": None})
    assert laid == {"name": {"first": "Bea", "last": "Lee"}, "tags": ["a"], "mail": None}
    assert values["name"] == {"first": "Ann", "last": "Lee"}
    assert lay_over({}, {"name": MISSING}) == {"name": MISSING}
