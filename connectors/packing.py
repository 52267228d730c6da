"""Values of records as compressed bytes of JSON: small, fast to write, and closed to SQL."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
from django.db import models

from connectors.records import MISSING

if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField

FASTEST = 1
SHORT = 1000
"""Bytes that are compressed with little memory: clearing the usual 256 KB takes longer than they do."""
SMALL_WINDOW, LITTLE_MEMORY = 10, 1
DEEPEST = 100
"""Levels of a value that can't be packed down to which its parts are looked at; JSON takes some more."""


def pack(value: Any) -> bytes:
    """Bytes for the database. Raises TypeError for what JSON can't say (a lone surrogate among it)."""
    if value is MISSING:
        return b""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if len(text) > SHORT:
        return zlib.compress(text, FASTEST)
    packing = zlib.compressobj(FASTEST, zlib.DEFLATED, SMALL_WINDOW, LITTLE_MEMORY)
    return packing.compress(text) + packing.flush()


def unpack(data: bytes | memoryview) -> Any:
    """The inverse of `pack`."""
    return orjson.loads(zlib.decompress(data)) if len(data) else MISSING


def fingerprint(values: dict[str, Any]) -> bytes:
    """16 bytes that tell whether a record's values differ. Raises TypeError like `pack`."""
    return blake2b(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def packable(value: Any, levels: int = DEEPEST) -> Any:
    """The value without whatever in it `pack` refuses; MISSING if nothing is left."""
    if isinstance(value, dict | list) and not levels:
        return MISSING
    if isinstance(value, dict):
        named = [(name, part) for name, part in value.items() if isinstance(name, str) and _is_packable(name)]
        parts = {name: packable(part, levels - 1) for name, part in named}
        return {name: part for name, part in parts.items() if part is not MISSING}
    if isinstance(value, list):
        return [part for part in (packable(each, levels - 1) for each in value) if part is not MISSING]
    return value if _is_packable(value) else MISSING


def _is_packable(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


class PackedField(_BinaryField):
    """A JSON value kept as packed bytes; MISSING survives, SQL NULL is None."""

    def from_db_value(self, value: bytes | memoryview | None, *args: object) -> Any:
        return None if value is None else unpack(value)

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None and self.null else pack(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        packed = value if prepared else self.get_prep_value(value)
        return None if packed is None else connection.Database.Binary(packed)

    def to_python(self, value: Any) -> Any:
        return value
