"""Rules as somebody has them on the screen, ready to be tried and counted: stored nowhere, no system asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfoNotFoundError

from alumnisync.describing import field_of, fitted, lengths
from alumnisync.engine.context import Context
from alumnisync.engine.lease import Lease
from alumnisync.engine.plan import Planner
from alumnisync.engine.poll import fields_of
from alumnisync.models import SyncRun
from connectors.described import recall
from connectors.models import Connection, Cursor
from connectors.records import ObjectType
from mappings import paths
from mappings.models import Sync
from mappings.rules import Rules, Side
from mappings.setup.compiling import rules_in
from mappings.setup.contents import Contents
from mappings.translate import Translator

logger = logging.getLogger(__name__)


class Unready(Exception):
    """The rules can't be tried or counted yet. The text is for people."""


@dataclass(frozen=True)
class End:
    """One side: described as last seen, and cursor where its records were read before."""

    connection: Connection
    object_type: str
    described: ObjectType | None
    cursor: Cursor | None

    def lacks(self, path: str) -> bool:
        """Whether the system says which fields it has, and this is none of them."""
        known = self.described
        return known is not None and known.fields_known and field_of(known, path) is None

    def unread(self, fields: Iterable[str]) -> list[str]:
        """Which of these fields the records read so far do not have with them."""
        read = {paths.root(path) for path in self.cursor.fields} if self.cursor else set()
        return sorted({paths.root(path) for path in fields} - read)


@dataclass(frozen=True)
class Rehearsal:
    """What is needed to try rules. ctx: their judgement without systems; broken: pair → why it can't be carried out."""

    sync: Sync
    ends: Mapping[Side, End]
    rules: Rules
    ctx: Context
    broken: Mapping[str, str]

    def fields(self, side: Side) -> list[str]:
        """What a run would ask this side for, as far as it is there."""
        return sorted({path for path in fields_of(self.rules, side) if not self.ends[side].lacks(path)})


def rehearse(sync: Sync, contents: Contents) -> Rehearsal:
    """The rules made ready. Raises Unready where a side is not chosen yet."""
    ends = {side: _end(contents, side) for side in Side}
    zones = {side: end.connection.settings.get("time_zone") or "UTC" for side, end in ends.items()}
    described = {side: end.described or ObjectType(end.object_type, "") for side, end in ends.items()}
    rules = rules_in(contents, zones)
    rules = fitted(rules_in(contents, zones, lengths(rules, described)), described)
    broken = dict(_broken(rules, zones))
    sound = replace(rules, pairs=tuple(pair for pair in rules.pairs if pair.key not in broken))
    run = SyncRun(sync=sync)
    return Rehearsal(sync, ends, rules, Context(run, sound, Planner(sound), {}, Lease(run), logger.info), broken)


def end_of(contents: Contents, side: Side) -> End | None:
    """What is known of a side; None where it is not chosen yet."""
    said = contents.sides.get(side, {})
    connection = Connection.objects.filter(name=said.get("connection", "")).first()
    if connection is None or not said.get("object"):
        return None
    kind = said["object"]
    cursor = Cursor.objects.filter(connection=connection, object_type=kind).first()
    return End(connection, kind, recall(connection, kind), cursor)


def _end(contents: Contents, side: Side) -> End:
    end = end_of(contents, side)
    if end is None:
        raise Unready("Choose a connection and a kind of record for both sides first.")
    return end


def _broken(rules: Rules, zones: Mapping[Side, str]) -> Iterator[tuple[str, str]]:
    for pair in rules.pairs:
        try:
            Translator(pair, zones)
        except (ValueError, ZoneInfoNotFoundError) as error:
            yield pair.key, str(error)
