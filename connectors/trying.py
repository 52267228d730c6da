"""Settings tried before they are stored: who we are there, and the first records as a table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from connectors.base import Connector
from connectors.looking import MOST_FIELDS, Sample, sample_of
from connectors.models import setting_defaults
from connectors.records import ConnectorError, Identity, NeedsAttention, ObjectType
from connectors.storing import BLANKS

MOST_KINDS = 5


@dataclass(frozen=True)
class Tried:
    """The first records of one kind. count: in its first page; problem: why they can't be read."""

    described: ObjectType
    sample: Sample | None = None
    count: int = 0
    problem: str = ""


def try_out(kind: type[Connector], cleaned: Mapping[str, Any]) -> tuple[Identity, list[Tried]]:
    """Reads the first page of some kinds of record; nothing is stored or changed. Raises ConnectorError.

    cleaned: settings as the system's form read them, secrets included
    """
    given = {name: value for name, value in cleaned.items() if value not in BLANKS}
    with closing(kind({**setting_defaults(kind), **given})) as connector:
        if not connector.may_look:
            raise NeedsAttention("Reading there uses up what is read, so nothing is read just to try it. Store it.")
        identity = connector.check()
        described = [each for each in connector.describe() if each.fields][:MOST_KINDS]
        return identity, [_tried(connector, each) for each in described]


def _tried(connector: Connector, described: ObjectType) -> Tried:
    names = [each.name for each in described.fields if each.readable][:MOST_FIELDS]
    try:
        # The second page is asked for to see that there is a way to it.
        pages = list(islice(connector.poll(described.name, None, names), 2))
    except ConnectorError as error:
        return Tried(described, problem=error.message)
    records = pages[0].records if pages else ()
    return Tried(described, sample_of(described, records, is_all=len(pages) < 2), len(records))
