"""Values as people read them, and where two of them differ.

Pure: no Django.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

import orjson

from connectors.records import MISSING

BLANK = "(blank)"
UNKNOWN = "(not known)"
PIECES = re.compile(r"\w+|\s+|[^\w\s]")
LONGEST_COMPARED = 2_000
"""Beyond so many characters two texts are shown as wholly different: comparing takes longer with every one."""


def as_text(value: Any) -> str:
    """A raw value in words: blank and unknown are told apart, lists and objects are written out."""
    if value is MISSING:
        return UNKNOWN
    if is_blank(value):
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value)


def is_blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def is_nothing(value: Any) -> bool:
    """Whether there is no value to show: blank, or not known."""
    return value is MISSING or is_blank(value)


def marked(value: Any, other: Any) -> list[tuple[str, bool]]:
    """The text of a value in pieces, each with whether it differs from the other value's."""
    text, against = as_text(value), as_text(other)
    if is_nothing(value) or is_nothing(other) or max(len(text), len(against)) > LONGEST_COMPARED:
        return [(text, text != against)]
    pieces, others = PIECES.findall(text), PIECES.findall(against)
    found: list[tuple[str, bool]] = []
    for tag, start, end, _, _ in SequenceMatcher(None, pieces, others, autojunk=False).get_opcodes():
        if piece := "".join(pieces[start:end]):
            found.append((piece, tag != "equal"))
    return found
