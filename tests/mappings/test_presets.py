"""The presets: read by the setup file's reader, mirrored, with an office's defaults, and fitting the systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.describing import problems
from connectors.models import setting_defaults
from connectors.records import ObjectType
from connectors.sandbox.server import start
from connectors.systems.alumni360 import Alumni360
from connectors.systems.alumni_spaces import AlumniSpaces
from connectors.systems.salesforce import Salesforce
from mappings.presets.mirroring import mirrored
from mappings.presets.reading import Preset, all_presets, presets_for
from mappings.rules import ConflictRule, FirstMeeting, Rules, Side, Word
from mappings.setup.compiling import rules_in
from mappings.setup.contents import Contents, Plain, pair_key
from mappings.setup.sections import SetupError

PLATFORM, CRM = ("alumni360", "user"), ("salesforce", "Contact")
PLAIN, NPSP = "alumni360-salesforce", "alumni360-salesforce-npsp"
VAULT = "alumni-spaces-salesforce"
every_preset = pytest.mark.parametrize("preset", all_presets(), ids=lambda preset: preset.name)


def preset(name: str) -> Preset:
    return next(each for each in all_presets() if each.name == name)


def pairs(name: str) -> dict[str, Plain]:
    """The preset's pairs by the platform's field."""
    return {pair["left"]: pair for pair in preset(name).contents("Alumni", "CRM").pairs.values()}


@every_preset
def test_a_preset_is_read_without_a_mistake_whichever_way_round(preset: Preset) -> None:
    contents = preset.contents("Alumni", "CRM")
    assert contents.sides["left"]["connection"] == "Alumni"
    assert {side: said["object"] for side, said in contents.sides.items()} == {
        side: there["object"] for side, there in preset.systems.items()
    }
    assert contents.pairs
    # Gifts are known by their ids alone.
    assert contents.match or contents.sides["right"]["write_once"]
    other = replace(preset, is_mirrored=True).contents("CRM", "Alumni")
    assert other == mirrored(contents)
    assert other.sides["right"]["connection"] == "Alumni"


@every_preset
def test_a_preset_says_what_it_is_and_what_must_be_checked(preset: Preset) -> None:
    assert preset.label
    assert "check" in preset.about
    custom = {
        path
        for pair in preset.contents("a", "b").pairs.values()
        for path in (pair["right"], *pair["keep_old"].values())
        if path.endswith("__c") and "__" not in path.removesuffix("__c")
    }
    custom.add(preset.contents("a", "b").sides["right"]["key_field"])
    assert not {path for path in custom if path not in preset.about}


def test_presets_are_offered_where_both_kinds_of_record_fit() -> None:
    found = presets_for(*PLATFORM, *CRM)
    assert [each.name for each in found] == [PLAIN, NPSP]
    assert not any(each.is_mirrored for each in found)
    assert presets_for(*PLATFORM, "salesforce", "Account") == []
    assert presets_for(*PLATFORM, *PLATFORM) == []


def test_the_other_way_round_they_are_offered_mirrored() -> None:
    found = presets_for(*CRM, *PLATFORM)
    assert [each.name for each in found] == [PLAIN, NPSP]
    contents = found[0].contents("CRM", "Alumni")
    assert contents.sides["left"]["connection"] == "CRM"
    assert contents.sides["left"]["key_field"] == "Alumni_Id__c"
    email = contents.pairs["Email|email"]
    assert (email["to_left"], email["to_right"], email["conflict"]) == ("automatic", "off", "right")
    assert email["keep_old"] == {"left": "Previous_Email__c"}
    assert contents.match[0] == [["Email", "FirstName", "LastName"], ["email", "first_name", "last_name"]]


def test_a_preset_that_contradicts_itself_is_refused() -> None:
    broken = replace(
        preset(PLAIN), rules={**preset(PLAIN).rules, "fields": [{"left": "a", "right": "b", "kind": "odd"}]}
    )
    with pytest.raises(SetupError, match="odd"):
        broken.contents("Alumni", "CRM")


@pytest.mark.parametrize("name", [PLAIN, NPSP])
@pytest.mark.parametrize(
    ("field", "to_crm", "to_platform", "both"),
    [
        ("first_name", "review", "off", "ask"),
        ("last_name", "review", "off", "ask"),
        ("nickname", "automatic", "off", "left"),
        ("maiden_name", "fill", "off", "ask"),
        ("email", "automatic", "off", "left"),
        ("phone", "automatic", "off", "left"),
        ("addresses[Home].street", "review", "off", "ask"),
        ("addresses[Home].city", "review", "off", "ask"),
        ("addresses[Home].state", "review", "off", "ask"),
        ("addresses[Home].postal", "review", "off", "ask"),
        ("addresses[Home].country", "review", "off", "ask"),
        ("class_year", "review", "automatic", "right"),
        ("birthdate", "fill", "off", "ask"),
        ("deceased", "review", "review", "right"),
        ("no_email", "automatic", "automatic", "ask"),
    ],
)
def test_an_office_s_defaults(name: str, field: str, to_crm: str, to_platform: str, both: str) -> None:
    pair = pairs(name)[field]
    assert (pair["to_right"], pair["to_left"], pair["conflict"]) == (to_crm, to_platform, both)


@pytest.mark.parametrize("name", [PLAIN, NPSP])
def test_what_is_replaced_is_kept_and_an_address_stays_whole(name: str) -> None:
    said = pairs(name)
    assert said["email"]["keep_old"] == {"right": "Previous_Email__c"}
    assert said["phone"]["keep_old"] == {"right": "Previous_Mobile__c"}
    assert {pair["group"] for field, pair in said.items() if field.startswith("addresses")} == {"home_address"}


@every_preset
def test_nobody_is_created_unseen_and_an_e_mail_alone_links_nobody(preset: Preset) -> None:
    contents = preset.contents("Alumni", "CRM")
    assert {side: said["create"] for side, said in contents.sides.items()} == {"left": "off", "right": "review"}
    assert all(len(left) > 2 for left, _ in contents.match)


def test_with_npsp_the_specific_fields_are_mapped_and_the_household_is_spoken_of() -> None:
    said = pairs(NPSP)
    assert said["email"]["right"] == "npe01__HomeEmail__c"
    assert said["deceased"]["right"] == "npsp__Deceased__c"
    assert "also changes other people of the household" in preset(NPSP).about


def test_what_donors_typed_waits_for_a_person_and_nothing_goes_to_the_vault() -> None:
    said = pairs(VAULT)
    assert {pair["to_left"] for pair in said.values()} == {"off"}
    assert {pair["to_right"] for field, pair in said.items() if field != "birthday"} == {"review"}
    assert said["birthday"]["to_right"] == "fill"
    assert preset(VAULT).contents("Vault", "CRM").sides["left"]["several"]
    assert [each.name for each in presets_for("alumni_spaces", "person", *CRM)] == [VAULT]


def test_gifts_are_written_once_after_review_and_nothing_goes_to_the_vault() -> None:
    (gifts,) = presets_for("alumni_spaces", "transaction", "salesforce", "Opportunity")
    contents = gifts.contents("Vault", "CRM")
    said = {pair["left"]: pair for pair in contents.pairs.values()}
    assert {pair["to_left"] for pair in said.values()} == {"off"}
    assert contents.sides["left"]["scope"] == "record['status'] == 'settled'"
    assert (contents.sides["right"]["write_once"], contents.sides["right"]["create"]) == (True, "review")
    assert (said["value"]["currency"], said["value"]["currency_field"]) == ("USD", {"left": "currency"})
    assert said["person"]["through"] == "people"
    assert {name: options["unmapped"] for name, options in contents.value_maps.items()} == {
        "funds": "set_aside",
        "payment_methods": "set_aside",
    }


def test_the_vault_s_preset_lacks_only_the_field_for_its_ids(described: dict[Side, ObjectType]) -> None:
    with start("alumni_spaces", people=1) as there:
        vault = AlumniSpaces({**setting_defaults(AlumniSpaces), **there.settings})
        found = problems(rules(VAULT), {**described, Side.LEFT: vault.describe()[0]})
    assert found
    assert all("“Vault_Id__c”" in sentence for sentence in found)


PATHS = st.sampled_from(["email", "name", "city", "zip", "no_mail", "dead"])
BY_SIDE = st.dictionaries(st.sampled_from(["left", "right"]), st.text(max_size=3))
WORDS = st.sampled_from([word.value for word in Word])


@st.composite
def some_contents(draw: st.DrawFn) -> Contents:
    """Rules with everything that has a left and a right, whether or not they make sense."""
    drawn = draw(st.lists(st.fixed_dictionaries(PAIR), max_size=4))
    value_map = st.fixed_dictionaries(
        {
            "unmapped": st.just("pass"),
            "pairs": st.lists(st.lists(st.text(max_size=2), min_size=2, max_size=2)),
            "default": BY_SIDE,
        }
    )
    return Contents(
        sides={side: {"connection": draw(st.text(max_size=3))} for side in draw(st.sets(st.sampled_from(list(Side))))},
        match=draw(st.lists(st.lists(st.lists(PATHS, max_size=2), min_size=2, max_size=2), max_size=3)),
        pilot=draw(st.lists(st.text(max_size=2), max_size=2)),
        pairs={pair_key(pair["left"], pair["right"]): pair for pair in drawn},
        value_maps=draw(st.dictionaries(st.text(max_size=2), value_map, max_size=2)),
    )


PAIR: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(Side, PATHS),
    **dict.fromkeys(("to_left", "to_right"), WORDS),
    **{word: st.text(max_size=3) for word in ("read_left", "read_right", "write_left", "write_right")},
    **dict.fromkeys(("default", "keep_old", "currency_field", "restricted_when"), BY_SIDE),
    "conflict": st.sampled_from([rule.value for rule in ConflictRule]),
    "first_meeting": st.sampled_from([rule.value for rule in FirstMeeting]),
    "value_map": st.text(max_size=2),
}


@given(some_contents())
def test_mirrored_twice_is_as_it_was(contents: Contents) -> None:
    assert mirrored(mirrored(contents)) == contents
    assert list(mirrored(mirrored(contents)).pairs) == list(contents.pairs)


@given(some_contents())
def test_what_one_side_had_the_other_has(contents: Contents) -> None:
    there = mirrored(contents)
    for pair in contents.pairs.values():
        other = there.pairs[pair_key(pair["right"], pair["left"])]
        for word in ("to", "read", "write"):
            assert other[f"{word}_left"] == pair[f"{word}_right"]
        assert (other["conflict"] == "left") == (pair["conflict"] == "right")
        assert (other["first_meeting"] == "right") == (pair["first_meeting"] == "left")
        assert other["keep_old"].get("left") == pair["keep_old"].get("right")
        assert other["value_map"] == pair["value_map"]
    for name, settings in contents.value_maps.items():
        assert [pair[::-1] for pair in there.value_maps[name]["pairs"]] == settings["pairs"]
        assert there.value_maps[name]["default"].get("right") == settings["default"].get("left")


@pytest.fixture(scope="module")
def described() -> Iterator[dict[Side, ObjectType]]:
    """What the stand-ins say of users and contacts."""
    with start("alumni360", people=3) as platform, start("salesforce", people=3) as crm:
        ours = Alumni360({**setting_defaults(Alumni360), **platform.settings})
        theirs = Salesforce({**setting_defaults(Salesforce), **crm.settings})
        yield {Side.LEFT: ours.describe(("user",))[0], Side.RIGHT: theirs.describe(("Contact",))[0]}
        ours.close()
        theirs.close()


def rules(name: str) -> Rules:
    return rules_in(preset(name).contents("Alumni", "CRM"), {})


def test_against_the_stand_ins_only_a_field_of_one_s_own_is_to_be_added(described: dict[Side, ObjectType]) -> None:
    found = problems(rules(PLAIN), described)
    assert len(found) == 1
    assert "“Previous_Mobile__c”" in found[0]


def test_npsp_lacks_only_its_own_fields_where_it_is_not_installed(described: dict[Side, ObjectType]) -> None:
    named = {sentence.split("“")[1].split("”")[0] for sentence in problems(rules(NPSP), described)}
    assert named == {"Previous_Mobile__c", "npe01__HomeEmail__c", "npsp__Deceased__c"}


def test_every_field_of_the_platform_is_one_its_records_have(described: dict[Side, ObjectType]) -> None:
    names = {field.name for field in described[Side.LEFT].fields}
    assert not {pair["left"].split("[")[0] for pair in pairs(PLAIN).values()} - names
