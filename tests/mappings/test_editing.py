"""A sync's settings out as a document and back, and saved: at once, in the draft, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from connectors.models import Connection
from mappings.models import MappingVersion, Sync
from mappings.setup.contents import Contents, contents_of
from mappings.setup.editing import (
    begin,
    discard,
    document_of,
    known_besides,
    newest_contents,
    read_rules,
    save_rules,
    says_the_same,
)
from mappings.setup.loading import load
from mappings.setup.sections import SetupError
from mappings.setup.syncs import SyncSetup
from mappings.versions import Outdated, activate
from tests.mappings.setup_example import changed, read, register

pytestmark = pytest.mark.django_db
State = MappingVersion.State
UNUSED_MAP = {"unmapped": "use_default", "pairs": [["a", "b"]], "default": {"left": "a", "right": "b"}}


@pytest.fixture
def sync(monkeypatch: pytest.MonkeyPatch) -> Sync:
    """The sync of the example, in force."""
    register(monkeypatch)
    load(read(), activate=activate)
    return Sync.objects.get()


def line_one(place: Any) -> int:
    return 1


def setup_of(sync: Sync, contents: Contents | None = None) -> SyncSetup:
    """What the sync's own document is read back as."""
    return read_rules(sync, document_of(sync, contents or newest_contents(sync)), line_one)


def with_word(contents: Contents, key: str, **words: Any) -> Contents:
    return replace(contents, pairs={**contents.pairs, key: contents.pairs[key] | words})


def head_of(sync: Sync) -> dict[str, Any]:
    return {word: getattr(sync, word) for word in ("schedule", "time_zone", "alerts", "tolerance", "guards")}


def test_what_a_sync_says_is_read_back_as_it_was(sync: Sync) -> None:
    setup = setup_of(sync)
    assert says_the_same(setup.contents, newest_contents(sync))
    assert {word: setup.head[word] for word in head_of(sync)} == head_of(sync)


def test_nothing_changed_makes_no_draft(sync: Sync) -> None:
    assert save_rules(sync, setup_of(sync), by="edith") is None
    assert sync.versions.count() == 1


def test_changed_rules_go_into_a_draft_and_leave_those_in_force(sync: Sync) -> None:
    before = newest_contents(sync)
    setup = setup_of(sync, with_word(before, "email|Email", to_right="review"))
    version = save_rules(sync, setup, by="edith", based_on=(1, 0))
    assert version is not None
    assert (version.number, version.state, version.created_by) == (2, State.DRAFT, "edith")
    in_force = sync.active_version()
    assert in_force is not None
    assert says_the_same(contents_of(in_force), before)
    assert newest_contents(sync).pairs["email|Email"]["to_right"] == "review"


def test_another_order_of_field_pairs_is_a_change(sync: Sync) -> None:
    contents = newest_contents(sync)
    turned = replace(contents, pairs=dict(reversed(contents.pairs.items())))
    assert not says_the_same(turned, contents)
    assert save_rules(sync, setup_of(sync, turned), by="edith") is not None


def test_true_is_not_one(sync: Sync) -> None:
    contents = newest_contents(sync)
    sides = {**contents.sides, "left": {**contents.sides["left"], "on_create": {"enabled": True}}}
    assert not says_the_same(replace(contents, sides=sides), contents)


def test_when_it_runs_and_who_is_told_change_at_once(sync: Sync) -> None:
    setup = setup_of(sync)
    head = {**setup.head, "schedule": "30 2 * * *", "guards": {"gone": {"floor": 3}}, "state": "paused"}
    assert save_rules(sync, replace(setup, head=head), by="edith") is None
    sync.refresh_from_db()
    assert (sync.schedule, sync.guards, sync.state) == ("30 2 * * *", {"gone": {"floor": 3}}, "live")


def test_an_old_page_saves_nothing_at_all(sync: Sync) -> None:
    setup = setup_of(sync)
    first = replace(setup, contents=with_word(setup.contents, "email|Email", to_right="off"))
    save_rules(sync, first, by="edith", based_on=(1, 0))
    second = replace(setup, contents=with_word(setup.contents, "email|Email", to_right="fill"))
    late = replace(second, head={**setup.head, "schedule": "0 9 * * *"})
    with pytest.raises(Outdated, match="edith saved these rules"):
        save_rules(sync, late, by="otto", based_on=(1, 0))
    sync.refresh_from_db()
    assert sync.schedule == "0 1 * * *"
    assert newest_contents(sync).pairs["email|Email"]["to_right"] == "off"


def test_mistakes_come_with_the_line_of_their_place(sync: Sync) -> None:
    document = document_of(sync, newest_contents(sync))
    document["syncs"][0]["fields"][1]["kind"] = "nonsense"
    document["syncs"][0]["time_zone"] = "Nowhere"
    places: list[Any] = []

    def line_at(place: Any) -> int:
        places.append(place)
        return len(places)

    with pytest.raises(SetupError) as refused:
        read_rules(sync, document, line_at)
    found = {places[line - 1] for line, _sentence in refused.value.found}
    assert found == {("syncs", 0, "fields", 1, "kind"), ("syncs", 0, "time_zone")}


def test_drop_down_pairs_that_nothing_uses_yet_are_kept(sync: Sync) -> None:
    contents = newest_contents(sync)
    more = replace(contents, value_maps={**contents.value_maps, "title": UNUSED_MAP})
    assert setup_of(sync, more).contents.value_maps["title"] == UNUSED_MAP
    assert save_rules(sync, setup_of(sync, more), by="edith") is not None
    assert newest_contents(sync).value_maps["title"] == UNUSED_MAP


def test_a_live_sync_needs_its_rules_and_a_draft_may_wait_for_them(sync: Sync) -> None:
    document = document_of(sync, replace(newest_contents(sync), match=[], pairs={}))
    del document["syncs"][0]["match"], document["syncs"][0]["fields"], document["syncs"][0]["right"]["key_field"]
    with pytest.raises(SetupError, match="a sync needs “fields”"):
        read_rules(sync, document, line_one)
    document["syncs"][0]["state"] = "draft"
    assert read_rules(sync, document, line_one).contents.pairs == {}


def test_other_syncs_are_known_but_not_the_sync_itself(
    sync: Sync, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    again = changed(("name: alumni-crm", "name: other-crm"))
    load(read(again), activate=activate)
    other = Sync.objects.get(name="other-crm")
    contents = newest_contents(other)
    sides = {**contents.sides, "right": {**contents.sides["right"], "filter": "Alumnus__c = true"}}
    with django_assert_num_queries(2):
        assert set(known_besides(sync).syncs) == {"other-crm"}
    with pytest.raises(SetupError, match="reads Contact of “CRM” too"):
        setup_of(sync, replace(newest_contents(sync), sides=sides))


def test_of_another_sync_the_rules_in_force_count(sync: Sync) -> None:
    setup = setup_of(sync)
    sides = {**setup.contents.sides, "right": {**setup.contents.sides["right"], "filter": "a = 1"}}
    save_rules(sync, replace(setup, contents=replace(setup.contents, sides=sides)), by="edith")
    assert known_besides(Sync(name="new")).syncs["alumni-crm"].sides["right"]["filter"] == ""


def test_a_new_sync_is_a_draft_with_its_rules(sync: Sync) -> None:
    sides = {"left": {"connection": "CRM", "object": "Gift"}, "right": {"connection": "CRM", "object": "Note"}}
    made = begin("gifts", Contents(sides=sides), by="edith")
    assert (made.state, made.active_version()) == (Sync.State.DRAFT, None)
    contents = newest_contents(made)
    assert {side: each["object"] for side, each in contents.sides.items()} == {"left": "Gift", "right": "Note"}
    assert contents.sides["left"]["gone"] == "flag"


def test_a_new_sync_that_contradicts_itself_is_not_made(sync: Sync) -> None:
    same = {"connection": "CRM", "object": "Gift"}
    with pytest.raises(SetupError, match="both sides are the same records"):
        begin("gifts", Contents(sides={"left": same, "right": same}), by="edith")
    assert not Sync.objects.filter(name="gifts").exists()


def test_a_draft_is_discarded_unless_somebody_saved_it_since(sync: Sync) -> None:
    before = newest_contents(sync)
    draft = save_rules(sync, setup_of(sync, with_word(before, "email|Email", to_right="fill")), by="edith")
    assert draft is not None
    with pytest.raises(Outdated, match="was not discarded"):
        discard(draft, based_on=(draft.number, draft.edit + 1))
    discard(draft, based_on=(draft.number, draft.edit))
    assert says_the_same(newest_contents(sync), before)
    with pytest.raises(Outdated):
        discard(draft, based_on=(draft.number, draft.edit))


def test_a_sync_without_rules_has_empty_ones(db: None) -> None:
    assert newest_contents(Sync.objects.create(name="bare")) == Contents()
    assert Connection.objects.count() == 0
