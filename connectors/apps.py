import sqlite3
from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


def allow_long_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Django splits what it sends SQLite after 999 values, as releases before 2020 asked for: ask this one."""
    if connection.vendor == "sqlite":
        limit = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        connection.features.max_query_params = limit


class ConnectorsConfig(AppConfig):
    name = "connectors"
    verbose_name = "Connections"

    def ready(self) -> None:
        connection_created.connect(allow_long_statements)
