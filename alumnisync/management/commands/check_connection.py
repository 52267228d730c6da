"""check_connection: who we are at a system, or what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Exit, Failure
from connectors.checking import Checked, check
from connectors.models import Connection
from connectors.records import ConnectorError, NeedsAttention
from mappings.setup.sections import did_you_mean


class Command(AnsweringCommand):
    help = "Signs in to a connection and tells who we are there, or what is wrong. Nothing is changed there."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the connection's name")

    def answer(self, **options: Any) -> Answer:
        connection = _connection(options["name"])
        try:
            checked = check(connection)
        except NeedsAttention as error:
            raise Failure(error.message) from error
        except ConnectorError as error:
            raise Failure(error.message, Exit.FAILED) from error
        return Answer(_data(connection, checked), list(_lines(connection, checked)))


def _connection(name: str) -> Connection:
    found = Connection.objects.filter(name=name).first()
    if found is None:
        names = Connection.objects.values_list("name", flat=True)
        raise Failure(f"There is no connection “{name}”{did_you_mean(name, names)}")
    return found


def _data(connection: Connection, checked: Checked) -> dict[str, Any]:
    identity = checked.identity
    return {
        "connection": connection.name,
        "system": connection.system,
        "organisation": identity.organisation,
        "label": identity.label,
        "environment": identity.environment,
        "user": identity.user,
        "notes": list(identity.notes),
        "warnings": list(identity.warnings),
        "object_types": checked.object_types,
    }


def _lines(connection: Connection, checked: Checked) -> Iterator[str]:
    identity = checked.identity
    who = f"{identity.label} ({identity.organisation})" if identity.label else identity.organisation
    yield f"{connection.name}: signed in at {who}"
    yield f"Environment: {identity.environment or 'the system does not say'}"
    if identity.user:
        yield f"User: {identity.user}"
    yield f"Kinds of record: {checked.object_types}"
    yield from identity.notes
    yield from identity.warnings
