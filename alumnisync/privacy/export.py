"""All that is held about a person as one JSON document, a row at a time; it is written nowhere and logged nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from django.utils import timezone

from alumnisync.privacy.by_hand import files_of
from alumnisync.privacy.holdings import HOLDINGS
from alumnisync.privacy.person import Person
from alumnisync.privacy.telling import plain

CHUNK = 200
ABOUT = "All that AlumniSync holds about one person. Field pairs are named by both systems' fields."


def export(person: Person) -> Iterator[bytes]:
    """The document in pieces."""
    yield b'{"about":' + _json(ABOUT) + b',"made at":' + _json(timezone.now())
    for holding in HOLDINGS:
        if holding.tell is None:
            continue
        yield b",\n" + _json(holding.name) + b":["
        rows = holding.of(person).order_by("pk").iterator(CHUNK)
        for number, row in enumerate(rows):
            yield (b",\n" if number else b"\n") + _json(holding.tell(row))
        yield b"]"
    yield b',\n"Files that may hold a row about them":' + _json(
        [f"{one.system}: {one.what}" for one in files_of(person)]
    )
    yield b"}\n"


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=plain, option=orjson.OPT_NON_STR_KEYS)
