"""Why what a system counts of its records is not what was read of them: its whole list is read anew and compared.

Nothing of it is stored. It is held page by page; of the whole only a hash of each id is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field
from decimal import Context as Precision
from decimal import Decimal
from typing import Any

from alumnisync.engine.context import CHUNK, Context
from alumnisync.engine.seen import SeenIds
from connectors.models import RemoteRecord
from connectors.records import Page, Record, Total, Values
from mappings import paths
from mappings.rules import PairRules, Side

MOST_NAMED = 50
"""Transactions of one line that are named; how many there are is said besides."""
EXACT = Precision(prec=120)
NONE = Total(0, Decimal(0))

Place = tuple[str, str]
"""A field that a system counts by, and one of its values."""


@dataclass
class Named:
    """Records of which the first ones are named."""

    ids: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, id: str) -> None:
        self.count += 1
        if len(self.ids) < MOST_NAMED:
            self.ids.append(id)


@dataclass
class Missed:
    """What makes the difference at one place.

    unread     the system has them, and they were never read
    vanished   they were read, and it has them no more
    otherwise  it has them with another amount or value than was read
    listed     what its list adds up to
    """

    unread: Named = field(default_factory=Named)
    vanished: Named = field(default_factory=Named)
    otherwise: Named = field(default_factory=Named)
    listed: Total = NONE

    def as_json(self) -> dict[str, Any]:
        causes = {"unread": self.unread, "vanished": self.vanished, "otherwise": self.otherwise}
        return {name: asdict(named) for name, named in causes.items()}


@dataclass(frozen=True)
class Measure:
    """How the records of a side are counted: by which fields, and which amount."""

    ctx: Context
    side: Side
    money: PairRules

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it takes."""
        return (*sorted(self.ctx.ends[self.side].described.totals), self.money.paths[self.side])

    def places(self, values: Values) -> frozenset[Place]:
        """Where a record counts."""
        found = {by: paths.get(values, by) for by in self.ctx.ends[self.side].described.totals}
        return frozenset((by, str(value) if value else "") for by, value in found.items())

    def amount(self, values: Values, side: Side | None = None) -> Decimal:
        """The exact amount, in whatever currency; nothing where it can't be read, which is then a difference."""
        of = side or self.side
        translator = self.ctx.planner.translators[self.money.key]
        value = translator.read_raw(of, paths.get(values, translator.pair.paths[of])).value
        return value[0] if isinstance(value, tuple) else Decimal(0)

    def stored(self) -> Iterator[list[RemoteRecord]]:
        """What was read and is still there, a chunk with one statement."""
        there = RemoteRecord.objects.filter(cursor=self.ctx.ends[self.side].cursor, gone_at=None).order_by("pk")
        last = 0
        while chunk := list(there.filter(pk__gt=last).defer("field_times")[:CHUNK]):
            last = chunk[-1].pk
            yield chunk
            self.ctx.beat()


def more(total: Total, amount: Decimal) -> Total:
    """One record more."""
    return Total(total.count + 1, EXACT.add(total.sum, amount))


def look_anew(measure: Measure, differing: Set[Place]) -> Mapping[Place, Missed]:
    """What makes the difference at each of these places. Raises ConnectorError where the list can't be read."""
    found = {place: Missed() for place in differing}
    end, seen = measure.ctx.ends[measure.side], SeenIds()
    for page in end.connector.poll(end.described.name, None, measure.fields):
        _compare(measure, found, _unseen(page, seen))
        measure.ctx.beat()
    for chunk in measure.stored():
        for row in chunk:
            if row.remote_id not in seen:
                for place in measure.places(row.values) & found.keys():
                    found[place].vanished.add(row.remote_id)
    return found


def _unseen(page: Page, seen: SeenIds) -> list[Record]:
    """Those that no page brought before: a list that broke off begins again."""
    fresh = {one.id: one for one in page.records if not (one.deleted or one.problem or one.id in seen)}
    for id in fresh:
        seen.add(id)
    return list(fresh.values())


def _compare(measure: Measure, found: Mapping[Place, Missed], records: list[Record]) -> None:
    cursor = measure.ctx.ends[measure.side].cursor
    stored = RemoteRecord.objects.filter(cursor=cursor, gone_at=None, remote_id__in=[one.id for one in records])
    rows = {row.remote_id: row for row in stored.defer("field_times").order_by()}
    for record in records:
        there, amount = measure.places(record.values), measure.amount(record.values)
        for place in there & found.keys():
            found[place].listed = more(found[place].listed, amount)
        row = rows.get(record.id)
        if row is None:
            for place in there & found.keys():
                found[place].unread.add(record.id)
            continue
        here = measure.places(row.values)
        moved = here ^ there if measure.amount(row.values) == amount else here | there
        for place in moved & found.keys():
            found[place].otherwise.add(record.id)
