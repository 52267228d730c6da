"""Match records that are not linked yet: propose links, or ask a person. Speaks to no system.

First the keys of whatever changed are stored, then everybody undecided is decided about together with all who
share a key with them. One transaction a chunk; run again after any interruption it ends the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from alumnisync.engine.bodies import CROWD, THRONG
from alumnisync.engine.identity import MERGED, UNLINK, Decision, Knot, decide
from alumnisync.engine.key_index import CHUNK, changed, index
from alumnisync.engine.keys import IdentityRule, Reader, identity_rules
from alumnisync.engine.neighbours import Neighbourhood, Question, gather
from alumnisync.engine.proposing import propose
from alumnisync.engine.resembling import ERASED, ask_about, resembling
from alumnisync.models import ChangeRecord, Link, Match, MatchKey, Member, SyncRun
from connectors import bulk
from connectors.models import Cursor, RemoteRecord
from mappings.models import Sync
from mappings.rules import Create, Rules, Side

InScope = Callable[[Side, RemoteRecord], bool]
Asked = Match.candidates.through


@dataclass(frozen=True, slots=True)
class Matched:
    """What matching came to: links proposed, questions open, sentences on keys that too many hold."""

    linked: int
    matches: int
    ignored_keys: list[str]


def match(
    run: SyncRun,
    rules: Rules,
    cursors: Mapping[Side, Cursor],
    upto: Mapping[Side, int],
    *,
    in_scope: InScope,
    canonical: Callable[[Side, str], Reader],
    beat: Callable[[], None],
    hold: Callable[[], None] = lambda: None,
) -> Matched:
    """Propose links and ask questions, for what changed up to `upto` and what was left unfinished.

    in_scope: who takes part, the pilot apart; canonical: how values of a path are read to be compared;
    beat: called after each chunk; hold: first in each transaction. Raises nothing of its own.
    """
    found = identity_rules(run.sync_id, rules)
    news = sum(index(run.sync, side, cursors[side], upto[side], found, canonical, beat, hold) for side in Side)
    if news > CHUNK:
        bulk.recount(RemoteRecord, MatchKey)
    _close_answered(run.sync)
    sides = {cursors[side].pk: side for side in Side}
    matching = _Matching(run, found, sides, rules, in_scope, hold)
    for side in Side:
        for ids in _slices(_undecided(run.sync, side, cursors[side], upto[side])):
            matching.take(side, ids)
            beat()
    if matching.linked + matching.matches > CHUNK:
        bulk.recount(Link, Member, Match, Asked)
    return Matched(matching.linked, matching.matches, matching.ignored_keys())


def unmatched(
    sync: Sync, side: Side, rules: Rules, cursor: Cursor, upto: int, *, in_scope: InScope
) -> Iterator[list[RemoteRecord]]:
    """After `match`: chunks of a side's records that are nobody on the other side: they may be created.

    Left out is who is linked, proposed, asked about, ignored by a person, gone, unreadable, out of scope or
    pilot, what names nobody, and whose key field holds an id already, unless a person said that it is new.
    """
    for ids in _slices(_undecided(sync, side, cursor, upto)):
        records = [
            record
            for record in _nobodies(sync, side, ids)
            if (not rules.pilot or record.remote_id in rules.pilot) and in_scope(side, record)
        ]
        if records:
            yield records


class _Matching:
    """Decides chunk by chunk; what was decided once in a run is settled for the chunks after it."""

    def __init__(
        self,
        run: SyncRun,
        rules: Sequence[IdentityRule],
        sides: Mapping[int, Side],
        agreed: Rules,
        in_scope: InScope,
        hold: Callable[[], None],
    ) -> None:
        self.run = run
        self.rules = rules
        self.sides = sides
        self.pilot = agreed.pilot
        self.several = {side for side in Side if agreed.sides[side].several}
        self.created = {side for side in Side if agreed.sides[side.other].create is not Create.OFF}
        self.in_scope = in_scope
        self.hold = hold
        self.settled: set[int] = set()
        self.ignored: set[tuple[str, bytes]] = set()
        self.linked = 0
        self.matches = 0

    def take(self, side: Side, ids: Iterable[int]) -> None:
        """Decide about these records of a side and store it, in one transaction."""
        start = [pk for pk in ids if pk not in self.settled]
        if not start:
            return
        with transaction.atomic():
            self.hold()
            found = gather(self.run.sync, start, self.several)
            decision = self._decide(found)
            fresh = found.records.keys() - found.far - self.settled
            propose(self.run, decision, found, fresh, self.sides, self.created)
            self._store_questions(decision.knots, found, fresh, set(start))
        self.settled |= fresh
        self.ignored |= decision.ignored
        self.linked += len(decision.links)
        self.matches += len(decision.knots)

    def ignored_keys(self) -> list[str]:
        """Sentences for people, without the values."""
        counts = Counter(name for name, _ in self.ignored)
        most = THRONG if self.several else CROWD
        return [
            f"{rule.label}: {counts[rule.name]} value(s) are held by more than {most} records each. "
            "They linked nobody; correct them where they are placeholders."
            for rule in self.rules
            if counts[rule.name]
        ]

    def _decide(self, found: Neighbourhood) -> Decision:
        candidates = found.candidates(self.sides, self._is_blocked, self.pilot)
        decision = decide(
            candidates,
            self.rules,
            chosen=found.pairs_chosen(self.sides),
            refused=found.pairs_refused(),
            crowded=found.crowded,
            several=self.several,
        )
        told = found.told_apart(ERASED).union(*found.pairs_chosen(self.sides))
        doubtful = resembling(self.run.sync, [one for one in candidates if one.id not in told])
        return ask_about(decision, doubtful, found.members(), named={one.id for one in candidates if one.named})

    def _store_questions(self, knots: Iterable[Knot], found: Neighbourhood, fresh: Set[int], start: Set[int]) -> None:
        """Ask; a question that still holds stays the same row, one that doesn't is closed."""
        rows = {one.row.record_id: one for one in found.questions if one.row.state != Match.State.CLOSED}
        opened = {pk for pk, one in rows.items() if one.row.state == Match.State.OPEN}
        asked = {_spokesman(knot.waiting, opened, start): knot for knot in knots}
        kept = asked.keys() & opened
        over = (asked.keys() & rows.keys() | {pk for pk in opened & fresh if not rows[pk].holds_create()}) - kept
        _close([rows[pk].row.pk for pk in over] + [one.row.pk for one in found.lapsed()])
        _reword([(rows[pk], asked[pk]) for pk in sorted(kept)])
        sides = {pk: self.sides[found.records[pk].cursor_id] for pk in asked}
        _ask(self.run, {pk: knot for pk, knot in asked.items() if pk not in kept}, sides)

    def _is_blocked(self, record: RemoteRecord) -> bool:
        return record.pk in self.settled or not self.in_scope(self.sides[record.cursor_id], record)


def _spokesman(waiting: Set[int], opened: Set[int], start: Set[int]) -> int:
    """The record that a question is kept with: the one it stands with already, else one of those looked at."""
    return min(waiting & opened or waiting & start or waiting)


def _close(matches: Sequence[int]) -> None:
    if matches:
        Match.objects.filter(pk__in=matches).update(state=Match.State.CLOSED)


def _reword(kept: Sequence[tuple[Question, Knot]]) -> None:
    """Give questions that stay what has changed about them."""
    moved = [(one, knot) for one, knot in kept if one.shown != knot.records]
    told = [one.row for one, knot in kept if (one.row.rule, one.row.reason) != (knot.rule, knot.reason)]
    for one, knot in kept:
        one.row.rule, one.row.reason = knot.rule, knot.reason
    bulk.update(told, ["rule", "reason"])
    if moved:
        Asked.objects.filter(match__in=[one.row.pk for one, _ in moved]).delete()
        _show((one.row, knot) for one, knot in moved)


def _ask(run: SyncRun, asked: Mapping[int, Knot], sides: Mapping[int, Side]) -> None:
    rows = [
        Match(
            run=run,
            sync=run.sync,
            side=sides[record],
            record_id=record,
            rule=knot.rule,
            reason=knot.reason,
        )
        for record, knot in sorted(asked.items(), key=lambda item: item[0])
    ]
    bulk.insert(rows)
    _show((row, asked[row.record_id]) for row in rows)


def _show(asked: Iterable[tuple[Match, Knot]]) -> None:
    bulk.insert(
        Asked(match=row, remoterecord_id=record)
        for row, knot in asked
        for record in sorted(knot.records - {row.record_id})
    )


def _nobodies(sync: Sync, side: Side, ids: Sequence[int]) -> Iterable[RemoteRecord]:
    me = OuterRef("pk")
    mine = Match.objects.filter(sync=sync, record=me)
    shown = Asked.objects.filter(match__sync=sync, remoterecord=me)
    ignored = Q(match__state=Match.State.DECIDED, match__choice="ignore", match__decided_at__gte=OuterRef("landed_at"))
    names = MatchKey.objects.filter(sync=sync, side=side, rule=f"key:{side}", record=me)
    unlinked = Exists(mine.filter(choice=UNLINK)) | Exists(shown.filter(match__choice=UNLINK))
    said_new = mine.filter(state=Match.State.DECIDED, choice="create")
    return (
        RemoteRecord.objects.filter(pk__in=ids, gone_at=None, problem="", unnamed=False)
        .exclude(Exists(Member.objects.filter(sync=sync, side=side, record=me)))
        .exclude(Exists(mine.filter(state=Match.State.OPEN)))
        .exclude(Exists(mine.filter(state=Match.State.DECIDED, choice="ignore")))
        .exclude(Exists(shown.filter(ignored)))
        .filter(Exists(said_new) | ~(unlinked | Exists(names) | Exists(shown.filter(match__state=Match.State.OPEN))))
        .order_by("pk")
    )


def _undecided(sync: Sync, side: Side, cursor: Cursor, upto: int) -> list[int]:
    """Ids, in order, of a side's records without an active link that changed or have something unfinished."""
    members = Member.objects.filter(sync=sync, side=side).order_by()
    active = members.filter(link__state=Link.State.ACTIVE, record=OuterRef("pk")).exclude(state=Member.State.JOINING)
    creates = ChangeRecord.objects.filter(
        run__sync=sync, kind=ChangeRecord.Kind.CREATE, source__isnull=False
    ).order_by()
    # Once a create is planned for somebody, that tells whether anything is left to do; not if it was withdrawn.
    told = creates.filter(link__isnull=False)
    asked = Match.objects.filter(sync=sync).order_by()
    asked = asked.exclude(Exists(told.filter(source=OuterRef("record"))), state=Match.State.CLOSED)
    shown = Asked.objects.filter(match__sync=sync)
    shown = shown.exclude(Exists(told.filter(source=OuterRef("remoterecord"))), match__state=Match.State.CLOSED)
    # One statement whose parts each go by an index of their own.
    candidates = RemoteRecord.objects.filter(changed(sync, side, upto), cursor=cursor).order_by().values("pk")
    candidates = candidates.union(
        members.filter(Q(link__state=Link.State.PROPOSED) | Q(state=Member.State.JOINING)).values("record"),
        creates.filter(state__in=ChangeRecord.UNFINISHED).values("source"),
        asked.values("record"),
        shown.values("remoterecord"),
    )
    records = RemoteRecord.objects.filter(~Exists(active), cursor=cursor, pk__in=candidates).order_by("pk")
    # A list, since deciding alters what this asks for.
    return list(records.values_list("pk", flat=True).iterator())


def _close_answered(sync: Sync) -> None:
    """Whoever was linked meanwhile is no question any more."""
    linked = Member.objects.filter(sync=sync, link__state=Link.State.ACTIVE, record=OuterRef("record"))
    linked = linked.exclude(state=Member.State.JOINING)
    asked = Match.objects.filter(Exists(linked), sync=sync, state=Match.State.OPEN).exclude(rule=MERGED)
    asked.update(state=Match.State.CLOSED)


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
