"""What happened to a linked person through us: every value, in the order of time, and who and what stood behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from alumnisync.changes import KINDS, STATES, rule_said
from alumnisync.drift.reasons import Reason
from alumnisync.drift.words import MEANINGS
from alumnisync.engine.units import Base
from alumnisync.inbox.gone import CHOSEN, why_said
from alumnisync.inbox.wording import Wording
from alumnisync.models import Absence, ChangeRecord, Conflict, FieldChange, Link, Question, Review
from alumnisync.naming import Names, names_by_version
from alumnisync.wording import Said
from connectors.models import FeedRow
from connectors.records import MISSING
from connectors.showing import as_text
from mappings.rules import Side

REPLACED = (ChangeRecord.State.CLOSED, ChangeRecord.State.DROPPED)
"""A later run wrote these anew: what they came to is told there."""
ASKED: Mapping[type[Conflict] | type[Review], str] = {
    Conflict: "both sides had changed it",
    Review: "a change was to be reviewed",
}
OUTCOMES: Mapping[str, Said] = {
    Question.State.OPEN: Said("waits for a decision", "warn"),
    Question.State.HELD: Said("on hold", "warn"),
    Question.State.DECIDED: Said("decided, not sent yet"),
    Question.State.CLOSED: Said("over"),
}
BOTH_CHANGED = "both changed"
"""The reason of most conflicts, which the heading says already."""
BROUGHT, TOO_LATE = Said("read", "good"), Said("history only")
TOO_LATE_WHY = "a newer change had been read before"
AGREED = Said("agreed", "good")


@dataclass(frozen=True)
class Entry:
    """Something that happened to one field (or to what is decided together).

    where, record_id        the system and record it concerns; "" where it is both
    from_where, from_id     where the value came from
    why                     by which rule
    who                     whoever wanted, decided or approved it, in words
    """

    at: datetime
    label: str
    what: str
    state: Said
    before: Any = field(default=MISSING, repr=False)
    after: Any = field(default=MISSING, repr=False)
    where: str = ""
    record_id: str = ""
    from_where: str = ""
    from_id: str = ""
    why: str = ""
    reason: str = ""
    who: tuple[str, ...] = ()
    run: int | None = None
    version: int | None = None
    change: int | None = None

    @property
    def is_write(self) -> bool:
        """Whether one value took the place of another."""
        return self.change is not None and self.before is not MISSING


@dataclass(frozen=True)
class History:
    """Everything, the oldest first. is_forgotten: values were removed, since they are not kept so long."""

    entries: list[Entry]
    is_forgotten: bool


def history_of(link: Link, word: Wording) -> History:
    """What happened to somebody: a few statements, however much it is. word: of the rules in force."""
    rows = link.changes.exclude(state__in=REPLACED).select_related("run__version", "record", "source")
    changes = list(rows.defer("run__progress", "run__counts", "run__holds").prefetch_related("fields"))
    questions = [one for model in ASKED for one in model.objects.filter(link=link).select_related("run__version")]
    others = {one.run.version_id: one.run.version for one in [*changes, *questions]}
    others.pop(word.version.pk, None)
    names = {word.version.pk: word.names, **(names_by_version(others.values()) if others else {})}
    told = _Told(link, names, _by_unit(questions))
    found = [entry for change in changes for entry in told.of_change(change)]
    found += [told.of_question(question) for question in questions]
    found += [told.of_absence(one, word.names) for one in _absences(link)]
    found += told.of_rows(list(_rows(link)), word.names)
    return History(sorted(found, key=lambda entry: entry.at), any(change.run.forgotten_at for change in changes))


def _by_unit(questions: Iterable[Question]) -> Mapping[str, list[Question]]:
    decided: dict[str, list[Question]] = defaultdict(list)
    for question in sorted(questions, key=lambda one: one.decided_at or one.created_at):
        if question.decided_at:
            decided[question.unit].append(question)
    return decided


def _absences(link: Link) -> Iterable[Absence]:
    """Nothing is said of who is not linked yet."""
    return Absence.objects.filter(link=link).select_related("record") if link.state == Link.State.ACTIVE else ()


def _rows(link: Link) -> Iterable[FeedRow]:
    """What a feed brought of this person."""
    wanted = Q(pk__in=())
    for member in link.members.all():
        wanted |= Q(cursor=member.record.cursor_id, remote_id=member.record.remote_id)
    return FeedRow.objects.filter(wanted).order_by("pk")


@dataclass(frozen=True)
class _Told:
    """One person's rows in words."""

    link: Link
    names: Mapping[int, Names]
    decided: Mapping[str, Sequence[Question]]

    def of_change(self, change: ChangeRecord) -> Iterator[Entry]:
        names = self.names[change.run.version_id]
        rows = list(change.fields.all())
        for row in rows:
            yield self._of_field(change, row, names)
        if not rows:
            yield from self._of_bases(change, names)

    def _of_field(self, change: ChangeRecord, row: FieldChange, names: Names) -> Entry:
        other = Side(change.side).other if change.side else ""
        return Entry(
            _when(change),
            names.field(change.side, row.path),
            KINDS[change.kind],
            STATES[change.state],
            row.before,
            row.after,
            where=names.side(change.side),
            from_where=names.side(other) if row.rule != "set on create" else "",
            why=rule_said(row.rule, change.side, names),
            reason=change.reason,
            who=self._who(change, row),
            change=change.pk,
            record_id=change.record.remote_id if change.record else "",
            from_id=change.source.remote_id if change.source else "",
            run=change.run_id,
            version=change.run.version.number,
        )

    def _who(self, change: ChangeRecord, row: FieldChange) -> tuple[str, ...]:
        who = []
        if row.rule == "decided":
            known = self.decided.get(row.unit, ())
            before = [one for one in known if one.decided_at and one.decided_at <= _when(change)]
            who += [f"decided by {one.decided_by or 'somebody'}" for one in before[-1:]]
        return (*who, *_run_people(change))

    def _of_bases(self, change: ChangeRecord, names: Names) -> Iterator[Entry]:
        """What was noted as agreed, or left as it is, without a write."""
        if change.state != ChangeRecord.State.DONE:
            return
        for pair, entry in change.settles.items():
            base = Base.load(entry)
            values = {names.side(side): as_text(base.held.get(side, MISSING)) for side in Side}
            same = len(set(values.values())) == 1
            text = (
                next(iter(values.values())) if same else " · ".join(f"{one}: {value}" for one, value in values.items())
            )
            meaning = MEANINGS[Reason(base.apart)] if base.apart else None
            yield Entry(
                _when(change),
                names.pair(pair),
                "left as they are" if meaning else "both say the same",
                Said(meaning.short) if meaning else AGREED,
                after=text,
                why=meaning.sentence if meaning else "",
                who=_run_people(change),
                change=change.pk,
                run=change.run_id,
                version=change.run.version.number,
            )

    def of_question(self, question: Conflict | Review) -> Entry:
        names = self.names[question.run.version_id]
        side = question.side if isinstance(question, Review) else ""
        choice = CHOICES.get(question.choice, question.choice)
        if question.choice in {side.value for side in Side}:
            choice = f"use what {names.side(question.choice)} says"
        decided = f"decided by {question.decided_by or 'somebody'}: {choice}"
        return Entry(
            question.decided_at or question.created_at,
            names.unit(question.unit),
            ASKED[type(question)],
            OUTCOMES[question.state],
            after=_shown(question, names),
            why="" if question.reason == BOTH_CHANGED else rule_said(question.reason, side, names),
            reason=question.comment,
            who=(decided,) if question.choice else (),
            run=question.run_id,
            version=question.run.version.number,
        )

    def of_absence(self, one: Absence, names: Names) -> Entry:
        decided = f"decided by {one.decided_by or 'somebody'}: {CHOSEN[one.choice].lower()}" if one.choice else ""
        return Entry(
            one.since,
            "The record",
            why_said(one.kind, one.record),
            OUTCOMES[one.state] if one.asks else Said("listed"),
            where=names.side(one.side),
            record_id=one.record.remote_id,
            reason=one.comment,
            who=(decided,) if decided else (),
            run=one.run_id,
        )

    def of_rows(self, rows: Sequence[FeedRow], names: Names) -> Iterator[Entry]:
        """What a feed said, and whether it came too late to count."""
        sides = {member.record.cursor_id: member for member in self.link.members.all()}
        newest: dict[tuple[int, str], int] = {}
        for row in sorted(rows, key=lambda one: (one.landed_at, int(one.change_id))):
            side = sides[row.cursor_id].side
            for name, value in row.values.items():
                place, number = (row.cursor_id, name), int(row.change_id)
                is_late = newest.get(place, -1) > number
                newest[place] = max(newest.get(place, -1), number)
                yield Entry(
                    row.landed_at,
                    names.field(side, name),
                    f"change {row.change_id} was read",
                    TOO_LATE if is_late else BROUGHT,
                    after=value,
                    where=names.side(side),
                    record_id=row.remote_id,
                    why=TOO_LATE_WHY if is_late else "",
                )


CHOICES: Mapping[str, str] = {
    "value": "another value",
    "leave": "leave it as it is",
    "unlink": "they are linked no more",
    "deactivate": "switch the record off there",
}


def _when(change: ChangeRecord) -> datetime:
    return change.finished_at or change.sent_at or change.run.started_at or change.run.created_at


def _run_people(change: ChangeRecord) -> tuple[str, ...]:
    run = change.run
    started = f"run started by {run.requested_by}" if run.requested_by else "run started by its schedule"
    return (started, f"approved by {run.approved_by or 'somebody'}") if run.approved_at else (started,)


def _shown(question: Question, names: Names) -> str:
    """What both sides held when it was asked, and the own value chosen."""
    parts = []
    for side in Side:
        values = [as_text(value) for value in question.shown.get(side.value, {}).values()]
        parts += [f"{names.side(side)}: {', '.join(values)}"] if values else []
    parts += [f"chosen: {', '.join(map(as_text, question.value.values()))}"] if question.value else []
    return " · ".join(parts)
