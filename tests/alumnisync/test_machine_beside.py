"""The machine with two syncs that share a connection, its records and their fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from mappings.models import Sync
from tests.alumnisync.machine.days import Days
from tests.alumnisync.machine.histories import QUICK_SEED, play, play_many
from tests.alumnisync.machine.watched import Watched, any_pairs
from tests.factories import World, connect, person_type

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

GENEROUS = {name: {"floor": 5000} for name in ("changed", "same_value", "created", "blanked", "gone")}


class Neighbour(World):
    """A second platform, kept in step with the same records of the first one's CRM."""

    def __init__(self, first: World, pairs: tuple[dict[str, Any], ...], create: str) -> None:
        name = f"beside {first.sync.name}"
        self.left, self.right = Watched(person_type()), first.right
        self.sync = Sync.objects.create(name=name, state=Sync.State.LIVE, guards=GENEROUS)
        self.connections = {"left": connect(self.left, name), "right": first.connections["right"]}
        self.version = self.add_version(pairs, {}, {"key_field": "crm_id", "create": create})


class TwoSyncs(Days):
    """What one of them writes is the other one's change."""

    @initialize(data=st.data(), rules=any_pairs(), others=any_pairs())
    def begin(self, data: st.DataObject, rules: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
        create = st.sampled_from(["off", "automatic"])
        first = World(
            tuple(rules), store_type=Watched, right={"create": data.draw(create)}, guards=GENEROUS
        )  # fmt: skip
        second = Neighbour(first, tuple(others), data.draw(create))
        self.worlds = [first, second]
        systems = {"platform": first.left, "other": second.left, "crm": first.right}
        self.systems = {name: store for name, store in systems.items() if isinstance(store, Watched)}
        for store in self.systems.values():
            store.answer_with_record = data.draw(st.booleans())
        self.read_by_the_rules()
        for _ in range(data.draw(st.integers(1, 2))):
            values = self.person(data)
            for system in self.systems:
                self.put(system, values)
        for world in self.worlds:
            self.run_and_let_through(world)

    @rule(data=st.data())
    def people_edit(self, data: st.DataObject) -> None:
        self.happen(data, 4, [self.edit, self.edit, self.edit_both, self.edit_both])

    @rule(data=st.data())
    def things_change(self, data: st.DataObject) -> None:
        self.happen(data, 2, [self.arrive, self.arrive, self.leave_for_good, self.merge_two, self.days_pass])

    @rule(data=st.data())
    def trouble_comes(self, data: st.DataObject) -> None:
        self.happen(data, 3, [self.break_a_write, self.break_a_write, self.break_a_read, self.turn_odd, self.edit])

    @rule(data=st.data())
    def staff_decide(self, data: st.DataObject) -> None:
        answers = [self.decide_conflict, self.answer_review, self.settle_a_match, self.answer_run, self.undo_a_run]
        self.happen(data, 3, [*answers, self.decide_conflict, self.edit_both])


def test_two_syncs_of_the_same_records_explain_all_they_leave() -> None:
    play(TwoSyncs, histories=3, steps=5, start=QUICK_SEED)


@pytest.mark.torture
def test_the_same_in_many_histories(record_property: Callable[[str, object], None]) -> None:
    play_many(TwoSyncs, record_property)
