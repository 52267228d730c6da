"""Taking the database away from a run: as when it is restarted, or locked by something else for too long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg

FOR_GOOD = 'ALTER DATABASE "{}" ALLOW_CONNECTIONS {}'


def take_away(database: str, *, for_good: bool) -> None:
    """Break or block every connection of this process; for a moment: until it waits for the database."""
    from alumnisync.engine import outage

    back = _taken_on_postgres(database, for_good) if _is_postgres() else _locked_on_sqlite(database)

    def sleep(seconds: float) -> None:
        if not for_good:
            back()

    vars(outage)["time"] = SimpleNamespace(sleep=sleep)


def give_back(database: str) -> None:
    """Let a database be used that was taken for good."""
    if _is_postgres():
        with connected() as connection:
            connection.execute(FOR_GOOD.format(database, "true"))


def be_impatient() -> None:
    """Wait for a lock of SQLite a moment only."""
    from django.db import connections

    if not _is_postgres():
        options: dict[str, Any] = connections.databases["default"]["OPTIONS"]
        options["timeout"] = 0.05
        options["init_command"] = options["init_command"].replace("busy_timeout=20000", "busy_timeout=50")


def connected() -> psycopg.Connection[Any]:
    """A connection to another database of the same server."""
    from django.conf import settings

    given = settings.DATABASES["default"]
    return psycopg.connect(
        host=given["HOST"],
        port=given["PORT"],
        user=given["USER"],
        password=given["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    )


def _is_postgres() -> bool:
    from django.conf import settings

    return bool(settings.DATABASES["default"]["ENGINE"].endswith("postgresql"))


def _locked_on_sqlite(database: str) -> Callable[[], None]:
    holder = sqlite3.connect(database, isolation_level=None, timeout=30, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    return holder.close


def _taken_on_postgres(database: str, for_good: bool) -> Callable[[], None]:
    with connected() as connection:
        if for_good:
            connection.execute(FOR_GOOD.format(database, "false"))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
    return lambda: None
