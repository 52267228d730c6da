"""The conflicts and reviews of a chunk of people: which stand, which are asked anew, which are over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from alumnisync.engine.plan import CREATED_UNIT, Held
from alumnisync.engine.units import SIDES, Base, Decision
from alumnisync.models import Conflict, Link, Question, Review
from connectors.records import MISSING
from mappings.rules import Side
from mappings.translate import Translator, raw_equal

MODELS: tuple[type[Conflict], type[Review]] = (Conflict, Review)
ASKED_ANEW = ["run", "state", "shown", "reason", "suggestion", "choice", "value", "decided_by", "decided_at"]
State = Question.State


class Questions:
    """Starts with all that wait or were decided; what is neither kept nor asked again is closed by `store`."""

    def __init__(self, links: Sequence[int]) -> None:
        self.waiting: dict[int, dict[tuple[type, str], Conflict | Review]] = defaultdict(dict)
        self.created: dict[int, Review] = {}
        for model in MODELS:
            for question in model.objects.filter(link_id__in=links).exclude(state=State.CLOSED):
                if question.unit != CREATED_UNIT:
                    self.waiting[question.link_id][model, question.unit] = question
                elif isinstance(question, Review):
                    # No plan says anything about it: it is asked by an undo, and over when it is decided.
                    self.created[question.link_id] = question
        self.new: list[Conflict | Review] = []
        self.anew: list[Conflict | Review] = []

    def decisions(self, link: int) -> dict[str, Decision]:
        """What people decided about this person, by unit."""
        asked = self.waiting.get(link, {}).values()
        return {question.unit: _decision(question) for question in asked if question.state == State.DECIDED}

    def review(self, link: int, unit: str) -> Review | None:
        """The review about this unit that waits or was decided."""
        found = self.waiting.get(link, {}).get((Review, unit))
        return found if isinstance(found, Review) else None

    def keep(self, link: int, unit: str) -> None:
        """Leave what was asked about this unit as it is."""
        for model in MODELS:
            self.waiting.get(link, {}).pop((model, unit), None)

    def keep_all(self, link: int) -> None:
        """Leave everything that was asked about this person as it is."""
        self.waiting.pop(link, None)

    def ask(self, question: Conflict | Review) -> None:
        """Ask, unless just this is asked already; one that was asked about other values stays the same row."""
        place = (type(question), question.unit)
        old = self.waiting.get(question.link_id, {}).get(place)
        if old is None or getattr(old, "side", "") != getattr(question, "side", ""):
            self.new.append(question)
            return
        del self.waiting[question.link_id][place]
        if old.state != State.OPEN or not raw_equal(old.shown, question.shown):
            self.anew.append(_ask_anew(old, question))

    def settle(self, review: Review, state: str) -> None:
        """Close a decided question about a created record, or ask it again."""
        review.state, review.suggestion, review.choice = state, review.choice, ""
        self.anew.append(review)

    def store(self) -> None:
        """Write everything down; to be called inside a transaction."""
        for model in MODELS:
            over = [one.pk for asked in self.waiting.values() for one in asked.values() if isinstance(one, model)]
            model.objects.filter(pk__in=over).update(state=State.CLOSED)
        Conflict.objects.bulk_create(one for one in self.new if isinstance(one, Conflict))
        Review.objects.bulk_create(one for one in self.new if isinstance(one, Review))
        Conflict.objects.bulk_update((one for one in self.anew if isinstance(one, Conflict)), ASKED_ANEW)
        Review.objects.bulk_update((one for one in self.anew if isinstance(one, Review)), [*ASKED_ANEW, "blanks"])


def held_by(link: Link, held: Mapping[Side, Held], translators: Iterable[Translator]) -> dict[str, dict[str, Any]]:
    """What a person sees of field pairs: each side now, and what it was when both last agreed."""
    shown: dict[str, dict[str, Any]] = {side.value: {} for side in SIDES}
    shown["was"] = {side.value: {} for side in SIDES}
    for translator in translators:
        base = Base.load(link.bases.get(translator.pair.key, {}))
        unit = translator.pair.group or translator.pair.key
        for side in SIDES:
            raw = translator.read(side, held[side].of(unit).values).raw
            if raw is not MISSING:
                shown[side.value][translator.pair.key] = raw
            if side in base.held:
                shown["was"][side.value][translator.pair.key] = base.held[side]
    return shown


def close_decided(done: Set[tuple[int, str]]) -> None:
    """Decisions about these (link, unit) are carried out."""
    links, units = {link for link, _ in done}, {unit for _, unit in done}
    for model in MODELS:
        decided = model.objects.filter(link_id__in=links, unit__in=units, state=State.DECIDED)
        over = [pk for pk, *place in decided.values_list("pk", "link_id", "unit") if tuple(place) in done]
        model.objects.filter(pk__in=over).update(state=State.CLOSED)


def reopen(done: Iterable[tuple[int, str]]) -> None:
    """What was decided about these (link, unit) is asked again, with the former choice as suggestion."""
    wanted = set(done)
    for model in MODELS:
        decided = model.objects.filter(link_id__in={link for link, _ in wanted}, state=State.DECIDED)
        again = [one for one in decided if (one.link_id, one.unit) in wanted]
        for one in again:
            one.state, one.suggestion, one.choice, one.decided_at = State.OPEN, one.choice, "", None
            one.save(update_fields=["state", "suggestion", "choice", "decided_at"])


def _ask_anew(old: Conflict | Review, question: Conflict | Review) -> Conflict | Review:
    old.suggestion = question.suggestion if old.state == State.DECIDED else old.suggestion
    # The run comes along: a safety limit looks at what a run asks.
    old.run, old.shown, old.reason, old.state = question.run, question.shown, question.reason, State.OPEN
    old.choice, old.value, old.decided_by, old.decided_at = "", None, "", None
    if isinstance(old, Review) and isinstance(question, Review):
        old.blanks = question.blanks
    return old


def _decision(question: Question) -> Decision:
    shown = {side: question.shown.get(side.value, {}) for side in SIDES}
    return Decision(question.choice, shown, question.value or {})
