"""What the steps of a run share: the run, its rules, and both sides with their open connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from alumnisync.engine.lease import Lease
from alumnisync.engine.plan import Planner
from alumnisync.engine.references import References
from alumnisync.models import SyncRun
from connectors.base import Connector
from connectors.models import Connection, Cursor, RemoteRecord
from connectors.records import ObjectType
from mappings.models import Sync
from mappings.rules import Rules, Side
from mappings.transforms import ExpressionError, compile_scope

CHUNK = 500
"""People handled in one transaction; also the most ids in one SQL statement."""

T = TypeVar("T")
K = TypeVar("K")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Lists of at most `size`, in order."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def grouped(items: Iterable[T], key: Callable[[T], K]) -> defaultdict[K, list[T]]:
    """Key → its items, in their order; nothing for a key that no item has."""
    found: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found


@dataclass(frozen=True, slots=True)
class End:
    """One end of a sync: the open connection, and what is known of the object type there.

    appeared: names of the fields that it described now for the first time
    """

    side: Side
    connection: Connection
    connector: Connector
    cursor: Cursor
    described: ObjectType
    label: str
    appeared: frozenset[str] = frozenset()


@dataclass
class Context:
    """A run under way.

    erased_rows: side → change ids that its feed brought of people who were erased; kept nowhere else
    """

    run: SyncRun
    rules: Rules
    planner: Planner
    ends: Mapping[Side, End]
    lease: Lease
    say: Callable[[str], None]
    erased_rows: dict[Side, Sequence[str]] = field(default_factory=dict)

    @property
    def sync(self) -> Sync:
        return self.run.sync

    @cached_property
    def references(self) -> References:
        """What looks up the records that others refer to."""
        return References(self.planner, {side: end.connection.pk for side, end in self.ends.items()})

    @cached_property
    def _scopes(self) -> Mapping[Side, Callable[[dict[str, Any]], bool]]:
        return {side: compile_scope(rules.scope) for side, rules in self.rules.sides.items() if rules.scope}

    def beat(self) -> None:
        """Prolong the lease. Raises LeaseLost."""
        self.lease.beat()

    def keep(self, *fields: str) -> None:
        """Store these fields of the run. Raises LeaseLost."""
        with self.lease.held():
            self.run.save(update_fields=fields)

    def takes_part(self, side: Side, record: RemoteRecord) -> bool:
        """Whether the record is there, readable, and in the scope of its side."""
        if record.gone_at is not None or record.problem:
            return False
        try:
            return self._is_in_scope(side, record)
        except ExpressionError:
            return False

    def scope_problem(self, side: Side, record: RemoteRecord) -> str:
        """Why it can't be told whether the record takes part, in words; "" where it can."""
        try:
            self._is_in_scope(side, record)
        except ExpressionError as error:
            return f"Who takes part can't be told for this record: {error}"
        return ""

    def _is_in_scope(self, side: Side, record: RemoteRecord) -> bool:
        scope = self._scopes.get(side)
        return scope is None or scope(record.values)

    def is_piloted(self, records: Iterable[RemoteRecord]) -> bool:
        """Whether a person is among those a live sync is narrowed to; everybody, where it isn't narrowed."""
        return not self.rules.pilot or any(record.remote_id in self.rules.pilot for record in records)

    def close(self) -> None:
        """Close both connections."""
        for end in self.ends.values():
            end.connector.close()
