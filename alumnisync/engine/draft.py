"""The plan of a run, drafted from the database: who has to be looked at again, and what becomes of them.

Everybody with a change number above what was planned, and everybody with something unfinished; what was
unfinished is closed and written anew from present values, in the transaction that stores the new lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from alumnisync.engine.context import CHUNK, Context, chunks
from alumnisync.engine.match import unmatched
from alumnisync.engine.plan import Held, Person
from alumnisync.engine.sheet import Retry, Sheet, field_change
from alumnisync.engine.units import SIDES, Base, Decision, FieldWrite, Outcome, Verdict
from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Member, Progress, Question, Review
from connectors.models import RemoteRecord
from connectors.records import MISSING
from mappings.rules import Create, Side
from mappings.translate import raw_equal

CREATE_UNIT = "create"
"""The unit of a Review that asks whether a record may be created."""
FLIP_WINDOW = timedelta(days=7)
FLIPS = 2
PAUSED = (
    "This field keeps being changed back: we wrote it back and forth twice within 7 days. "
    "Find out which system does it."
)


def draft(ctx: Context, upto: Mapping[Side, int]) -> None:
    """Store the plan of `ctx.run` for all changes up to these change numbers."""
    _set_aside_unreadable(ctx)
    _propose_creates(ctx, upto)
    for ids in chunks(sorted(_links_to_plan(ctx, upto))):
        with transaction.atomic():
            _Chunk.load(ctx, ids).plan()
        ctx.beat()
    with transaction.atomic():
        for side in SIDES:
            Progress.objects.update_or_create(sync=ctx.sync, side=side, defaults={"planned_to": upto[side]})
        ctx.run.planned_to = {side.value: upto[side] for side in SIDES}
        ctx.run.save(update_fields=["planned_to"])


def planned_to(ctx: Context) -> dict[Side, int]:
    """Up to which change number each side was planned before."""
    rows = dict(Progress.objects.filter(sync=ctx.sync).values_list("side", "planned_to"))
    return {side: rows.get(side.value, 0) for side in SIDES}


def _links_to_plan(ctx: Context, upto: Mapping[Side, int]) -> set[int]:
    links = set(Link.objects.filter(sync=ctx.sync, state=Link.State.PROPOSED).values_list("pk", flat=True))
    for side, low in planned_to(ctx).items():
        changed = RemoteRecord.objects.filter(
            cursor=ctx.ends[side].cursor, change_no__gt=low, change_no__lte=upto[side]
        )
        links.update(
            Member.objects.filter(sync=ctx.sync, side=side, record__in=changed).values_list("link_id", flat=True)
        )
    unfinished = ChangeRecord.objects.filter(run__sync=ctx.sync, state__in=ChangeRecord.UNFINISHED)
    links.update(unfinished.exclude(link=None).exclude(run=ctx.run).values_list("link_id", flat=True))
    for model in (Conflict, Review):
        waiting = model.objects.filter(link__sync=ctx.sync).exclude(state=Question.State.CLOSED)
        links.update(waiting.values_list("link_id", flat=True))
    return links


def _set_aside_unreadable(ctx: Context) -> None:
    """Records that could not be decoded are set aside alone, with what was said of them."""
    loose = ChangeRecord.objects.filter(run__sync=ctx.sync, link=None, state__in=ChangeRecord.UNFINISHED)
    loose.exclude(run=ctx.run).exclude(state=ChangeRecord.State.SENDING).update(state=ChangeRecord.State.CLOSED)
    for side in SIDES:
        unreadable = RemoteRecord.objects.filter(cursor=ctx.ends[side].cursor, gone_at=None).exclude(problem="")
        for records in chunks(unreadable.iterator(CHUNK)):
            ChangeRecord.objects.bulk_create(
                ChangeRecord(
                    run=ctx.run,
                    kind=ChangeRecord.Kind.UPDATE,
                    side=side,
                    record=record,
                    state=ChangeRecord.State.SET_ASIDE,
                    reason=record.problem,
                )
                for record in records
            )


def _propose_creates(ctx: Context, upto: Mapping[Side, int]) -> None:
    """A person found on one side only is proposed with that one record; the other is to be created."""
    for side in SIDES:
        if ctx.rules.sides[side.other].create is Create.OFF:
            continue
        cursor = ctx.ends[side].cursor
        for wanted in unmatched(ctx.sync, side, ctx.rules, cursor, upto[side], in_scope=ctx.takes_part):
            with transaction.atomic():
                links = Link.objects.bulk_create(Link(sync=ctx.sync, rule="created") for _ in wanted)
                Member.objects.bulk_create(
                    Member(link=link, sync=ctx.sync, side=side, record=record)
                    for link, record in zip(links, wanted, strict=True)
                )
            ctx.beat()


@dataclass
class _Chunk:
    """A few hundred people with everything that is known of them."""

    ctx: Context
    sheet: Sheet
    links: dict[int, Link]
    members: dict[int, dict[Side, RemoteRecord]]
    conflicts: dict[int, dict[str, Conflict]]
    reviews: dict[int, dict[str, Review]]
    tried: dict[tuple[int, str, str], list[FieldChange]]
    sent: dict[tuple[int, str], list[Any]]
    under_way: set[int]
    doomed: list[int] = field(default_factory=list)

    @classmethod
    def load(cls, ctx: Context, ids: list[int]) -> _Chunk:
        members: dict[int, dict[Side, RemoteRecord]] = defaultdict(dict)
        for member in Member.objects.filter(link_id__in=ids).select_related("record"):
            members[member.link_id][Side(member.side)] = member.record
        chunk = cls(
            ctx,
            Sheet(ctx.run),
            Link.objects.in_bulk(ids),
            members,
            _by_unit(Conflict.objects.filter(link_id__in=ids).exclude(state=Question.State.CLOSED)),
            _by_unit(Review.objects.filter(link_id__in=ids).exclude(state=Question.State.CLOSED)),
            _tried(ids),
            _sent(members),
            set(_sending(ids)),
        )
        old = ChangeRecord.objects.filter(link_id__in=ids, state__in=ChangeRecord.UNFINISHED)
        old.exclude(state=ChangeRecord.State.SENDING).update(
            state=ChangeRecord.State.CLOSED, finished_at=timezone.now()
        )
        return chunk

    def plan(self) -> None:
        """Write the lines of these people and close what no longer holds."""
        for pk, link in self.links.items():
            records = self.members[pk]
            if pk in self.under_way:
                # What became of its write is not known yet: nothing is planned until it is.
                self.conflicts.pop(pk, None)
                self.reviews.pop(pk, None)
            elif len(records) == 2:
                self._plan_pair(link, records)
            else:
                self._plan_create(link, records)
        for model, waiting in ((Conflict, self.conflicts), (Review, self.reviews)):
            over = [question.pk for by_unit in waiting.values() for question in by_unit.values()]
            model.objects.filter(pk__in=over).update(state=Question.State.CLOSED)
        self.sheet.store()
        Link.objects.filter(pk__in=self.doomed).delete()

    def _plan_pair(self, link: Link, records: Mapping[Side, RemoteRecord]) -> None:
        for side in SIDES:
            if problem := self.ctx.scope_problem(side, records[side]):
                retry = Retry(reason=problem, waits=True)
                self.sheet.write(ChangeRecord.Kind.UPDATE, link, side, records[side], None, retry)
        if not all(self.ctx.takes_part(side, records[side]) for side in SIDES):
            return
        if not self.ctx.is_piloted(records.values()):
            return
        held = {side: Held(records[side].values, records[side].field_times) for side in SIDES}
        bases = {key: Base.load(entry) for key, entry in link.bases.items()}
        outcomes = self.ctx.planner.plan(Person(held, bases, self._decisions(link)))
        settles: dict[str, Any] = {}
        for unit, outcome in outcomes.items():
            self._note(link, records, unit, outcome, settles)
        if settles or link.state == Link.State.PROPOSED:
            self.sheet.settle(link, settles)
        for side in SIDES:
            stamp = self.ctx.planner.stamp(side, held[side], records[side.other].remote_id)
            if stamp:
                self._add_stamp(link, side, records, stamp)

    def _decisions(self, link: Link) -> dict[str, Decision]:
        decisions = {}
        for waiting in (self.conflicts, self.reviews):
            for unit, question in waiting.get(link.pk, {}).items():
                if question.state == Question.State.DECIDED:
                    decisions[unit] = _decision(question)
        return decisions

    def _note(
        self,
        link: Link,
        records: Mapping[Side, RemoteRecord],
        unit: str,
        outcome: Outcome,
        settles: dict[str, Any],
    ) -> None:
        if outcome.verdict is Verdict.SETTLE:
            self._note_settle(link, unit, outcome, settles)
        elif outcome.verdict in (Verdict.SEND, Verdict.SET_ASIDE):
            for side, writes in outcome.writes.items():
                self._add_writes(link, side, records, unit, outcome, list(writes))
            if outcome.rule == "decided":
                self._keep_standing(link, unit)
        elif outcome.verdict is Verdict.CONFLICT:
            self._ask(link, records, unit, outcome, Conflict(), self.conflicts)
        elif outcome.verdict is Verdict.REVIEW:
            review = Review(side=outcome.to.value, blanks=bool(outcome.blanked))
            self._ask(link, records, unit, outcome, review, self.reviews)

    def _note_settle(self, link: Link, unit: str, outcome: Outcome, settles: dict[str, Any]) -> None:
        bases = {pair: base.dump() for pair, base in outcome.settles.items()}
        if outcome.blanked is None:
            settles.update(bases)
            return
        # A removal that stays on its side is a line of its own, so that a safety limit can hold it.
        change = self.sheet.settle(link, bases, outcome.blanked)
        before = {pair: Base.load(link.bases.get(pair, {})).held.get(outcome.blanked) for pair in bases}
        self.sheet.changes[-1] = (
            change,
            [
                field_change(
                    FieldWrite(pair, self._path(pair, outcome.blanked), before[pair], None, None, outcome.rule),
                    unit,
                    outcome,
                )
                for pair in bases
            ],
        )

    def _path(self, pair: str, side: Side) -> str:
        return self.ctx.planner.translators[pair].pair.paths[side]

    def _add_writes(
        self,
        link: Link,
        side: Side,
        records: Mapping[Side, RemoteRecord],
        unit: str,
        outcome: Outcome,
        writes: list[FieldWrite],
    ) -> None:
        retry = self._retry(link, side, unit, writes)
        if outcome.verdict is Verdict.SET_ASIDE:
            retry = Retry(retry.attempts, None, outcome.reason, waits=True)
        elif self._flips(records[side], writes):
            retry = Retry(retry.attempts, None, PAUSED, waits=True)
        fields = self._line(link, side, records, retry)
        fields += [field_change(write, unit, outcome) for write in writes]

    def _line(self, link: Link, side: Side, records: Mapping[Side, RemoteRecord], retry: Retry) -> list[FieldChange]:
        """The fields of the update that this write belongs to: writes with the same fate travel together."""
        state = ChangeRecord.State.SET_ASIDE if retry.waits else ChangeRecord.State.PLANNED
        for change, fields in reversed(self.sheet.changes):
            if change.link_id != link.pk:
                break
            fate = (change.kind, change.side, change.state, change.attempts, change.reason)
            if fate == (ChangeRecord.Kind.UPDATE, side.value, state, retry.attempts, retry.reason):
                return fields
        return self.sheet.write(ChangeRecord.Kind.UPDATE, link, side, records[side], records[side.other], retry)

    def _retry(self, link: Link, side: Side, unit: str, writes: list[FieldWrite]) -> Retry:
        """Where these very values stand, if they were set aside before under the same rules."""
        rows = self.tried.get((link.pk, side.value, unit), [])
        if not rows or not _same_values(rows, writes) or rows[0].change.run.version_id != self.ctx.run.version_id:
            return Retry()
        change = rows[0].change
        waits = change.next_try_at is not None and change.next_try_at > timezone.now()
        return Retry(change.attempts, change.next_try_at, change.reason if waits else "", waits)

    def _flips(self, record: RemoteRecord, writes: list[FieldWrite]) -> bool:
        """Whether writing this would once more put back what we ourselves wrote over."""
        return any(_flips(self.sent.get((record.pk, write.path), []), write.after) for write in writes)

    def _keep_standing(self, link: Link, unit: str) -> None:
        """A decision under way is over only when both sides hold it."""
        for waiting in (self.conflicts, self.reviews):
            waiting.get(link.pk, {}).pop(unit, None)

    def _ask(
        self,
        link: Link,
        records: Mapping[Side, RemoteRecord],
        unit: str,
        outcome: Outcome,
        question: Any,
        waiting: dict[int, dict[str, Any]],
    ) -> None:
        shown = self._shown(link, records, unit)
        old = waiting.get(link.pk, {}).pop(unit, None)
        if old is not None and getattr(old, "side", "") == getattr(question, "side", ""):
            if old.state == Question.State.OPEN and old.shown == shown:
                return
            old.suggestion = outcome.suggestion if old.state == Question.State.DECIDED else old.suggestion
            old.state, old.shown, old.reason = Question.State.OPEN, shown, outcome.reason or outcome.rule
            (self.sheet.kept_conflicts if isinstance(old, Conflict) else self.sheet.kept_reviews).append(old)
            return
        if old is not None:
            waiting[link.pk][unit] = old
        question.run, question.link, question.unit = self.ctx.run, link, unit
        question.shown, question.reason = shown, outcome.reason or outcome.rule
        question.suggestion = outcome.suggestion
        (self.sheet.conflicts if isinstance(question, Conflict) else self.sheet.reviews).append(question)

    def _shown(self, link: Link, records: Mapping[Side, RemoteRecord], unit: str) -> dict[str, Any]:
        """What a person sees: each side now, and what it was when both last agreed."""
        shown: dict[str, Any] = {side.value: {} for side in SIDES}
        shown["was"] = {side.value: {} for side in SIDES}
        for translator in self.ctx.planner.units[unit]:
            base = Base.load(link.bases.get(translator.pair.key, {}))
            for side in SIDES:
                raw = translator.read(side, records[side].values).raw
                if raw is not MISSING:
                    shown[side.value][translator.pair.key] = raw
                if side in base.held:
                    shown["was"][side.value][translator.pair.key] = base.held[side]
        return shown

    def _add_stamp(self, link: Link, side: Side, records: Mapping[Side, RemoteRecord], stamp: FieldWrite) -> None:
        retry = self._retry(link, side, "", [stamp])
        fields = self.sheet.write(ChangeRecord.Kind.STAMP, link, side, records[side], records[side.other], retry)
        fields.append(field_change(stamp, ""))

    def _plan_create(self, link: Link, records: Mapping[Side, RemoteRecord]) -> None:
        """A person with one record: create the other, ask, or give the proposal up."""
        source = next(iter(records), None)
        if source is None or link.state == Link.State.ACTIVE:
            return
        record, to = records[source], source.other
        word = self.ctx.rules.sides[to].create
        if word is Create.OFF or not self.ctx.takes_part(source, record) or not self.ctx.is_piloted([record]):
            self.doomed.append(link.pk)
            return
        creation = self.ctx.planner.creation(to, Held(record.values, record.field_times), record.remote_id)
        if creation.refused:
            self.doomed.append(link.pk)
        elif word is Create.AUTOMATIC or self._may_create(link):
            retry = self._retry(link, to, CREATE_UNIT, list(creation.writes))
            fields = self.sheet.write(ChangeRecord.Kind.CREATE, link, to, None, record, retry)
            unit_of = self.ctx.planner.unit_of
            fields += [field_change(write, unit_of(write.pair) if write.pair else "") for write in creation.writes]
        else:
            self._ask_to_create(link, source, record, creation.writes)

    def _may_create(self, link: Link) -> bool:
        review = self.reviews.get(link.pk, {}).get(CREATE_UNIT)
        if review is None or review.state != Question.State.DECIDED or review.choice == "leave":
            return False
        del self.reviews[link.pk][CREATE_UNIT]
        return True

    def _ask_to_create(self, link: Link, source: Side, record: RemoteRecord, writes: Iterable[FieldWrite]) -> None:
        old = self.reviews.get(link.pk, {}).pop(CREATE_UNIT, None)
        shown = {
            source.value: {write.pair: write.source for write in writes if write.pair},
            source.other.value: {},
        }
        if old is None:
            self.sheet.reviews.append(
                Review(
                    run=self.ctx.run,
                    link=link,
                    unit=CREATE_UNIT,
                    side=source.other,
                    shown=shown,
                    reason="only there on one side",
                )
            )
        elif old.state == Question.State.OPEN or old.shown.get(source.value) != shown[source.value]:
            old.shown, old.state = shown, Question.State.OPEN
            self.sheet.kept_reviews.append(old)


def _by_unit(questions: Iterable[Any]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for question in questions:
        found[question.link_id][question.unit] = question
    return found


def _sending(ids: list[int]) -> Iterable[int]:
    sending = ChangeRecord.objects.filter(link_id__in=ids, state=ChangeRecord.State.SENDING)
    return [pk for pk in sending.values_list("link_id", flat=True) if pk is not None]


def _decision(question: Question) -> Decision:
    shown = {side: question.shown.get(side.value, {}) for side in SIDES}
    return Decision(question.choice, shown, question.value or {})


def _tried(ids: list[int]) -> dict[tuple[int, str, str], list[FieldChange]]:
    """(link, side, unit) → the fields of it that were set aside last."""
    found: dict[tuple[int, str, str], list[FieldChange]] = defaultdict(list)
    rows = FieldChange.objects.filter(change__link_id__in=ids, change__state=ChangeRecord.State.SET_ASIDE)
    for row in rows.select_related("change__run"):
        unit = CREATE_UNIT if row.change.kind == ChangeRecord.Kind.CREATE else row.unit
        found[row.change.link_id or 0, row.change.side, unit].append(row)
    return found


def _same_values(rows: list[FieldChange], writes: list[FieldWrite]) -> bool:
    tried = {row.path: row.after for row in rows}
    return set(tried) == {write.path for write in writes} and all(
        raw_equal(tried[write.path], write.after) for write in writes
    )


def _sent(members: Mapping[int, Mapping[Side, RemoteRecord]]) -> dict[tuple[int, str], list[Any]]:
    """(record, path) → what we wrote there lately, oldest first, with what was there before the first."""
    records = [record.pk for by_side in members.values() for record in by_side.values()]
    rows = FieldChange.objects.filter(
        change__record_id__in=records,
        change__state=ChangeRecord.State.DONE,
        change__kind=ChangeRecord.Kind.UPDATE,
        change__finished_at__gt=timezone.now() - FLIP_WINDOW,
    ).order_by("change__finished_at", "pk")
    found: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for record, path, before, after in rows.values_list("change__record_id", "path", "before", "after"):
        found[record, path] += [after] if found[record, path] else [before, after]
    return found


def _flips(sent: list[Any], after: Any) -> bool:
    values = [*sent, after]
    back = [
        first for first, second, third in zip(values, values[1:], values[2:], strict=False)
        if raw_equal(first, third) and not raw_equal(first, second)
    ]  # fmt: skip
    return len(back) > FLIPS
