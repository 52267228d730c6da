"""Rules held against what the systems say they have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alumnisync.describing import describe, fitted, lengths, problems, warnings
from connectors.models import Connection
from connectors.records import Field, NeedsAttention, ObjectType
from mappings.rules import ConflictRule, Create, MatchRule, PairRules, Rules, Side, SideRules, ValuePairs, Word
from tests.mappings.setup_example import ToyConnector

USER = ObjectType(
    "user",
    "User",
    fields=(Field("email", length=80), Field("city"), Field("addresses"), Field("status", options=("active", "lost"))),
    field_times=True,
)
CONTACT = ObjectType(
    "Contact",
    "Contact",
    fields=(
        Field("Email", length=40, required=True),
        Field("City"),
        Field("Status__c", options=("Active",)),
        Field("Key__c"),
        Field("Formula__c", writable=False),
        Field("Hidden__c", readable=False),
        Field("LastName", required=True),
    ),
    findable=frozenset({"Email", "Key__c"}),
    field_times=True,
)


def pair(left: str = "email", right: str = "Email", **settings: Any) -> PairRules:
    return PairRules(key=f"{left}|{right}", paths={Side.LEFT: left, Side.RIGHT: right}, **settings)


def rules(*pairs: PairRules, left: SideRules | None = None, right: SideRules | None = None, **more: Any) -> Rules:
    sides = {Side.LEFT: left or SideRules("user"), Side.RIGHT: right or SideRules("Contact")}
    return Rules(sides=sides, pairs=pairs or (pair(),), **more)


def told(said: Rules, left: ObjectType = USER, right: ObjectType = CONTACT) -> list[str]:
    return problems(said, {Side.LEFT: left, Side.RIGHT: right})


def test_rules_that_fit_have_no_problems() -> None:
    assert (
        told(rules(pair(), pair("addresses[Home].city", "City"), right=SideRules("Contact", key_field="Key__c"))) == []
    )


@pytest.mark.parametrize(
    "said",
    [
        rules(pair(right="Emial")),
        rules(pair(keep_old={Side.RIGHT: "Emial"})),
        rules(pair(reads={Side.RIGHT: "value or record['Emial']"})),
        rules(match=(MatchRule({Side.LEFT: ("email",), Side.RIGHT: ("Emial",)}),)),
        rules(right=SideRules("Contact", scope="record['Emial']")),
        rules(right=SideRules("Contact", on_create={"Emial": 1})),
        rules(right=SideRules("Contact", deactivate={"Emial": 1})),
    ],
    ids=["pair", "keep_old", "clean-up", "match", "scope", "on_create", "deactivate"],
)
def test_a_field_that_is_not_there_is_told_once_with_the_nearest(said: Rules) -> None:
    assert told(said) == ["Contact on the right has no field “Emial” that we can see; did you mean “Email”?"]


def test_where_fields_are_not_published_an_unknown_name_is_no_problem() -> None:
    open_ended = replace(CONTACT, fields_known=False)
    assert told(rules(pair(right="Emial"), right=SideRules("Contact", key_field="Key__c")), right=open_ended) == []


def test_a_field_that_can_t_be_written_is_told_only_where_something_writes_it() -> None:
    sentence = (
        "Contact on the right: the field “Formula__c” can't be written by this user, but the sync does so; "
        "set “to_right: off”, or ask for the right to write it."
    )
    assert told(rules(pair(right="Formula__c"))) == [sentence]
    assert told(rules(pair(keep_old={Side.RIGHT: "Formula__c"}))) == [sentence]
    off = {Side.LEFT: Word.AUTOMATIC, Side.RIGHT: Word.OFF}
    assert told(rules(pair(right="Formula__c", words=off))) == []


def test_a_field_that_can_t_be_read_is_told() -> None:
    assert told(rules(pair(right="Hidden__c"))) == [
        "Contact on the right: the field “Hidden__c” is not visible to this user; ask for the right to read it."
    ]


@pytest.mark.parametrize(
    ("key_field", "sentence"),
    [
        ("Kye__c", "Contact on the right has no field “Kye__c” that we can see; did you mean “Key__c”?"),
        ("Formula__c", "the key field “Formula__c” can't be written by this user, and the sync fills it."),
        ("City", "Contact on the right can't be looked up by the key field “City”; choose one that can be searched."),
    ],
)
def test_a_key_field_must_be_there_writable_and_searchable(key_field: str, sentence: str) -> None:
    found = told(rules(right=SideRules("Contact", key_field=key_field)))
    assert any(each.endswith(sentence) for each in found)


def test_a_key_field_need_not_be_searchable_where_nothing_is() -> None:
    assert told(rules(left=SideRules("user", key_field="city"))) == []


def test_creating_needs_a_system_that_can_and_every_required_field() -> None:
    creating = SideRules("Contact", create=Create.REVIEW)
    assert told(rules(right=creating)) == [
        "Contact on the right can't be created without the field “LastName”, which nothing fills; "
        "pair it, or give it a value under “on_create”."
    ]
    assert told(rules(right=replace(creating, on_create={"LastName": "?"}))) == []
    assert told(rules(right=replace(creating, key_field="LastName")), right=replace(CONTACT, findable=None)) == []
    assert "Contact on the right can't be created through this system; set “create: off” there." in told(
        rules(right=creating), right=replace(CONTACT, can_create=False)
    )


def test_writing_needs_a_system_that_can_update() -> None:
    read_only = replace(CONTACT, can_update=False)
    assert told(rules(), right=read_only) == [
        "Contact on the right can't be changed through this system; set “to_right: off” in every field pair."
    ]
    assert told(rules(pair(words={Side.LEFT: Word.FILL, Side.RIGHT: Word.OFF})), right=read_only) == []


def test_a_system_that_takes_new_records_but_no_changes_is_no_misfit_and_is_told() -> None:
    read_only = replace(CONTACT, can_update=False)
    creating = rules(right=SideRules("Contact", create=Create.AUTOMATIC))
    assert not any("can't be changed" in sentence for sentence in told(creating, right=read_only))
    described = {Side.LEFT: USER, Side.RIGHT: read_only}
    assert warnings(creating, described) == [
        "Contact on the right: this system takes new records but no changes, "
        "so field pairs apply to new records there only."
    ]
    assert fitted(creating, described).sides[Side.RIGHT].only_creates
    assert not fitted(creating, described).sides[Side.LEFT].only_creates


def test_newest_needs_the_times_of_fields_on_both_sides() -> None:
    newest = rules(pair(conflict=ConflictRule.NEWEST))
    assert told(newest) == []
    assert told(newest, left=replace(USER, field_times=False)) == [
        "“conflict: newest” for email and Email needs to know when a field was changed, and User on the left "
        "does not say; use ask, left or right."
    ]


def test_options_that_are_not_listed_are_a_warning_only() -> None:
    pairs = ValuePairs((("active", "Active"), ("lost", "Lost"), ("gone", "Active")), defaults={Side.RIGHT: "actve"})
    said = rules(pair("status", "Status__c", value_map=pairs))
    assert told(said) == []
    assert warnings(said, {Side.LEFT: USER, Side.RIGHT: CONTACT}) == [
        "User on the left: the field “status” has no option “gone”; it is one of: active, lost.",
        "Contact on the right: the field “Status__c” has no option “Lost”; it is one of: Active.",
        "Contact on the right: the field “Status__c” has no option “actve”; did you mean “Active”?",
    ]


def test_options_of_a_field_without_a_list_are_not_judged() -> None:
    said = rules(pair("city", "City", value_map=ValuePairs((("a", "b"),))))
    assert warnings(said, {Side.LEFT: USER, Side.RIGHT: CONTACT}) == []


def test_a_field_that_nobody_was_seen_to_have_is_a_warning_where_no_list_is_published() -> None:
    said = rules(pair("emial", "Email"))
    open_ended = replace(USER, fields_known=False)
    assert told(said, left=open_ended) == []
    assert warnings(said, {Side.LEFT: open_ended, Side.RIGHT: CONTACT}) == [
        "User on the left: none of those looked at has a field “emial”; did you mean “email”?"
    ]
    nobody = replace(open_ended, fields=())
    assert warnings(said, {Side.LEFT: nobody, Side.RIGHT: CONTACT}) == []


def test_lengths_are_taken_where_the_system_says_them() -> None:
    said = rules(pair(), pair("addresses[Home].city", "City"))
    assert lengths(said, {Side.LEFT: USER, Side.RIGHT: CONTACT}) == {
        Side.LEFT: {"email": 80},
        Side.RIGHT: {"Email": 40},
    }


def test_a_kind_of_record_is_described_by_name() -> None:
    assert describe(Connection(name="CRM"), ToyConnector({}), "gift").label == "Gifts"


def test_an_unknown_kind_of_record_needs_a_person() -> None:
    with pytest.raises(NeedsAttention) as refused:
        describe(Connection(name="CRM"), ToyConnector({}), "persn")
    assert refused.value.message == "CRM has no kind of record called “persn”; did you mean “person”?"


# --- feeds -----------------------------------------------------------------------------------------------

FEED = ObjectType("user", "Changes", fields_known=False, can_create=False, can_update=False, feed=True)
ONE_WAY: dict[str, Any] = {"words": {Side.LEFT: Word.OFF, Side.RIGHT: Word.AUTOMATIC}}


def of_feed(key_field: str, **more: Any) -> Rules:
    return rules(pair(**ONE_WAY), right=SideRules("Contact", key_field=key_field, **more))


@pytest.mark.parametrize("key_field", ["Key__c", "Id"])
def test_people_of_a_feed_are_found_by_an_id_that_need_not_be_writable(key_field: str) -> None:
    contact = replace(
        CONTACT, fields=(*CONTACT.fields, Field("Id", writable=False)), findable=frozenset({"Email", "Key__c", "Id"})
    )
    said = of_feed(key_field)
    assert told(said, FEED, contact) == []
    known = fitted(said, {Side.LEFT: FEED, Side.RIGHT: contact})
    assert (known.feed, known.sides[Side.LEFT].feed) == (Side.LEFT, True)
    assert known.sides[Side.RIGHT].stamp_field == ("Key__c" if key_field == "Key__c" else "")


def test_nobody_is_created_whom_the_feed_could_not_name() -> None:
    contact = replace(CONTACT, fields=(*CONTACT.fields, Field("Id", writable=False)), findable=None)
    filled = {"LastName": "?"}
    (problem,) = told(of_feed("Id", create=Create.REVIEW, on_create=filled), FEED, contact)
    assert "by which Changes on the left names people; set “create: off”" in problem
    assert told(of_feed("Key__c", create=Create.REVIEW, on_create=filled), FEED, contact) == []


def test_without_a_key_field_nobody_is_found() -> None:
    (problem,) = told(of_feed(""), FEED)
    assert "say in “key_field” which field holds the id by which Changes on the left names people" in problem


def test_nothing_is_written_into_a_feed() -> None:
    sides = {Side.LEFT: SideRules("user", key_field="crm_id"), Side.RIGHT: SideRules("Contact", key_field="Key__c")}
    (ids,) = told(Rules(sides=sides, pairs=(pair(**ONE_WAY),)), FEED)
    assert "only brings changes, so no id can be written into it" in ids
    (fields,) = told(rules(pair(), right=SideRules("Contact", key_field="Key__c")), FEED)
    assert "set “to_left: off” in every field pair" in fields
