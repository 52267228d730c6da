"""Somebody to try rules on: a linked person, else whoever is there, read anew where fields are lacking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import islice
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Exists, Model, OuterRef, QuerySet

from alumnisync.engine.keys import IdentityRule, Reader, identity_rules, keys
from alumnisync.engine.opening import match_reader
from alumnisync.models import Link, Member
from alumnisync.rehearsal import Rehearsal, Unready
from connectors.base import Connector
from connectors.checking import verify
from connectors.models import RemoteRecord
from connectors.records import ConnectorError, Record
from connectors.registry import connectors
from mappings import paths
from mappings.rules import Side

FEWEST = 5
"""Records looked at among those that a system finds by a match field."""

M = TypeVar("M", bound=Model)
Held = Mapping[Side, RemoteRecord]


def find_somebody(rehearsal: Rehearsal, skip: int) -> Held:
    """Side → the record of one person with all the fields that the rules speak of; empty where nobody is there yet.

    skip: how many people to pass over. Raises Unready, with what a system said when it did not let us read.
    """
    with ExitStack() as opened:
        return _Search(rehearsal, opened).somebody(skip)


class _Search:
    def __init__(self, rehearsal: Rehearsal, opened: ExitStack) -> None:
        self.rehearsal = rehearsal
        self.opened = opened
        self.connectors: dict[Side, Connector] = {}

    def somebody(self, skip: int) -> Held:
        linked = {side: self._whole(side, record) for side, record in self._linked(skip).items()}
        if there := {side: record for side, record in linked.items() if record}:
            return there
        for side in Side:
            if record := self._anybody(side, skip):
                partner = self._partner(side, record)
                return {side: record, **({side.other: partner} if partner else {})}
        return {}

    def _linked(self, skip: int) -> Held:
        """Somebody linked, or at least proposed to be by a preview."""
        links = Link.objects.filter(sync=self.rehearsal.sync).order_by("state", "pk")
        for side, end in self.rehearsal.ends.items():
            members = Member.objects.filter(link=OuterRef("pk"), side=side, record__cursor=end.cursor)
            links = links.filter(Exists(members.filter(record__gone_at=None, record__cursor__isnull=False)))
        members = Member.objects.filter(link=_one_of(links, skip), record__gone_at=None).select_related("record")
        # Of several records of a side, the newest.
        members = members.order_by("record__created_there", "pk")
        return {Side(member.side): member.record for member in members}

    def _anybody(self, side: Side, skip: int) -> RemoteRecord | None:
        cursor = self.rehearsal.ends[side].cursor
        landed = RemoteRecord.objects.filter(gone_at=None, problem="").order_by("pk")
        record = _one_of(landed.filter(cursor=cursor), skip) if cursor else None
        return self._whole(side, record) if record else self._unread(side, skip)

    def _unread(self, side: Side, skip: int) -> RemoteRecord | None:
        """Somebody of the first page, where a system was never read yet and looking uses nothing up."""
        narrow = self.rehearsal.rules.sides[side].narrow
        with self._asking(side) as connector:
            if not connector.may_look:
                return None
            pages = connector.poll(self._kind(side), None, self.rehearsal.fields(side), narrow=narrow)
            first = next(iter(pages), None)
        records = [one for one in first.records if not one.deleted and not one.problem] if first else []
        return _unsaved(records[skip % len(records)]) if records else None

    def _whole(self, side: Side, record: RemoteRecord) -> RemoteRecord | None:
        """The record with every field, as last read or as it is now; None where it is not there any more."""
        fields = self.rehearsal.fields(side)
        if not self.rehearsal.ends[side].unread(fields) and not record.problem:
            return record
        with self._asking(side) as connector:
            found = next(iter(connector.read(self._kind(side), [record.remote_id], fields)), None)
        return _unsaved(found) if found else None

    def _partner(self, side: Side, record: RemoteRecord) -> RemoteRecord | None:
        """Whom the other system finds by a rule that says who is the same person."""
        reader = match_reader(self.rehearsal.ctx.planner)
        for rule in identity_rules(self.rehearsal.sync.pk, self.rehearsal.ctx.rules):
            wanted = _keys(rule, side, record, reader)
            # That nobody could be looked up is no news here: a preview reads everybody.
            with suppress(Unready):
                for found in self._candidates(rule, side, record) if wanted else ():
                    if wanted & _keys(rule, side.other, found, reader):
                        return found
        return None

    def _candidates(self, rule: IdentityRule, side: Side, record: RemoteRecord) -> list[RemoteRecord]:
        other = side.other
        with self._asking(other) as connector:
            if rule.holder is side:
                ids = [str(paths.get(record.values, rule.paths[side][0]))]
            elif by := self._looked_up_by(rule, side, record):
                ids = [found.id for found in islice(connector.find(self._kind(other), by[0], [by[1]]), FEWEST)]
            else:
                return []
            return [_unsaved(found) for found in connector.read(self._kind(other), ids, self.rehearsal.fields(other))]

    def _looked_up_by(self, rule: IdentityRule, side: Side, record: RemoteRecord) -> tuple[str, str] | None:
        """A field over there that its system can look up, and what to look for in it."""
        described = self.rehearsal.ends[side.other].described
        own = [record.remote_id] if rule.holder else [paths.get(record.values, path) for path in rule.paths[side]]
        for path, value in zip(rule.paths[side.other], own, strict=True):
            if described and described.can_find(path) and isinstance(value, str) and value.strip():
                return path, value.strip()
        return None

    def _kind(self, side: Side) -> str:
        return self.rehearsal.ends[side].object_type

    @contextmanager
    def _asking(self, side: Side) -> Iterator[Connector]:
        """The side's system, signed in to; what it says when it refuses is raised as Unready."""
        try:
            if side not in self.connectors:
                self.connectors[side] = self._open(side)
            yield self.connectors[side]
        except (ConnectorError, ImproperlyConfigured) as error:
            raise Unready(f"{self.rehearsal.ends[side].connection}: {error}") from error

    def _open(self, side: Side) -> Connector:
        connection = self.rehearsal.ends[side].connection
        if connection.system not in connectors():
            raise Unready(f"{connection} connects to a system that this installation does not have.")
        connector = self.opened.enter_context(closing(connection.open()))
        # A connection that leads elsewhere by now must not show other people's data.
        verify(connection, connector)
        return connector


def _one_of(rows: QuerySet[M], skip: int) -> M | None:
    """The row after so many others, from the beginning again after the last."""
    return next(iter(rows[skip : skip + 1]), None) or (rows[skip % count] if skip and (count := rows.count()) else None)


def _unsaved(record: Record) -> RemoteRecord:
    return RemoteRecord(remote_id=record.id, values=record.values)


def _keys(
    rule: IdentityRule, side: Side, record: RemoteRecord, reader: Callable[[Side, str], Reader]
) -> frozenset[bytes]:
    readers = {path: reader(side, path) for path in rule.paths.get(side, ())}
    return keys(rule, side, record.remote_id, record.values, readers)
