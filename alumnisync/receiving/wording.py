"""What is wrong with a field, in words and without its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.text import capfirst

WORDS = {
    "missing": "This is required.",
    "string_type": "This must be text.",
    "string_too_short": "This must not be blank.",
    "string_too_long": "At most {max_length} characters fit.",
    "too_long": "At most {max_length} characters fit.",
    "extra_forbidden": "There is no such field here.",
    "dict_type": "This must be an object with named fields.",
    "model_type": "This must be an object with named fields.",
    "model_attributes_type": "This must be an object with named fields.",
    "string_unicode": "It holds a broken character.",
}
NO_OBJECT = "Send one JSON object with the record's fields."
NAMES = 2
"""Parts of a place before the field's name: the body, and the parameter it became."""


def said_of(error: Mapping[str, Any]) -> tuple[str, str]:
    """(field, message) of one of pydantic's errors."""
    field = ".".join(str(part) for part in error["loc"][NAMES:])
    if not field and error["type"] in ("missing", "model_attributes_type", "dict_type", "model_type"):
        return "", NO_OBJECT
    return field, _words(error)


def _words(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if words := WORDS.get(error["type"]):
        return words.format(**error.get("ctx", {}))
    return f"{capfirst(str(error['msg']))}."
