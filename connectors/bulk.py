"""Many rows of one model at once, in a fixed number of statements however many they are.

Several times as fast as Django's bulk_create and bulk_update, whose statements grow with the rows in number or
in length. No signals are sent, and what a row points to has to be stored before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.transaction import TransactionManagementError, get_connection

if TYPE_CHECKING:
    Column = models.Field[Any, Any]

# Exactly these: a field that inherits from one of them may have a way of its own.
AS_IS: dict[type, type] = {
    models.BigAutoField: int,
    models.BigIntegerField: int,
    models.BooleanField: bool,
    models.CharField: str,
    models.ForeignKey: int,
    models.PositiveIntegerField: int,
    models.PositiveSmallIntegerField: int,
    models.TextField: str,
}
"""Field → the type of values that both databases take as they are."""


def insert(rows: Iterable[models.Model]) -> None:
    """Add rows and give them their primary keys. Raises TransactionManagementError outside a transaction."""
    rows = list(rows)
    if not rows:
        return
    for row, key in zip(rows, _reserve(rows[0], len(rows)), strict=True):
        row.pk = key
    _insert(rows, rows[0]._meta.concrete_fields)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def upsert(rows: Sequence[models.Model], *, by: Sequence[str], fields: Sequence[str]) -> None:
    """Add rows, without giving them keys; of one that is there, as the unique fields `by` tell, set `fields`."""
    if not rows:
        return
    columns = [column for column in rows[0]._meta.concrete_fields if not column.primary_key]
    moved = ", ".join(f"{name} = excluded.{name}" for name in _names(_columns(rows[0], fields)))
    unique = ", ".join(_names(_columns(rows[0], by)))
    _insert(rows, columns, f" ON CONFLICT ({unique}) DO UPDATE SET {moved}")


def update(rows: Iterable[models.Model], fields: Sequence[str]) -> None:
    """Set these fields of stored rows."""
    rows = list(rows)
    if not rows:
        return
    columns = [*_columns(rows[0], fields), rows[0]._meta.pk]
    table, names = _table(rows[0]), _names(columns)
    values = [_values(rows, column, add=False) for column in columns]
    if connection.vendor == "postgresql":
        moved = ", ".join(f"{name} = given.{name}" for name in names[:-1])
        given = f"FROM unnest({_arrays(columns)}) AS given ({', '.join(names)})"
        where = f"{given} WHERE {table}.{names[-1]} = given.{names[-1]}"
    else:
        moved = ", ".join(f"{name} = %s" for name in names[:-1])
        where = f"WHERE {names[-1]} = %s"
    _send(f"UPDATE {table} SET {moved} {where}", values)  # noqa: S608 - no name comes from outside


def recount(*kinds: type[models.Model]) -> None:
    """Let the database count these tables anew, after many rows came at once.

    Until it has, it plans as if they were still empty, and a look-up goes through every row for every row.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Samples of each index are enough to choose one.
            cursor.execute("PRAGMA analysis_limit = 1000")
        for kind in kinds:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(kind._meta.db_table)}")


def _insert(rows: Sequence[models.Model], columns: Sequence[Column], or_else: str = "") -> None:
    if connection.vendor == "postgresql":
        source = f"SELECT * FROM unnest({_arrays(columns)})"  # noqa: S608 - no name comes from outside
    else:
        source = f"VALUES ({', '.join(['%s'] * len(columns))})"
    values = [_values(rows, column, add=True) for column in columns]
    _send(f"INSERT INTO {_table(rows[0])} ({', '.join(_names(columns))}) {source}{or_else}", values)


def _send(statement: str, values: list[list[Any]]) -> None:
    """One statement for all rows: SQLite repeats a prepared one, PostgreSQL takes each column as an array.

    values: column by column.
    """
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.executemany(statement, list(zip(*values, strict=True)))
        return
    # Django's own cursor would write the arrays into the statement's text, and search every value for quotes.
    from psycopg import Cursor

    connection.ensure_connection()
    make: Any = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with make(Cursor(connection.connection)) as cursor:
        cursor.execute(statement, values)


def _reserve(row: models.Model, count: int) -> Sequence[int]:
    """Keys that no other row of the table has or gets."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("Rows are added inside a transaction.")
    table = row._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            statement = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
            cursor.execute(statement, [_table(row), row._meta.pk.column, count])
            return [key for (key,) in cursor.fetchall()]
        # A transaction here holds the one lock for writing from its beginning.
        cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()[0]
        return range(last + 1, last + count + 1)


def _values(rows: Sequence[models.Model], column: Column, *, add: bool) -> list[Any]:
    """A column's values as the database takes them."""
    if isinstance(column, models.ForeignKey):
        for row in rows:
            if getattr(row, column.attname) is None and column.is_cached(row):
                # It was assigned before it had a key.
                setattr(row, column.name, getattr(row, column.name))
    here, plain = get_connection(), AS_IS.get(type(column))
    given = [column.pre_save(row, add) for row in rows]
    return [value if type(value) is plain else column.get_db_prep_save(value, here) for value in given]


def _arrays(columns: Iterable[Column]) -> str:
    # Without its length: a cast to varchar(10) would cut silently what the table refuses.
    types = [(column.db_type(connection) or "").partition("(")[0] for column in columns]
    return ", ".join(f"%b::{kind}[]" for kind in types)


def _columns(row: models.Model, names: Iterable[str]) -> list[Column]:
    by_name = {column.name: column for column in row._meta.concrete_fields}
    return [by_name[name] for name in names]


def _names(columns: Iterable[Column]) -> list[str]:
    return [connection.ops.quote_name(column.column or column.name) for column in columns]


def _table(row: models.Model) -> str:
    return connection.ops.quote_name(row._meta.db_table)
