"""Rules that change while a sync is in force."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.alumnisync.machine.days import Days
from tests.alumnisync.machine.histories import FIGURES
from tests.alumnisync.machine.watched import LEVELS, words

Pairs = list[dict[str, Any]]


class Ruled(Days):
    """The first of the machine's syncs gets other rules now and then."""

    pairs: Pairs
    options: dict[str, dict[str, Any]]

    def change_rules(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.pairs))
        what = data.draw(st.sampled_from(["word", "without", "group", "rule", "option"]))
        if what == "without":
            self.pairs = self.without(chosen)
        elif what == "group":
            self.pairs = self.regrouped()
        elif what == "option":
            self.pairs = [self.with_option(each) for each in self.pairs]
        elif what == "word":
            side = data.draw(st.sampled_from(["to_left", "to_right"]))
            self.pairs = self.with_mates(chosen, {side: data.draw(words)})
        else:
            self.pairs = self.with_mates(chosen, {"on_blank": data.draw(st.sampled_from(["keep", "ask", "carry"]))})
        FIGURES["other rules"] += 1
        self.worlds[0].add_version(tuple(self.pairs), self.options["left"], self.options["right"])
        self.read_by_the_rules()
        self.often_let_through(data)

    def without(self, chosen: dict[str, Any]) -> Pairs:
        if len(self.pairs) <= 3 or chosen["left"] == "email":
            return self.pairs
        return [each for each in self.pairs if each["left"] != chosen["left"]]

    def regrouped(self) -> Pairs:
        """City and postcode by themselves where they were one, and one where they were not."""
        if any(each.get("group") for each in self.pairs):
            return [{**each, "group": ""} for each in self.pairs]
        city = next((each for each in self.pairs if each["left"] == "city"), None)
        shared = {**city, "group": "home"} if city else {}
        return [
            {**shared, "left": each["left"], "right": each["right"]}
            if city and each["left"] in ("city", "zip")
            else each
            for each in self.pairs
        ]

    def with_option(self, pair: dict[str, Any]) -> dict[str, Any]:
        """A drop-down option more, which people may have used already."""
        if "value_map" not in pair:
            return pair
        return {**pair, "value_map": {"pairs": [*LEVELS["pairs"], ["donor", "D"]]}}

    def with_mates(self, chosen: dict[str, Any], change: dict[str, Any]) -> Pairs:
        """The change for a pair and all of its group."""
        is_one = [
            each is chosen or (chosen.get("group") and each.get("group") == chosen["group"]) for each in self.pairs
        ]
        return [{**each, **change} if one else each for each, one in zip(self.pairs, is_one, strict=True)]

    def often_let_through(self, data: st.DataObject) -> None:
        """New rules are held until a person approves them, and nothing would happen any more."""
        if data.draw(st.sampled_from([True, True, True, False])):
            world = self.worlds[0]
            self.run_and_let_through(world)
