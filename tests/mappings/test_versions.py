"""A version's rules as values, drafts, and what is in force."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from connectors.models import Connection
from mappings import rules, versions
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap
from mappings.rules import MatchRule, PairRules, Rules, Side, SideRules, ValuePairs, Word
from mappings.setup.contents import contents_of

pytestmark = pytest.mark.django_db
State = MappingVersion.State


def make_version(sync: Sync | None = None, number: int = 1, state: str = State.DRAFT) -> MappingVersion:
    """A version with two sides and one pair that says only what it must."""
    sync = sync or Sync.objects.create(name="alumni-crm", state=Sync.State.LIVE)
    version = MappingVersion.objects.create(sync=sync, number=number, state=state)
    for side in Side:
        connection, _ = Connection.objects.get_or_create(name=f"{side} system", system="toy")
        SyncSide.objects.create(version=version, side=side, connection=connection, object_type="person")
    FieldMapping.objects.create(version=version, left="city", right="City")
    return version


def test_what_a_version_does_not_say_is_the_default() -> None:
    assert versions.rules_of(make_version()) == Rules(
        sides={Side.LEFT: SideRules("person"), Side.RIGHT: SideRules("person")},
        pairs=(PairRules(key="city|City", paths={Side.LEFT: "city", Side.RIGHT: "City"}),),
    )


def test_a_side_becomes_a_value_with_the_connection_s_time_zone() -> None:
    version = make_version()
    Connection.objects.filter(name="right system").update(settings={"time_zone": "Asia/Tokyo"})
    version.sides.filter(side="right").update(
        object_type="Contact",
        key_field="Key__c",
        create="review",
        on_create={"enabled": 1},
        deactivate={"enabled": 0},
        scope="record['x']",
        narrow="x = 1",
        gone="ignore",
        several=True,
    )
    assert versions.rules_of(version).sides[Side.RIGHT] == SideRules(
        object_type="Contact",
        key_field="Key__c",
        create=rules.Create.REVIEW,
        on_create={"enabled": 1},
        deactivate={"enabled": 0},
        scope="record['x']",
        narrow="x = 1",
        gone=dict.fromkeys(rules.AbsenceKind, rules.Gone.IGNORE),
        several=True,
        time_zone="Asia/Tokyo",
    )


def test_a_pair_becomes_a_value() -> None:
    version = make_version()
    version.field_mappings.update(
        kind="choice",
        to_left="off",
        to_right="review",
        conflict="left",
        first_meeting="right",
        on_blank="carry",
        on_invalid="use_default",
        defaults={"right": "unknown"},
        keep_old={"right": "Old"},
        group="address",
        region="US",
        currency="USD",
        restricted_when={"left": True, "right": "N"},
        read_left="value|trim",
        write_right="value|upper",
        value_map=ValueMap.objects.create(
            version=version, name="m", unmapped="use_default", pairs=[["a", "A"]], defaults={"right": "Z"}
        ),
    )
    assert versions.rules_of(version).pairs == (
        PairRules(
            key="city|City",
            paths={Side.LEFT: "city", Side.RIGHT: "City"},
            kind="choice",
            words={Side.LEFT: Word.OFF, Side.RIGHT: Word.REVIEW},
            conflict=rules.ConflictRule.LEFT,
            first_meeting=rules.FirstMeeting.RIGHT,
            on_blank=rules.OnBlank.CARRY,
            on_invalid=rules.OnInvalid.USE_DEFAULT,
            defaults={Side.RIGHT: "unknown"},
            keep_old={Side.RIGHT: "Old"},
            group="address",
            region="US",
            currency="USD",
            restricted_when={Side.LEFT: True, Side.RIGHT: "N"},
            value_map=ValuePairs((("a", "A"),), rules.Unmapped.USE_DEFAULT, {Side.RIGHT: "Z"}),
            reads={Side.LEFT: "value|trim"},
            writes={Side.RIGHT: "value|upper"},
        ),
    )


def test_lengths_come_from_a_description_and_only_to_their_own_path() -> None:
    described = {Side.LEFT: {"city": 40, "street": 80}, Side.RIGHT: {"street": 255}}
    (pair,) = versions.rules_of(make_version(), described).pairs
    assert pair.lengths == {Side.LEFT: 40}


def test_match_rules_and_the_pilot_become_values() -> None:
    version = make_version()
    version.match, version.pilot = [[["email"], ["Email"]], [["a", "b"], ["A", "B"]]], ["1", "2"]
    said = versions.rules_of(version)
    assert said.match == (
        MatchRule({Side.LEFT: ("email",), Side.RIGHT: ("Email",)}),
        MatchRule({Side.LEFT: ("a", "b"), Side.RIGHT: ("A", "B")}),
    )
    assert said.pilot == {"1", "2"}


def test_pairs_come_in_their_order() -> None:
    version = make_version()
    FieldMapping.objects.create(version=version, left="b", right="B", position=2)
    FieldMapping.objects.create(version=version, left="a", right="A", position=1)
    assert [pair.key for pair in versions.rules_of(version).pairs] == ["city|City", "a|A", "b|B"]


def test_rules_take_as_many_statements_for_many_pairs(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    version = make_version()
    value_map = ValueMap.objects.create(version=version, name="m")
    for number in range(20):
        FieldMapping.objects.create(version=version, left=f"l{number}", right=f"r{number}", value_map=value_map)
    with django_assert_num_queries(2):
        versions.rules_of(version)


def test_activating_retires_the_version_before() -> None:
    first = make_version(state=State.ACTIVE)
    second = make_version(first.sync, 2)
    assert versions.activate(second)
    first.refresh_from_db()
    assert (first.state, second.state) == (State.RETIRED, State.ACTIVE)
    assert first.sync.active_version() == second


def test_activating_what_is_in_force_switches_nothing() -> None:
    version = make_version()
    # Somebody else was quicker: the row counts, not the copy in hand.
    MappingVersion.objects.update(state=State.ACTIVE)
    assert not versions.activate(version)


def test_activating_leaves_other_syncs_and_drafts_alone() -> None:
    version = make_version()
    draft = make_version(version.sync, 2)
    other = make_version(Sync.objects.create(name="other"), state=State.ACTIVE)
    versions.activate(version)
    draft.refresh_from_db()
    other.refresh_from_db()
    assert (draft.state, other.state) == (State.DRAFT, State.ACTIVE)


def test_changed_rules_become_a_draft_and_the_next_change_goes_into_it() -> None:
    version = make_version(number=7, state=State.ACTIVE)
    version.field_mappings.update(
        value_map=ValueMap.objects.create(version=version, name="m", pairs=[["a", "A"]]), region="US"
    )
    contents = contents_of(version)
    ids = set(version.field_mappings.values_list("stable_id", flat=True))
    draft = versions.revise(version.sync, contents, by="dean@example.edu", based_on=(7, 0))
    assert (draft.number, draft.state, draft.created_by, draft.edit) == (8, State.DRAFT, "dean@example.edu", 0)
    assert contents_of(draft) == contents
    assert set(draft.field_mappings.values_list("stable_id", flat=True)) == ids
    again = versions.revise(version.sync, replace(contents, pilot=["7"]), by="kim", based_on=(8, 0))
    assert (again.pk, again.edit, again.changed_by, again.pilot) == (draft.pk, 1, "kim", ["7"])
    assert set(again.field_mappings.values_list("stable_id", flat=True)) == ids
    version.refresh_from_db()
    assert version.state == State.ACTIVE


def test_who_saves_an_old_page_is_told_who_was_faster() -> None:
    version = make_version(state=State.ACTIVE)
    contents = contents_of(version)
    versions.revise(version.sync, contents, by="kim", based_on=(version.number, 0))
    with pytest.raises(versions.Outdated, match="kim saved these rules while you were working"):
        versions.revise(version.sync, contents, by="lee", based_on=(version.number, 0))


def test_a_draft_that_was_shown_is_left_as_it_was_shown() -> None:
    version = make_version(state=State.ACTIVE)
    contents = contents_of(version)
    shown = versions.revise(version.sync, contents, by="kim")
    MappingVersion.objects.filter(pk=shown.pk).update(shown_at=timezone.now())
    newer = versions.revise(version.sync, replace(contents, pilot=["7"]), by="kim")
    shown.refresh_from_db()
    assert newer.number == shown.number + 1
    assert (shown.pilot, shown.state) == ([], State.RETIRED)


@pytest.mark.parametrize(("state", "number"), [("live", 1), ("paused", 1), ("draft", 2)])
def test_a_live_sync_stands_for_its_active_version_and_a_draft_for_its_newest(state: str, number: int) -> None:
    active = make_version(state=State.ACTIVE)
    make_version(active.sync, 2)
    make_version(active.sync, 3, State.RETIRED)
    active.sync.state = state
    current = versions.current_version(active.sync)
    assert current is not None
    assert current.number == number


def test_a_sync_that_was_just_begun_stands_for_nothing() -> None:
    assert versions.current_version(Sync.objects.create(name="begun")) is None
