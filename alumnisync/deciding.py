"""Deciding what waits, one at a time or many at once. A decision counts only for what its maker has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from alumnisync import review, undo
from alumnisync.choosing import linkable, taken_of
from alumnisync.engine.plan import CREATED_UNIT
from alumnisync.inbox.lines import records_of
from alumnisync.inbox.outlook import Outlook, planner_of
from alumnisync.inbox.wanted import Asked, AskedModel, Wanted
from alumnisync.inbox.wording import wordings
from alumnisync.models import Conflict, Match, Question, Review
from alumnisync.review import Refusal
from alumnisync.wording import whole
from connectors.models import RemoteRecord
from connectors.packing import fingerprint

MOST_AT_ONCE = 1_000
"""Each is decided by itself; more than these would keep a browser waiting too long."""
GONE = "This is closed already: the two sides agree by now, or it was decided and sent."
MOVED = "This has changed since you opened the page, so nothing was decided. Look at it again."
RECOUNTED = (
    "There were {before:,} when you looked, and there are {now:,} now, so nothing was decided. Look at them again."
)
WITH_RUN = "This is on hold with run {run}. Decide about the run first."
ABOUT: Mapping[AskedModel, tuple[str, ...]] = {
    Conflict: ("left", "right", "leave"),
    Review: ("approve", "refuse", "leave", *undo.CREATED_CHOICES),
    Match: ("link", "never"),
}
"""What can be chosen for many at once."""


@dataclass(frozen=True)
class Batch:
    """Questions that are decided together. left_out: why some that were ticked are not among them."""

    rows: Sequence[Asked]
    left_out: Sequence[str] = ()
    beyond: int = 0

    @property
    def people(self) -> int:
        return len({row.record_id if isinstance(row, Match) else row.link_id for row in self.rows})

    @property
    def fields(self) -> int:
        """Single fields: a group counts with each of its own."""
        return sum(0 if isinstance(row, Match) else len(_pairs(row)) for row in self.rows)

    @property
    def mark(self) -> str:
        """Differs as soon as one of the questions does."""
        return blake2b("".join(mark_of(row) for row in self.rows).encode(), digest_size=12).hexdigest()


@dataclass
class Tally:
    """What came of deciding many. problems: why one could not be, a sentence each."""

    decided: int = 0
    problems: list[str] = field(default_factory=list)


def mark_of(row: Asked) -> str:
    """What tells whether a question is still what somebody saw: its values, its state, and what was decided."""
    decided = [row.pk, row.state, row.choice, row.decided_by]
    if isinstance(row, Match):
        records = sorted([one.pk, one.change_no] for one in (row.record, *row.candidates.all()))
        return fingerprint({"records": records, "decided": decided}).hex()
    return fingerprint({"shown": row.shown, "decided": decided}).hex()


def ticked(model: AskedModel, ticks: Iterable[str]) -> Batch:
    """Those whose boxes were ticked; a tick is `id.mark`."""
    marks = {whole(pk): mark for pk, _, mark in (tick.partition(".") for tick in ticks)}
    found = [row for row in _rows(model).filter(pk__in=list(marks)[:MOST_AT_ONCE]) if mark_of(row) == marks[row.pk]]
    missing = len(marks) - len(found)
    about = "One of those ticked has" if missing == 1 else f"{missing:,} of those ticked have"
    return Batch(found, [f"{about} changed since you looked, and stays as it is."] if missing else [])


def all_wanted(wanted: Wanted, count: int, mark: str = "") -> Batch:
    """Everything of a pattern that waits. Raises Refusal if it is not what was seen: other in number or, with a
    mark, in content."""
    ids = list(wanted.rows().filter(state=Question.State.OPEN).order_by("pk").values_list("pk", flat=True))
    if len(ids) != count:
        raise Refusal(RECOUNTED.format(before=count, now=len(ids)))
    batch = Batch(list(_rows(wanted.model).filter(pk__in=ids[:MOST_AT_ONCE])), (), max(0, len(ids) - MOST_AT_ONCE))
    if mark and batch.mark != mark:
        raise Refusal(MOVED)
    return batch


@transaction.atomic
def decide_many(batch: Batch, choice: str, *, by: str, comment: str = "") -> Tally:
    """Decides each; one that can't be decided keeps none of the others back."""
    tally = Tally()
    for row in batch.rows:
        try:
            _decide_one_of_many(row, choice, by, comment)
        except Refusal as refusal:
            tally.problems.append(str(refusal))
        else:
            tally.decided += 1
    return tally


@transaction.atomic
def settle_question(
    question: Conflict | Review, choice: str, *, seen: str, by: str, comment: str = "", texts: Mapping[str, str]
) -> None:
    """Decides one question as it was seen. texts: field pair → what was typed as its own value.

    choice: of a conflict left, right, leave or value; of a review approve, refuse or leave. Raises Refusal.
    """
    row = _as_seen(question, seen)
    if isinstance(row, Review):
        _settle_review(row, choice, by, comment)
        return
    value = own_value(row, texts) if choice == "value" else None
    review.decide(row, choice, by=by, value=value, comment=comment)


@transaction.atomic
def settle_person(match: Match, choice: str, *, seen: str, by: str, comment: str = "", candidate: str = "") -> None:
    """Decides a possible match as it was seen. Raises Refusal.

    candidate: which of the records, by its row's id; of one that was looked for, with its number: id.change_no
    """
    row = _as_seen(match, seen)
    found = next((one for one in row.candidates.all() if str(one.pk) == candidate), None)
    _settle_match(row, choice, by, comment, found or _looked_for(candidate))


def _looked_for(candidate: str) -> RemoteRecord | None:
    pk, _, number = candidate.partition(".")
    if not number:
        return None
    found = RemoteRecord.objects.filter(pk=whole(pk)).first()
    if found is None or str(found.change_no) != number:
        raise Refusal(MOVED)
    return found


def own_value(conflict: Conflict, texts: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as a value both sides can take. Raises Refusal in words where it can't be read or written."""
    pairs = _pairs(conflict)
    value = {pair: texts.get(pair, "").strip() for pair in pairs}
    if not any(value.values()):
        raise Refusal("Type the value that both sides shall have.")
    word = wordings([conflict.link.sync_id])[conflict.link.sync_id]
    outlook = Outlook(conflict, word, planner_of(word), records_of(conflict.link))
    for pair, text in value.items():
        _refuse_mistyped(word.names.pair(pair), outlook.kind(pair), text)
    if problem := outlook.refuses(value):
        raise Refusal(f"This value can't be used. {problem}")
    return value


def _refuse_mistyped(label: str, kind: str, text: str) -> None:
    # Systems may hold anything for an address and it is carried over; what is typed here goes to both of them.
    if kind == "email" and text:
        try:
            validate_email(text)
        except ValidationError:
            raise Refusal(f"This value can't be used. {label}: what was typed is no e-mail address.") from None


def _decide_one_of_many(seen: Asked, choice: str, by: str, comment: str) -> None:
    if choice not in ABOUT[type(seen)]:
        raise Refusal(f"“{choice}” can't be chosen for many at once.")
    row = _as_seen(seen, mark_of(seen))
    if isinstance(row, Match):
        _settle_match(row, choice, by, comment, None)
    elif isinstance(row, Review):
        _settle_review(row, choice, by, comment)
    else:
        review.decide(row, choice, by=by, comment=comment)


def _settle_review(row: Review, choice: str, by: str, comment: str) -> None:
    if row.state == Question.State.HELD:
        raise Refusal(WITH_RUN.format(run=row.run_id))
    decisions: Mapping[str, Callable[[], object]] = {
        "approve": lambda: review.approve(row, by=by, comment=comment),
        "refuse": lambda: review.reject(row, by=by, why=comment),
        "leave": lambda: review.tick_off(row, by=by, comment=comment),
    }
    if row.unit == CREATED_UNIT:
        decisions = {choice: lambda: undo.settle_created(row, choice, by=by, comment=comment)}
    if choice not in decisions:
        raise Refusal("Choose whether to let it through or to refuse it.")
    decisions[choice]()


def _settle_match(row: Match, choice: str, by: str, comment: str, record: RemoteRecord | None) -> None:
    if choice == "link":
        candidates = list(row.candidates.all())
        if record is None and len(candidates) > 1:
            raise Refusal("There are several possible records. Open it and choose which it is.")
        record = record or (candidates[0] if candidates else None)
        taken = taken_of(row, [record] if record else [])
        problem = linkable(row, record, taken) if record else "There is no record to link it with."
        if problem or row.record_id in taken:
            raise Refusal(problem or "This record is linked with somebody already.")
    review.settle_match(row, choice, by=by, record=record if choice == "link" else None, comment=comment)


def _as_seen(question: Any, seen: str) -> Any:
    row = _rows(type(question)).select_for_update(of=("self",)).filter(pk=question.pk).first()
    if row is None or row.state == Question.State.CLOSED:
        raise Refusal(GONE)
    if mark_of(row) != seen:
        raise Refusal(MOVED)
    return row


def _rows(model: AskedModel) -> Any:
    if model is Match:
        return Match.objects.select_related("record").prefetch_related("candidates").order_by("pk")
    questions: Any = model._default_manager
    return questions.select_related("link").order_by("pk")


def _pairs(question: Question) -> list[str]:
    return sorted({*question.shown.get("left", {}), *question.shown.get("right", {})})
