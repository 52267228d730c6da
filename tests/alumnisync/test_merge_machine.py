"""One person's field and group: edited, merged, decided, refused in any order, and always explained."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from alumnisync.engine.merge import merge
from alumnisync.engine.units import Decision, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import Side
from tests.alumnisync.strategies import OPEN, SPELLINGS, any_units, carry_out, is_explained, raws, singles


class OneLink(RuleBasedStateMachine):
    """A field and a group of two, edited, merged, decided and refused in any order."""

    units: dict[str, Unit]

    @initialize(field=singles(), group=any_units())
    def meet(self, field: Unit, group: Unit) -> None:
        self.units = {"field": field, "group": group}

    @rule(name=st.sampled_from(["field", "group"]), side=st.sampled_from(Side), data=st.data())
    def edit(self, name: str, side: Side, data: st.DataObject) -> None:
        unit = self.units[name]
        sight = data.draw(st.sampled_from(unit.sights))
        raw = data.draw(raws(sight.pair.kind))
        edited = replace(sight, now={**sight.now, side: sight.translator.read_raw(side, raw)})
        self.units[name] = replace(unit, sights=tuple(edited if one is sight else one for one in unit.sights))

    @rule(name=st.sampled_from(["field", "group"]))
    def sync(self, name: str) -> None:
        self.units[name] = run(self.units[name])

    @rule(name=st.sampled_from(["field", "group"]), data=st.data())
    def decide(self, name: str, data: st.DataObject) -> None:
        unit = self.units[name]
        if merge(unit).verdict is Verdict.CONFLICT:
            self.units[name] = replace(unit, decision=data.draw(decisions(unit)))

    @rule(name=st.sampled_from(["field", "group"]), yes=st.booleans())
    def answer_review(self, name: str, yes: bool) -> None:
        unit, outcome = self.units[name], merge(self.units[name])
        if outcome.verdict is Verdict.REVIEW:
            self.units[name] = carry_out(unit, outcome, approved=True) if yes else refuse(unit, outcome)

    @invariant()
    def it_comes_to_rest(self) -> None:
        for unit in self.units.values():
            once = run(unit)
            twice = run(once)
            assert merge(twice).verdict in (Verdict.NOTHING, *OPEN)
            assert is_explained(twice, merge(twice))


TestOneLink = OneLink.TestCase
TestOneLink.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)


def test_it_notices_a_change_judged_by_the_other_sides_base(monkeypatch: pytest.MonkeyPatch) -> None:
    def has_changed(sight: Sight, side: Side) -> bool:
        return bool(sight.now[side].raw != sight.base.held.get(side.other, MISSING))

    monkeypatch.setattr(Sight, "has_changed", has_changed)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(OneLink, settings=settings(deadline=None, phases=[Phase.generate]))


def run(unit: Unit) -> Unit:
    """One pass: a decision ends once both sides hold it, or one of them moved on."""
    outcome = merge(unit)
    then = carry_out(unit, outcome)
    ends = outcome.verdict is Verdict.SETTLE or outcome.suggestion
    return replace(then, decision=None) if ends else then


def refuse(unit: Unit, outcome: Outcome) -> Unit:
    """What a person's no leaves behind: the value refused, remembered where it was."""
    sender = outcome.to.other
    members = tuple(
        replace(sight, base=replace(sight.base, refused={sender: sight.now[sender].raw})) for sight in unit.sights
    )
    return replace(unit, sights=members)


@st.composite
def decisions(draw: st.DrawFn, unit: Unit) -> Decision:
    shown = {side: {sight.pair.key: sight.now[side].raw for sight in unit.sights} for side in Side}
    own = {sight.pair.key: draw(st.sampled_from(SPELLINGS[sight.pair.kind][1])) for sight in unit.sights}
    return Decision(draw(st.sampled_from(["left", "right", "value", "leave"])), shown, own)
