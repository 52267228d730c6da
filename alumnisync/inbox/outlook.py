"""What would be written where with each choice: asked of the merge itself, so that the page says what the run does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alumnisync.describing import fitted, lengths
from alumnisync.engine.members import spoken
from alumnisync.engine.plan import FROZEN, Person, Planner
from alumnisync.engine.presence import voice_of
from alumnisync.engine.references import References
from alumnisync.engine.units import Base, Decision, FieldWrite, Outcome, Verdict
from alumnisync.inbox.wording import Wording
from alumnisync.models import Question
from connectors.models import RemoteRecord
from connectors.records import MISSING
from connectors.showing import as_text, is_nothing
from mappings.models import MappingVersion
from mappings.rules import PairRules, Side
from mappings.versions import rules_of

MOVED = "A value has moved since you were asked, so the next run asks again."
NOT_MAPPED = "This field is no longer part of the sync's rules: the next run closes this."
NOTHING = "Nothing is written."
STAYS = "Nothing is written; both stay as they are, and nobody is asked again until one of them changes."


def planner_of(word: Wording) -> Planner | None:
    """The rules of a sync, ready to plan a person: two statements. None where they can't be carried out."""
    if not word.is_complete():
        return None
    # Without what was fetched ahead for its words, which would be fetched once more along with the rules.
    bare = MappingVersion(pk=word.version.pk, match=word.version.match, pilot=word.version.pilot)
    rules = rules_of(bare)
    if set(word.described) == set(Side):
        known = lengths(rules, word.described)
        rules = replace(rules, pairs=tuple(_with_lengths(pair, known) for pair in rules.pairs))
        rules = fitted(rules, word.described)
    try:
        return Planner(rules)
    except ValueError:
        return None


def look_up(
    word: Wording, planner: Planner | None, records: Mapping[Side, Sequence[RemoteRecord]], bases: Mapping[str, Any]
) -> None:
    """Make the rules ready to read what these records refer to; no statement where nothing is a reference."""
    if planner is not None:
        connections = {Side(row.side): row.connection_id for row in word.version.sides.all()}
        References(planner, connections).load([(side, one) for side, ones in records.items() for one in ones], [bases])


@dataclass(frozen=True)
class Outlook:
    """A question about a linked person, and what the rules make of each choice."""

    question: Question
    word: Wording
    planner: Planner | None
    records: Mapping[Side, Sequence[RemoteRecord]]

    def says(self, choice: str, value: Mapping[str, Any] | None = None) -> list[str]:
        """What a choice does, a sentence for each field it writes."""
        if self.planner is None or set(self.records) != set(Side):
            return []
        if self.question.unit not in self.planner.units:
            return [NOT_MAPPED]
        return self._sentences(choice, self._outcome(self.planner, choice, value or {}))

    def refuses(self, value: Mapping[str, Any]) -> str:
        """Why an own value can't be written, in words; "" where it can."""
        if self.planner is None or self.question.unit not in self.planner.units:
            return NOT_MAPPED
        if set(self.records) != set(Side):
            return "One of the two records isn't there any more."
        outcome = self._outcome(self.planner, "value", value)
        if outcome.verdict is Verdict.SET_ASIDE:
            return outcome.reason
        return "" if outcome.rule.startswith("decided") or outcome.drift == FROZEN else MOVED

    def kind(self, pair: str) -> str:
        """The format of a field pair; "" where the rules no longer know it."""
        known = self.planner.translators if self.planner else {}
        return known[pair].pair.kind if pair in known else ""

    def _outcome(self, planner: Planner, choice: str, value: Mapping[str, Any]) -> Outcome:
        shown = {side: self.question.shown.get(side.value, {}) for side in Side}
        decided = {self.question.unit: Decision(choice, shown, value)}
        return planner.plan(person_of(planner, self.records, self.question.link.bases, decided))[self.question.unit]

    def _sentences(self, choice: str, outcome: Outcome) -> list[str]:
        if outcome.drift == FROZEN:
            return ["Nothing is written until it is decided whether this person has died."]
        if outcome.verdict is Verdict.SET_ASIDE:
            return [f"It can't be written: {outcome.reason}"]
        if not outcome.rule.startswith("decided"):
            return [MOVED]
        written = [write_in_words(self.word, side, one) for side, ones in outcome.writes.items() for one in ones]
        if written:
            return written
        return [STAYS] if choice == "leave" else [self._why_nothing(choice)]

    def _why_nothing(self, choice: str) -> str:
        receiver = Side(choice).other if choice in set(Side) else None
        if receiver is None:
            return NOTHING
        return f"{NOTHING} The rules of this sync don't write this field in {self.word.side(receiver)}."


def person_of(
    planner: Planner,
    records: Mapping[Side, Sequence[RemoteRecord]],
    bases: Mapping[str, Any],
    decided: Mapping[str, Decision] | None = None,
) -> Person:
    """The records of somebody as the merge wants them."""
    held = {side: spoken(planner.units, side, list(map(voice_of, there))).held for side, there in records.items()}
    return Person(held, {pair: Base.load(entry) for pair, entry in bases.items()}, decided or {})


def write_in_words(word: Wording, side: Side, write: FieldWrite) -> str:
    """One field that would be written: “CRM: E-mail becomes “a@example.org”, now “b@example.org”.”"""
    now = "" if write.before is MISSING else f", now {_quoted(write.before)}"
    return f"{word.side(side)}: {word.names.field(side, write.path)} becomes {_quoted(write.after)}{now}."


def linking_says(word: Wording, planner: Planner | None, left: RemoteRecord, right: RemoteRecord) -> list[str]:
    """What linking two records would write, ask, or leave as it is, a sentence each."""
    if planner is None:
        return []
    records = {Side.LEFT: left, Side.RIGHT: right}
    alone = {side: [record] for side, record in records.items()}
    look_up(word, planner, alone, {})
    two = person_of(planner, alone, {})
    said = [one for unit, outcome in planner.plan(two).items() for one in _meeting(word, unit, outcome)]
    for side in Side:
        if stamp := planner.stamp(side, two.held[side], records[side.other].remote_id):
            said.append(write_in_words(word, side, stamp))
    return said


def _meeting(word: Wording, unit: str, outcome: Outcome) -> Iterable[str]:
    field = word.unit(unit)
    if outcome.verdict is Verdict.SEND:
        return [write_in_words(word, side, one) for side, ones in outcome.writes.items() for one in ones]
    if outcome.verdict is Verdict.CONFLICT:
        return [f"{field} differs: you are asked which to keep."]
    if outcome.verdict is Verdict.REVIEW:
        return [f"{field}: a change waits under “To review” first."]
    if outcome.verdict is Verdict.SET_ASIDE:
        return [f"{field} can't be written: {outcome.reason}"]
    return [f"{field} differs and stays as it is on both sides."] if outcome.drift else []


def _with_lengths(pair: PairRules, known: Mapping[Side, Mapping[str, int]]) -> PairRules:
    return replace(pair, lengths={side: known[side][path] for side, path in pair.paths.items() if path in known[side]})


def _quoted(value: Any) -> str:
    return as_text(value) if is_nothing(value) else f"“{as_text(value)}”"
