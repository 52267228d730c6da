"""Looking records up by a field, at systems that may not take the question as it was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.records import NeedsAttention, Values
from connectors.systems.rest.answers import at
from connectors.systems.rest.description import Description
from connectors.systems.rest.paging import walk
from connectors.systems.rest.session import Session


def found_by(session: Session, about: Description, field: str, values: Sequence[str]) -> Iterator[Values]:
    """The rows whose field equals one of the values. Raises NeedsAttention where the question isn't understood."""
    param = about.find_param.replace("{field}", field)
    for value in values:
        written = about.find_value.replace("{value}", value)
        for page in walk(session, about, {param: written}):
            yield from _fitting(page.rows, about, field, value, session.place)


def _fitting(rows: Sequence[Any], about: Description, field: str, value: str, place: str) -> Iterator[Values]:
    wanted = value.strip().casefold()
    for row in rows:
        held = str(at(row, field)).strip().casefold()
        if held == wanted and isinstance(row, dict):
            yield row
        elif wanted not in held:
            # A system that doesn't know the parameter answers with everybody: taken for an answer to the
            # question, it would say that nobody is there, and somebody would be created twice.
            raise NeedsAttention(
                f"Asked for {about.label} by {field}, {place} answered with others. Correct how records are found, "
                "or leave it out."
            )
