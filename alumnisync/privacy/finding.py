"""The record that somebody names on a command line."""

from __future__ import annotations

from connectors.models import Connection, RemoteRecord
from mappings.setup.sections import did_you_mean


class NotFound(ValueError):
    """There is no such record, or there are several. The text is for people."""


def find_record(connection: str, id: str, object_type: str = "") -> RemoteRecord:
    """The record with an id at a connection. Raises NotFound; its words repeat no id."""
    names = Connection.objects.values_list("name", flat=True)
    if connection not in names:
        raise NotFound(f"There is no connection “{connection}”{did_you_mean(connection, names)}")
    rows = RemoteRecord.objects.filter(cursor__connection__name=connection, remote_id=id)
    if object_type:
        rows = rows.filter(cursor__object_type=object_type)
    found = list(rows.select_related("cursor__connection").defer("values", "field_times")[:2])
    if not found:
        raise NotFound(f"{connection} has no record with this id here. Somebody erased has none any more.")
    if len(found) > 1:
        raise NotFound(f"{connection} has several kinds of record with this id. Say which is meant with --type.")
    return found[0]
