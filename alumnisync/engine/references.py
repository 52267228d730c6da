"""Which records are one by another sync: what references need to know before a chunk of records is read.

A fixed number of statements for each sync that is referred to, however many records it is asked about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alumnisync.engine.plan import Planner
from alumnisync.engine.units import SIDES
from alumnisync.models import Link, Member
from connectors.models import Cursor, RemoteRecord
from mappings import paths
from mappings.kinds import Linked
from mappings.models import Sync
from mappings.rules import Rules, Side
from mappings.translate import Translator
from mappings.versions import current_version

Ids = Mapping[tuple[str, Side], set[str]]
"""(sync referred to, our side) → ids that are to be looked up."""


@dataclass(frozen=True)
class Through:
    """A sync that is referred to.

    sides   our side → its side with the same connection
    cursor  our side → where the records there are kept
    """

    sync: int
    sides: Mapping[Side, Side]
    cursors: Mapping[Side, int]


class References:
    """Looks up for a planner what its references name. connections: side → the connection there."""

    def __init__(self, planner: Planner, connections: Mapping[Side, int]) -> None:
        self.planner = planner
        self.pairs = [one for one in planner.translators.values() if one.pair.kind == "reference"]
        names = sorted({one.pair.through for one in self.pairs})
        self.through = {name: found for name in names if (found := _through(name, connections))}

    def load(self, records: Iterable[tuple[Side, RemoteRecord]], bases: Iterable[Mapping[str, Any]] = ()) -> None:
        """Make ready to read these records, and what they held when both sides last agreed."""
        if not self.pairs:
            return
        wanted: dict[tuple[str, Side], set[str]] = defaultdict(set)
        bases = list(bases)
        records = list(records)
        for translator in self.pairs:
            for side in SIDES:
                wanted[translator.pair.through, side] |= _named(translator, side, records, bases)
        self.planner.linked.replace(self._look_up(wanted))

    def _look_up(self, wanted: Ids) -> Linked:
        found = Linked()
        for name, through in self.through.items():
            links: set[int] = set()
            for side in SIDES:
                for id, link in _links(through, side, wanted.get((name, side), set()) - {""}):
                    found.links[name, side, id] = link
                    links.add(link)
            for link, there, id in _ids(links):
                for side in SIDES:
                    if through.sides[side] == there:
                        found.ids.setdefault((name, side, link), id)
        return found


def unlinkable(rules: Rules, connections: Mapping[Side, int]) -> list[str]:
    """Why references can't be carried out, a sentence each."""
    names = sorted({pair.through for pair in rules.pairs if pair.kind == "reference"})
    return [
        f"“through: {name}”: there is no sync so called that links records of both systems of this one."
        for name in names
        if _through(name, connections) is None
    ]


def _named(
    translator: Translator,
    side: Side,
    records: Iterable[tuple[Side, RemoteRecord]],
    bases: Iterable[Mapping[str, Any]],
) -> set[str]:
    pair = translator.pair
    values = [record.values for there, record in records if there is side]
    now = {translator.names(side, paths.get(one, pair.paths[side]), one) for one in values}
    return now | {translator.names(side, base.get(pair.key, {}).get(side.value)) for base in bases}


def _through(name: str, connections: Mapping[Side, int]) -> Through | None:
    sync = Sync.objects.filter(name=name).first()
    version = current_version(sync) if sync else None
    if sync is None or version is None:
        return None
    rows = {row.connection_id: row for row in version.sides.all()}
    if not set(connections.values()) <= rows.keys():
        return None
    there = {side: rows[connection] for side, connection in connections.items()}
    kept = Cursor.objects.filter(connection__in=rows).values_list("connection_id", "object_type", "pk")
    cursors = {(connection, kind): pk for connection, kind, pk in kept}
    return Through(
        sync.pk,
        {side: Side(row.side) for side, row in there.items()},
        {side: cursors.get((row.connection_id, row.object_type), 0) for side, row in there.items()},
    )


def _links(through: Through, side: Side, ids: set[str]) -> Iterable[tuple[str, int]]:
    if not ids:
        return ()
    members = Member.objects.filter(
        sync=through.sync,
        side=through.sides[side],
        link__state=Link.State.ACTIVE,
        record__cursor=through.cursors[side],
        record__remote_id__in=ids,
    )
    return members.order_by().values_list("record__remote_id", "link_id")


def _ids(links: set[int]) -> Iterable[tuple[int, str, str]]:
    """Link, side and id of each of their records that is still there, the one that was first linked first."""
    if not links:
        return ()
    members = Member.objects.filter(link__in=links, record__gone_at=None)
    return members.order_by("pk").values_list("link_id", "side", "record__remote_id")
