"""Linked people who are no longer found, or switched off, at one of their systems: listed or asked about.

Nothing is ever written or deleted for it. It is over by itself once the record is seen again; who was unlinked by a
person stays, alone, in a link of one side: neither linked nor created again until a person says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from alumnisync.engine.context import Context, chunks, grouped
from alumnisync.engine.poll import LISTS_UNTIL_GONE
from alumnisync.engine.presence import newest_first
from alumnisync.engine.trial import is_trial
from alumnisync.engine.units import SIDES
from alumnisync.models import Absence, ChangeRecord, Conflict, Link, Match, Member, Question, Review
from connectors import bulk
from connectors.models import RemoteRecord
from mappings.rules import AbsenceKind, Gone, Side
from mappings.transforms import ExpressionError, compile_scope

UNLINKED = "unlinked"
"""The rule of a link that a person dissolved: whoever is left in it is linked with nobody."""
UNLINKED_MEANWHILE = "A person said that these two are linked no more."
NOTED = ["run", "record", "kind", "asks", "since", "state", "choice", "decided_by", "decided_at", "comment"]

State = Absence.State
Members = Mapping[Side, Sequence[Member]]


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a side is no longer found, by which record, and since when."""

    kind: AbsenceKind
    record: RemoteRecord
    since: datetime


def kind_of(record: RemoteRecord) -> AbsenceKind | None:
    """Why a record is gone; None while it is there."""
    if record.gone_at is None:
        return None
    if record.merged_into:
        return AbsenceKind.MERGED
    # What is reported as deleted is not counted as missed.
    return AbsenceKind.MISSING if record.missed >= LISTS_UNTIL_GONE else AbsenceKind.DELETED


class Absences:
    """What is known of a chunk of people, and what has to be said of them now. One statement, and what differs."""

    def __init__(self, ctx: Context, links: Sequence[int]) -> None:
        self.ctx = ctx
        rows = Absence.objects.filter(link__in=links).exclude(state=State.CLOSED).select_related("record")
        self.known = {(row.link_id, Side(row.side)): row for row in rows}
        self.noted: list[Absence] = []
        self.over: list[int] = []

    def is_ending(self, link: Link) -> bool:
        """Whether a person unlinked these two, and nothing speaks against it: nothing is planned for them any more."""
        known = (row for side in SIDES if (row := self.known.get((link.pk, side))) and row.pk not in self.over)
        return any(row.choice == Absence.Choice.UNLINK for row in known)

    def look(self, link: Link, members: Members) -> None:
        """Note what has to be said of a person; by a trial of other rules nothing is."""
        everybody = [one.record for ones in members.values() for one in ones]
        if link.state != Link.State.ACTIVE or self._is_trial or not self.ctx.is_piloted(everybody):
            return
        for side in SIDES:
            there = members.get(side, ())
            if self._is_asked_by_books(side) or (there and not self._can_tell(side, there)):
                continue
            self._note(link, side, lost(self.ctx, side, there, self.known.get((link.pk, side))))

    def store(self) -> None:
        """Write down what differs; inside the transaction of the chunk."""
        Absence.objects.filter(pk__in=self.over).update(state=State.CLOSED)
        bulk.update([row for row in self.noted if row.pk], NOTED)
        bulk.insert(row for row in self.noted if not row.pk)

    @cached_property
    def _is_trial(self) -> bool:
        return is_trial(self.ctx.run.version)

    def _is_asked_by_books(self, side: Side) -> bool:
        """What was recorded and is found no more at its sender is asked about as such."""
        return self.ctx.rules.sides[side.other].write_once

    def _can_tell(self, side: Side, members: Iterable[Member]) -> bool:
        """Whether every record that is there can be judged; what is known of them stays where not."""
        return all(_is_disabled(self.ctx, side, one.record) is not None for one in members if not one.record.gone_at)

    def _note(self, link: Link, side: Side, found: Lost | None) -> None:
        known = self.known.get((link.pk, side))
        policy = self.ctx.rules.sides[side].gone[found.kind] if found else Gone.IGNORE
        if found is None or policy is Gone.IGNORE:
            self.over += [known.pk] if known else []
        elif known is None:
            self.noted.append(_said_of(Absence(link=link, side=side), self.ctx, found, policy))
        elif (known.kind, known.record_id) != (found.kind, found.record.pk):
            self.noted.append(_said_of(known, self.ctx, found, policy))
        elif known.asks != (policy is Gone.REVIEW):
            known.asks = policy is Gone.REVIEW
            self.noted.append(known)


def lost(ctx: Context, side: Side, members: Sequence[Member], known: Absence | None = None) -> Lost | None:
    """Why nobody stands for the person on this side any more, or who took the place; None where all is well.

    known: what was said of them before
    """
    gone = [one for one in members if one.record.gone_at]
    here = [one for one in members if not one.record.gone_at]
    if not here:
        return _last(ctx, side, [one.record for one in gone])
    if merged := [one.record for one in gone if _gave_way(one, here, known)]:
        return _last(ctx, side, merged)
    records = newest_first(one.record for one in here)
    if all(_is_disabled(ctx, side, one) for one in records):
        return Lost(AbsenceKind.DISABLED, records[0], records[0].landed_at)
    return None


def _gave_way(one: Member, here: Sequence[Member], known: Absence | None) -> bool:
    """Whether it was merged, and the records here have its place: now, or as it was said before."""
    if not one.record.merged_into:
        return False
    if known is not None and known.kind == AbsenceKind.MERGED and known.record_id == one.record_id:
        return True
    # Where others of the person were there before, nobody is missed.
    is_new = all(other.state == Member.State.COMING for other in here)
    return is_new and one.state in (Member.State.PRESENT, Member.State.LEAVING)


def _last(ctx: Context, side: Side, records: Iterable[RemoteRecord]) -> Lost | None:
    """The one that went last."""
    dated = [(one.gone_at, one.pk, one) for one in records if one.gone_at]
    if not dated:
        return None
    since, _, record = max(dated, key=lambda each: each[:2])
    # A feed brings changes and no lists: it can only say that somebody was deleted.
    kind = AbsenceKind.DELETED if ctx.rules.sides[side].feed else kind_of(record)
    return Lost(kind or AbsenceKind.DELETED, record, since)


def _is_disabled(ctx: Context, side: Side, record: RemoteRecord) -> bool | None:
    """Whether its side's condition says that it is switched off; None where that can't be told."""
    rules = ctx.rules.sides[side]
    if not rules.disabled or rules.feed:
        return False
    if record.problem:
        return None
    try:
        return compile_scope(rules.disabled)(record.values)
    except ExpressionError:
        return None


def _said_of(row: Absence, ctx: Context, found: Lost, policy: Gone) -> Absence:
    """The row says this now, and nobody has decided about it."""
    row.run, row.record, row.kind, row.since = ctx.run, found.record, found.kind, found.since
    row.asks, row.state = policy is Gone.REVIEW, State.OPEN
    row.choice, row.decided_by, row.decided_at, row.comment = "", "", None, ""
    return row


def believe(ctx: Context, *, is_held: bool) -> None:
    """Where so many went at once that a safety limit holds the run, nothing is said until it is let through."""
    if is_trial(ctx.run.version):
        return
    if is_held:
        ctx.run.absences.filter(state=State.OPEN).update(state=State.HELD)
    else:
        Absence.objects.filter(link__sync=ctx.sync, state=State.HELD).update(state=State.OPEN)


def count_noted(ctx: Context) -> None:
    """Keep in the run's counts of how many people it found something to say: side → kind → people."""
    counted: dict[str, dict[str, int]] = {}
    for side, kind in ctx.run.absences.values_list("side", "kind"):
        of_side = counted.setdefault(side, {})
        of_side[kind] = of_side.get(kind, 0) + 1
    ctx.run.counts["absences"] = counted


def dissolve(ctx: Context) -> None:
    """Unlink whom a person said to, where the record was not seen again since; called when the run may send."""
    decided = Absence.objects.filter(link__sync=ctx.sync, state=State.DECIDED, choice=Absence.Choice.UNLINK)
    for rows in chunks(decided.select_related("link").order_by("pk")):
        with transaction.atomic():
            ctx.lease.hold()
            _dissolve(ctx, rows)
        ctx.beat()


def _dissolve(ctx: Context, rows: Sequence[Absence]) -> None:
    links = [row.link_id for row in rows]
    sending = ChangeRecord.objects.filter(link__in=links, state=ChangeRecord.State.SENDING)
    under_way = set(sending.values_list("link_id", flat=True))
    there = Member.objects.filter(link__in=links).select_related("record")
    members = grouped(there, lambda one: (one.link_id, one.side))
    ending = [
        row for row in rows
        if row.link_id not in under_way and lost(ctx, Side(row.side), members[row.link_id, row.side], row)
    ]  # fmt: skip
    leaving = [one.pk for row in ending for one in members[row.link_id, row.side]]
    over = [row.link_id for row in ending]
    Member.objects.filter(pk__in=leaving).delete()
    Link.objects.filter(pk__in=over).update(rule=UNLINKED, bases={})
    Absence.objects.filter(link__in=over).update(state=State.CLOSED)
    for model in (Conflict, Review):
        model.objects.filter(link__in=over).update(state=Question.State.CLOSED)
    ChangeRecord.objects.filter(link__in=over, state__in=ChangeRecord.UNFINISHED).update(
        state=ChangeRecord.State.CLOSED, reason=UNLINKED_MEANWHILE, finished_at=timezone.now()
    )


def free_for_new_links(ctx: Context) -> None:
    """Whoever is left of a dissolved link, and is linked anew by a person, is free for it; before matching."""
    chosen = Match.objects.filter(sync=ctx.sync, state=Match.State.DECIDED, choice="link")
    alone = Link.objects.filter(sync=ctx.sync, state=Link.State.ACTIVE, rule=UNLINKED)
    by_record = Q(members__record__in=chosen.values("record")) | Q(members__record__in=chosen.values("chosen"))
    found = list(alone.filter(by_record).values_list("pk", flat=True))
    if found:
        with transaction.atomic():
            ctx.lease.hold()
            Link.objects.filter(pk__in=found).delete()
