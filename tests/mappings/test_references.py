"""Kind reference: equal by link, and written as the other side's id. And money whose currency another field names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.kinds import Linked
from mappings.rules import PairRules, Side
from mappings.translate import Translator, same

LEFT, RIGHT = Side.LEFT, Side.RIGHT
PATHS = {LEFT: "person", RIGHT: "Contact__c"}
MONEY = PairRules("v|A", {LEFT: "v", RIGHT: "A"}, kind="money", currency="USD", currency_field={LEFT: "currency"})
Members = dict[str, tuple[list[str], list[str]]]


def linked(members: Members) -> Linked:
    """Link → the ids of its records on the left and on the right."""
    known = Linked()
    for link, both in members.items():
        for side, ids in zip(Side, both, strict=True):
            known.links.update({("people", side, id): link for id in ids})
            if ids:
                known.ids["people", side, link] = ids[0]
    return known


def reference(members: Members) -> Translator:
    pair = PairRules("person|Contact__c", PATHS, kind="reference", through="people")
    return Translator(pair, {}, linked(members))


ADA: Members = {"ada": (["v1", "v2"], ["003A"]), "bo": (["v3"], ["003B"])}


def test_an_id_is_written_as_that_of_the_linked_record_either_way() -> None:
    there = reference(ADA)
    assert there.carry(there.read(LEFT, {"person": "v2"}), RIGHT).raw == "003A"
    assert there.carry(there.read(RIGHT, {"Contact__c": "003A"}), LEFT).raw == "v1"


def test_a_number_names_what_its_text_names() -> None:
    there = reference({"ada": (["7"], ["003A"])})
    assert there.carry(there.read(LEFT, {"person": 7}), RIGHT).raw == "003A"


def test_who_is_not_linked_can_t_be_read_and_the_sentence_names_them() -> None:
    reading = reference(ADA).read(LEFT, {"person": "v9"})
    assert reading.problem == "“v9” is not linked by “people” yet; this goes by itself once it is."


def test_who_has_no_record_there_any_more_can_t_be_written() -> None:
    there = reference({"ada": (["v1"], [])})
    assert there.carry(there.read(LEFT, {"person": "v1"}), RIGHT).problem == "“people” knows no record for it there."


@pytest.mark.parametrize("raw", ["", None, "  "])
def test_a_gift_of_nobody_is_blank(raw: Any) -> None:
    assert reference(ADA).read(LEFT, {"person": raw}).is_blank


IDS = st.sampled_from(["1", "2", "3", "4", "5"])
PEOPLE = st.lists(st.tuples(st.sets(IDS, max_size=3), st.sets(IDS, max_size=3)), max_size=4)


@given(people=PEOPLE, left=IDS, right=IDS)
def test_equality_is_the_same_from_both_sides_and_just_that_of_the_links(
    people: list[tuple[set[str], set[str]]], left: str, right: str
) -> None:
    taken: tuple[set[str], set[str]] = (set(), set())
    members: Members = {}
    for number, both in enumerate(people):
        # A record is in one link only.
        members[str(number)] = (sorted(both[0] - taken[0]), sorted(both[1] - taken[1]))
        taken[0].update(both[0])
        taken[1].update(both[1])
    there, mirrored = reference(members), reference({link: (b, a) for link, (a, b) in members.items()})
    one = same(there.read(LEFT, {"person": left}), there.read(RIGHT, {"Contact__c": right}))
    other = same(mirrored.read(LEFT, {"person": right}), mirrored.read(RIGHT, {"Contact__c": left}))
    assert one == other == any(left in a and right in b for a, b in members.values())


@given(amount=st.decimals(allow_nan=False, allow_infinity=False, places=2, max_value=10**15, min_value=-(10**15)))
def test_an_amount_arrives_to_the_cent(amount: Decimal) -> None:
    there = Translator(MONEY, {})
    sent = there.carry(there.read(LEFT, {"v": str(amount), "currency": "USD"}), RIGHT).raw
    assert isinstance(sent, str)
    assert Decimal(sent) == amount
    assert same(there.read(LEFT, {"v": str(amount), "currency": "usd"}), there.read(RIGHT, {"A": sent}))


@pytest.mark.parametrize(
    ("currency", "why"),
    [
        ("EUR", "This amount is in EUR, the field pair takes USD; we convert nothing."),
        ("XYZ", "The record names a currency that doesn't exist."),
        (None, "The record does not say which currency this amount is in."),
        (840, "The record does not say which currency this amount is in."),
    ],
)
def test_another_currency_is_refused(currency: Any, why: str) -> None:
    assert Translator(MONEY, {}).read(LEFT, {"v": "1.00", "currency": currency}).problem == why


def test_a_record_without_its_currency_is_refused_and_a_blank_amount_needs_none() -> None:
    there = Translator(MONEY, {})
    assert there.read(LEFT, {"v": "1.00"}).problem
    assert there.read(LEFT, {"v": ""}).is_blank


def test_what_was_held_before_comes_without_its_record() -> None:
    assert Translator(MONEY, {}).read_raw(LEFT, "1.00").value == (Decimal(1), "USD")
