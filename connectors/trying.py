"""Settings tried before they are stored: who we are there, and the first records as a table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from connectors.base import Connector
from connectors.models import setting_defaults
from connectors.records import MISSING, ConnectorError, Identity, ObjectType, Record
from connectors.showing import as_text
from connectors.storing import BLANKS

MOST_KINDS, MOST_ROWS, LONGEST = 5, 10, 80


@dataclass(frozen=True)
class Tried:
    """The first records of one kind. rows: id, version, and the fields' values in their order, as texts.

    count    records in the first page
    is_all   whether nothing came after them
    problem  why they can't be read; or why one of them can't
    """

    described: ObjectType
    rows: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    count: int = 0
    is_all: bool = False
    problem: str = ""


def try_out(kind: type[Connector], cleaned: Mapping[str, Any]) -> tuple[Identity, list[Tried]]:
    """Reads the first page of some kinds of record; nothing is stored or changed. Raises ConnectorError.

    cleaned: settings as the system's form read them, secrets included
    """
    given = {name: value for name, value in cleaned.items() if value not in BLANKS}
    with closing(kind({**setting_defaults(kind), **given})) as connector:
        identity = connector.check()
        described = [each for each in connector.describe() if each.fields][:MOST_KINDS]
        return identity, [_tried(connector, each) for each in described]


def _tried(connector: Connector, described: ObjectType) -> Tried:
    names = [each.name for each in described.fields if each.readable]
    try:
        pages = list(islice(connector.poll(described.name, None, names), 2))
    except ConnectorError as error:
        return Tried(described, problem=error.message)
    records = pages[0].records if pages else ()
    return Tried(
        described,
        tuple(_row(record, names) for record in records[:MOST_ROWS] if not record.problem),
        len(records),
        is_all=len(pages) < 2,
        problem=next((record.problem for record in records if record.problem), ""),
    )


def _row(record: Record, names: list[str]) -> tuple[str, ...]:
    values = [as_text(record.values.get(name, MISSING)) for name in names]
    return (record.id, record.version, *(_short(value) for value in values))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
