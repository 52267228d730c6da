"""Storing what became of a plan: bases that move, records as they now are, links that come into being.

Each batch is one transaction with a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from alumnisync.engine.context import CHUNK, Context, End, chunks, grouped
from alumnisync.engine.deliver import IS_THERE
from alumnisync.engine.duplicates import Refused, ask_about
from alumnisync.engine.landing import fingerprint_of, prune, renumber
from alumnisync.engine.orders import Delivery, Fate
from alumnisync.engine.plan import DEACTIVATED, RECORDED_UNIT, STAMP, lay_over
from alumnisync.engine.questions import close_decided
from alumnisync.engine.tries import next_try
from alumnisync.engine.units import UNDONE, Apart, Base
from alumnisync.models import ChangeRecord, FieldChange, Link, Member
from connectors import bulk
from connectors.erased import erased_among
from connectors.models import Cursor, RemoteRecord
from connectors.records import MISSING, Values
from mappings import paths
from mappings.rules import Side
from mappings.translate import raw_equal

State = ChangeRecord.State
NOT_FOUND_BY_ID = (
    "The system lists this record, and says that it is not there when it is asked for by its id. "
    "Look it up there: that id may hold characters by which the system does not find it."
)
IS_ERASED = "The system answered with the record of somebody who was erased here. Look there who it is."


def move_bases(ctx: Context) -> None:
    """Carry out the lines of the plan that write nothing: links come into being, bases move."""
    lines = ctx.run.changes.filter(kind=ChangeRecord.Kind.SETTLE, state=State.PLANNED)
    for ids in chunks(list(lines.order_by("pk").values_list("pk", flat=True)), CHUNK):
        with transaction.atomic():
            ctx.lease.hold()
            changes = list(ChangeRecord.objects.filter(pk__in=ids, state=State.PLANNED))
            links = _locked(change.link_id for change in changes)
            for change in changes:
                if change.link_id in links:
                    link = links[change.link_id]
                    link.bases = {**link.bases, **change.settles}
                    link.state = Link.State.ACTIVE
            bulk.update(links.values(), ["bases", "state"])
            _let_members_come_and_go(change.link_id for change in changes)
            unit_of = ctx.planner.unit_of
            moved = {(change.link_id or 0, unit_of(pair)) for change in changes for pair in change.settles}
            close_decided(moved | {(link, RECORDED_UNIT) for link, _ in moved})
            ChangeRecord.objects.filter(pk__in=ids).update(state=State.DONE, finished_at=timezone.now())
        ctx.beat()


def _let_members_come_and_go(links: Iterable[int | None]) -> None:
    """Whose values count from now on, where a person has several records on a side."""
    moving = Member.objects.filter(link__in=[pk for pk in links if pk], state__in=Member.PENDING)
    if states := dict(moving.values_list("pk", "state")):
        leaving = [pk for pk, state in states.items() if state == Member.State.LEAVING]
        Member.objects.filter(pk__in=leaving).update(state=Member.State.LEFT)
        Member.objects.filter(pk__in=states.keys() - set(leaving)).update(state=Member.State.PRESENT)


def settle(ctx: Context, end: End, deliveries: Sequence[Delivery]) -> None:
    """Store what became of a batch, in one transaction. Raises LeaseLost."""
    if not deliveries:
        return
    with transaction.atomic():
        ctx.lease.hold()
        # Landing takes it too: nobody stores these records between our reading and writing their rows.
        Cursor.objects.select_for_update().get(pk=end.cursor.pk)
        _Batch(ctx, end, deliveries).store()


def _locked(ids: Iterable[int | None]) -> dict[int | None, Link]:
    """Links by id, locked: a person's decision may remember a refused value in one meanwhile."""
    return dict(Link.objects.select_for_update().in_bulk([pk for pk in ids if pk is not None]))


class _Batch:
    def __init__(self, ctx: Context, end: End, deliveries: Sequence[Delivery]) -> None:
        self.ctx, self.end, self.now = ctx, end, timezone.now()
        self.deliveries = {delivery.change_id: delivery for delivery in deliveries}
        self.changes = ChangeRecord.objects.select_related("record", "source").in_bulk(self.deliveries)
        self.links = _locked(change.link_id for change in self.changes.values())
        rows = FieldChange.objects.filter(change_id__in=self.deliveries)
        self.fields = grouped(rows, lambda row: row.change_id)
        self.landed = self._landed()
        self.taken = self._taken()
        self.erased = self._erased()
        self.listed = self._listed()
        self.touched: list[RemoteRecord] = []
        self.gone: list[RemoteRecord] = []
        self.aside: list[tuple[ChangeRecord, list[FieldChange]]] = []
        self.joined: list[tuple[ChangeRecord, RemoteRecord]] = []
        self.decided: list[tuple[int, str]] = []
        self.duplicates: list[Refused] = []

    def _landed(self) -> dict[str, RemoteRecord]:
        """Created records that a poll, of whichever sync, has brought already."""
        made = [one.remote_id for one in self.deliveries.values() if one.fate is Fate.DONE and one.is_create]
        if not made:
            return {}
        rows = RemoteRecord.objects.filter(cursor=self.end.cursor, remote_id__in=made)
        return {row.remote_id: row for row in rows}

    def _taken(self) -> set[int]:
        """Those of them that are somebody by now."""
        rows = [row.pk for row in self.landed.values()]
        if not rows:
            return set()
        members = Member.objects.filter(sync=self.ctx.sync, side=self.end.side, record__in=rows)
        return set(members.values_list("record_id", flat=True))

    def _erased(self) -> set[str]:
        """Ids that creates were answered with, of people who were erased: nothing of them is stored."""
        made = [one.remote_id for one in self.deliveries.values() if one.fate is Fate.DONE and one.is_create]
        return erased_among(self.end.connection.pk, self.end.cursor.object_type, made)

    def _listed(self) -> set[int]:
        """Those of the records said to be gone of which an earlier run was told so: a poll has brought them since."""
        told = {pk: one.reason for pk, one in self.deliveries.items() if one.fate is Fate.GONE}
        if not told:
            return set()
        records = [self.changes[pk].record_id for pk in told]
        before = ChangeRecord.objects.filter(run__sync=self.ctx.sync, record__in=[pk for pk in records if pk])
        before = before.filter(reason__in={NOT_FOUND_BY_ID, *told.values()}).exclude(run=self.ctx.run)
        return {pk for pk in before.values_list("record_id", flat=True) if pk}

    def store(self) -> None:
        for change_id, delivery in self.deliveries.items():
            self._note(self.changes[change_id], delivery)
        for change, delivery in ask_about(self.ctx, self.end, self.duplicates):
            self._set_aside(change, delivery)
        self._store_records()
        self._store_links()
        self._store_changes()

    def _note(self, change: ChangeRecord, delivery: Delivery) -> None:
        if delivery.fate is Fate.UNKNOWN:
            # Until now the request may have been under way; a poll that is to tell must begin later.
            change.reason, change.sent_at = delivery.reason, self.now
            return
        change.finished_at = self.now
        change.reason = delivery.reason
        if delivery.fate is Fate.DONE and delivery.remote_id in self.erased:
            # The system took the new person for somebody who was erased: a person says who it is.
            self.duplicates.append((change, replace(delivery, reason=IS_ERASED, others=())))
        elif delivery.fate is Fate.DONE:
            self._note_done(change, delivery)
        elif delivery.fate is Fate.DROPPED:
            change.state = State.DROPPED
        elif delivery.fate is Fate.DUPLICATE:
            self.duplicates.append((change, delivery))
        elif delivery.fate is Fate.GONE and change.record_id in self.listed:
            # Closed each time, the change would never be sent and nobody would know.
            change.reason = NOT_FOUND_BY_ID
            self._set_aside(change, replace(delivery, fate=Fate.TEMPORARY))
        elif delivery.fate is Fate.GONE:
            change.state = State.CLOSED
            if change.record is not None:
                self.gone.append(change.record)
        else:
            self._set_aside(change, delivery)

    def _set_aside(self, change: ChangeRecord, delivery: Delivery) -> None:
        change.state = State.SET_ASIDE
        change.attempts += 1
        change.next_try_at = next_try(self.now, change.attempts, refused=delivery.fate is not Fate.TEMPORARY)

    def _note_done(self, change: ChangeRecord, delivery: Delivery) -> None:
        landed = self.landed.get(delivery.remote_id)
        if change.record is None and landed is not None and landed.pk in self.taken:
            change.state, change.reason = State.DROPPED, IS_THERE
            return
        change.state = State.DONE
        rows = [row for row in self.fields[change.pk] if not row.unit or row.unit not in delivery.refused]
        held = {row.path: _held(delivery, row) for row in rows}
        record = self._record(change, delivery, held)
        if change.kind == ChangeRecord.Kind.CREATE:
            self.joined.append((change, record))
            self._note_unfilled(change, record)
        self._move_bases(change, rows, held)
        refused = [row for row in self.fields[change.pk] if row not in rows]
        if refused:
            self._split(change, record, refused, delivery)

    def _record(self, change: ChangeRecord, delivery: Delivery, held: Mapping[str, Any]) -> RemoteRecord:
        """The record as it now is: what was written, laid over what is stored."""
        record = change.record or self.landed.get(delivery.remote_id)
        # Constants are written and not polled: with them the next poll would find the record changed.
        roots = frozenset(map(paths.root, self.end.cursor.fields))
        if record is None:
            answered = delivery.record.values if delivery.record else {}
            record = RemoteRecord(
                cursor=self.end.cursor, remote_id=delivery.remote_id, values=answered, landed_at=self.now
            )
        record.values = prune(_laid_over(record.values, held), roots)
        if delivery.record is not None:
            record.version = delivery.record.version
        record.fingerprint = fingerprint_of(record.values, self.end.described.volatile)
        self.touched.append(record)
        return record

    def _move_bases(self, change: ChangeRecord, rows: Iterable[FieldChange], held: Mapping[str, Any]) -> None:
        link = self.links.get(change.link_id)
        if link is None:
            return
        moved = {row.pair: _base(link, Side(change.side), row, held[row.path]).dump() for row in rows if row.pair}
        link.bases = {**link.bases, **moved}
        self.decided += [(link.pk, row.unit) for row in rows if _closes_decision(row)]

    def _note_unfilled(self, change: ChangeRecord, record: RemoteRecord) -> None:
        """What the source did not fill and the new record does not show is a change once the source fills it."""
        link = self.links.get(change.link_id)
        if link is not None and change.source is not None:
            unfilled = self.ctx.planner.unfilled(Side(change.side), change.source.values, record.values)
            link.bases = {**unfilled, **link.bases}

    def _split(self, change: ChangeRecord, record: RemoteRecord, rows: list[FieldChange], delivery: Delivery) -> None:
        """The fields the system refused, set aside by themselves with its words."""
        attempts = change.attempts + 1
        words = "; ".join(sorted({delivery.refused[row.unit] for row in rows}))
        aside = ChangeRecord(
            run_id=change.run_id,
            link_id=change.link_id,
            kind=ChangeRecord.Kind.UPDATE,
            side=change.side,
            record=record,
            source=change.source,
            state=State.SET_ASIDE,
            reason=words,
            attempts=attempts,
            next_try_at=next_try(self.now, attempts, refused=True),
            finished_at=self.now,
        )
        self.aside.append((aside, rows))

    def _store_records(self) -> None:
        for record in self.gone:
            record.gone_at = self.now
        numbered = [*self.touched, *self.gone]
        if not numbered:
            return
        for record, number in zip(numbered, renumber(self.end.cursor.pk, len(numbered)), strict=True):
            record.change_no = number
        bulk.update(
            [record for record in numbered if record.pk],
            ["values", "fingerprint", "version", "change_no", "gone_at"],
        )
        bulk.insert(record for record in numbered if not record.pk)

    def _store_links(self) -> None:
        for change, record in self.joined:
            change.record = record
            if change.link_id in self.links:
                self.links[change.link_id].state = Link.State.ACTIVE
        bulk.update(self.links.values(), ["bases", "state"])
        bulk.insert(
            Member(link=self.links[change.link_id], sync=self.ctx.sync, side=change.side, record=record)
            for change, record in self.joined
            if change.link_id in self.links
        )
        self._plan_stamps()
        close_decided(set(self.decided))

    def _plan_stamps(self) -> None:
        """A create stamps its source too, once the new id is known."""
        source_side = self.end.side.other
        path = self.ctx.rules.sides[source_side].stamp_field
        if not path or self.ctx.rules.sides[source_side].only_creates:
            return
        for change, record in self.joined:
            if change.source is None:
                continue
            stamp = ChangeRecord(
                run_id=change.run_id, link_id=change.link_id, kind=ChangeRecord.Kind.STAMP, side=source_side,
                record=change.source, source=record,
            )  # fmt: skip
            before = paths.get(change.source.values, path)
            row = FieldChange(
                pair="",
                unit="",
                path=path,
                before=before,
                after=record.remote_id,
                source=record.remote_id,
                rule=STAMP,
            )
            self.aside.append((stamp, [row]))

    def _store_changes(self) -> None:
        bulk.update(
            self.changes.values(), ["state", "reason", "attempts", "next_try_at", "sent_at", "finished_at", "record"]
        )
        bulk.insert(change for change, _ in self.aside)
        moved: list[FieldChange] = []
        new: list[FieldChange] = []
        for change, rows in self.aside:
            for row in rows:
                row.change = change
                (moved if row.pk else new).append(row)
        bulk.update(moved, ["change"])
        bulk.insert(new)


def _laid_over(stored: Values, held: Mapping[str, Any]) -> Values:
    try:
        return lay_over(stored, held)
    except paths.PathError:
        # What was read just before the write had another shape than what is stored: the next poll brings it.
        return stored


def _base(link: Link, target: Side, row: FieldChange, held: Any) -> Base:
    """What both sides agree on by now; a system may store what it was sent in its own way."""
    if row.rule != UNDONE:
        apart = "" if raw_equal(held, row.after) else Apart.STORED
        return Base({target: held, target.other: row.source}, apart=apart)
    # Where both sides of an undo are put back at once, each write knows of its own side alone.
    source = row.source
    if source is MISSING:
        source = Base.load(link.bases.get(row.pair, {})).held.get(target.other, MISSING)
    return Base({target: held, target.other: source}, apart=UNDONE)


def _closes_decision(row: FieldChange) -> bool:
    return row.rule in (UNDONE, DEACTIVATED) or (row.rule == "decided" and bool(row.pair))


def _held(delivery: Delivery, row: FieldChange) -> Any:
    """What the target now holds: what its answer says, else what was sent."""
    answered = paths.get(delivery.record.values, row.path) if delivery.record else MISSING
    return row.after if answered is MISSING else answered
