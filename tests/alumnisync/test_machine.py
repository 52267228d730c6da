"""The whole engine over two systems that edit, fail, lose answers and forget: after the dust settles all is explained.

`make torture` plays many histories from a seed that it prints; without it a few fixed ones are played.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from connectors.records import Values
from mappings.rules import Side
from tests.alumnisync.machine.core import COMMON
from tests.alumnisync.machine.histories import QUICK_SEED, play, play_many
from tests.alumnisync.machine.rules import Ruled
from tests.alumnisync.machine.watched import Watched, any_pairs
from tests.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

GUARDS = {name: {"floor": 1, "share": 0} for name in ("changed", "blanked")}


class Office(Ruled):
    """Two systems, the people who edit there, and the staff who decide."""

    @initialize(data=st.data(), rules=any_pairs())
    def begin(self, data: st.DataObject, rules: list[dict[str, Any]]) -> None:
        draw = data.draw
        create = st.sampled_from(["off", "review", "automatic", "automatic"])
        key = draw(st.sampled_from(["", "crm_id"]))
        left = {"key_field": key, "create": draw(create) if key else "off"}
        scope = draw(st.sampled_from(["", "record['status'] != 'out'"]))
        right = {"key_field": "left_id", "create": draw(create), "scope": scope}
        self.pairs, self.options = rules, {"left": left, "right": right}
        world = World(
            tuple(rules),
            left=left,
            right=right,
            left_type={"whole_lists": draw(st.booleans())},
            store_type=Watched,
            guards=draw(st.sampled_from([{}, {}, GUARDS])),
        )
        self.worlds = [world]
        self.systems = {side.value: self.store(world, side) for side in Side}
        for store in self.systems.values():
            store.answer_with_record = draw(st.booleans())
        if draw(st.booleans()):
            self.systems[draw(st.sampled_from(Side)).value].normalise = draw(st.sampled_from([shout, trim]))
        self.read_by_the_rules()
        for _ in range(draw(st.integers(1, 3))):
            self.pair_up(data)
        self.often_let_through(data)

    def pair_up(self, data: st.DataObject) -> None:
        """Somebody who is on both sides, with perhaps one field that differs."""
        values = self.person(data)
        for system in self.systems:
            own = dict(values)
            if data.draw(st.booleans()):
                field = data.draw(st.sampled_from(COMMON))
                own[field] = self.value(data, field)
            self.put(system, own)

    @rule(data=st.data())
    def people_edit(self, data: st.DataObject) -> None:
        self.happen(data, 4, [self.edit, self.edit, self.edit_both, self.edit_both, self.edit_both])

    @rule(data=st.data())
    def things_change(self, data: st.DataObject) -> None:
        rare = [self.arrive, self.leave_for_good, self.merge_two, self.move_key, self.cross_scope]
        self.happen(data, 2, [*rare, self.change_rules, self.change_rules, self.days_pass, self.edit_both])

    @rule(data=st.data())
    def trouble_comes(self, data: st.DataObject) -> None:
        writes = [self.break_a_write, self.break_a_write]
        self.happen(data, 3, [*writes, self.break_a_read, self.turn_odd, self.clock_jumps, self.edit])

    @rule(data=st.data())
    def staff_decide(self, data: st.DataObject) -> None:
        answers = [self.decide_conflict, self.answer_review, self.settle_a_match, self.answer_run, self.finish_aside]
        self.happen(data, 4, [*answers, self.decide_conflict, self.undo_a_run, self.edit_both])


def shout(values: Values) -> Values:
    """A system that stores names its own way."""
    return rewritten(values, ("first", "last"), str.upper)


def trim(values: Values) -> Values:
    """A system that keeps no spaces, and of names the beginning only."""
    return rewritten(values, ("first", "last", "email"), lambda text: text.strip()[:20])


def rewritten(values: Values, fields: tuple[str, ...], how: Callable[[str], str]) -> Values:
    return {name: how(value) if name in fields and isinstance(value, str) else value for name, value in values.items()}


def test_whatever_happens_is_explained_and_nothing_is_lost() -> None:
    play(Office, histories=5, steps=7, start=QUICK_SEED)


@pytest.mark.torture
def test_the_same_in_many_histories(record_property: Callable[[str, object], None]) -> None:
    play_many(Office, record_property)
