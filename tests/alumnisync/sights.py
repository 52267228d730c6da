"""Builds what the merge judges from raw values, the least that is valid, and reads its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from alumnisync.engine.merge import merge
from alumnisync.engine.units import Base, Decision, Outcome, Sight, Unit, Verdict
from connectors.records import MISSING
from mappings.rules import PairRules, Side, Word
from mappings.translate import Reading, Translator

LEFT, RIGHT = Side.LEFT, Side.RIGHT
NEVER = object()
"""For `base`: the sides never agreed."""


def make_pair(key: str = "field", **rules: Any) -> PairRules:
    """A pair whose paths are called left_KEY and right_KEY; to_left and to_right are its words."""
    words = {LEFT: Word(rules.pop("to_left", "automatic")), RIGHT: Word(rules.pop("to_right", "automatic"))}
    return PairRules(key=key, paths={side: f"{side}_{key}" for side in Side}, words=words, **rules)


def make_base(left: Any, right: Any, refused: Mapping[Side, Any] | None = None, kept: Side | None = None) -> Base:
    """What each side last held; MISSING: it has no base."""
    held = {side: raw for side, raw in ((LEFT, left), (RIGHT, right)) if raw is not MISSING}
    return Base(held, refused or {}, kept)


def see(left: Any, right: Any, base: Any = NEVER, **rules: Any) -> Sight:
    """A pair as it stands. base: one value for both sides, a `Base`, or NEVER."""
    translator = Translator(make_pair(**rules), {})
    known = base if isinstance(base, Base) else Base() if base is NEVER else make_base(base, base)
    now = {LEFT: translator.read_raw(LEFT, left), RIGHT: translator.read_raw(RIGHT, right)}
    return Sight(translator, now, known)


def at_times(sight: Sight, left: datetime | None, right: datetime | None) -> Sight:
    """The same, where the systems say when the field was last changed."""
    times: dict[Side, datetime | None] = {LEFT: left, RIGHT: right}
    now: dict[Side, Reading] = {side: replace(sight.now[side], time=times[side]) for side in Side}
    return replace(sight, now=now)


def make_unit(*sights: Sight, decision: Decision | None = None, preview: bool = False) -> Unit:
    """The unit of these sights."""
    return Unit("unit", sights, decision, approved_with_preview=preview)


def decide(choice: str, left: Any, right: Any, own: Any = None, key: str = "field") -> Decision:
    """A person's choice about one pair while the screen showed `left` and `right`."""
    return Decision(choice, {LEFT: {key: left}, RIGHT: {key: right}}, {key: own} if own is not None else {})


def outcome(left: Any, right: Any, base: Any = NEVER, **rules: Any) -> Outcome:
    return merge(make_unit(see(left, right, base, **rules)))


def sent(result: Outcome) -> dict[str, Any]:
    """What goes out: path → value."""
    assert result.verdict is Verdict.SEND
    return written(result)


def written(result: Outcome) -> dict[str, Any]:
    return {write.path: write.after for writes in result.writes.values() for write in writes}


def is_still(result: Outcome) -> bool:
    return result.verdict is Verdict.NOTHING and not result.writes and not result.settles
