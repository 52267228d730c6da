"""A database that speaks SQL: a table or view is a kind of record.

Statements are built from what the database says of its tables, never from text, and every value is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from threading import RLock
from typing import Any

from sqlalchemy import URL, Connection, Engine, insert, select, update

from connectors import lastly
from connectors.base import Connector, ConnectorSettings, SecretField
from connectors.http import refuse_unsayable
from connectors.records import (
    ConnectorError,
    Gone,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Rejected,
    Stale,
    Temporary,
    Unknown,
    Values,
    Write,
)
from connectors.systems.sql.address import open_engine, place_of, url_of, usable_url
from connectors.systems.sql.errors import told
from connectors.systems.sql.objects import TablesField
from connectors.systems.sql.reading import PAGE_ROWS, Reader
from connectors.systems.sql.tables import BATCH, Thing, thing_of
from connectors.systems.sql.values import as_key, as_moment, as_sent, id_of


class SqlSettings(ConnectorSettings):
    """Which database, and what of it."""

    url = SecretField(
        label="Address of the database",
        validators=[usable_url],
        help_text="Like postgresql://reader:password@db.example.edu/crm, from whoever looks after the database; for an "
        "SQLite file in the folder for files, sqlite:///crm.db. It holds the password, so all of it is kept secret.",
    )
    objects = TablesField(
        label="Tables and views",
        help_text="What of the database is read and written: each table or view is a kind of record.",
    )


class Sql(Connector):
    """Tables and views of one database."""

    name = "sql"
    label = "SQL database"
    about = "A database that your institution runs itself, such as PostgreSQL: its tables and views."
    ask_for = (
        "A user of the database for AlumniSync alone, that may read the tables and views it needs; and change those "
        "it should write to.",
        "The address: host, port, database, and whether it asks for TLS (sslmode=require).",
        "For each table or view the column that tells whose row it is, and the one with the time of the last change.",
        "A way through the firewall from this server to the database.",
    )
    Settings = SqlSettings
    batch_size = BATCH
    page_rows = PAGE_ROWS

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._lock = RLock()
        self._opened: Engine | None = None
        self._things: dict[str, Thing] = {}

    def check(self) -> Identity:
        with told(self._place), self._engine.connect() as connection:
            connection.execute(select(1))
        for name in self.settings["objects"]:
            self._thing(name)
        return Identity(self._place, self._place, user=self._url.username or "")

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """The tables and views of the settings, with the columns that the database has now."""
        with self._lock:
            self._things.clear()
        names = [name for name in self.settings["objects"] if not object_types or name in object_types]
        return tuple(self._thing(name).described() for name in names)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """The whole list; where a column tells what changed, that alone: cursors are those of `Reader.since`."""
        if narrow:
            raise NeedsAttention("A database takes no filter here. Make a view of the rows wanted, and read that.")
        reader = self._reader(object_type, fields)
        yield from reader.since(cursor or {}) if reader.thing.changed else reader.whole()

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        return self._reader(object_type, fields).by_key(ids)

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        thing = self._thing(object_type)
        if not thing.described().can_find(field):
            return super().find(object_type, field, values)
        return self._reader(object_type, [field]).by_value(field, values)

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        """All in one transaction, each behind a savepoint of its own: one that is refused stops no other."""
        thing = self._thing(object_type)
        if thing.is_view:
            raise NeedsAttention(f"{object_type} is a view, which is only read. Name its table instead.")
        done, lost = self._carried_out(thing, writes)
        records = {} if lost else self._read_back(object_type, thing, [id for id in done if isinstance(id, str)])
        for write, result in zip(writes, done, strict=True):
            if isinstance(result, ConnectorError):
                yield Outcome(write.id or "", error=result)
            elif lost:
                yield Outcome(write.id or "", error=Unknown(lost.message) if write.id is None else lost)
            else:
                yield Outcome(result, records.get(result))

    def close(self) -> None:
        if self._opened is not None:
            self._opened.dispose()
            self._opened = None

    @property
    def _url(self) -> URL:
        return url_of(self.settings["url"])

    @property
    def _place(self) -> str:
        return place_of(self._url)

    @property
    def _engine(self) -> Engine:
        with self._lock:
            if self._opened is None:
                self._opened = open_engine(self._url, timeout=self.settings["timeout"], connections=self.concurrency)
            return self._opened

    def _thing(self, name: str) -> Thing:
        with self._lock:
            if name not in self._things:
                if name not in self.settings["objects"]:
                    raise NeedsAttention(f"The connection's settings name no table or view for {name}. Add it there.")
                with told(self._place):
                    self._things[name] = thing_of(self._engine, name, self.settings["objects"][name])
            return self._things[name]

    def _reader(self, name: str, fields: Sequence[str]) -> Reader:
        return Reader(self._engine, self._place, self._thing(name), fields, self.page_rows)

    def _carried_out(
        self, thing: Thing, writes: Sequence[Write]
    ) -> tuple[list[str | ConnectorError], ConnectorError | None]:
        """For each write the row's key or why it was refused; and what happened instead of the end, if anything.

        An exception means that nothing was written.
        """
        with told(self._place):
            connection = self._engine.connect().execution_options(writes=True)
        with closing(connection):
            with told(self._place):
                connection.begin()
            done = [self._key_or_error(connection, thing, write) for write in writes]
            try:
                lastly.look()
                with told(self._place, thing.table):
                    connection.commit()
            except Rejected as error:
                # A rule that is looked at only at the end: of all these, nobody knows whose it was.
                return [error] * len(writes), None
            except Temporary as error:
                return done, error
        return done, None

    def _key_or_error(self, connection: Connection, thing: Thing, write: Write) -> str | ConnectorError:
        try:
            values = _sent(thing, write)
            with told(self._place, thing.table), connection.begin_nested():
                if write.id is None:
                    return _created(connection, thing, values)
                _updated(connection, thing, write, values)
                return write.id
        except (Rejected, Stale, Gone) as error:
            return error

    def _read_back(self, object_type: str, thing: Thing, ids: Sequence[str]) -> dict[str, Record]:
        """What was written as the database holds it now; nothing where that can't be said."""
        try:
            found = self._reader(object_type, list(thing.table.c.keys())).by_key(ids)
            return {record.id: record for record in found if not record.problem}
        except ConnectorError:
            return {}


def _sent(thing: Thing, write: Write) -> dict[str, Any]:
    """The values of a write as its statement takes them."""
    values: Values = {**write.values, **dict([write.key] if write.key else [])}
    refuse_unsayable(values)
    if unknown := sorted(set(values) - set(thing.table.c.keys())):
        raise Rejected(f"The table has no column “{unknown[0]}”.", dict.fromkeys(unknown, "There is no such column."))
    if write.id is not None and str(values.get(thing.key, write.id)) != write.id:
        told_key = f"“{thing.key}” tells whose row it is, so it is never changed."
        raise Rejected(told_key, {thing.key: told_key})
    return {name: as_sent(thing.table.c[name], value, raw=thing.is_raw) for name, value in values.items()}


def _created(connection: Connection, thing: Thing, values: Mapping[str, Any]) -> str:
    statement = insert(thing.live).values(values)
    if connection.dialect.insert_returning:
        return id_of(connection.execute(statement.returning(thing.live.c[thing.key])).scalar_one())
    made = connection.execute(statement)
    if thing.key in values:
        return id_of(values[thing.key])
    return id_of((made.inserted_primary_key or [None])[0])


def _updated(connection: Connection, thing: Thing, write: Write, values: Mapping[str, Any]) -> None:
    key = thing.live.c[thing.key]
    is_it = key == as_key(thing.table.c[thing.key], write.id or "")
    statement = update(thing.live).where(is_it).values(values)
    if write.version and thing.changed:
        said = write.version if thing.is_raw else as_moment(thing.table.c[thing.changed], write.version)
        statement = statement.where(thing.live.c[thing.changed] == said)
    if values and connection.execute(statement).rowcount:
        return
    if connection.execute(select(key).where(is_it)).first() is None:
        raise Gone("The table has no such row any more.")
    if values:
        raise Stale("The row was changed since it was read.")
