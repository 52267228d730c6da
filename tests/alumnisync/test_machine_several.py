"""The machine with several records of one person on a side: one person from the start, and one create."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from mappings.rules import Side
from tests.alumnisync.machine.core import COMMON
from tests.alumnisync.machine.days import Days
from tests.alumnisync.machine.histories import QUICK_SEED, play, play_many
from tests.alumnisync.machine.watched import Watched, any_pairs
from tests.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

GENEROUS = {name: {"floor": 5000} for name in ("changed", "same_value", "created", "blanked", "gone")}


class SeveralOffice(Days):
    """One side makes a record each time that somebody does something there."""

    many: str

    @initialize(data=st.data(), rules=any_pairs())
    def begin(self, data: st.DataObject, rules: list[dict[str, Any]]) -> None:
        draw = data.draw
        self.many = draw(st.sampled_from(["left", "right"]))
        one = {"left": "right", "right": "left"}[self.many]
        scope = draw(st.sampled_from(["", "record['status'] != 'out'"]))
        create = draw(st.sampled_from(["off", "review", "automatic", "automatic"]))
        sides: dict[str, Any] = {self.many: {"several": True}, one: {"create": create}}
        sides["right"] |= {"scope": scope}
        # A record created there is found again by its key.
        sides["left"] |= {"key_field": "crm_id"}
        given: dict[str, Any] = {f"{side.value}_type": {"field_times": draw(st.booleans())} for side in Side}
        world = World(tuple(rules), store_type=Watched, guards=GENEROUS, **given, **sides)
        self.worlds = [world]
        self.systems = {side.value: self.store(world, side) for side in Side}
        for store in self.systems.values():
            store.answer_with_record = draw(st.booleans())
        self.read_by_the_rules()
        for _ in range(draw(st.integers(1, 2))):
            self.arrive(data)
        self.once_more(data)
        self.run_and_let_through(world)

    def once_more(self, data: st.DataObject) -> None:
        """Another record of somebody, with the same e-mail and perhaps something else that is different."""
        store = self.systems[self.many]
        there = sorted(store.live("person"))
        if not there:
            return
        known = store.values("person", data.draw(st.sampled_from(there)))
        values = {field: known.get(field, "") for field in (*COMMON, "level", "no_mail", "dead")}
        for field in data.draw(st.lists(st.sampled_from(COMMON), max_size=2)):
            values[field] = known["email"] if field == "email" else self.value(data, field)
        self.put(self.many, values)

    @rule(data=st.data())
    def people_edit(self, data: st.DataObject) -> None:
        self.happen(data, 4, [self.edit, self.edit, self.once_more, self.edit_both])

    @rule(data=st.data())
    def things_change(self, data: st.DataObject) -> None:
        rare = [self.arrive, self.leave_for_good, self.merge_two, self.cross_scope]
        self.happen(data, 2, [*rare, self.once_more, self.once_more, self.days_pass])

    @rule(data=st.data())
    def trouble_comes(self, data: st.DataObject) -> None:
        self.happen(data, 3, [self.break_a_write, self.break_a_write, self.break_a_read, self.turn_odd, self.edit])

    @rule(data=st.data())
    def staff_decide(self, data: st.DataObject) -> None:
        answers = [self.decide_conflict, self.answer_review, self.settle_a_match, self.answer_run, self.undo_a_run]
        self.happen(data, 3, [*answers, self.edit_both])


def test_several_records_are_one_person_whatever_happens() -> None:
    play(SeveralOffice, histories=3, steps=5, start=QUICK_SEED)


@pytest.mark.torture
def test_the_same_in_many_histories(record_property: Callable[[str, object], None]) -> None:
    play_many(SeveralOffice, record_property)
