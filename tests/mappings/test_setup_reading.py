"""A whole file, and each mistake that can be in it: its sentence and its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.setup.contents import Contents
from mappings.setup.reading import Known, read_setup
from mappings.setup.sections import SetupError
from tests.mappings.setup_example import ENVIRONMENT, EXAMPLE, changed, mistakes, read, register


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def contents(text: str = EXAMPLE) -> Contents:
    return read(text).syncs[0].contents


def pair(settings: str) -> dict[str, object]:
    """The field pair that these settings, after left and right, are read as."""
    text = changed(("kind: choice, value_map: status, on_invalid: set_aside", settings))
    return contents(text).pairs["status|Status__c"]


def test_the_connections_are_read_with_secrets_apart() -> None:
    platform, crm = read().connections
    assert (platform.name, platform.system) == ("Alumni platform", "toy")
    assert platform.settings == {"base_url": "https://toy.example.edu/api", "timeout": 12.0}
    assert platform.secrets == {"api_key": "k-123"}
    assert crm.settings["start_date"] == "2026-01-05"


def test_what_may_change_at_any_time_is_read_apart_from_the_rules() -> None:
    sync = read().syncs[0]
    assert sync.name == "alumni-crm"
    assert sync.head == {
        "state": "live",
        "schedule": "0 1 * * *",
        "time_zone": "America/New_York",
        "alerts": ["data-team@example.edu"],
        "tolerance": 5,
        "drift_report": "weekly",
        "guards": {"changed": {"floor": 50, "share": 0.05}},
    }


@pytest.mark.parametrize("off", ["off", "false", '"off"'])
def test_the_weekly_comparison_is_switched_off_however_yaml_reads_the_word(off: str) -> None:
    text = changed(("tolerance: 5", f"tolerance: 5\n    drift_report: {off}"))
    assert read(text).syncs[0].head["drift_report"] == "off"


def test_the_sides_are_read_with_their_defaults() -> None:
    left, right = contents().sides["left"], contents().sides["right"]
    assert left == {
        "connection": "Alumni platform",
        "object": "user",
        "key_field": "",
        "create": "off",
        "on_create": {"enabled": 1},
        "deactivate": {},
        "scope": "",
        "filter": "",
        "gone": "flag",
        "disabled": "",
        "several": False,
        "write_once": False,
    }
    assert (right["key_field"], right["create"], right["scope"]) == ("Alumni_Id__c", "review", "record['Alumnus__c']")


def test_match_rules_and_pilot_are_read() -> None:
    assert contents().match == [[["email"], ["Email"]], [["last_name", "class_year"], ["LastName", "Class_Year__c"]]]
    assert contents().pilot == ["003A", "003B"]


def test_a_pair_is_read_with_the_contract_s_defaults() -> None:
    assert contents().pairs["class_year|Class_Year__c"] == {
        "left": "class_year",
        "right": "Class_Year__c",
        "kind": "text",
        "to_left": "automatic",
        "to_right": "review",
        "conflict": "ask",
        "first_meeting": "leave",
        "on_blank": "keep",
        "on_invalid": "set_aside",
        "default": {},
        "keep_old": {},
        "currency_field": {},
        "through": "",
        "group": "",
        "region": "",
        "currency": "",
        "restricted_when": {},
        "value_map": "",
        "read_left": "value|trim|replace('#','')",
        "write_left": "",
        "read_right": "",
        "write_right": "",
    }


def test_a_sync_is_live_in_utc_without_a_schedule_unless_it_says_else() -> None:
    text = changed(
        ("    state: live\n", ""), ("    time_zone: America/New_York\n", ""), ('    schedule: "0 1 * * *"\n', "")
    )
    head = read(text).syncs[0].head
    assert (head["state"], head["time_zone"], head["schedule"]) == ("live", "UTC", "")


@pytest.mark.parametrize("word", ["off", "false", "no", "'off'", "Off"])
def test_off_is_a_word_also_where_yaml_reads_false(word: str) -> None:
    assert pair(f"to_left: {word}")["to_left"] == "off"


def test_options_are_the_texts_that_were_typed() -> None:
    text = changed(("[active, Active]", "[01, yes]"))
    assert contents(text).value_maps["status"]["pairs"] == [["01", "yes"], ["lost", "Lost alum"]]


def test_a_plain_default_stands_for_the_only_receiving_side() -> None:
    assert pair("to_left: off, on_invalid: use_default, default: unknown")["default"] == {"right": "unknown"}


def test_a_plain_default_stands_for_both_sides_where_both_receive() -> None:
    assert pair("on_invalid: use_default, default: 7")["default"] == {"left": 7, "right": 7}


def test_a_default_for_each_side_is_kept() -> None:
    assert pair("on_invalid: use_default, default: {left: a, right: b}")["default"] == {"left": "a", "right": "b"}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("to_left: off, keep_old: Old__c", {"right": "Old__c"}),
        ("to_right: off, keep_old: old", {"left": "old"}),
        ("keep_old: Old__c", {"right": "Old__c"}),
        ("keep_old: {left: old, right: Old__c}", {"left": "old", "right": "Old__c"}),
    ],
)
def test_keep_old_belongs_to_the_receiving_side(settings: str, kept: dict[str, str]) -> None:
    assert pair(settings)["keep_old"] == kept


@pytest.mark.parametrize(
    ("restricted", "by_side"),
    [("true", {"left": True, "right": True}), ("{left: N, right: 'true'}", {"left": "N", "right": "true"})],
)
def test_restricted_when_is_read_for_both_sides(restricted: str, by_side: dict[str, object]) -> None:
    assert pair(f"kind: consent, restricted_when: {restricted}")["restricted_when"] == by_side


def test_a_value_map_that_no_pair_uses_is_told_and_left_out() -> None:
    text = changed(("value_map: status, ", ""))
    assert contents(text).value_maps == {}
    assert read(text).notes == ("Value map “status” is used by no field pair and was left out.",)


def test_a_sync_may_use_a_connection_that_is_in_the_database() -> None:
    text = EXAMPLE[EXAMPLE.index("syncs:") :]
    assert read(text, Known(systems={"Alumni platform": "toy", "CRM": "toy"})).connections == ()


def test_a_draft_may_be_unfinished() -> None:
    head = "syncs:\n- {name: a, state: draft, left: {connection: C, object: x}, right: {connection: C, object: y}}\n"
    assert read(head, Known(systems={"C": "toy"})).syncs[0].contents.pairs == {}


MISTAKES = [
    # connections
    ("system: toy\n    settings: {base_url: \"https://${HOST}", "system: tyo\n    settings: {base_url: \"https://${HOST}",
     "line 3: “tyo” is not a system known here; did you mean “toy”?"),
    ("timeout: 12", "timeuot: 12", "line 4: “timeuot” is not a setting of a toy connection; did you mean “timeout”?"),
    ("timeout: 12", "timeout: soon", "line 4: “timeout”: Enter a number."),
    ("timeout: 12", "mode: half", "line 4: “mode”: Select a valid choice. half is not one of the available choices."),
    ("timeout: 12", "mode: changes", "line 4: Changes need a start date."),
    ('"${TOY_KEY}"', "", "line 4: a toy connection needs “api_key”."),
    (', api_key: "${TOY_KEY}"', "", "line 4: a toy connection needs “api_key”."),
    ("${TOY_KEY}", "${TOY_KYE}",
     "line 4: “api_key” takes “TOY_KYE” from the environment, where it is not set or empty."),
    ("  - name: CRM\n    system: toy", "  - system: toy", "line 5: a connection needs “name”."),
    ("name: CRM", "name: Alumni platform", "line 5: there is a connection “Alumni platform” on line 2 already."),
    # a sync
    ("name: alumni-crm", "name: Alumni & CRM",
     "line 9: “Alumni & CRM” can't name a sync: use letters, digits, - and _ only, like alumni-crm."),
    ("name: alumni-crm", "name:", "line 9: a sync needs “name”."),
    ("state: live", "state: on", "line 10: “on” is not a word for “state”; it is one of: draft, live, paused."),
    ("state: live", "stat: live", "line 10: “stat” is not a setting of a sync; did you mean “state”?"),
    ("state: live", "name: other", "line 10: “name” is given twice for a sync."),
    ("connection: Alumni platform, object", "connection: Alumni plattform, object",
     "line 11: there is no connection “Alumni plattform”; did you mean “Alumni platform”?"),
    ("object: user, ", "", "line 11: the left side needs “object”."),
    ("create: off", "create: true",
     "line 11: “true” is not a word for “create”; it is one of: off, review, automatic."),
    ("create: review", "crate: review", "line 12: “crate” is not a setting of the right side; did you mean “create”?"),
    ("on_create: {enabled: 1}", "deactivate: 1",
     "line 11: deactivate is written as names with values, like {name: value}."),
    ("on_create: {enabled: 1}", "on_create: 1",
     "line 11: on_create is written as names with values, like {name: value}."),
    ("gone: flag", "gone: delete", "line 13: “delete” is not a word for “gone”; it is one of: ignore, flag, review."),
    ("gone: flag", "several: many", "line 13: “several” is true or false, not “many”."),
    ('"0 1 * * *"', '"0 25 * * *"',
     "line 14: “0 25 * * *” is not a cron schedule; write it like “0 1 * * *”, daily at 1:00."),
    ('"0 1 * * *"', '"0 1 * * * *"',
     "line 14: “0 1 * * * *” is not a cron schedule; write it like “0 1 * * *”, daily at 1:00."),
    ("America/New_York", "America/NewYork",
     "line 15: “America/NewYork” is not a time zone; did you mean “America/New_York”?"),
    ("[data-team@example.edu]", "[data-team.example.edu]",
     "line 16: “data-team.example.edu” is not an e-mail address."),
    ("[data-team@example.edu]", "data-team@example.edu",
     "line 16: “alerts” is a list; write it with [ ] around it, or each on a line after “- ”."),
    ("[data-team@example.edu]", "[{to: x}]", "line 16: “alerts” is a list of texts; this one is not a text."),
    ("tolerance: 5", "tolerance: -1", "line 17: “tolerance” is a whole number from 0 up, not “-1”."),
    ("tolerance: 5", "tolerance: yes", "line 17: “tolerance” is a whole number from 0 up, not “True”."),
    ("- [email, Email]", "- [email]",
     "line 19: a match rule is [left field, right field], or a list of fields on each side."),
    ("[LastName, Class_Year__c]", "[LastName]",
     "line 20: this match rule compares 2 on the left with 1 on the right; both sides need as many fields."),
    ("- [email, Email]", "- [[], []]", "line 19: a match rule needs at least one field on each side."),
    ("{changed: {", "{chnaged: {", "line 21: “chnaged” is not a setting of the guards; did you mean “changed”?"),
    ("floor: 50", "flor: 50", "line 21: “flor” is not a setting of the guard “changed”; did you mean “floor”?"),
    ("share: 0.05", "share: 5", "line 21: “share” is a part of all people from 0 to 1, like 0.05, not “5”."),
    ('["003B", "003A"]', "003A",
     "line 22: “pilot” is a list; write it with [ ] around it, or each on a line after “- ”."),
    # field pairs
    ("to_right: review, to_left: off}", "to_rihgt: review, to_left: off}",
     "line 24: “to_rihgt” is not a setting of a field pair; did you mean “to_right”?"),
    ("to_right: review, to_left: off}", "to_right: true}",
     "line 24: “true” is not a word for “to_right”; it is one of: off, fill, review, automatic."),
    ("to_right: review, to_left: off}", "to_right: [off]}",
     "line 24: “to_right” is one word, not a list or a group of settings."),
    ("to_right: review, to_left: off}", "to_right: reveiw}",
     "line 24: “reveiw” is not a word for “to_right”; did you mean “review”?"),
    ("left: first_name", "left: [first_name]", "line 24: “left” is a text, not a list or a group of settings."),
    ("left: first_name, ", "", "line 24: a field pair needs “left”."),
    ("kind: email", "kind: emial", "line 25: “emial” is not a kind of value; did you mean “email”?"),
    ("region: US", "region: USA", "line 26: “USA” is not a country; write its two letters, like US."),
    ("region: US", "currency: Dollar", "line 26: “Dollar” is not a currency; write its three letters, like USD."),
    ("on_blank: ask", "on_blank: remove",
     "line 26: “remove” is not a word for “on_blank”; it is one of: keep, ask, carry."),
    ("kind: phone, region: US, to_left: off", "kind: phone, to_left: off, conflict: right",
     "line 26: nothing is written to the left here, so a conflict is decided by “ask” or “left”, not by “right”."),
    ("kind: phone, region: US, to_left: off", "kind: phone, to_left: off, conflict: newest",
     "line 26: nothing is written to the left here, so a conflict is decided by “ask” or “left”, not by “newest”."),
    ("kind: phone, region: US, to_left: off", "to_left: off, first_meeting: right",
     "line 26: “first_meeting: right” writes to the left, but “to_left” is off."),
    ("left: phone, right: Phone", "left: phone, right: FirstName",
     "line 26: FirstName on the right is written by two field pairs, here and on line 24; "
     "set “to_right: off” in one of them."),
    ("left: phone, right: Phone", "left: phone, right: Alumni_Id__c",
     "line 26: Alumni_Id__c is the key field of the right side, which the sync fills; drop this pair."),
    ("left: phone, right: Phone", "left: first_name, right: FirstName",
     "line 26: first_name and FirstName are paired twice."),
    ("Previous_Email__c", "Phone",
     "line 25: Phone on the right is mapped already; “keep_old” needs a field that nothing else writes."),
    ("on_blank: ask", "keep_old: Previous_Email__c",
     "line 26: Previous_Email__c on the right takes the replaced value of two field pairs."),
    ("keep_old: Previous_Email__c", "keep_old: {left: old_email}",
     "line 25: “keep_old” is for a side that this pair writes to; its direction is off."),
    ("keep_old: Previous_Email__c", "keep_old: 3",
     "line 25: “keep_old” names the field that takes the replaced value."),
    ("keep_old: Previous_Email__c", "keep_old: {rigth: Old}",
     "line 25: “keep_old” is one value or {left: …, right: …}; “rigth” is not a side."),
    ("on_blank: ask", "on_invalid: use_default",
     "line 26: “on_invalid: use_default” needs “default”: the value that is written instead."),
    ("on_blank: ask", "default: 1", "line 26: “default” is used only with “on_invalid: use_default”."),
    ("on_blank: ask", "on_invalid: use_default, default: {left: 1}",
     "line 26: “default” has no value for right, where this pair writes."),
    ("right: MailingCountry, kind: country", "right: MailingCountry, kind: country, to_left: off",
     "line 29: “to_left” is off here and automatic on line 28; the pairs of group “home_address” need the same."),
    ("right: MailingCountry, kind: country", "right: MailingCountry, conflict: left",
     "line 29: “conflict” is left here and ask on line 28; the pairs of group “home_address” need the same."),
    ("right: MailingCountry, kind: country", "right: MailingCountry, kind: deceased",
     "line 29: a field pair of kind deceased is decided alone, not in a group."),
    ("value_map: status", "value_map: satus",
     "line 30: there is no value map “satus” in this file; did you mean “status”?"),
    ("kind: consent, restricted_when: true", "kind: reference",
     "line 31: kind reference needs “through”: the sync that links the records it names."),
    ("{left: email, right: Email, kind: email,", "{left: email, right: Email, kind: reference, through: alumni-crm,",
     "line 18: email and Email are a reference, which can't tell who is who."),
    ("kind: consent, restricted_when: true", "through: people",
     "line 31: “through” is used only with “kind: reference”."),
    ("kind: consent, restricted_when: true", "kind: reference, through: people",
     "line 31: there is no sync “people”; it is one of: alumni-crm."),
    ("kind: consent, restricted_when: true", "kind: money, currency_field: currency",
     "line 31: “currency_field” is for “kind: money” with a “currency”: the one that is taken, like USD."),
    ("kind: consent, restricted_when: true", "kind: money, currency: USD, currency_field: 3",
     "line 31: “currency_field” names the field that says which currency it is."),
    ("kind: consent, restricted_when: true", "kind: consent",
     "line 31: kind consent needs “restricted_when”: the value that means “do not contact”."),
    ("kind: consent, restricted_when: true", "kind: yes_no, restricted_when: true",
     "line 31: “restricted_when” is used only with “kind: consent”."),
    ("restricted_when: true", "restricted_when: {left: true}",
     "line 31: “restricted_when” needs a value for left and for right."),
    # value maps
    ("unmapped: set_aside,", "unmapped: use_default,",
     "line 33: “unmapped: use_default” needs “default: {left: …, right: …}”."),
    ("unmapped: set_aside,", "default: {right: x},", "line 33: “default” is used only with “unmapped: use_default”."),
    ("unmapped: set_aside,", "unmapped: use_default, default: {right: x},",
     "line 30: value map “status” has no default for left, where this pair writes."),
    ("[lost, ", "[active, Lost], [lost, Lost], [lost, ",
     "line 30: The drop-down pairs name “active” and “Lost” as a pair, and each of the two in other pairs as well; it "
     "can't be told which options mean the same. Keep one of the two in this pair only."),
    ("[active, Active]", "[active]", "line 33: “['active']” is not a pair of options; write it like [left, right]."),
    ("unmapped: set_aside,", "unmaped: pass,",
     "line 33: “unmaped” is not a setting of a value map; did you mean “unmapped”?"),
    (", pairs: [[active, Active], [lost, \"Lost alum\"]]", "", "line 33: a value map needs “pairs”."),
    # the file
    ("value_maps:", "values:", "line 32: “values” is not a setting of a setup file; did you mean “value_maps”?"),
    ("connections:", "connection:",
     "line 1: “connection” is not a setting of a setup file; did you mean “connections”?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES, ids=[f"{new}"[:40] for _, new, _ in MISTAKES])
def test_a_mistake_is_a_sentence_with_its_line(old: str, new: str, sentence: str) -> None:
    assert sentence in mistakes(changed((old, new)))


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("value|trim|replace('#','')", "value|trmi", "line 27: “read_left”: "),
        ("record['Alumnus__c']", "record[", "line 13: “scope”: "),
        ("addresses[Home].city", "addresses[Home.city", "line 28: “left”: "),
        ("- [email, Email]", '- ["email[", Email]', "line 19: “match”: "),
        ("Previous_Email__c", '"Old..c"', "line 25: “keep_old”: "),
        ("{enabled: 1}", "{a..b: 1}", "line 11: “a..b”: "),
        ("Alumni_Id__c", '"Alumni..Id"', "line 12: “key_field”: "),
    ],
)
def test_an_expression_or_path_is_refused_with_the_words_of_what_reads_it(old: str, new: str, start: str) -> None:
    assert any(mistake.startswith(start) for mistake in mistakes(changed((old, new))))


def test_a_written_clean_up_knows_the_value_only() -> None:
    text = changed(("read_left: \"value|trim|replace('#','')\"", "write_right: \"record['email']\""))
    assert mistakes(text) == ["line 27: “write_right” knows “value” only; a record's other fields are for “read_…”."]


def test_all_mistakes_are_told_at_once_and_in_order() -> None:
    text = changed(("kind: email", "kind: emial"), ("timeout: 12", "timeuot: 12"), ("gone: flag", "gone: no"))
    assert [mistake.split(":")[0] for mistake in mistakes(text)] == ["line 4", "line 13", "line 25"]


def test_a_part_of_a_field_counts_as_the_field() -> None:
    text = changed(("left: status,", "left: addresses,"))
    assert (
        "line 30: addresses on the left is written by two field pairs, here and on line 28; "
        "set “to_left: off” in one of them."
    ) in mistakes(text)


def test_two_elements_of_a_list_are_two_fields() -> None:
    assert read(
        changed(("left: phone,", 'left: "emails[work]",'), ("left: email, right", 'left: "emails[home]", right'))
    )


def test_one_target_may_be_mapped_twice_where_only_one_pair_writes_it() -> None:
    reversed_pair = ("to_right: review, to_left: off}", "to_right: off, to_left: review}")
    second_pair = ("left: status, right: Status__c", "left: status, right: FirstName")
    assert len(contents(changed(reversed_pair, second_pair)).pairs) == 8


def test_a_live_sync_needs_something_to_tell_people_by() -> None:
    start = EXAMPLE.index("    match:")
    text = changed((EXAMPLE[start : EXAMPLE.index("    guards:")], ""), ("key_field: Alumni_Id__c, ", ""))
    assert mistakes(text) == [
        "line 9: nothing says who is the same person; give “match” rules, or a side its “key_field”."
    ]


def test_a_live_sync_needs_field_pairs() -> None:
    text = EXAMPLE[: EXAMPLE.index("    fields:")]
    assert mistakes(text) == ["line 9: a sync needs “fields”: the field pairs it keeps in step."]


def test_both_sides_can_t_be_the_same_records() -> None:
    text = changed(("connection: CRM, object: Contact", "connection: Alumni platform, object: user"))
    assert "line 12: both sides are the same records; a sync needs two different ones." in mistakes(text)


def test_a_connection_stays_with_its_system() -> None:
    text = changed(("name: CRM\n    system: toy", "name: CRM\n    system: doll"))
    assert mistakes(text, Known(systems={"CRM": "toy"})) == [
        "line 6: “CRM” is a toy connection and can't become one of doll; give the new connection another name."
    ]


SECOND = """\
  - name: second
    left: {connection: CRM, object: Contact, key_field: Alumni_Id__c}
    right: {connection: Alumni platform, object: member}
    match: [[Email, email]]
    fields: [{left: Email, right: email}]
"""


def two_syncs(*replacements: tuple[str, str]) -> str:
    second = changed(*replacements, text=SECOND)
    return changed(("value_maps:\n", f"{second}value_maps:\n"))


def test_two_syncs_can_t_keep_different_ids_in_one_key_field() -> None:
    assert mistakes(two_syncs()) == [
        "line 33: sync “alumni-crm” keeps other ids in Alumni_Id__c of Contact of “CRM”; name another field."
    ]


def test_two_syncs_of_the_same_records_may_share_a_key_field() -> None:
    text = two_syncs(("object: member", "object: user"))
    assert len(read(text).syncs) == 2


def test_two_syncs_read_the_same_records_with_one_filter() -> None:
    text = two_syncs((", key_field: Alumni_Id__c", ', filter: "Alumnus__c = true"'))
    assert mistakes(text) == [
        "line 33: sync “alumni-crm” reads Contact of “CRM” too, with another “filter”; "
        "records are read once: use the same."
    ]


def test_a_sync_that_is_not_in_the_file_counts_too() -> None:
    stored = {"old": contents(changed(("gone: flag", "filter: x")))}
    known = Known(systems={"CRM": "toy", "Alumni platform": "toy"}, syncs=stored)
    assert mistakes(EXAMPLE, known) == [
        "line 12: sync “old” reads Contact of “CRM” too, with another “filter”; records are read once: use the same."
    ]


def test_a_sync_does_not_clash_with_its_own_former_rules() -> None:
    known = Known(syncs={"alumni-crm": contents(changed(("gone: flag", "filter: x")))})
    assert read(EXAMPLE, known).syncs


def test_names_of_syncs_and_value_maps_are_there_once() -> None:
    text = two_syncs(("name: second", "name: alumni-crm"), ("key_field: Alumni_Id__c", "gone: flag"))
    assert mistakes(text) == ["line 32: there is a sync “alumni-crm” on line 9 already."]
    again = f"{EXAMPLE}  - {{name: status, pairs: []}}\n"
    assert mistakes(again) == ["line 34: there is a value map “status” on line 33 already."]


def test_a_secret_is_in_no_representation_and_no_sentence() -> None:
    assert "k-123" not in repr(read())
    text = changed(("timeout: 12", "timeout: soon"))
    assert "k-123" not in " ".join(mistakes(text))


def told(text: str, environment: dict[str, str]) -> list[str]:
    """What a file is refused with; nothing if it can be read."""
    try:
        read_setup(text, environment, Known())
    except SetupError as refused:
        return list(refused.mistakes)
    return []


@given(st.text(max_size=60))
def test_whatever_a_file_holds_it_is_read_or_refused_in_sentences(text: str) -> None:
    assert all(mistake.startswith("line ") for mistake in told(text, {}))


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.text(alphabet="{}[]:,-&*!'\" \nxé", max_size=3))
def test_a_damaged_file_is_read_or_refused_in_sentences(start: int, length: int, inserted: str) -> None:
    damaged = EXAMPLE[:start] + inserted + EXAMPLE[start + length :]
    assert all(mistake.startswith("line ") for mistake in told(damaged, ENVIRONMENT))
