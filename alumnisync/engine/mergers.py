"""Records that their system merged into others: the one that is left takes the other's place in its link.

Before matching, so that nobody is created for whoever seems to have lost a partner. Where both were linked, with
different people, a person is asked, and nothing is written to either until it is decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from django.db import transaction

from alumnisync.engine.context import Context, chunks
from alumnisync.engine.identity import MERGED
from alumnisync.engine.proposing import withdraw
from alumnisync.engine.units import SIDES
from alumnisync.models import Link, Match, Member
from connectors import bulk
from connectors.models import RemoteRecord
from mappings.models import Sync
from mappings.rules import Side

REASON = (
    "Two records that were linked with different people were merged into this one. Nothing is written to either until "
    "you say with which it is linked from now on."
)
LONGEST_CHAIN = 10


@dataclass(frozen=True, slots=True)
class _Merger:
    """A linked record that was merged into another, and what that one is by now."""

    loser: Member
    winner: RemoteRecord
    now: Member | None


def follow_mergers(ctx: Context) -> None:
    """Let records take the place of those merged into them, and ask where both were somebody."""
    for side in SIDES:
        losers = Member.objects.filter(
            sync=ctx.sync, side=side, link__state=Link.State.ACTIVE, record__gone_at__isnull=False
        ).exclude(record__merged_into="")
        for rows in chunks(losers.exclude(state=Member.State.LEFT).select_related("record").order_by("pk")):
            with transaction.atomic():
                ctx.lease.hold()
                _follow(ctx, side, rows)
            ctx.beat()


def _follow(ctx: Context, side: Side, losers: Iterable[Member]) -> None:
    found = list(_mergers(ctx, side, list(losers)))
    proposed = [one.now.link_id for one in found if one.now and one.now.link.state == Link.State.PROPOSED]
    if proposed:
        withdraw(ctx.run, proposed, {one.winner.pk for one in found})
    free: dict[int, Member] = {}
    for one in found:
        if one.now is None or one.now.link_id in proposed or one.now.state == Member.State.JOINING:
            free.setdefault(one.winner.pk, _heir(one))
    _take_places(ctx, side, free)
    _settle_rivals(ctx, side, [replace(one, now=free.get(one.winner.pk, one.now)) for one in found])


def _heir(one: _Merger) -> Member:
    """Carried out with the plan: a preview moves nobody."""
    loser = one.loser
    coming = Member.State.COMING
    return Member(sync_id=loser.sync_id, link_id=loser.link_id, side=loser.side, record=one.winner, state=coming)


def _mergers(ctx: Context, side: Side, losers: list[Member]) -> Iterable[_Merger]:
    cursor = ctx.ends[side].cursor
    known: dict[str, RemoteRecord] = {}
    wanted = {one.record.merged_into for one in losers}
    for _ in range(LONGEST_CHAIN):
        if not wanted:
            break
        rows = RemoteRecord.objects.filter(cursor=cursor, remote_id__in=wanted)
        fresh = {row.remote_id: row for row in rows.defer("values", "field_times")}
        known |= fresh
        wanted = {row.merged_into for row in fresh.values() if row.merged_into} - known.keys()
    members = {
        one.record_id: one
        for one in Member.objects.filter(
            sync=ctx.sync, side=side, record__in=[row.pk for row in known.values()]
        ).select_related("link")
    }
    for loser in losers:
        winner = _end_of(loser.record.merged_into, known)
        if winner is not None and winner.gone_at is None:
            yield _Merger(loser, winner, members.get(winner.pk))


def _end_of(id: str, known: Mapping[str, RemoteRecord]) -> RemoteRecord | None:
    """Where a chain of mergers ends, as far as it is known."""
    for _ in range(LONGEST_CHAIN):
        if id not in known or not known[id].merged_into:
            break
        id = known[id].merged_into
    return known.get(id)


def _take_places(ctx: Context, side: Side, heirs: Mapping[int, Member]) -> None:
    if not heirs:
        return
    Member.objects.filter(sync=ctx.sync, side=side, record__in=heirs, state=Member.State.JOINING).delete()
    bulk.insert(heirs.values())
    asked = Match.objects.filter(sync=ctx.sync, record__in=heirs, state=Match.State.OPEN)
    asked.update(state=Match.State.CLOSED)


def _settle_rivals(ctx: Context, side: Side, found: Iterable[_Merger]) -> None:
    """Two linked people whose records are one now: ask, or do what was decided."""
    rivals = {one.winner.pk: one for one in found if one.now and one.now.link_id != one.loser.link_id}
    if not rivals:
        return
    open_ones = Match.objects.filter(sync=ctx.sync, side=side, record__in=rivals).exclude(state=Match.State.CLOSED)
    open_ones.exclude(rule=MERGED).update(state=Match.State.CLOSED)
    asked = {question.record_id: question for question in open_ones.filter(rule=MERGED)}
    partners = _partners(side, [pk for one in rivals.values() for pk in _links(one)])
    _ask(ctx, side, [one for pk, one in rivals.items() if pk not in asked], partners)
    for pk, question in asked.items():
        if question.state == Match.State.DECIDED:
            _carry_out(question, rivals[pk], partners)


def _links(one: _Merger) -> list[int]:
    return [one.loser.link_id, *([one.now.link_id] if one.now else [])]


def _partners(side: Side, links: Iterable[int]) -> dict[int, list[int]]:
    """Link → its records on the other side."""
    found: dict[int, list[int]] = defaultdict(list)
    for link, record in Member.objects.filter(link__in=links, side=side.other).values_list("link_id", "record_id"):
        found[link].append(record)
    return found


def _ask(ctx: Context, side: Side, rivals: Iterable[_Merger], partners: Mapping[int, list[int]]) -> None:
    questions = [
        (Match(run=ctx.run, sync=ctx.sync, side=side, record=one.winner, rule=MERGED, reason=REASON), one)
        for one in rivals
    ]
    bulk.insert(question for question, _ in questions)
    bulk.insert(
        Match.candidates.through(match=question, remoterecord_id=pk)
        for question, one in questions
        for link in _links(one)
        for pk in partners[link]
    )


def _carry_out(question: Match, one: _Merger, partners: Mapping[int, list[int]]) -> None:
    """The record that is left stays with its own person, or becomes the other's where a person chose that one."""
    if one.now and question.chosen_id in partners[one.loser.link_id]:
        one.now.link_id = one.loser.link_id
        one.now.save(update_fields=["link"])
    # Whoever lost its record stays linked with nobody: it is not created anew.
    one.loser.delete()
    # What waited meanwhile is planned with the others that come.
    present = Member.objects.filter(link__in=_links(one), side=question.side, state=Member.State.PRESENT)
    present.update(state=Member.State.COMING)
    question.state = Match.State.CLOSED
    question.save(update_fields=["state"])


def frozen(sync: Sync, links: Iterable[int]) -> set[int]:
    """Which of these links wait for a person to say whose a merged record is."""
    asked = Match.objects.filter(sync=sync, rule=MERGED, state=Match.State.OPEN)
    members = Member.objects.filter(link__in=links, record__in=asked.values("candidates"))
    return set(members.values_list("link_id", flat=True))
