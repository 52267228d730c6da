"""A table or view as a kind of record: as the database itself describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, MetaData, Table, column, inspect, table
from sqlalchemy.engine import Engine
from sqlalchemy.sql.expression import TableClause

from connectors.records import NeedsAttention, ObjectType
from connectors.systems.sql.address import SQLITE
from connectors.systems.sql.values import field_of, is_text

BATCH = 200


@dataclass(frozen=True)
class Thing:
    """A kind of record and its table.

    table    with the types of its columns
    live     the same for statements; of SQLite, whose columns hold anything, without types
    changed  the column that moves with each change, or ""
    unique   columns whose values no two rows share
    """

    name: str
    table: Table
    live: TableClause
    key: str
    changed: str
    unique: frozenset[str]
    is_view: bool

    @property
    def is_raw(self) -> bool:
        """Whether its columns hold anything, whatever their types."""
        return self.live is not self.table

    def columns(self, fields: Sequence[str]) -> list[Any]:
        """The key, the changed column, and those that these paths begin with."""
        roots = {path.partition(".")[0].partition("[")[0] for path in fields} | {self.key, self.changed}
        return [each for each in self.live.c if each.name in roots]

    def described(self) -> ObjectType:
        """The kind of record as screens and the engine know it."""
        fields = (
            field_of(each, is_writable=not self.is_view, is_unique=each.name in {self.key, *self.unique})
            for each in self.table.columns
        )
        findable = {each.name for each in self.table.columns if is_text(each) or isinstance(each.type, Integer)}
        return ObjectType(
            self.name,
            self.name,
            tuple(fields),
            can_create=not self.is_view,
            can_update=not self.is_view,
            whole_lists=not self.changed,
            findable=frozenset(findable),
            batch_read=BATCH,
            volatile=frozenset({self.changed} - {""}),
        )


def thing_of(engine: Engine, name: str, given: Mapping[str, str]) -> Thing:
    """What the setting calls `name`. Raises NeedsAttention where its columns can't be used."""
    schema, _, bare = given["table"].rpartition(".")
    found = Table(bare, MetaData(), schema=schema or None, autoload_with=engine)
    is_view = bare not in inspect(engine).get_table_names(schema=schema or None)
    key, changed = given["key"], given.get("changed_since") or ""
    for wanted in filter(None, (key, changed)):
        if wanted not in found.c:
            raise NeedsAttention(
                f"{given['table']} has no column “{wanted}”; it has {', '.join(found.c.keys())}. "
                "Correct the connection's objects."
            )
    unique = frozenset() if is_view else _unique_columns(engine, found)
    if not is_view and key not in unique:
        raise NeedsAttention(
            f"“{key}” may stand in several rows of {given['table']}, so it tells nobody apart. "
            "Choose its primary key, or a column that the database keeps unique."
        )
    live = found if engine.dialect.name != SQLITE else _untyped(found)
    return Thing(name, found, live, key, changed, unique, is_view)


def _untyped(found: Table) -> TableClause:
    columns: list[Any] = [column(each.name) for each in found.columns]
    return table(found.name, *columns, schema=found.schema)


def _unique_columns(engine: Engine, found: Table) -> frozenset[str]:
    """Columns that are unique by themselves."""
    asked = inspect(engine)
    # Of a rule without a name SQLite tells only by the index that it made for it.
    indexes = asked.get_indexes(found.name, schema=found.schema, include_auto_indexes=True)
    groups: list[Any] = [
        list(found.primary_key.columns.keys()),
        *(each["column_names"] for each in asked.get_unique_constraints(found.name, schema=found.schema)),
        *(each["column_names"] for each in indexes if each["unique"] and not _is_partial(each)),
    ]
    return frozenset(group[0] for group in groups if len(group) == 1 and group[0])


def _is_partial(index: Any) -> bool:
    return any(name.endswith("_where") for name in index.get("dialect_options", ()))
