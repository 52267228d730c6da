"""What a database's driver raises → what to do about it. Nothing of its text is passed on: it may hold values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Table
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchTableError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from connectors.records import ConnectorError, NeedsAttention, Rejected, Temporary

# The classes of https://www.postgresql.org/docs/current/errcodes-appendix.html.
SIGNS_IN, NO_DATABASE, NO_RIGHT = "28", "3D000", "42501"
DENIED = re.compile(r"password|authenti|(access|permission) denied|login failed|pg_hba|role .* does not exist", re.I)
MISSING = re.compile(r"database .* does not exist|unknown database|unable to open|not a database", re.I)
READ_ONLY = re.compile(r"read-?only", re.I)
NO_THING = re.compile(r"no such (table|column)", re.I)
CONSTRAINT = re.compile(r"constraint failed: (?P<columns>[^\n]+)")


@contextmanager
def told(place: str, table: Table | None = None) -> Iterator[None]:
    """Turns what SQLAlchemy raises inside into an error of ours. place: the database, without user and password."""
    try:
        yield
    except NoSuchTableError:
        raise NeedsAttention(f"{place} has no table or view of this name. Correct the connection's objects.") from None
    except NoConnectionFree:
        raise Temporary(f"No connection to {place} was free in time.") from None
    except SQLAlchemyError as error:
        raise error_of(error, place, table) from None
    # Before a value reaches the database, drivers fail over it in their own ways.
    except (ValueError, TypeError, OverflowError, UnicodeError):
        raise Rejected("The database's driver can't carry one of these values.") from None


def error_of(error: SQLAlchemyError, place: str, table: Table | None = None) -> ConnectorError:
    """The error of ours for one of SQLAlchemy's."""
    if isinstance(error, IntegrityError):
        return _broken_rule(error.orig, table)
    if isinstance(error, DataError):
        return Rejected("The database refuses a value: it is too long, or not of the form that its column takes.")
    if isinstance(error, OperationalError | ProgrammingError):
        return _trouble(error, place)
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return Rejected("The database's driver can't carry one of these values.")
    return Temporary(f"{place} broke off, or gave an answer that can't be read.")


def _trouble(error: DBAPIError, place: str) -> ConnectorError:
    # Read, but never passed on.
    said, code = str(error.orig), str(getattr(error.orig, "sqlstate", "") or "")
    if code == NO_RIGHT or READ_ONLY.search(said):
        return NeedsAttention(f"Our user may not do this at {place}. Ask its administrator for the right to.")
    if code.startswith(SIGNS_IN) or DENIED.search(said):
        return NeedsAttention(f"{place} does not let us in. Check the user and the password in the address.")
    if code == NO_DATABASE or MISSING.search(said):
        return NeedsAttention(f"{place} is not there, or is no database. Check the connection's address.")
    if isinstance(error, ProgrammingError) or NO_THING.search(said):
        return NeedsAttention(
            f"A table or column that was at {place} is no longer there, or is used in a way it does not allow. "
            "Check the connection, and correct its objects."
        )
    return Temporary(f"{place} could not be reached, was busy, or took too long.")


def _broken_rule(problem: Any, table: Table | None) -> Rejected:
    columns = _columns_of(problem, table)
    if not columns:
        return Rejected("The database refuses this record: it breaks a rule of the table.")
    words = "The database refuses this value: it breaks a rule of the table, such as being there only once."
    message = f"The database refuses {', '.join(columns)}: a rule of the table is broken."
    return Rejected(message, dict.fromkeys(columns, words))


def _columns_of(problem: Any, table: Table | None) -> list[str]:
    """The columns that a rule is about, where the driver names them or the rule."""
    if table is None:
        return []
    diagnosis = getattr(problem, "diag", None)
    if name := getattr(diagnosis, "column_name", None):
        return [name]
    if rule := getattr(diagnosis, "constraint_name", None):
        return _columns_of_rule(rule, table)
    found = CONSTRAINT.search(str(problem))
    named = [part.strip().rpartition(".")[2] for part in found["columns"].split(",")] if found else []
    return [name for name in named if name in table.c]


def _columns_of_rule(rule: str, table: Table) -> list[str]:
    for group in (*table.constraints, *table.indexes):
        if getattr(group, "name", None) == rule and hasattr(group, "columns"):
            return list(group.columns.keys())
    return []
