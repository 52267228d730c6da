"""What a web service answers: lists, records, totals, and which fields it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.answers import Answer
from connectors.records import ConnectorError, Rejected, Values

TOTAL_NAMES = ("total", "total_count", "totalCount", "totalResults", "total_results", "count")
TOTAL_HEADERS = ("X-Total-Count", "X-Total", "Total-Objects", "Total-Records")
ABOUT_NAMES = ("meta", "pagination", "page", "paging")
NOTHING: Any = object()


def at(data: Any, path: str) -> Any:
    """What is at a path of names with dots; in lists, numbers, -1 for the last. NOTHING where there is none."""
    for step in path.split(".") if path else ():
        if isinstance(data, Mapping) and step in data:
            data = data[step]
        elif isinstance(data, list) and re.fullmatch(r"-?\d{1,6}", step) and -len(data) <= int(step) < len(data):
            data = data[int(step)]
        else:
            return NOTHING
    return data


def text_at(data: Any, path: str) -> str:
    """A text or number at a path, as text; "" where there is none."""
    found = at(data, path) if path else NOTHING
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def id_at(record: Any, path: str) -> str:
    """A record's id: a text or a whole number."""
    found = at(record, path)
    return str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""


def total_of(answer: Answer, records: str, rows: int) -> int | None:
    """How long the whole list is, where the answer says: by a header, or beside the records."""
    for name in TOTAL_HEADERS:
        if (text := answer.headers.get(name, "").strip()).isdecimal():
            return int(text)
    around = [answer.data, at(answer.data, records.rpartition(".")[0])]
    around += [at(answer.data, name) for name in ABOUT_NAMES]
    for about in around:
        for name in TOTAL_NAMES:
            found = at(about, name)
            # Some count the page so, which says nothing about the list.
            if isinstance(found, int) and not isinstance(found, bool) and not (name == "count" and found == rows):
                return found
    return None


def one_record(data: Any, places: Iterable[str], id: str) -> Values:
    """The record in an answer, at the first of the places where there is one with an id; {} where there is none."""
    for place in places:
        found = at(data, place)
        # Asked for one, some answer with a list of it.
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if isinstance(found, dict) and id_at(found, id):
            return found
    return {}


def refused_fields(answer: Answer, label: str) -> ConnectorError | None:
    """The fields that an answer of 400 or 422 names, in the usual ways of naming them."""
    if answer.status not in (400, 422):
        return None
    fields = _named(answer.data)
    if not fields:
        return None
    said = "; ".join(f"{name}: {words}" for name, words in fields.items())
    return Rejected(f"{label} refuses this record ({answer.status}). It says: “{said[:300]}”.", fields)


def _named(data: Any) -> dict[str, str]:
    """{"errors": {"email": […]}}, {"errors": [{"field": "email", "message": …}]}, or {"email": […]} alone."""
    for name in ("errors", "details", "error", "detail"):
        found = at(data, name)
        # What else they call details may be the record itself, which is nobody's business in a message.
        if name == "errors" and isinstance(found, Mapping):
            return {str(key): _sentence(words) for key, words in found.items()}
        if isinstance(found, list):
            named = {_field(each): _sentence(each) for each in found if isinstance(each, Mapping) and _field(each)}
            if named:
                return named
    if isinstance(data, Mapping) and data and all(_is_sentences(words) for words in data.values()):
        return {str(key): _sentence(words) for key, words in data.items()}
    return {}


def _field(error: Mapping[str, Any]) -> str:
    place = next((error[name] for name in ("field", "name", "param", "property", "loc") if error.get(name)), "")
    # Some name the field with the way to it: data.email, or ["body", "email"].
    return str(place[-1] if isinstance(place, list) else place).rpartition(".")[2]


def _sentence(words: Any) -> str:
    if isinstance(words, Mapping):
        words = next((words[name] for name in ("message", "description", "msg", "detail") if words.get(name)), "")
    return " ".join(map(str, words)) if isinstance(words, list) else str(words)


def _is_sentences(words: Any) -> bool:
    return isinstance(words, list) and bool(words) and all(isinstance(each, str) for each in words)
