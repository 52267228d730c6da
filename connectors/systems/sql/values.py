"""Values of a database to what JSON can say, exactly, and back."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Boolean, Column, Enum, Integer, LargeBinary, String, cast, literal, types

from connectors.records import Field, Rejected

KINDS: tuple[tuple[type[types.TypeEngine[Any]], str], ...] = (
    (Boolean, "yes_no"),
    (types.DateTime, "datetime"),
    (types.Date, "date"),
    (Integer, "number"),
    (types.Numeric, "number"),
)
MOST_DIGITS = 19


def plain(value: Any) -> Any:
    """A value as JSON says it: numbers with a point, dates and the like as text, bytes as base64."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    return str(value)


def is_text(column: Column[Any]) -> bool:
    """Whether it holds text of any form, and no choice of a list that the database keeps."""
    return isinstance(column.type, String) and not isinstance(column.type, Enum)


def as_sent(column: Column[Any], value: Any, *, raw: bool) -> Any:
    """A value as it goes into a statement, always as a parameter. Raises Rejected, with the column.

    raw: the database takes any value in any column (SQLite)
    """
    if value is None or isinstance(column.type, String):
        return _text(value)
    if value == "":
        return None
    if isinstance(column.type, LargeBinary):
        return _bytes(column, value)
    if raw:
        return _text(value) if isinstance(value, list | dict) else value
    if isinstance(column.type, JSON | types.ARRAY | types.NullType):
        return value
    # The database reads the text itself, as exactly as its column can hold it.
    return cast(literal(_text(value), String()), column.type)


def id_of(value: Any) -> str:
    """A key as text, always written the same way."""
    return str(plain(value))


def as_key(column: Column[Any], id: str) -> Any:
    """The key of such a column; None where no row can have it."""
    try:
        if isinstance(column.type, Integer):
            return int(id) if len(id) <= MOST_DIGITS else None
        return UUID(id) if isinstance(column.type, types.Uuid) else id
    except ValueError:
        return None


def as_moment(column: Column[Any], text: Any) -> Any:
    """What a cursor or a version says of a column → as it compares with that column."""
    if isinstance(column.type, types.DateTime):
        return datetime.fromisoformat(text)
    if isinstance(column.type, types.Date):
        return date.fromisoformat(text)
    if isinstance(column.type, types.Numeric) and not isinstance(column.type, types.Float):
        return Decimal(text)
    return text


def field_of(column: Column[Any], *, is_writable: bool, is_unique: bool) -> Field:
    """A column as screens show it."""
    options = tuple(column.type.enums) if isinstance(column.type, Enum) else ()
    length = getattr(column.type, "length", None)
    kind = "choice" if options else next((kind for cls, kind in KINDS if isinstance(column.type, cls)), "")
    has_default = column.server_default is not None or column.autoincrement is True or column.identity is not None
    is_made = column.computed is not None or bool(column.identity and column.identity.always)
    is_number_key = column.primary_key and isinstance(column.type, Integer)
    return Field(
        column.name,
        column.comment or column.name,
        str(column.type).lower() if not isinstance(column.type, types.NullType) else "",
        kind,
        length=length if isinstance(length, int) and not options else None,
        required=not (column.nullable or has_default or is_number_key),
        options=options,
        writable=is_writable and not is_made,
        unique=is_unique,
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _bytes(column: Column[Any], value: Any) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error:
        told = "It takes bytes, written as base64."
        raise Rejected(f"“{column.name}” takes bytes, written as base64.", {column.name: told}) from None
