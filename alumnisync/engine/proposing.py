"""Storing what matching decided: links proposed, records that are to join a link, proposals that are over.

What still holds stays the same row, for conflicts and decisions hang on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from django.db.models import Q

from alumnisync.engine.identity import Decision
from alumnisync.engine.neighbours import Neighbourhood
from alumnisync.models import Link, Match, Member, SyncRun
from connectors import bulk
from mappings.rules import Side

WITHDRAWN = "A link that was proposed for it no longer holds."
ALONE = "created"
"""The rule of a link with records of one side: the other record is to be created."""

Records = frozenset[int]


def propose(
    run: SyncRun,
    decision: Decision,
    found: Neighbourhood,
    fresh: Set[int],
    sides: Mapping[int, Side],
    created: Set[Side],
) -> None:
    """Bring the proposals about these records in line with what was decided; inside a transaction.

    fresh: who was decided about just now; sides: cursor id → side; created: sides whose people are created on the
    other one.
    """
    _Proposing(run, decision, found, {pk: sides[one.cursor_id] for pk, one in found.records.items()}).store(
        fresh, created
    )


def withdraw(run: SyncRun, proposals: Iterable[int], taken: Set[int]) -> None:
    """Drop proposed links. taken: who of them is somebody else now."""
    links = list(proposals)
    _release(run, Member.objects.filter(link__in=links), taken)
    Link.objects.filter(pk__in=links).delete()


def _release(run: SyncRun, members: Iterable[Member], taken: Set[int]) -> None:
    """Who was proposed and is nobody now leaves a trace, or planning would never see them again."""
    closed = Match.State.CLOSED
    bulk.insert(
        Match(run=run, sync=run.sync, side=one.side, record_id=one.record_id, state=closed, reason=WITHDRAWN)
        for one in members
        if one.record_id not in taken
    )


@dataclass
class _Proposing:
    """sides: record → its side."""

    run: SyncRun
    decision: Decision
    found: Neighbourhood
    sides: Mapping[int, Side]

    def store(self, fresh: Set[int], created: Set[Side]) -> None:
        wanted = self._wanted(created)
        kept = self._kept(wanted)
        taken = frozenset().union(
            *(one for one, rule in wanted.items() if rule != ALONE or one in kept.values()),
            *(knot.waiting for knot in self.decision.knots),
            (record for record, _ in self.decision.joins),
        )
        # Whoever moves from one person to another leaves before they join: nobody is in two links.
        self._withdraw(kept, taken, fresh)
        self._leave(kept, taken, fresh)
        self._join(kept)
        _rename({link: wanted[records] for link, records in kept.items()})
        _bring_up(self.run, {one: rule for one, rule in wanted.items() if one not in kept.values()}, self.sides)

    def _wanted(self, created: Set[Side]) -> dict[Records, str]:
        """The records of each link → its rule. Who is alone as one record is proposed by planning."""
        held = frozenset().union(*(one.withheld for one in self.found.questions))
        former = {record for records in self.found.proposals.values() if len(records) > 1 for record in records}
        alone = [one for one in self.decision.alone if self.sides[min(one)] in created and not one & held]
        alone = [one for one in alone if len(one) > 1 or one & former]
        return {one.records: one.rule for one in self.decision.links} | dict.fromkeys(alone, ALONE)

    def _kept(self, wanted: Mapping[Records, str]) -> dict[Link, Records]:
        """The proposals that go on: with the same records, or with more or fewer of a side that has several."""
        place = {record: records for records in wanted for record in records}
        kept: dict[Link, Records] = {}
        for link, members in sorted(self.found.proposals.items(), key=lambda item: item[0].pk):
            near = {place[record] for record in members if record in place}
            if len(near) == 1 and self._goes_on(members, *near) and not near & set(kept.values()):
                kept[link] = near.pop()
        return kept

    def _goes_on(self, members: Records, records: Records) -> bool:
        is_same = {self.sides.get(one) for one in members} == {self.sides[one] for one in records}
        return is_same and (members <= records or records <= members)

    def _withdraw(self, kept: Mapping[Link, Records], taken: Set[int], fresh: Set[int]) -> None:
        others = {link: members for link, members in self.found.proposals.items() if link not in kept}
        # A proposal of one record belongs to a planned create: it goes once the record is anything else.
        stale = [link.pk for link, members in others.items() if members & (taken if len(members) == 1 else fresh)]
        if stale:
            withdraw(self.run, stale, taken)

    def _leave(self, kept: Mapping[Link, Records], taken: Set[int], fresh: Set[int]) -> None:
        """Take records out of proposals that go on without them, and out of links that they no longer join."""
        joins = dict(self.decision.joins)
        over = [one.pk for pk, one in self.found.joining.items() if pk in fresh and joins.get(pk) != one.link_id]
        out = [(link.pk, pk) for link, records in kept.items() for pk in self.found.proposals[link] - records]
        if over or out:
            left = Q(pk__in=over) | Q(link__in=[link for link, _ in out], record__in=[pk for _, pk in out])
            rows = Member.objects.filter(left)
            _release(self.run, rows, taken)
            rows.delete()

    def _join(self, kept: Mapping[Link, Records]) -> None:
        """Records that join a link do so when the plan is carried out; a proposal has all of its own at once."""
        before = {pk: one.link_id for pk, one in self.found.joining.items()}
        joins = {pk: link for pk, link in self.decision.joins if before.get(pk) != link}
        self._add(joins, Member.State.JOINING)
        self._add({pk: link.pk for link, records in kept.items() for pk in records - self.found.proposals[link]})

    def _add(self, joined: Mapping[int, int], state: str = Member.State.PRESENT) -> None:
        bulk.insert(
            Member(sync=self.run.sync, link_id=link, side=self.sides[pk], record_id=pk, state=state)
            for pk, link in sorted(joined.items())
        )


def _rename(rules: Mapping[Link, str]) -> None:
    renamed = [link for link, rule in rules.items() if link.rule != rule]
    for link in renamed:
        link.rule = rules[link]
    bulk.update(renamed, ["rule"])


def _bring_up(run: SyncRun, wanted: Mapping[Records, str], sides: Mapping[int, Side]) -> None:
    links = [Link(sync=run.sync, rule=rule) for rule in wanted.values()]
    bulk.insert(links)
    bulk.insert(
        Member(sync=run.sync, link_id=link.pk, side=sides[record], record_id=record)
        for link, records in zip(links, wanted, strict=True)
        for record in sorted(records, key=lambda pk: (sides[pk], pk))
    )
