"""Values as people read them, and where two of them differ.

Pure: no Django.
"""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from typing import Any

import orjson

from connectors.records import MISSING

BLANK = "(blank)"
UNKNOWN = "(not known)"
TOO_DEEP = "(nested too deep to be shown)"
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
    return _written_out(value) if isinstance(value, dict | list) else sayable(str(value))


def sayable(text: str) -> str:
    """The text as a page or a file can hold it: half characters, which some systems send, become “?”."""
    return text.encode("utf-8", "replace").decode()


def _written_out(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Nested deep, a number of twenty digits, half a character: never stored, but seen in a first look.
        try:
            return json.dumps(value)
        except RecursionError:
            return TOO_DEEP


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
