"""Who we are at a system, and whether that is still the same organisation as before."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass

from django.utils import timezone

from connectors.base import Connector
from connectors.models import Connection
from connectors.records import Identity, NeedsAttention
from connectors.registry import connectors


@dataclass(frozen=True)
class Checked:
    """What a check found. object_types: how many kinds of record there are."""

    identity: Identity
    object_types: int


def check(connection: Connection) -> Checked:
    """Verifies a connection and counts its kinds of record. Raises ConnectorError."""
    with closing(_open(connection)) as connector:
        identity = verify(connection, connector)
        return Checked(identity, len(connector.describe()))


def verify(connection: Connection, connector: Connector | None = None) -> Identity:
    """Signs in and makes sure that the organisation is the one remembered; the first one seen is remembered.

    connector: the connection's, where it is open already
    Raises NeedsAttention, whose text is kept at the connection, and Temporary, which changes nothing there.
    """
    if connector is None:
        with closing(_open(connection)) as opened:
            return verify(connection, opened)
    try:
        identity = connector.check()
        _refuse_another(connection, identity)
    except NeedsAttention as error:
        _remember(connection, attention=error.message)
        raise
    _remember(connection, identity=asdict(identity))
    return identity


def _open(connection: Connection) -> Connector:
    try:
        if connection.system not in connectors():
            raise NeedsAttention(
                f"{connection.name} connects to “{connection.system}”, which this installation does not have."
            )
        return connection.open()
    except NeedsAttention as error:
        _remember(connection, attention=error.message)
        raise


def _refuse_another(connection: Connection, identity: Identity) -> None:
    before = connection.identity.get("organisation", "")
    if before and before != identity.organisation:
        was, now = connection.identity.get("label") or before, identity.label or identity.organisation
        raise NeedsAttention(
            f"{connection.name} leads to {now} ({identity.organisation}), but before to {was} ({before}). "
            "Nothing is read or sent. Correct its settings; for another organisation make a new connection."
        )


def _remember(connection: Connection, *, identity: dict[str, object] | None = None, attention: str = "") -> None:
    connection.checked_at = timezone.now()
    connection.attention = attention
    if identity is not None:
        connection.identity = identity
    connection.save(update_fields=["checked_at", "attention", "identity"])
