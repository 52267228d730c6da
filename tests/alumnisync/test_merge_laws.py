"""The laws of the merge, held by hypothesis; each is shown to notice a merge that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from alumnisync.engine import merge as engine
from alumnisync.engine import units
from alumnisync.engine.merge import merge
from alumnisync.engine.units import Base, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnBlank, OnInvalid, Side, Word
from mappings.translate import Reading, Translator, same
from tests.alumnisync.strategies import (
    ALONE,
    OPEN,
    SPELLINGS,
    any_units,
    carry_out,
    is_explained,
    says_the_same,
    singles,
)

# Found is enough: it need not be the smallest.
SEARCH = settings(max_examples=2000, deadline=None, phases=[Phase.generate])


def moved(sight: Sight, side: Side) -> bool:
    """The side moved since both last agreed: said once more, so that a wrong `has_changed` is noticed."""
    now, held, refused = sight.now[side], sight.base.held, sight.base.refused
    if now.is_missing or not held:
        return False
    if side not in held:
        return not now.is_blank
    known = [known[side] for known in (held, refused) if side in known]
    return not any(now.raw == raw or same(now, sight.translator.read_raw(side, raw)) for raw in known)


# --- the laws --------------------------------------------------------------------------------------------


def it_converges(unit: Unit) -> None:
    """Carried out, a second merge writes nothing and asks nothing new; what differs still is explained."""
    first = merge(unit)
    then = carry_out(unit, first)
    second = merge(then)
    expected = first.verdict if first.verdict in OPEN else Verdict.NOTHING
    assert second.verdict is expected
    assert is_explained(then, second)


def it_is_a_mirror(unit: Unit) -> None:
    """Swapping left and right swaps the answer."""
    assert essence(merge(swapped(unit))) == essence(merge(unit), turned=True)


def nothing_is_lost(unit: Unit) -> None:
    """What moved is on both sides afterwards, or waits, or a rule says that it may stay; and is found again."""
    outcome = merge(unit)
    then = carry_out(unit, outcome)
    for before, after in zip(unit.sights, then.sights, strict=True):
        senders = [side for side in Side if moved(before, side)]
        if len(senders) == 1:
            waits = outcome.verdict in OPEN or (outcome.drift and may_stay(unit, senders[0]))
            assert waits or outcome.verdict is Verdict.SEND or says_the_same(after)
            assert after.now[senders[0]].raw == before.now[senders[0]].raw or outcome.verdict is Verdict.SEND
        if senders and outcome.verdict in (Verdict.NOTHING, *OPEN):
            assert after.base == before.base


def may_stay(unit: Unit, sender: Side) -> bool:
    """Whether the rules let a change on this side stay there."""
    rules = unit.rules
    kept = rules.on_blank is OnBlank.KEEP and unit.is_blank(sender)
    is_closed = rules.words[sender.other] in (Word.OFF, Word.FILL) or set(rules.words.values()) == {Word.OFF}
    return is_closed or kept or unit.meets() or rules.on_invalid is OnInvalid.SKIP_FIELD


def only_what_differs_is_written(unit: Unit) -> None:
    """No field is written that holds the value already, nor one twice."""
    for to, writes in merge(unit).writes.items():
        by_path = {sight.pair.paths[to]: sight for sight in unit.sights}
        assert len({write.path for write in writes}) == len(writes) > 0
        for write in writes:
            sight = by_path[write.path]
            assert not same(sight.now[to], sight.translator.read_raw(to, write.after))


def unknown_is_no_change(unit: Unit) -> None:
    """A side that says nothing sends nothing."""
    for side in Side:
        blind = replace(unit, sights=tuple(blinded(sight, side) for sight in unit.sights))
        outcome = merge(blind)
        assert side.other not in outcome.writes
        assert outcome.blanked is not side
        if not any(moved(sight, side.other) for sight in blind.sights):
            assert outcome.verdict is Verdict.NOTHING
        for sight in blind.sights:
            settled = outcome.settles.get(sight.pair.key, sight.base)
            assert settled.held.get(side) == sight.base.held.get(side)


def no_base_blanks_nothing(unit: Unit) -> None:
    """Without a base of its own, a blank side is no removal."""
    for side in Side:
        baseless = replace(unit, sights=tuple(without_base(sight, side) for sight in unit.sights))
        if baseless.is_blank(side):
            assert side.other not in merge(baseless).writes


def feeds_change_alone(unit: Unit) -> None:
    """Without any base the other side of a feed has changed nothing: it is never asked about nor written from."""
    feed = unit.sights[0].feed
    assert feed is not None
    bare = replace(unit, decision=None, sights=tuple(replace(sight, base=Base()) for sight in unit.sights))
    outcome = merge(bare)
    assert outcome.verdict is not Verdict.CONFLICT
    assert feed not in outcome.writes


LAWS = (
    it_converges,
    it_is_a_mirror,
    nothing_is_lost,
    only_what_differs_is_written,
    unknown_is_no_change,
    no_base_blanks_nothing,
)


@pytest.mark.parametrize("law", LAWS)
def test_law(law: Callable[[Unit], None]) -> None:
    settings(max_examples=200, deadline=None)(given(any_units())(law))()


@pytest.mark.quick(4)
@pytest.mark.parametrize("feed", Side)
@pytest.mark.parametrize("law", [it_converges, it_is_a_mirror, only_what_differs_is_written, feeds_change_alone])
def test_law_of_a_feed(law: Callable[[Unit], None], feed: Side) -> None:
    settings(max_examples=100, deadline=None)(given(any_units().map(lambda unit: fed(unit, feed)))(law))()


@settings(max_examples=150, deadline=None)
@given(any_units(), st.data())
def test_formatting_is_never_a_change(unit: Unit, data: st.DataObject) -> None:
    respelled = replace(unit, sights=tuple(respell(sight, data.draw) for sight in unit.sights))
    assert shape(merge(respelled)) == shape(merge(unit))


@settings(max_examples=150, deadline=None)
@given(singles().filter(lambda unit: unit.rules.kind not in ALONE))
def test_a_group_of_one_value_twice_is_as_one_field(unit: Unit) -> None:
    [sight] = unit.sights
    twin = replace(sight.pair, key="two", paths={side: f"{side}_two" for side in Side})
    group = replace(unit, sights=(sight, replace(sight, translator=Translator(twin, {}))))
    alone, together = merge(unit), merge(group)
    assert (together.verdict, list(together.writes)) == (alone.verdict, list(alone.writes))
    assert all(len(writes) == 2 for writes in together.writes.values())


# --- each law notices what breaks it ---------------------------------------------------------------------


def never_on_the_left(original: Callable[[Sight, Side], bool]) -> Callable[[Sight, Side], bool]:
    return lambda sight, side: side is Side.RIGHT and original(sight, side)


def against_the_others_base(_: Callable[[Sight, Side], bool]) -> Callable[[Sight, Side], bool]:
    return lambda sight, side: sight.now[side].raw != sight.base.held.get(side.other, MISSING)


def unknown_is_blank(original: Callable[[Sight, Side], bool]) -> Callable[[Sight, Side], bool]:
    return lambda sight, side: original(sight, side) or (sight.now[side].is_missing and bool(sight.base.held.get(side)))


def no_base_is_a_change(original: Callable[[Sight, Side], bool]) -> Callable[[Sight, Side], bool]:
    return lambda sight, side: original(sight, side) or (not sight.is_new() and side not in sight.base.held)


@pytest.mark.parametrize(
    ("law", "broken"),
    [
        (it_converges, against_the_others_base),
        (it_is_a_mirror, never_on_the_left),
        (nothing_is_lost, never_on_the_left),
        (unknown_is_no_change, unknown_is_blank),
        (no_base_blanks_nothing, no_base_is_a_change),
    ],
)
def test_a_law_notices_a_wrong_has_changed(
    law: Callable[[Unit], None], broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sight, "has_changed", broken(Sight.has_changed))
    assert find(any_units(), lambda unit: is_broken(law, unit), settings=SEARCH)


def test_the_laws_notice_a_comparison_by_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engine, units):
        monkeypatch.setattr(module, "same", lambda one, other: one.raw == other.raw)
    assert find(any_units(), lambda unit: is_broken(only_what_differs_is_written, unit), settings=SEARCH)
    with pytest.raises(AssertionError):
        test_formatting_is_never_a_change()


def is_broken(law: Callable[[Unit], None], unit: Unit) -> bool:
    try:
        law(unit)
    except AssertionError:
        return True
    return False


# --- turning a unit round, and looking at an answer ------------------------------------------------------


def swapped(unit: Unit) -> Unit:
    return replace(unit, sights=tuple(_swapped(sight) for sight in unit.sights))


def _swapped(sight: Sight) -> Sight:
    pair = sight.pair
    turned = replace(
        pair,
        words=turn(pair.words),
        conflict=ConflictRule(turned_word(pair.conflict)),
        first_meeting=FirstMeeting(turned_word(pair.first_meeting)),
    )
    translator = Translator(turned, {})
    now: dict[Side, Reading] = {side: translator.read_raw(side, sight.now[side.other].raw) for side in Side}
    kept = sight.base.kept_blank
    base = Base(turn(sight.base.held), turn(sight.base.refused), kept.other if kept else None)
    return Sight(translator, now, base, sight.feed.other if sight.feed else None)


def fed(unit: Unit, feed: Side) -> Unit:
    return replace(unit, sights=tuple(replace(sight, feed=feed) for sight in unit.sights))


def turn(by_side: Mapping[Side, Any]) -> dict[Side, Any]:
    return {side.other: value for side, value in by_side.items()}


def turned_word(word: str) -> str:
    return {"left": "right", "right": "left"}.get(word, word)


def essence(outcome: Outcome, *, turned: bool = False) -> object:
    """All of an answer that isn't wording."""

    def at(side: Side | None) -> Side | None:
        return side.other if turned and side else side

    writes = {at(to): [(w.pair, w.before, w.after, w.source) for w in ws] for to, ws in outcome.writes.items()}
    settles = {
        key: ({at(side): raw for side, raw in base.held.items()}, at(base.kept_blank))
        for key, base in outcome.settles.items()
    }
    flags = (outcome.urgent, outcome.freezes, bool(outcome.drift), bool(outcome.reason))
    return outcome.verdict, writes, settles, at(outcome.blanked), flags


def shape(outcome: Outcome) -> object:
    """What an answer does, whatever the spelling."""
    writes = {to: [write.path for write in writes] for to, writes in outcome.writes.items()}
    return outcome.verdict, writes, sorted(outcome.settles), outcome.blanked, bool(outcome.drift)


def respell(sight: Sight, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Sight:
    rows = SPELLINGS[sight.pair.kind]

    def other(raw: Any) -> Any:
        return draw(st.sampled_from(next((row for row in rows if raw in row), [raw])))

    now = {side: sight.translator.read_raw(side, other(sight.now[side].raw)) for side in Side}
    held = {side: other(raw) for side, raw in sight.base.held.items()}
    refused = {side: other(raw) for side, raw in sight.base.refused.items()}
    return replace(sight, now=now, base=Base(held, refused, sight.base.kept_blank))


def blinded(sight: Sight, side: Side) -> Sight:
    return replace(sight, now={**sight.now, side: sight.translator.read_raw(side, MISSING)})


def without_base(sight: Sight, side: Side) -> Sight:
    held = {other: raw for other, raw in sight.base.held.items() if other is not side}
    return replace(sight, base=Base(held, kept_blank=None))
