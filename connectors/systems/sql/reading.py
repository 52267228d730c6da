"""Statements that read, and their rows as records. Names come from the database itself, values are parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, Select, and_, or_, select

from connectors.records import Page, Record, Rejected
from connectors.systems.sql.errors import told
from connectors.systems.sql.tables import Thing
from connectors.systems.sql.values import as_key, as_moment, id_of, plain

PAGE_ROWS = 200
OVERLAP = timedelta(minutes=5)
"""A row may carry the time at which its transaction began, and show itself only once that ends."""
UNREADABLE = "The database holds something in this row that its driver can't read, such as a date outside the calendar."


@dataclass(frozen=True)
class Read:
    """A row: its key, where it stands in time, and the record."""

    key: Any
    changed: Any
    record: Record


class Reader:
    """Reads the rows of one kind of record. place: the database, for people."""

    def __init__(self, engine: Engine, place: str, thing: Thing, fields: Sequence[str], size: int) -> None:
        self.engine, self.place, self.thing, self.size = engine, place, thing, size
        self._key = thing.live.c[thing.key]
        self._select = select(*thing.columns(fields)).where(self._key.is_not(None))

    def whole(self) -> Iterator[Page]:
        """The whole list by its key, always from the beginning: before where a poll stopped, rows may have changed."""
        for rows, is_last in self._pages(self._select, None):
            yield Page(_records(rows), complete=is_last)

    def since(self, cursor: dict[str, Any]) -> Iterator[Page]:
        """What changed, the oldest first.

        A cursor is {"since"} between polls, {"since", "blank": key} among rows without a time, which
        come with every poll, and {"since", "at", "after"} among the others.
        """
        start = cursor.get("since")
        changed = self._column
        if "at" not in cursor:
            for rows, _ in self._pages(self._select.where(changed.is_(None)), cursor.get("blank")):
                if rows:
                    yield Page(_records(rows), {"since": start, "blank": rows[-1].record.id})
        at, after = cursor.get("at"), cursor.get("after")
        while True:
            rows, is_last = self._timed(start, at, after)
            if rows:
                at, after = plain(rows[-1].changed), rows[-1].record.id
            if is_last:
                yield Page(_records(rows), {"since": start if at is None else at})
                return
            yield Page(_records(rows), {"since": start, "at": at, "after": after})

    def by_key(self, ids: Sequence[str]) -> Iterator[Record]:
        """The rows with these keys."""
        keys = [key for id in ids if (key := as_key(self.thing.table.c[self.thing.key], id)) is not None]
        yield from _records(self.rows(self._select.where(self._key.in_(keys))))

    def by_value(self, name: str, values: Sequence[str]) -> Iterator[Record]:
        """The rows with one of these in a column."""
        column = self.thing.table.c[name]
        wanted = [each for value in values if (each := as_key(column, value)) is not None]
        yield from _records(self.rows(self._select.where(self.thing.live.c[name].in_(wanted))))

    def rows(self, statement: Select[Any]) -> list[Read]:
        """What a statement brings; a row that the driver can't read has a problem, alone."""
        try:
            return [self._read(row) for row in self._run(statement)]
        except Rejected:
            columns = [self._key, *([self._column] if self.thing.changed else [])]
            outline = self._run(statement.with_only_columns(*columns))
            return [self._read_alone(row) for row in outline]

    @property
    def _column(self) -> Any:
        return self.thing.live.c[self.thing.changed]

    def _pages(self, statement: Select[Any], after: str | None) -> Iterator[tuple[list[Read], bool]]:
        """Pages in the order of the key, and whether each is the last."""
        while True:
            behind = statement
            if after is not None:
                behind = statement.where(self._key > as_key(self.thing.table.c[self.thing.key], after))
            rows, is_last = self._page(behind.order_by(self._key))
            yield rows, is_last
            if is_last:
                return
            after = rows[-1].record.id

    def _timed(self, start: Any, at: Any, after: str | None) -> tuple[list[Read], bool]:
        """The next page in the order of change."""
        statement = self._select.where(self._column.is_not(None))
        if at is not None and after is not None:
            moment = self._moment(at)
            key = as_key(self.thing.table.c[self.thing.key], after)
            statement = statement.where(or_(self._column > moment, and_(self._column == moment, self._key > key)))
        elif start is not None:
            statement = statement.where(self._column >= self._before(start))
        return self._page(statement.order_by(self._column, self._key))

    def _page(self, statement: Select[Any]) -> tuple[list[Read], bool]:
        # One more than a page tells whether there is another.
        rows = self.rows(statement.limit(self.size + 1))
        return rows[: self.size], len(rows) <= self.size

    def _moment(self, said: Any) -> Any:
        return said if self.thing.is_raw else as_moment(self.thing.table.c[self.thing.changed], said)

    def _before(self, said: Any) -> Any:
        moment = self._moment(said)
        return moment - OVERLAP if isinstance(moment, datetime) else moment

    def _run(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        with told(self.place, self.thing.table), self.engine.connect() as connection:
            return connection.execute(statement).all()

    def _read_alone(self, outline: Row[Any]) -> Read:
        key, *changed = tuple[Any, ...](outline)
        try:
            (row,) = self._run(self._select.where(self._key == key))
            return self._read(row)
        except (Rejected, ValueError):
            record = Record(id_of(key), problem=UNREADABLE)
            return Read(key, changed[0] if changed else None, record)

    def _read(self, row: Row[Any]) -> Read:
        values = row._mapping
        key, changed = values[self.thing.key], values[self.thing.changed] if self.thing.changed else None
        record = Record(
            id_of(key),
            {str(name): plain(value) for name, value in values.items()},
            version="" if changed is None else str(plain(changed)),
            modified=_in_utc(changed),
        )
        return Read(key, changed, record)


def _records(rows: Sequence[Read]) -> tuple[Record, ...]:
    return tuple(row.record for row in rows)


def _in_utc(changed: Any) -> datetime | None:
    # Without a zone nobody knows when it was.
    return changed.astimezone(UTC) if isinstance(changed, datetime) and changed.tzinfo else None
