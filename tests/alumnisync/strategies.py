"""Any field or group, under any rules, for the laws of the merge; and what carrying an answer out does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from alumnisync.engine.units import Base, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import ConflictRule, FirstMeeting, OnBlank, OnInvalid, PairRules, Side, Word
from mappings.translate import Translator, same

OPEN = (Verdict.CONFLICT, Verdict.REVIEW, Verdict.SET_ASIDE)
DEFAULT = "+15735550199"
# Each row is one value in several spellings: by kind, no member of a row differs from another.
SPELLINGS: Mapping[str, list[list[Any]]] = {
    "text": [["", None, "  "], ["Ann Lee", " Ann  Lee "], ["Anna Lee"], ["Zoë", "Zoe\u0308"]],
    "email": [["", None], ["a@x.org", "A@X.org "], ["b@x.org"]],
    "phone": [["", None], ["+15735550100", "(573) 555-0100"], ["+15735550101", "573.555.0101"], ["ask at desk"]],
    "consent": [["no", False, "", None], ["yes", True], ["perhaps"]],
    "deceased": [[False, "no", None], [True, "yes"], ["perhaps"]],
}
ALONE = ("consent", "deceased")


def raws(kind: str) -> st.SearchStrategy[Any]:
    """A value as a record may hold it; MISSING too."""
    return st.one_of(st.just(MISSING), st.sampled_from([raw for row in SPELLINGS[kind] for raw in row]))


@st.composite
def bases(draw: st.DrawFn, kind: str) -> Base:
    held = {side: raw for side in Side if (raw := draw(raws(kind))) is not MISSING}
    refused = {side: raw for side in held if draw(st.booleans()) and (raw := draw(raws(kind))) is not MISSING}
    blanks = [side for side, raw in held.items() if raw in SPELLINGS[kind][0]]
    return Base(held, refused, draw(st.sampled_from([None, *blanks])))


@st.composite
def rules(draw: st.DrawFn) -> PairRules:
    """Rules of a pair; the two sides' words differ, and so do their blanks."""
    return PairRules(
        key="one",
        paths={},
        kind=draw(st.sampled_from(sorted(SPELLINGS))),
        region="US",
        words={side: draw(st.sampled_from(Word)) for side in Side},
        conflict=draw(st.sampled_from(ConflictRule)),
        first_meeting=draw(st.sampled_from(FirstMeeting)),
        on_blank=draw(st.sampled_from(OnBlank)),
        on_invalid=draw(st.sampled_from(OnInvalid)),
        defaults=dict.fromkeys(Side, DEFAULT),
    )


@st.composite
def sights(draw: st.DrawFn, shared: PairRules, key: str) -> Sight:
    translator = Translator(replace(shared, key=key, paths={side: f"{side}_{key}" for side in Side}), {})
    now = {side: translator.read_raw(side, draw(raws(shared.kind))) for side in Side}
    base = draw(st.one_of(st.just(Base()), bases(shared.kind)))
    return Sight(translator, now, base)


@st.composite
def singles(draw: st.DrawFn) -> Unit:
    shared = draw(rules())
    return Unit("unit", (draw(sights(shared, "one")),), approved_with_preview=draw(st.booleans()))


@st.composite
def any_units(draw: st.DrawFn) -> Unit:
    """A field, or a group of two."""
    shared = draw(rules())
    keys = ("one", "two") if shared.kind not in ALONE and draw(st.booleans()) else ("one",)
    members = tuple(draw(sights(shared, key)) for key in keys)
    return Unit("unit", members, approved_with_preview=draw(st.booleans()))


# --- carrying it out, in miniature -----------------------------------------------------------------------


def carry_out(unit: Unit, outcome: Outcome, *, approved: bool = False) -> Unit:
    """The unit after what the outcome says was written; a review only where a person approved it."""
    goes_out = outcome.verdict is Verdict.SEND or (approved and outcome.verdict is Verdict.REVIEW)
    members = tuple(_carry_out(sight, outcome, goes_out=goes_out) for sight in unit.sights)
    return replace(unit, sights=members)


def _carry_out(sight: Sight, outcome: Outcome, *, goes_out: bool) -> Sight:
    now, base = dict(sight.now), sight.base
    for to, writes in outcome.writes.items() if goes_out else ():
        for write in writes:
            if write.path == sight.pair.paths[to]:
                now[to] = sight.translator.read_raw(to, write.after)
                base = Base({to: write.after, to.other: write.source}) if write.pair else base
    return replace(sight, now=now, base=outcome.settles.get(sight.pair.key, base))


def is_explained(unit: Unit, outcome: Outcome) -> bool:
    """Both sides say the same, or it is said why they don't."""
    return outcome.verdict in OPEN or bool(outcome.drift) or all(says_the_same(sight) for sight in unit.sights)


def says_the_same(sight: Sight) -> bool:
    left, right = sight.now[Side.LEFT], sight.now[Side.RIGHT]
    return left.is_missing or right.is_missing or same(left, right)
