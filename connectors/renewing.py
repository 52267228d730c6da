"""A connection's key is exchanged for a new one at its system, and the new one kept."""

from __future__ import annotations

from contextlib import closing

from django.db import transaction

from connectors.checking import opened, verify
from connectors.models import Connection


def renew(connection: Connection) -> list[str]:
    """Keeps a new key in place of the old one; the names of the settings that changed. Raises ConnectorError."""
    with closing(opened(connection)) as connector:
        verify(connection, connector)
        renewed = connector.renew()
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        # Somebody may have changed other settings meanwhile.
        connection.secrets = row.secrets = {**row.secrets, **renewed}
        row.save(update_fields=["secrets"])
    return sorted(renewed)
