"""Keys: what of a record is compared when the same person is looked for on the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.engine.keys import Reader, fold, identity_rules, keys
from mappings.rules import MatchRule, Rules, Side, SideRules
from tests.alumnisync.test_identity import EMAIL, NAME, L, R, build_rules


def key_of(values: Mapping[str, Any], side: Side = L, readers: Mapping[str, Reader] | None = None) -> frozenset[bytes]:
    return keys(build_rules(EMAIL)[0], side, "1", values, readers or {})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ann@X.org", " ann@x.ORG "),
        ("Ann   Lee", "ann lee"),
        ("Straße", "STRASSE"),
        ("ｆｕｌｌ", "full"),  # noqa: RUF001 - full width letters
        ("e\u0301", "é"),
        (1998, "1998"),
        (1998.0, 1998),
    ],
)
def test_text_that_says_the_same_has_the_same_key(left: Any, right: Any) -> None:
    assert key_of({"email": left}) == key_of({"Email": right}, R) != frozenset()


@pytest.mark.parametrize("raw", [None, "", "  ", [], [None, ""], {}, {"a": 1}])
def test_a_blank_has_no_key(raw: Any) -> None:
    assert key_of({"email": raw}) == frozenset()


def test_a_field_that_is_missing_has_no_key() -> None:
    assert key_of({}) == frozenset()


def test_a_list_gives_a_key_for_each_value() -> None:
    both = key_of({"email": ["a@x.org", "b@x.org", "A@x.org"]})
    assert both == key_of({"email": "a@x.org"}) | key_of({"email": "b@x.org"})
    assert {len(digest) for digest in both} == {16}


def test_fields_combine_and_a_blank_part_leaves_no_key() -> None:
    rule = build_rules(NAME)[0]
    both = keys(rule, L, "1", {"last": ["Lee", "Poe"], "year": 98}, {})
    assert len(both) == 2
    assert both & keys(rule, R, "1", {"Last": "poe", "Year": "98"}, {})
    assert keys(rule, L, "1", {"last": "Lee", "year": None}, {}) == frozenset()


def test_parts_do_not_run_into_each_other() -> None:
    rule = build_rules(NAME)[0]
    one = keys(rule, L, "1", {"last": "a b", "year": "c"}, {})
    assert one != keys(rule, L, "1", {"last": "a", "year": "b c"}, {})


def test_long_lists_do_not_multiply_without_end_and_the_same_keys_are_kept() -> None:
    rule = build_rules(NAME)[0]
    names = [f"name {number}" for number in range(40)]
    forth = keys(rule, L, "1", {"last": names, "year": list(range(40))}, {})
    back = keys(rule, L, "1", {"last": names[::-1], "year": list(range(40))[::-1]}, {})
    assert len(forth) == 50
    assert forth == back


def test_a_kind_reads_the_value_and_what_it_cannot_read_has_no_key() -> None:
    def digits(raw: Any) -> str | None:
        return "".join(filter(str.isdigit, raw)) or None

    readers = {"email": digits}
    assert key_of({"email": "(573) 555-0100"}, readers=readers) == key_of({"email": "573 5550100"}, readers=readers)
    assert key_of({"email": "none"}, readers=readers) == frozenset()


def test_keys_fold_case_even_where_the_kind_does_not() -> None:
    assert key_of({"email": "Ann"}, readers={"email": str}) == key_of({"email": "ann"})


def test_a_lone_surrogate_and_a_nul_are_keys_like_others() -> None:
    assert key_of({"email": "\ud800"}) != key_of({"email": "\x00"}) != frozenset()


def test_another_sync_and_another_rule_have_other_digests() -> None:
    sides = {L: SideRules("user"), R: SideRules("Contact")}
    swapped = MatchRule({L: ("email",), R: ("Other",)})
    values = {"email": "a@x.org"}
    seen = [
        keys(identity_rules(sync, Rules(sides, (), (rule,)))[0], L, "1", values, {})
        for sync, rule in ((7, EMAIL), (8, EMAIL), (7, swapped))
    ]
    assert len(frozenset().union(*seen)) == 3


def test_rules_are_named_by_side_or_by_fields_and_come_in_order() -> None:
    rules = build_rules(EMAIL, NAME, key_right="Alumni_Id", key_left="crm_id")
    assert [rule.name for rule in rules] == [
        "key:left",
        "key:right",
        "email ↔ Email",
        "last, year ↔ Last, Year",
    ]
    assert rules[1].label == "Alumni_Id"


def test_long_rules_get_short_names_that_differ() -> None:
    wide = [MatchRule({L: ("x" * 90, "y" * number), R: ("X" * 90,)}) for number in (10, 11)]
    names = {rule.name for rule in build_rules(*wide)}
    assert len(names) == 2
    assert all(len(name) == 100 for name in names)


def test_a_key_field_holds_the_other_sides_id_exactly() -> None:
    rule = build_rules(key_right="Alumni_Id")[0]
    left = keys(rule, L, "a1", {}, {})
    assert keys(rule, R, "x", {"Alumni_Id": " a1 "}, {}) == left
    assert keys(rule, R, "x", {"Alumni_Id": "A1"}, {}) != left
    assert keys(rule, R, "a1", {"Alumni_Id": None}, {}) == frozenset()
    assert keys(rule, R, "x", {"Alumni_Id": 12.0}, {}) == keys(rule, L, "12", {}, {})


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text)
    assert once is None or fold(once) == once
