"""Rules tried on a real person: what each side holds, and what would be written on the other. Writes to no system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from alumnisync.engine.references import References
from alumnisync.naming import person
from alumnisync.rehearsal import End, Rehearsal, Unready, rehearse
from alumnisync.rehearsal.somebody import Held, find_somebody
from connectors.showing import as_text
from mappings.models import Sync
from mappings.rules import OnBlank, PairRules, Side, Word
from mappings.setup.contents import Contents
from mappings.translate import Reading, Translator, same

NOTHING = "nothing, as "
CHANGED = "if it changes in {0.connection}"
NOBODY = "(nobody found)"
SAME = f"{NOTHING}both say the same"
FILLED = f"{NOTHING}only a blank is filled"
LIFTED = f"{NOTHING}a person must lift this"
REVIEWED = "{} – a person looks first"  # noqa: RUF001 - the dash is meant
BLANKS = {
    OnBlank.KEEP: f"{NOTHING}a blank overwrites nothing",
    OnBlank.ASK: "a person is asked whether to remove it here too",
    OnBlank.CARRY: "(blank): it is removed here too",
}
LONGEST = 300


@dataclass(frozen=True)
class Row:
    """A field pair on somebody: what each side holds, what would be written there, and why something can't be."""

    left: str = field(default="", repr=False)
    right: str = field(default="", repr=False)
    to_left: str = field(default="", repr=False)
    to_right: str = field(default="", repr=False)
    problem: str = ""


@dataclass(frozen=True)
class Tried:
    """Somebody's name, and a row for each field pair by its key."""

    person: str = field(repr=False)
    rows: Mapping[str, Row] = field(repr=False)


def try_pairs(sync: Sync, contents: Contents, *, skip: int = 0) -> Tried:
    """Every field pair on one person: a linked one, else somebody of one side with their partner if easily found.

    What would be written is told as if the value had just changed. skip: how many people to pass over.
    Raises Unready with a sentence for people.
    """
    rehearsal = rehearse(sync, contents)
    held = find_somebody(rehearsal, skip)
    if not held:
        raise Unready("Neither side has anybody yet to try the rules on.")
    connections = {side: end.connection.pk for side, end in rehearsal.ends.items()}
    References(rehearsal.ctx.planner, connections).load(held.items())
    rows = {pair.key: _row(rehearsal, pair, held) for pair in rehearsal.rules.pairs}
    return Tried(person(held.get(side) for side in Side), rows)


def _row(rehearsal: Rehearsal, pair: PairRules, held: Held) -> Row:
    translator = rehearsal.ctx.planner.translators.get(pair.key)
    if translator is None:
        return Row(problem=rehearsal.broken[pair.key])
    readings = {side: translator.read(side, record.values, record.changed_at()) for side, record in held.items()}
    told = {f"to_{side}": _written(pair, translator, side, readings) for side in Side}
    if all(pair.words[side] is not Word.OFF and _holds_something(readings.get(side)) for side in Side):
        # They differ and each could be sent: which one is, depends on who changes it.
        told = {f"to_{side}": _if_changed(told[f"to_{side}"], rehearsal.ends[side.other]) for side in Side}
    problems = [*_lacking(rehearsal, pair), *(problem for _, problem in told.values() if problem)]
    return Row(
        **{side: _shown(readings[side].raw) if side in readings else NOBODY for side in Side},
        **{name: text for name, (text, _) in told.items()},
        problem=" ".join(dict.fromkeys(problems)),
    )


def _holds_something(reading: Reading | None) -> bool:
    return reading is not None and not reading.is_missing and not reading.is_blank


def _if_changed(told: tuple[str, str], sender: End) -> tuple[str, str]:
    text, problem = told
    return (text, problem) if not text or text.startswith(NOTHING) else (f"{text}, {CHANGED.format(sender)}", problem)


def _lacking(rehearsal: Rehearsal, pair: PairRules) -> Iterator[str]:
    for side, end in rehearsal.ends.items():
        if end.lacks(pair.paths[side]):
            yield f"{end.connection} has no field “{pair.paths[side]}” that we can see."


def _written(pair: PairRules, translator: Translator, to: Side, readings: Mapping[Side, Reading]) -> tuple[str, str]:
    """What would be written on a side, or why nothing can be."""
    source, target = readings.get(to.other), readings.get(to)
    # The translator's words are those for somebody who is there: what is written once takes nothing any more.
    word = pair.words[to] if target is None else translator.pair.words[to]
    if word is Word.OFF or source is None or source.is_missing:
        return "", ""
    if nothing := _nothing(translator.pair, word, source, target):
        return nothing, ""
    carried = translator.carry(source, to)
    if carried.problem:
        return "", carried.problem
    text = _shown(carried.raw)
    is_looked_at = word is Word.REVIEW or translator.pair.kind == "deceased"
    return REVIEWED.format(text) if is_looked_at else text, ""


def _nothing(pair: PairRules, word: Word, source: Reading, target: Reading | None) -> str:
    """Why nothing is written although the direction is on; "" where something is."""
    if target is None:
        return ""
    if same(source, target):
        return SAME
    if source.is_blank:
        return BLANKS[pair.on_blank]
    if word is Word.FILL and not target.is_blank:
        return FILLED
    return LIFTED if pair.kind == "consent" and target.value == "restricted" else ""


def _shown(raw: Any) -> str:
    text = as_text(raw)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
