"""The address of a database: which may be entered, and how a connection to it is opened."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from connectors.folder import inside, name_of
from connectors.peers import refuse_address
from connectors.records import NeedsAttention, Temporary

SQLITE, POSTGRESQL = "sqlite", "postgresql"
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite+pysqlite",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
    "mssql+pymssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "oracle+oracledb": "oracle+oracledb",
}
"""What an address may begin with → the driver that is used for it."""
HARMLESS = frozenset({"sslmode", "charset", "service_name"})
"""Others reach files of this machine, or lead to another host than the address says."""
EXAMPLE = "postgresql://reader:password@db.example.edu/crm"


def usable_url(value: str) -> None:
    """A form's check of an address."""
    try:
        url = url_of(value)
        if url.get_backend_name() == SQLITE:
            inside(url.database or "")
    except NeedsAttention as error:
        raise ValidationError(error.message) from None


def url_of(text: str) -> URL:
    """The address as SQLAlchemy reads it; NeedsAttention where it may not be used. No message repeats it."""
    try:
        url = make_url(text.strip())
        driver = DRIVERS.get(url.drivername)
    except (ArgumentError, ValueError):
        driver = None
    if driver is None:
        raise NeedsAttention(
            f"The address of the database must look like {EXAMPLE}, with a kind of database known here."
        )
    if strange := sorted(set(url.query) - HARMLESS):
        raise NeedsAttention(f"The address may not hold “{strange[0]}”. Allowed are {', '.join(sorted(HARMLESS))}.")
    if driver.startswith(SQLITE):
        if url.host or not url.database or url.database.startswith((":", "file:")):
            raise NeedsAttention("The address of an SQLite file must look like sqlite:///crm.db.")
    elif not url.host or not url.database:
        raise NeedsAttention(f"The address must name a host and a database, like {EXAMPLE}.")
    return url.set(drivername=driver)


def place_of(url: URL) -> str:
    """Which database it is, without user and password."""
    if url.get_backend_name() == SQLITE:
        return f"sqlite:///{name_of(inside(url.database or ''))}"
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host}{port}/{url.database}"


def open_engine(url: URL, *, timeout: float, connections: int) -> Engine:
    """An engine for an address that `url_of` let through. Raises NeedsAttention where it may not be reached."""
    if url.get_backend_name() == SQLITE:
        path = inside(url.database or "")
        if not path.is_file():
            raise NeedsAttention(f"There is no SQLite file {name_of(path)} in the folder for files. Put it there.")
        url = url.set(database=str(path))
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=timeout,
            pool_pre_ping=True,
            connect_args=_connect_args(url, timeout),
        )
    except ModuleNotFoundError as error:
        raise NeedsAttention(
            f"This installation has no driver for {url.get_backend_name()}: the package {error.name} is missing. "
            "Ask whoever installed it to add it."
        ) from None
    if url.get_backend_name() == SQLITE:
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin)
    return engine


def _connect_args(url: URL, timeout: float) -> Mapping[str, Any]:
    if url.get_backend_name() == SQLITE:
        return {"timeout": timeout}
    address = _resolved(url)
    if url.get_backend_name() == POSTGRESQL:
        options = f"-c statement_timeout={int(timeout * 1000)} -c timezone=UTC -c datestyle=ISO"
        # The address that was looked at is the one that is connected to.
        return {"hostaddr": address, "connect_timeout": max(2, int(timeout)), "options": options}
    if url.drivername.endswith("pymysql"):
        return {"connect_timeout": int(timeout), "read_timeout": int(timeout), "write_timeout": int(timeout)}
    if url.drivername.endswith("pymssql"):
        return {"login_timeout": int(timeout), "timeout": int(timeout)}
    return {"tcp_connect_timeout": timeout}


def _resolved(url: URL) -> str:
    """The numeric address of the host, if connections may go there, wherever else its name leads."""
    host = url.host or ""
    try:
        found = socket.getaddrinfo(host, url.port or 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Temporary(f"The host {host} of the database can't be found just now. Check its name.") from None
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        refuse_address(address, host)
    return addresses[0]


def _leave_transactions_to_us(connection: Any, record: Any) -> None:
    # Python's driver begins transactions by itself, but not before a savepoint.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # Whoever will write takes the lock at once: later it might be refused without waiting.
    is_writing = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
