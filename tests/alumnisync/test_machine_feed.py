"""The machine with a feed: rows in any order, told once more, told late, of nobody in particular."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from connectors.models import FeedRow
from connectors.records import Temporary, Values
from mappings.rules import Side
from tests.alumnisync.feed_scene import FEED, GENEROUS
from tests.alumnisync.machine.core import COMMON, VALUES
from tests.alumnisync.machine.days import Days
from tests.alumnisync.machine.histories import FIGURES, QUICK_SEED, play, play_many
from tests.alumnisync.machine.running import INJECTED
from tests.alumnisync.machine.watched import Watched, any_pairs
from tests.factories import World

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

PEOPLE = ("x1", "x2", "x3")


class FeedOffice(Days):
    """rows: everything the feed ever said, by its change id."""

    @initialize(data=st.data(), rules=any_pairs())
    def begin(self, data: st.DataObject, rules: list[dict[str, Any]]) -> None:
        self.rows: dict[int, tuple[str, Values]] = {}
        create = data.draw(st.sampled_from(["off", "off", "review", "automatic"]))
        pairs = tuple({**pair, "to_left": "off"} for pair in rules)
        world = World(pairs, store_type=Watched, left_type=FEED, right={"create": create}, guards=GENEROUS)
        self.worlds = [world]
        self.feed, self.systems = self.store(world, Side.LEFT), {"crm": self.store(world, Side.RIGHT)}
        self.systems["crm"].answer_with_record = data.draw(st.booleans())
        self.read_by_the_rules()
        self.contact_arrives(data)
        self.run_and_let_through(world)

    def held(self, world: World, side: Side, id: str) -> Values | None:
        """Of the feed: what its rows say of a person, the one with the highest number last."""
        if side is Side.RIGHT:
            return super().held(world, side, id)
        named = dict(FeedRow.objects.filter(cursor=world.cursor("left")).values_list("change_id", "remote_id"))
        said: Values = {}
        for number, (person, values) in sorted(self.rows.items()):
            # Whom a row means that names nobody, staff have said.
            if (person or named.get(str(number))) == id:
                said |= values
        return said or None

    # --- what happens ------------------------------------------------------------------------------------

    def tell(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from([*PEOPLE, *PEOPLE, ""]))
        fields = data.draw(st.lists(st.sampled_from([*COMMON, *VALUES]), min_size=1, max_size=3, unique=True))
        values = {field: self.value(data, field) for field in fields}
        number = max(self.rows, default=0) + data.draw(st.sampled_from([1, 1, 4]))
        if data.draw(st.sampled_from([False, False, True])):
            # A row that was overtaken by others.
            number = next((late for late in range(1, number) if late not in self.rows), number)
        self.rows[number] = (person, values)
        self.feed.tell("person", person, values, number)

    def tell_again(self, data: st.DataObject) -> None:
        """A row that was acknowledged comes once more."""
        if self.rows:
            number = data.draw(st.sampled_from(sorted(self.rows)))
            if str(number) not in {change.id for change in self.feed.changes["person"]}:
                self.feed.tell("person", *self.rows[number], number)

    def contact_arrives(self, data: st.DataObject) -> None:
        id = self.put("crm", self.person(data))
        self.systems["crm"].alter("person", id, {"left_id": data.draw(st.sampled_from([*PEOPLE, ""]))})

    def break_the_feed(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(["acknowledge", "acknowledge", "poll"]))
        self.feed.fail(Temporary(INJECTED), call, after=call == "acknowledge" and data.draw(st.booleans()))

    @rule(data=st.data())
    def people_edit(self, data: st.DataObject) -> None:
        self.happen(data, 4, [self.tell, self.tell, self.edit])

    @rule(data=st.data())
    def things_change(self, data: st.DataObject) -> None:
        self.happen(data, 3, [self.tell, self.tell_again, self.contact_arrives, self.leave_for_good, self.merge_two])

    @rule(data=st.data())
    def trouble_comes(self, data: st.DataObject) -> None:
        writes = [self.break_a_write, self.break_a_read, self.turn_odd]
        self.happen(data, 3, [*writes, self.break_the_feed, self.break_the_feed, self.tell])

    @rule(data=st.data())
    def staff_decide(self, data: st.DataObject) -> None:
        answers = [self.decide_conflict, self.answer_review, self.settle_a_match, self.answer_run, self.undo_a_run]
        self.happen(data, 3, [*answers, self.tell])

    # --- after the dust settles --------------------------------------------------------------------------

    def settle_dust(self) -> None:
        self.feed.failures.clear()
        super().settle_dust()
        FIGURES["rows of the feed"] += len(self.rows)
        assert self.feed.changes["person"] == [], "rows are left that nobody acknowledged"
        assert not self.feed.wrongs, self.feed.wrongs
        stored = FeedRow.objects.filter(cursor=self.worlds[0].cursor("left"))
        assert set(stored.values_list("change_id", flat=True)) == {str(number) for number in self.rows}

    def calls(self) -> int:
        return super().calls() + sum(method == "acknowledge" for method, _, _ in self.feed.calls)


def test_whatever_the_feed_says_is_applied_or_waits_and_is_acknowledged() -> None:
    play(FeedOffice, histories=3, steps=5, start=QUICK_SEED)


@pytest.mark.torture
def test_the_same_in_many_histories(record_property: Callable[[str, object], None]) -> None:
    play_many(FeedOffice, record_property)
