"""Rules and how they differ, in the words of the screens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alumnisync.rules_in_words import Fact, InWords, Part, sides_of
from mappings.models import FieldMapping, SyncSide, ValueMap
from mappings.setup.contents import MAP_WORDS, PAIR_WORDS, SIDE_WORDS, Contents, Plain, defaults_of, pair_key

WORDS = InWords({"left": "Alumni", "right": "CRM"})


def side(name: str, **settings: Any) -> Plain:
    return {**defaults_of(SyncSide, SIDE_WORDS[1:]), "connection": name, "object": "person", **settings}


def pair(left: str = "email", right: str = "Email", **settings: Any) -> Plain:
    return {**defaults_of(FieldMapping, PAIR_WORDS), "left": left, "right": right, **settings}


def contents(*pairs: Plain, **settings: Any) -> Contents:
    found = {pair_key(each["left"], each["right"]): each for each in pairs or (pair(),)}
    return replace(Contents(sides={"left": side("Alumni"), "right": side("CRM")}, pairs=found), **settings)


def changes(before: Contents, after: Contents) -> list[Part]:
    return WORDS.differences(before, after)


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [
        ("to_right", "off", "off – never"),  # noqa: RUF001
        ("to_left", "review", "review – a person looks first"),  # noqa: RUF001
        ("conflict", "right", "CRM wins"),
        ("first_meeting", "left", "take Alumni's"),
        ("kind", "yes_no", "yes or no"),
        ("kind", "unheard_of", "unheard_of"),
        ("match", [[["a", "b"], ["A", "B"]], [["c"], ["C"]]], "a + b ↔ A + B; c ↔ C"),
        ("match", [], "nothing"),
        ("pairs", [["a", "A"], ["b", "B"]], "a ↔ A, b ↔ B"),
        ("keep_old", {"right": "Old__c"}, "CRM: Old__c"),
        ("restricted_when", {"left": True, "right": "no"}, "Alumni: yes; CRM: no"),
        ("default", {}, "nothing"),
        ("on_create", {"enabled": 1, "vip": True}, "enabled = 1, vip = yes"),
        ("on_create", {}, "nothing"),
        ("deactivate", {"enabled": 0}, "enabled = 0"),
        ("pilot", ["1", "2"], "1, 2"),
        ("pilot", [], "nothing"),
        ("scope", "", "nothing"),
        ("scope", "record['x']", "record['x']"),
        ("several", True, "yes"),
    ],
)
def test_values_are_said_in_words(word: str, value: Any, said: str) -> None:
    assert WORDS.value(word, value) == said


def test_a_side_says_what_it_reads_and_what_is_not_as_usual() -> None:
    assert WORDS.side(side("CRM")) == [Fact("Kind of record", "person")]
    assert WORDS.side(side("CRM", key_field="Key__c", create="review")) == [
        Fact("Kind of record", "person"),
        Fact("Key field", "Key__c"),
        Fact("New records", "review – a person looks first"),  # noqa: RUF001
    ]


def test_a_pair_says_what_is_not_as_usual_besides_its_columns() -> None:
    (shown,) = WORDS.pairs(contents(pair(group="home", read_left="value|trim", write_right="value|upper")))
    assert (shown.left, shown.right, shown.kind, shown.conflict) == ("email", "Email", "text", "ask a person")
    assert shown.more == (
        Fact("Decided together as", "home"),
        Fact("Clean-up after reading from Alumni", "value|trim"),
        Fact("Clean-up before writing to CRM", "value|upper"),
    )


def test_drop_down_pairs_say_what_becomes_of_the_rest() -> None:
    settings = {**defaults_of(ValueMap, MAP_WORDS), "unmapped": "use_default", "default": {"right": "A"}}
    assert WORDS.value_map(settings) == [
        Fact("Options without a pair", "use the option below"),
        Fact("Value instead", "CRM: A"),
    ]


def test_rules_that_say_the_same_do_not_differ() -> None:
    assert changes(contents(), contents()) == []


def test_each_part_tells_what_changed_from_what_to_what() -> None:
    after = contents(pair(conflict="left", to_left="off"), match=[[["email"], ["Email"]]])
    after.sides["right"]["scope"] = "record['x']"
    assert changes(contents(), after) == [
        Part("In general", ("Who is the same person: nothing → email ↔ Email",)),
        Part("CRM", ("Who takes part: nothing → record['x']",)),
        Part(
            "Field pair email ↔ Email",
            ("Changes to Alumni: automatic → off – never", "Both changed: ask a person → Alumni wins"),  # noqa: RUF001
        ),
    ]


def test_what_came_and_what_went_is_told() -> None:
    value_map = {**defaults_of(ValueMap, MAP_WORDS), "pairs": [["a", "A"]]}
    after = contents(pair("city", "City", value_map="status"), value_maps={"status": value_map})
    assert changes(contents(), after) == [
        Part("Field pair email ↔ Email", ("Taken out.",)),
        Part("Field pair city ↔ City", ("Added.",)),
        Part("Drop-down pairs status", ("Added.",)),
    ]
    assert Part("Drop-down pairs status", ("Taken out.",)) in changes(after, contents())


def test_a_list_that_no_pair_uses_is_no_difference() -> None:
    unused = {"status": {**defaults_of(ValueMap, MAP_WORDS), "pairs": [["a", "A"]]}}
    assert changes(contents(), contents(value_maps=unused)) == []


def test_one_and_yes_are_two_things() -> None:
    one, yes = (contents(pair(on_invalid="use_default", default={"right": value})) for value in (1, True))
    assert changes(one, yes) == [Part("Field pair email ↔ Email", ("Value instead: CRM: 1 → CRM: yes",))]


def test_the_sides_are_called_by_their_connections() -> None:
    assert sides_of(contents()) == {"left": "Alumni", "right": "CRM"}
    assert sides_of(Contents()) == {"left": "", "right": ""}
