"""People no longer found at one of the systems, as lines and pages: who, where, why, since when, what may be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet

from alumnisync.absences import mark_of
from alumnisync.engine.absences import kind_of
from alumnisync.inbox.lines import records_of
from alumnisync.inbox.wording import Wording
from alumnisync.models import Absence, Member
from alumnisync.naming import person
from alumnisync.wording import Said, whole
from connectors.models import RemoteRecord
from connectors.moments import when
from mappings.forms.wording import ABSENCES
from mappings.rules import Side

State = Absence.State
SHOWN: Mapping[str, tuple[str, Q]] = {
    "": ("all that stands", Q(state__in=(State.OPEN, State.HELD))),
    "asked": ("a person is asked", Q(state=State.OPEN, asks=True)),
    "listed": ("only listed", Q(state=State.OPEN, asks=False)),
    "held": ("not believed yet", Q(state=State.HELD)),
    "decided": ("decided", Q(state=State.DECIDED)),
    "closed": ("closed", Q(state=State.CLOSED)),
}
"""What a list can be narrowed to: its words, and which rows."""
CHOICES: Mapping[str, str] = {Absence.Choice.KEEP: "Keep as it is", Absence.Choice.UNLINK: "Unlink"}
CHOSEN: Mapping[str, str] = {Absence.Choice.KEEP: "Kept as it is", Absence.Choice.UNLINK: "Unlinked"}
SAYS: Mapping[str, str] = {
    Absence.Choice.KEEP: "Nothing is written. They stay linked, no new record is made in {here}, and nobody is asked "
    "again unless the record is seen there and goes once more.",
    Absence.Choice.UNLINK: "Nothing is written or deleted. The next run links the two no more; the record in {there} "
    "stays as it is, and is neither linked nor made anew in {here} until somebody says so under “Possible matches”.",
}
HELD_NOTE = "So many went at once that run {run} is on hold. Decide about the run first."


@dataclass(frozen=True)
class Line:
    """Somebody no longer found, for people."""

    row: Absence
    person: str
    sync: str
    where: str
    there: str
    why: str
    since: str
    state: Said
    decision: str

    @property
    def mark(self) -> str:
        return mark_of(self.row)

    @property
    def can_be_decided(self) -> bool:
        return self.row.state in (State.OPEN, State.DECIDED)

    @property
    def choices(self) -> list[tuple[str, str, str]]:
        """Each choice, its words, and what it does."""
        names = {"here": self.where, "there": self.there}
        return [(name, label, SAYS[name].format(**names)) for name, label in CHOICES.items()]


def wanted_rows(asked: Mapping[str, str]) -> QuerySet[Absence]:
    """The rows of a list, those that ask first; loaded with all that their lines need."""
    _words, shown = SHOWN.get(asked.get("shown", ""), SHOWN[""])
    rows = Absence.objects.filter(shown)
    if sync := whole(asked.get("sync", "")):
        rows = rows.filter(link__sync=sync)
    if (kind := asked.get("kind", "")) in ABSENCES:
        rows = rows.filter(kind=kind)
    if record := asked.get("q", "").replace("\0", "").strip():
        rows = rows.filter(link__members__record__remote_id=record).distinct()
    return loaded(rows).order_by("-asks", "-since", "-pk")


def loaded(rows: QuerySet[Absence]) -> QuerySet[Absence]:
    """Rows with their people at hand: two statements, however many."""
    members = Prefetch("link__members", Member.objects.select_related("record").defer("record__field_times"))
    return rows.select_related("link__sync", "record").prefetch_related(members)


def line_of(row: Absence, word: Wording) -> Line:
    """One loaded row in words; no statement."""
    records = [record for ones in records_of(row.link).values() for record in ones]
    return Line(
        row,
        person([*records, row.record]),
        row.link.sync.name,
        word.side(row.side),
        word.side(Side(row.side).other),
        why_said(row.kind, row.record),
        when(row.since),
        _state(row),
        CHOSEN.get(row.choice, ""),
    )


def records_said(row: Absence, word: Wording) -> list[tuple[str, str, str, str]]:
    """Every record of the person: system, id, address there, and what became of it."""
    return [
        (word.side(one.side), one.record.remote_id, _address(one, word), gone_said(one.record))
        for one in sorted(row.link.members.all(), key=lambda one: (one.side, one.pk))
    ]


def gone_said(record: RemoteRecord) -> str:
    """Why a record is no longer found, and since when; "" while it is there."""
    kind = kind_of(record)
    return f"{why_said(kind.value, record)}, {when(record.gone_at)}" if kind else ""


def why_said(kind: str, record: RemoteRecord) -> str:
    if kind == "merged" and record.merged_into:
        return f"merged into {record.merged_into} there"
    return ABSENCES[kind]


def filters_offered() -> tuple[Iterable[tuple[str, str]], Iterable[tuple[str, str]]]:
    """What a list can be narrowed by: what is shown, and why somebody is no longer found."""
    return [(name, words) for name, (words, _) in SHOWN.items() if name], ABSENCES.items()


def _address(member: Member, word: Wording) -> str:
    return word.names.address_of(member.side, member.record.remote_id)


def _state(row: Absence) -> Said:
    if row.state == State.OPEN:
        return Said("you are asked", "warn") if row.asks else Said("listed")
    words = {
        State.HELD: Said("not believed yet", "warn"),
        State.DECIDED: Said("decided", "good"),
        State.CLOSED: Said("closed"),
    }
    return words[State(row.state)]
