"""The reference connector: a system that lives in this process, for tests only.

A test makes a `Store`, puts it into `stores` under a name, and works on it as the people at that system
would; a connection of system "memory" whose setting `store` is that name speaks to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings as installation

from connectors.base import Connector, ConnectorSettings
from connectors.records import (
    ConnectorError,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Total,
    Values,
    Write,
)
from connectors.systems.memory.store import Failure, Row, Store, moment, stores

__all__ = ["Failure", "MemoryConnector", "Store", "stores"]


class MemorySettings(ConnectorSettings):
    store = forms.CharField(label="Store", help_text="The name of a store in this process.")


class MemoryConnector(Connector):
    """Speaks to a store of this process."""

    name = "memory"
    label = "Memory (for tests)"
    about = "A system that lives in this program's memory and is gone when it stops. For tests only."
    Settings = MemorySettings

    @classmethod
    def is_offered(cls) -> bool:
        return bool(installation.ALLOW_MEMORY_SYSTEM)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        if not installation.ALLOW_MEMORY_SYSTEM:
            raise NeedsAttention("The memory system is for tests only. Choose another one.")
        if settings["store"] not in stores:
            raise NeedsAttention(f"This process has no store called “{settings['store']}”. Make it first.")
        self.store = stores[settings["store"]]
        # Each store has its own; the contract declares it for the class.
        vars(self)["batch_size"] = self.store.batch_size

    def check(self) -> Identity:
        self._call("check")
        return Identity(organisation=self.store.organisation, label="Memory", environment="test")

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        self._call("describe")
        kinds = self.store.types
        return tuple(kind for name, kind in kinds.items() if not object_types or name in object_types)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """A cursor is {"began": tick}, and before the last page {"began", "since", "after": [tick, id]}.

        The next poll starts from the tick at which this one began: what moved while it ran comes again.
        A feed has no cursor: its rows come until they are processed.
        """
        if self.store.types[object_type].feed:
            yield from self._changes(object_type, fields)
            return
        whole = self.store.types[object_type].whole_lists
        start = {"began": self.store.tick, "since": None if whole or not cursor else cursor["began"]}
        state = cursor if cursor and "after" in cursor else {**start, "after": [start["since"] or 0, ""]}
        is_from_start = state is not cursor
        for _ in range(self.store.short_lists or sys.maxsize):
            self._call("poll", object_type)
            records, after, is_last = self._slice(object_type, state, fields)
            state = {"began": state["began"]} if is_last else {**state, "after": list(after)}
            page = Page(records, state, complete=is_last and whole and is_from_start)
            yield from [replace(page, complete=False)] * self.store.repeat_pages
            yield page
            if is_last:
                return

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        self._call("read", object_type, ids)
        rows = self.store.live(object_type)
        for id in ids:
            if id in rows:
                yield self._record(object_type, id, self._as_read(rows[id]), fields)

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        if not self.store.types[object_type].can_find(field):
            yield from super().find(object_type, field, values)
        self._call("find", object_type)
        for id, row in self.store.live(object_type).items():
            if self._as_read(row).values.get(field) in values:
                yield self._record(object_type, id, self._as_read(row), list(row.values))

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        self.store.called("write", object_type, [write.id or "" for write in writes])
        if len(writes) > self.store.batch_size:
            raise NeedsAttention(f"At most {self.store.batch_size} writes are taken in one call.")
        if self.store.read_only:
            raise NeedsAttention("This user may not write here. Give it the right to, or use another.")
        for write in writes:
            yield self._write_one(object_type, write)

    def totals(self, object_type: str, by: str, of: str) -> Mapping[str, Total]:
        if by not in self.store.types[object_type].totals:
            return super().totals(object_type, by, of)
        self._call("totals", object_type)
        return self.store.totals(object_type, by, of)

    def acknowledge(self, object_type: str, change_ids: Sequence[str]) -> None:
        self.store.called("acknowledge", object_type, change_ids)
        failure = self.store.failure("acknowledge")
        if failure is None or failure.after:
            self.store.process(object_type, change_ids)
        if failure is not None:
            raise failure.error

    def _write_one(self, object_type: str, write: Write) -> Outcome:
        failure = self.store.failure("write")
        try:
            if failure is None or failure.after:
                id = self.store.carry_out(object_type, write)
            if failure is not None:
                raise failure.error
        except ConnectorError as error:
            if failure is not None and failure.raised:
                raise
            return Outcome(id=write.id or "", error=error)
        if not self.store.answer_with_record:
            return Outcome(id)
        row = self.store.live(object_type)[id]
        return Outcome(id, self._record(object_type, id, row, list(row.values)))

    def _call(self, method: str, object_type: str = "", ids: Sequence[str] = ()) -> None:
        self.store.called(method, object_type, ids)
        failure = self.store.failure(method)
        if failure is not None:
            raise failure.error

    def _changes(self, object_type: str, fields: Sequence[str]) -> Iterator[Page]:
        with self.store.lock:
            rows = tuple(self.store.changes[object_type])
        for start in range(0, len(rows) or 1, self.store.page_size):
            self._call("poll", object_type)
            taken = rows[start : start + self.store.page_size]
            page = Page(tuple(Record(row.person, _asked(row.values, fields), change_id=row.id) for row in taken))
            yield from [page] * (self.store.repeat_pages + 1)

    def _slice(
        self, object_type: str, state: dict[str, Any], fields: Sequence[str]
    ) -> tuple[tuple[Record, ...], tuple[int, str], bool]:
        """The next page of a poll, the place where it ends, and whether it is the last."""
        with self.store.lock:
            changes = state["since"] is not None
            rows = {id: row for id, row in self.store.rows[object_type].items() if changes or not row.deleted}
            after = (state["after"][0], state["after"][1])
            left = sorted(place for id, row in rows.items() if (place := (row.modified, id)) > after)
            taken = left[: self.store.page_size]
            records = tuple(self._record(object_type, id, rows[id], fields) for _, id in taken)
            return records, taken[-1] if taken else after, len(taken) == len(left)

    def _as_read(self, row: Row) -> Row:
        return row.former if self.store.stale_reads and row.former else row

    def _record(self, object_type: str, id: str, row: Row, fields: Sequence[str]) -> Record:
        if row.deleted:
            return Record(id, modified=moment(row.modified), deleted=True, merged_into=row.merged_into)
        values = _asked(row.values, fields)
        times = row.times if self.store.types[object_type].field_times else {}
        return Record(
            id,
            values,
            version=str(row.number),
            created=moment(row.created),
            modified=moment(row.modified),
            field_times={name: moment(tick) for name, tick in times.items() if name in values},
            merged_into=row.merged_into,
        )


def _asked(values: Values, fields: Sequence[str]) -> Values:
    """The top-level fields that these paths go into."""
    asked = {path.partition(".")[0].partition("[")[0] for path in fields}
    return {name: deepcopy(value) for name, value in values.items() if name in asked}
