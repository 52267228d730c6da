from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.engine.bodies import CROWD, THRONG, Candidate, Standing
from alumnisync.engine.identity import BY_PERSON, Decision, Pairing, decide
from alumnisync.engine.keys import IdentityRule, identity_rules, keys
from mappings.rules import MatchRule, Rules, Side, SideRules

L, R = Side.LEFT, Side.RIGHT
EMAIL = MatchRule({L: ("email",), R: ("Email",)})
NAME = MatchRule({L: ("last", "year"), R: ("Last", "Year")})
PHONE = MatchRule({L: ("phone",), R: ("Phone",)})


def build_rules(*match: MatchRule, key_right: str = "", key_left: str = "") -> tuple[IdentityRule, ...]:
    sides = {L: SideRules("user", key_field=key_left), R: SideRules("Contact", key_field=key_right)}
    return identity_rules(7, Rules(sides=sides, pairs=(), match=match))


def person(
    rules: Iterable[IdentityRule],
    side: Side,
    pk: int,
    standing: Standing = Standing.FREE,
    named: bool = True,
    **values: Any,
) -> Candidate:
    """A candidate whose remote id is "L1" or "R1" for its number; values are named alike on both sides."""
    own = {name if side is L else name.capitalize(): value for name, value in values.items()}
    digests = {rule.name: keys(rule, side, f"{side[0].upper()}{pk}", own, {}) for rule in rules}
    return Candidate(pk, side, digests, standing, named)


def links(decision: Decision) -> set[tuple[int, int]]:
    return {(one.left, one.right) for one in decision.links}


def knots(decision: Decision) -> list[set[int]]:
    return [set(knot.records) for knot in decision.knots]


# Decisions, by example


def decided(
    rules: tuple[IdentityRule, ...], *candidates: Candidate, **known: Any
) -> tuple[set[tuple[int, int]], list[set[int]]]:
    decision = decide(candidates, rules, **known)
    return links(decision), knots(decision)


def test_one_on_each_side_are_linked_and_the_rule_is_named() -> None:
    rules = build_rules(EMAIL)
    decision = decide([person(rules, L, 1, email="a"), person(rules, R, 2, email="A")], rules)
    assert decision == Decision((Pairing(1, 2, "email ↔ Email"),), (), frozenset())


def test_somebody_alone_is_nobody() -> None:
    rules = build_rules(EMAIL)
    assert decided(rules, person(rules, L, 1, email="a"), person(rules, R, 2)) == (set(), [])


def test_a_couple_on_both_sides_is_one_question_and_no_link() -> None:
    rules = build_rules(EMAIL, PHONE)
    couple = [person(rules, side, pk, email="us", phone=pk % 2) for side, pk in ((L, 1), (L, 2), (R, 3), (R, 4))]
    assert decided(rules, *couple) == (set(), [{1, 2, 3, 4}])


def test_a_row_that_names_nobody_is_asked_about_by_itself_and_stands_in_nobodys_way() -> None:
    rules = build_rules(EMAIL)
    rows = [person(rules, L, pk, Standing.UNNAMED, email="a") for pk in range(10, 10 + CROWD + 1)]
    known = [person(rules, L, 1, email="a"), person(rules, R, 2, email="a")]
    found, asked = decided(rules, *rows, *known)
    assert (found, asked) == ({(1, 2)}, [{row.id, 2} for row in rows])
    refused = frozenset({frozenset({10, 2})})
    assert decided(rules, *rows[:1], *known, refused=refused) == ({(1, 2)}, [{10}])


def test_of_a_feed_nobody_is_asked_about_ids_that_it_has_not_named_yet() -> None:
    for feed in (True, False):
        sides = {L: SideRules("user", feed=feed), R: SideRules("Contact", key_field="Key")}
        rules = identity_rules(7, Rules(sides=sides, pairs=()))
        assert decided(rules, person(rules, R, 1, key="L9")) == (set(), [] if feed else [{1}])


def test_an_earlier_rule_decides() -> None:
    rules = build_rules(EMAIL, PHONE)
    people = [
        person(rules, L, 1, email="a", phone=1),
        person(rules, R, 2, email="a", phone=2),
        person(rules, R, 3, email="c", phone=1),
    ]
    # Who agrees with somebody linked by an earlier rule is asked about, never created.
    assert decided(rules, *people) == ({(1, 2)}, [{1, 3}])


def test_a_blank_skips_the_rule() -> None:
    rules = build_rules(EMAIL, PHONE)
    people = [person(rules, L, 1, email="", phone=1), person(rules, R, 2, email="b", phone=1)]
    assert decided(rules, *people) == ({(1, 2)}, [])


def test_twins_without_a_partner_are_one_question() -> None:
    rules = build_rules(EMAIL)
    assert decided(rules, person(rules, L, 1, email="a"), person(rules, L, 2, email="a")) == (set(), [{1, 2}])


def test_twins_may_be_told_apart_by_a_later_rule() -> None:
    rules = build_rules(EMAIL, PHONE)
    people = [
        person(rules, L, 1, email="us", phone=1),
        person(rules, L, 2, email="us", phone=2),
        person(rules, R, 3, phone=1),
        person(rules, R, 4, phone=2),
    ]
    assert decided(rules, *people) == ({(1, 3), (2, 4)}, [])
    assert decided(rules, *people[:3]) == ({(1, 3)}, [{1, 2}])


def test_several_values_can_make_several_candidates() -> None:
    rules = build_rules(EMAIL)
    people = [
        person(rules, L, 1, email=["a", "b"]),
        person(rules, R, 2, email="a"),
        person(rules, R, 3, email="b"),
    ]
    assert decided(rules, *people) == (set(), [{1, 2, 3}])


@pytest.mark.parametrize("side", [L, R])
def test_a_blocked_record_with_the_key_makes_a_question(side: Side) -> None:
    rules = build_rules(EMAIL)
    blocked = person(rules, side, 9, Standing.BLOCKED, email="a")
    assert decided(rules, person(rules, L, 1, email="a"), blocked) == (set(), [{1, 9}])


def test_a_blocked_record_stops_a_link_too() -> None:
    rules = build_rules(EMAIL)
    people = [
        person(rules, L, 1, email="a"),
        person(rules, R, 2, email="a"),
        person(rules, R, 9, Standing.BLOCKED, email="a"),
    ]
    assert decided(rules, *people) == (set(), [{1, 2, 9}])
    assert decide(people, rules).knots[0].waiting == {1, 2}


def test_those_who_are_mixed_up_by_different_rules_are_one_question() -> None:
    rules = build_rules(EMAIL, PHONE)
    people = [
        person(rules, L, 1, email="us"),
        person(rules, L, 2, email="us", phone=5),
        person(rules, R, 3, email="us"),
        person(rules, R, 4, phone=5),
    ]
    decision = decide(people, rules)
    assert knots(decision) == [{1, 2, 3, 4}]
    assert decision.knots[0].rule == "email ↔ Email"


@pytest.mark.parametrize(("count", "asked"), [(CROWD, True), (CROWD + 1, False)])
def test_a_key_that_too_many_hold_is_ignored_and_told(count: int, asked: bool) -> None:
    rules = build_rules(EMAIL)
    crowd = [person(rules, R, pk, email="none@x.org") for pk in range(count)]
    decision = decide([person(rules, L, 90, email="none@x.org"), *crowd], rules)
    assert len(decision.knots) == asked
    assert {name for name, _ in decision.ignored} == (set() if asked else {"email ↔ Email"})


def test_a_key_known_to_be_crowded_is_ignored_though_few_holders_are_here() -> None:
    rules = build_rules(EMAIL)
    people = [person(rules, L, 1, email="a"), person(rules, R, 2, email="a")]
    crowded = {digest for digests in people[0].keys.values() for digest in digests}
    decision = decide(people, rules, crowded=crowded)
    assert (links(decision), len(decision.ignored)) == (set(), 1)


# Key fields


def test_the_key_field_comes_before_the_match_rules() -> None:
    rules = build_rules(EMAIL, key_right="Crm")
    people = [
        person(rules, L, 1, email="a"),
        person(rules, R, 2, email="b", crm="L1"),
    ]
    decision = decide(people, rules)
    assert decision.links == (Pairing(1, 2, "key:right"),)


def test_the_key_field_of_either_side_links() -> None:
    rules = build_rules(key_left="crm", key_right="Crm")
    people = [person(rules, L, 1, crm="R2"), person(rules, R, 2)]
    assert decide(people, rules).links == (Pairing(1, 2, "key:left"),)


def test_an_id_held_by_two_is_a_question() -> None:
    rules = build_rules(EMAIL, key_right="Crm")
    people = [person(rules, L, 1), person(rules, R, 2, crm="L1"), person(rules, R, 3, crm="L1")]
    assert decided(rules, *people) == (set(), [{1, 2, 3}])


def test_an_id_that_reads_gone_is_a_question() -> None:
    rules = build_rules(key_right="Crm")
    people = [person(rules, L, 1, Standing.BLOCKED), person(rules, R, 2, crm="L1")]
    assert decided(rules, *people) == (set(), [{1, 2}])


def test_an_id_that_nobody_has_is_a_question_of_its_own() -> None:
    rules = build_rules(key_right="Crm")
    decision = decide([person(rules, R, 2, crm="L404")], rules)
    assert knots(decision) == [{2}]
    assert "Crm" in decision.knots[0].reason
    assert "L404" not in decision.knots[0].reason


@pytest.mark.parametrize("side", [L, R])
def test_a_key_field_with_another_id_is_never_linked_over(side: Side) -> None:
    rules = build_rules(EMAIL, key_left="crm", key_right="Crm")
    astray: dict[Side, dict[str, Any]] = {side: {"crm": "other"}}
    people = [person(rules, one, pk, email="a", **astray.get(one, {})) for one, pk in ((L, 1), (R, 2))]
    assert decided(rules, *people) == (set(), [{1, 2}])


def test_key_fields_that_contradict_each_other_are_a_question() -> None:
    rules = build_rules(key_left="crm", key_right="Crm")
    people = [person(rules, L, 1, crm="R3"), person(rules, R, 2, crm="L1"), person(rules, R, 3)]
    assert decided(rules, *people) == (set(), [{1, 2, 3}])


def test_a_placeholder_in_a_key_field_asks_about_each_alone() -> None:
    rules = build_rules(EMAIL, key_right="Crm")
    crowd = [person(rules, R, pk, crm="0") for pk in range(CROWD + 1)]
    decision = decide(crowd, rules)
    assert knots(decision) == [{pk} for pk in range(CROWD + 1)]
    assert {name for name, _ in decision.ignored} == {"key:right"}


# What people decided


def test_a_persons_choice_links_whatever_the_keys_say() -> None:
    rules = build_rules(EMAIL)
    people = [person(rules, L, 1, email="a"), person(rules, R, 2, email="a"), person(rules, R, 3, email="a")]
    decision = decide(people, rules, chosen=[(1, 3)])
    assert decision.links == (Pairing(1, 3, BY_PERSON),)
    assert knots(decision) == [{1, 2, 3}]
    assert decision.knots[0].waiting == {2}


def test_a_choice_that_is_no_longer_free_is_not_carried_out() -> None:
    rules = build_rules(EMAIL)
    people = [person(rules, L, 1, email="a"), person(rules, R, 3, Standing.BLOCKED, email="a")]
    assert decided(rules, *people, chosen=[(1, 3)]) == (set(), [{1, 3}])


def test_a_refused_pair_is_neither_linked_nor_asked_about_again() -> None:
    rules = build_rules(EMAIL)
    people = [person(rules, L, 1, email="a"), person(rules, R, 2, email="a")]
    assert decided(rules, *people, refused={frozenset((1, 2))}) == (set(), [])


def test_a_refused_pair_does_not_stand_between_others() -> None:
    rules = build_rules(EMAIL)
    people = [
        person(rules, L, 1, email=["a", "b"]),
        person(rules, R, 2, email="a"),
        person(rules, R, 3, email="b"),
    ]
    assert decided(rules, *people, refused={frozenset((1, 2))}) == ({(1, 3)}, [])


def test_a_refused_id_is_not_asked_about_again() -> None:
    rules = build_rules(key_right="Crm")
    people = [person(rules, L, 1), person(rules, R, 2, crm="L1")]
    assert decided(rules, *people, refused={frozenset((1, 2))}) == (set(), [])


def test_who_is_new_blocks_others_but_is_found_by_id() -> None:
    rules = build_rules(EMAIL, key_right="Crm")
    new = person(rules, L, 1, Standing.NEW, email="a")
    assert decided(rules, new) == (set(), [])
    assert decided(rules, new, person(rules, L, 2, email="a")) == (set(), [{1, 2}])
    assert decided(rules, new, person(rules, R, 3, crm="L1")) == ({(1, 3)}, [])


def test_a_pilot_decides_only_where_one_of_its_people_is_concerned() -> None:
    rules = build_rules(EMAIL)
    people = [
        person(rules, L, 1, email="a"),
        person(rules, R, 2, named=False, email="a"),
        person(rules, L, 3, named=False, email="b"),
        person(rules, R, 4, named=False, email="b"),
        person(rules, L, 5, named=False, email="c"),
        person(rules, L, 6, named=False, email="c"),
    ]
    assert decided(rules, *people) == ({(1, 2)}, [])


# Laws

LAWFUL = build_rules(EMAIL, PHONE, key_right="Crm")
few = st.sampled_from(["", "a", "b", "c"])
SPECS = st.lists(
    st.tuples(
        st.sampled_from([L, R]),
        st.sampled_from([*[Standing.FREE] * 3, Standing.NEW, Standing.BLOCKED]),
        st.lists(few, max_size=2),
        few,
        st.sampled_from(["", "", "1", "2", "404"]),
    ),
    max_size=9,
)


def mirror(side: Side, swapped: bool) -> Side:
    return side.other if swapped else side


def population(specs: Collection[tuple[Side, Standing, list[str], str, str]], swapped: bool = False) -> list[Candidate]:
    rules = build_rules(EMAIL, PHONE, key_left="crm") if swapped else LAWFUL
    people = []
    for pk, (side, standing, email, phone, key) in enumerate(specs):
        held = f"{mirror(side.other, swapped)[0].upper()}{key}" if key and side is R else ""
        values: dict[str, Any] = {"email": email, "phone": phone, "crm": held}
        people.append(person(rules, mirror(side, swapped), pk, standing, **values))
    return people


def shape(decision: Decision, swapped: bool = False) -> tuple[set[tuple[int, int]], set[frozenset[int]]]:
    pairs = {(right, left) if swapped else (left, right) for left, right in links(decision)}
    return pairs, {knot.records for knot in decision.knots}


@given(SPECS)
def test_swapping_the_sides_swaps_the_answer(specs: list[Any]) -> None:
    swapped = decide(population(specs, True), build_rules(EMAIL, PHONE, key_left="crm"))
    assert shape(decide(population(specs), LAWFUL)) == shape(swapped, True)


@given(SPECS, st.randoms(use_true_random=False))
def test_the_order_of_records_means_nothing(specs: list[Any], chance: Any) -> None:
    people = population(specs)
    mixed = people[:]
    chance.shuffle(mixed)
    assert decide(people, LAWFUL) == decide(mixed, LAWFUL)


@given(SPECS)
def test_nobody_is_linked_twice_or_linked_and_asked_about(specs: list[Any]) -> None:
    decision = decide(population(specs), LAWFUL)
    seen = [pk for one in decision.links for pk in (one.left, one.right)]
    seen += [pk for knot in decision.knots for pk in knot.waiting]
    assert len(seen) == len(set(seen))


@given(SPECS)
def test_no_link_where_a_candidate_is_blocked(specs: list[Any]) -> None:
    people = {one.id: one for one in population(specs)}
    for link in decide(people.values(), LAWFUL).links:
        for pk in (link.left, link.right):
            assert people[pk].standing is not Standing.BLOCKED
            rivals = {other.id for other in people.values() if other.keys[link.rule] & people[pk].keys[link.rule]}
            assert rivals == {link.left, link.right}


@given(SPECS)
def test_nobody_who_shares_a_key_is_left_to_be_created(specs: list[Any]) -> None:
    people = population(specs)
    decision = decide(people, LAWFUL)
    settled = {pk for one in decision.links for pk in (one.left, one.right)}
    settled |= {pk for knot in decision.knots for pk in knot.waiting}
    crowded = {digest for _, digest in decision.ignored}
    for one in people:
        if one.standing is Standing.FREE and one.id not in settled:
            held = {digest for digests in one.keys.values() for digest in digests} - crowded
            others = [other for other in people if other.id != one.id]
            assert not any(held & set().union(*other.keys.values()) for other in others)


@given(SPECS)
def test_links_carried_out_leave_the_rest_as_it_was(specs: list[Any]) -> None:
    people = population(specs)
    first = decide(people, LAWFUL)
    linked = {pk for one in first.links for pk in (one.left, one.right)}
    after = [
        Candidate(one.id, one.side, one.keys, Standing.BLOCKED if one.id in linked else one.standing) for one in people
    ]
    again = decide(after, LAWFUL)
    assert not again.links
    assert {pk for knot in again.knots for pk in knot.waiting} == {pk for knot in first.knots for pk in knot.waiting}


# Several records of a person on one side


def bodies(decision: Decision) -> list[set[int]]:
    return [{one.left, one.right, *one.also} for one in decision.links]


@pytest.mark.parametrize("side", [L, R])
def test_records_of_a_side_that_allows_several_are_one_person(side: Side) -> None:
    rules = build_rules(EMAIL, PHONE)
    people = [
        person(rules, side, 1, email="a"),
        person(rules, side, 2, email="a", phone=1),
        person(rules, side, 3, phone=1),
        person(rules, side.other, 4, phone=1),
    ]
    decision = decide(people, rules, several={side})
    assert (bodies(decision), knots(decision)) == ([{1, 2, 3, 4}], [])
    assert decide(people[:3], rules, several={side}).alone == (frozenset({1, 2, 3}),)


@pytest.mark.parametrize(("count", "linked"), [(CROWD + 1, True), (THRONG + 1, False)])
def test_a_key_tells_who_somebody_is_up_to_a_limit(count: int, linked: bool) -> None:
    rules = build_rules(EMAIL)
    people = [person(rules, L, pk, email="a") for pk in range(count)]
    decision = decide([*people, person(rules, R, 100, email="a")], rules, several={L})
    assert bool(decision.links) is linked


def known(rules: Any, side: Side, pk: int, link: int, **values: Any) -> Candidate:
    return replace(person(rules, side, pk, Standing.BLOCKED, **values), link=link)


def test_a_further_record_joins_who_is_linked() -> None:
    rules = build_rules(EMAIL)
    own, other = known(rules, L, 1, 7, email="a"), known(rules, R, 2, 7, email="b")
    decision = decide([own, other, person(rules, L, 3, email="a"), person(rules, L, 4, email="b")], rules, several={L})
    assert (decision.joins, knots(decision)) == (((3, 7), (4, 7)), [])


def test_two_linked_people_or_an_id_of_somebody_else_are_asked_about() -> None:
    rules = build_rules(EMAIL, PHONE, key_left="crm")
    one, two = known(rules, L, 1, 7, email="a"), known(rules, L, 2, 8, phone=1)
    decision = decide([one, two, person(rules, L, 3, email="a", phone=1)], rules, several={L})
    assert (decision.joins, knots(decision)) == ((), [{1, 3}])
    decision = decide([one, person(rules, L, 3, email="a", crm="R9")], rules, several={L})
    assert (decision.joins, knots(decision)) == ((), [{1, 3}])


def test_who_was_told_apart_is_not_put_together() -> None:
    rules = build_rules(EMAIL)
    people = [person(rules, L, 1, email="a"), person(rules, L, 2, email="a")]
    decision = decide(people, rules, several={L}, refused={frozenset({1, 2})})
    assert decision.alone == (frozenset({1}), frozenset({2}))


def test_who_is_absent_says_nothing_about_the_others_of_its_side() -> None:
    rules = build_rules(EMAIL)
    gone = person(rules, L, 1, Standing.ABSENT, email="a")
    here, there = person(rules, L, 2, email="a"), person(rules, R, 3, email="a")
    assert bodies(decide([gone, here, there], rules, several={L})) == [{2, 3}]
    assert knots(decide([gone, there], rules, several={L})) == [{1, 3}]
    assert knots(decide([gone, here, there], rules)) == [{1, 2, 3}]


def test_a_person_may_say_whose_further_record_it_is() -> None:
    rules = build_rules(EMAIL)
    one, two = known(rules, L, 1, 7, email="a"), known(rules, R, 2, 7)
    new = person(rules, L, 3, email="c")
    assert decide([one, two, new], rules, several={L}, chosen=[(3, 2)]).joins == ((3, 7),)
