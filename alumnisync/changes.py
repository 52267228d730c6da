"""Changes as people read them: whom, where, each field before and after, by which rule, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Count, Exists, Min, Model, OuterRef, Prefetch, Q, QuerySet

from alumnisync.models import ChangeRecord, FieldChange, Member
from alumnisync.naming import Names, names_by_version, person
from alumnisync.waiting import SET_ASIDE
from alumnisync.wording import Said, whole
from connectors.models import RemoteRecord
from mappings.rules import Side

Kind, State = ChangeRecord.Kind, ChangeRecord.State
M = TypeVar("M", bound=Model)
NamesOf = Mapping[int, Names]
"""A version's id → its words."""

PAGE = 50
LAST_PAGE = 100_000
MOST_REASONS = 20
KINDS: Mapping[str, str] = {
    Kind.CREATE: "created",
    Kind.UPDATE: "updated",
    Kind.STAMP: "id written",
    Kind.SETTLE: "removed on one side only",
}
STATES: Mapping[str, Said] = {
    State.PLANNED: Said("not sent yet"),
    State.HELD: Said("on hold", "warn"),
    State.SENDING: Said("sent, answer not known yet", "warn"),
    State.DONE: Said("done", "good"),
    State.DROPPED: Said("skipped, looked at again"),
    State.SET_ASIDE: Said("couldn't be sent", "bad"),
    State.REJECTED: Said("rejected"),
    State.CLOSED: Said("replaced by a later run"),
    State.LEFT_ALONE: Said("stays as it is"),
}
RULES: Mapping[str, str] = {
    "changed": "automatic: changed in {sender}",
    "created": "new record",
    "set on create": "set on every new record",
    "id of the other side": "id of the record in {sender}",
    "filled a blank": "filled a blank",
    "left wins at first meeting": "first meeting: {left} wins",
    "right wins at first meeting": "first meeting: {right} wins",
    "both changed: left": "both changed: {left} wins",
    "both changed: right": "both changed: {right} wins",
    "both changed: newest": "both changed: the newer wins",
    "decided": "your decision",
    "old value kept": "the old value, kept",
    "restricted": "the stricter wins at once",
    "restriction lifted": "a restriction was lifted",
    "undone": "put back: its run was undone",
    "switched off": "switched off: the run that had created it was undone",
    "removed on one side, kept on the other": "removed in {to}, kept in {sender}",
}
"""What the engine calls why a field is written → what people read."""


@dataclass(frozen=True)
class Wanted:
    """Which changes somebody wants to see. like: a change with the same reason, so that no address holds the words."""

    waiting: bool = False
    run: int = 0
    sync: int = 0
    to: str = ""
    kind: str = ""
    state: str = ""
    unit: str = ""
    like: int = 0
    q: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Wanted:
        """From what an address asks for; what makes no sense there asks for nothing."""

        def word(name: str) -> str:
            return str(asked.get(name, "")).strip()

        def number(name: str) -> int:
            return whole(word(name))

        return cls(
            waiting=asked.get("waiting") == "yes",
            run=number("run"),
            sync=number("sync"),
            to=word("to"),
            kind=word("kind"),
            state=word("state"),
            unit=word("unit"),
            like=number("like"),
            q=word("q"),
        )

    def is_narrowed(self) -> bool:
        return any((self.to, self.kind, self.state, self.unit, self.like, self.q))

    def rows(self) -> QuerySet[ChangeRecord]:
        """The changes, newest first."""
        exact = {"run": self.run, "run__sync": self.sync, "side": self.to, "kind": self.kind, "state": self.state}
        rows = changes_shown().filter(**{name: value for name, value in exact.items() if value})
        if self.waiting:
            rows = rows.filter(SET_ASIDE)
        if self.unit:
            rows = rows.filter(Exists(FieldChange.objects.filter(change=OuterRef("pk"), unit=self.unit)))
        if self.like:
            rows = rows.filter(reason__in=ChangeRecord.objects.filter(pk=self.like).values("reason"))
        if self.q:
            named = RemoteRecord.objects.filter(remote_id=self.q)
            rows = rows.filter(Q(record__in=named) | Q(source__in=named))
        return rows.order_by("-pk")


@dataclass(frozen=True)
class FieldLine:
    """A field of a change."""

    label: str
    before: Any
    after: Any
    rule: str


@dataclass(frozen=True)
class Line:
    """A change, for people. record_id: "" for a record that is not there yet."""

    change: ChangeRecord
    person: str
    system: str
    record_id: str
    fields: tuple[FieldLine, ...]

    @property
    def kind(self) -> str:
        return KINDS[self.change.kind]

    @property
    def state(self) -> Said:
        return STATES[self.change.state]

    @property
    def can_be_retried(self) -> bool:
        return self.change.state == State.SET_ASIDE


def changes_shown() -> QuerySet[ChangeRecord]:
    """All changes but those that only note that both sides agree."""
    says_something = Exists(FieldChange.objects.filter(change=OuterRef("pk")))
    return ChangeRecord.objects.filter(~Q(kind=Kind.SETTLE) | says_something)


def loaded(rows: QuerySet[ChangeRecord]) -> QuerySet[ChangeRecord]:
    """The changes with all that a line of them needs: three statements, however many."""
    members = Member.objects.select_related("record").order_by("side", "pk")
    return (
        rows.select_related("run__sync", "run__version", "record", "source", "link")
        .defer("settles", "link__bases", "run__progress")
        .prefetch_related("fields", Prefetch("link__members", members))
    )


def page_of(rows: QuerySet[M], number: int, size: int = PAGE) -> tuple[list[M], bool]:
    """One page of rows, and whether there is another; nothing is counted."""
    start = (min(max(number, 1), LAST_PAGE) - 1) * size
    found = list(rows[start : start + size + 1])
    return found[:size], len(found) > size


def lines_of(changes: Iterable[ChangeRecord], names: NamesOf) -> list[Line]:
    """Loaded changes in words; no statement."""
    return [line_of(change, names[change.run.version_id]) for change in changes]


def line_of(change: ChangeRecord, names: Names) -> Line:
    """One loaded change in words."""
    members = change.link.members.all() if change.link else ()
    return Line(
        change,
        person([change.source, change.record, *(member.record for member in members)]),
        names.side(change.side),
        change.record.remote_id if change.record else "",
        tuple(
            FieldLine(
                names.field(change.side, row.path), row.before, row.after, rule_said(row.rule, change.side, names)
            )
            for row in change.fields.all()
        ),
    )


def rule_said(rule: str, side: str, names: Names) -> str:
    """Why a field is written, in words."""
    sides = {one.value: names.side(one) for one in Side}
    other = Side(side).other if side in sides else ""
    sentence = RULES.get(rule)
    return sentence.format(sender=names.side(other), to=names.side(side), **sides) if sentence else rule


def reasons(rows: QuerySet[ChangeRecord]) -> list[dict[str, Any]]:
    """The most frequent reasons of these changes: reason, count, like (one of them)."""
    grouped = rows.order_by().values("reason").annotate(count=Count("pk"), like=Min("pk"))
    return [{**one} for one in grouped.order_by("-count", "like")[:MOST_REASONS]]


def names_for(changes: Iterable[ChangeRecord]) -> dict[int, Names]:
    """The words of the versions that changes were planned by."""
    return names_by_version(change.run.version for change in changes)
