"""Where in a record a field is: `email`, `name.first`, `addresses[Home].city`, `emails[work]`, `emails[0]`.

Pure. A label in brackets names the first element of a list that is labelled so; read or written as a
whole, such an element stands for its value (`{label: work, address: …}` → the address).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from connectors.records import MISSING
from mappings.kinds import is_blank

_LABEL_KEYS = ("label", "type", "name", "kind", "key")
_VALUE_KEYS = ("address", "number", "value", "email", "phone", "url")
_INDEX = re.compile(r"\d{1,6}", re.ASCII)
_EXAMPLES = "Paths look like email, name.first, addresses[Home].city or emails[work]."
_STEP = re.compile(r"(?P<dot>\.)?(?P<name>[^.\[\]]+)|\[(?P<label>[^\[\]]+)\]")


class PathError(ValueError):
    """Not a path, or a place that can't be written without losing what is there. The text is for people."""


@dataclass(frozen=True, slots=True)
class _Label:
    """A step into a list: the element that is labelled so, or that stands at this index."""

    text: str
    folded: str
    index: int | None


_Step = str | _Label


def check(path: str) -> str:
    """ "", or a sentence that says why this is not a path."""
    try:
        _parse(path)
    except PathError as error:
        return str(error)
    return ""


def root(path: str) -> str:
    """The top-level field that a path begins at. Raises PathError."""
    return _parse(path)[0]


def folded(path: str) -> str:
    """The path with its labels as they are compared: equal ones name the same place. Raises PathError."""
    top, inner = _parse(path)
    return top + "".join(f".{step}" if isinstance(step, str) else f"[{step.folded}]" for step in inner)


def get(values: Mapping[str, Any], path: str) -> Any:
    """What a record holds there; MISSING if the top-level field is absent, None if only an inner one is."""
    top, inner = _parse(path)
    place = values.get(top, MISSING)
    for step in inner:
        if place is MISSING or place is None:
            return place
        place = _enter(place, step)
    return _unwrap(place) if inner and isinstance(inner[-1], _Label) else place


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Write there, in place, making the objects and labelled elements on the way; None makes none.

    Raises PathError where text or a number is in the way, or an index is beyond the list's end.
    """
    top, inner = _parse(path)
    # Blanking what isn't there must not leave empty objects and labels behind.
    if value is None and get(values, path) in (None, MISSING):
        values.setdefault(top, None)
        return
    holder: Any = values
    for step, following in pairwise((top, *inner)):
        holder = _make_way(holder, step, following, path)
    last = inner[-1] if inner else top
    if isinstance(last, str):
        holder[last] = value
    else:
        _set_element(holder, last, value, path)


@lru_cache(maxsize=5_000)
def _parse(path: str) -> tuple[str, tuple[_Step, ...]]:
    """The top-level field, and the steps from there; never two labels in a row. Raises PathError."""
    steps: list[_Step] = []
    end = 0
    while end < len(path):
        found = _STEP.match(path, end)
        if found is None or not _fits(found, steps):
            raise PathError(f"“{path}” is not a path: it can't be read from character {end + 1} on. {_EXAMPLES}")
        steps.append(found["name"].strip() if found["name"] else _label(found["label"]))
        end = found.end()
    top = steps[0] if steps else ""
    if not isinstance(top, str) or not all(step if isinstance(step, str) else step.folded for step in steps):
        raise PathError(f"“{path}” is not a path: a name is missing. {_EXAMPLES}")
    if not top:
        raise PathError(f"An empty text is not a path. {_EXAMPLES}")
    return top, tuple(steps[1:])


def _fits(found: re.Match[str], steps: list[_Step]) -> bool:
    if found["label"]:
        return bool(steps) and isinstance(steps[-1], str)
    return bool(found["dot"]) == bool(steps)


def _label(text: str) -> _Label:
    return _Label(text.strip(), _fold(text), int(text) if _INDEX.fullmatch(text) else None)


def _fold(text: str) -> str:
    return text.strip().casefold()


def _enter(holder: Any, step: _Step) -> Any:
    """What is at a step, an element as it stands; None where nothing is."""
    if isinstance(step, str):
        return holder.get(step) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        return holder.get(_key(holder, step))
    if not isinstance(holder, list):
        return None
    if step.index is not None:
        return holder[step.index] if step.index < len(holder) else None
    return next((element for element in holder if _label_of(element) == step.folded), None)


def _key(holder: dict[str, Any], step: _Label) -> str:
    # Some systems send {"home": …, "work": …} where others send a list of labelled elements.
    return next((key for key in holder if _fold(key) == step.folded), step.text)


def _label_of(element: Any) -> str | None:
    key = _label_key(element)
    return _fold(element[key]) if key else None


def _label_key(element: Any) -> str:
    keys = _LABEL_KEYS if isinstance(element, dict) else ()
    return next((key for key in keys if isinstance(element.get(key), str) and element[key].strip()), "")


def _unwrap(place: Any) -> Any:
    if not isinstance(place, dict):
        return place
    key = next((key for key in _VALUE_KEYS if key in place), None)
    if key:
        return place[key]
    # An element that has a label and nothing else holds nothing.
    return place if any(name not in _LABEL_KEYS for name in place) else None


def _make_way(holder: Any, step: _Step, following: _Step, path: str) -> Any:
    """The object or list at a step, made where there is none."""
    child = _enter(holder, step)
    if is_blank(child):
        child = _attach(holder, step, [] if isinstance(following, _Label) else {}, path)
    if not isinstance(child, dict if isinstance(following, str) else (dict, list)):
        raise PathError(f"“{path}” can't be written: something else than an object is on the way to it.")
    return child


def _attach(holder: Any, step: _Step, child: Any, path: str) -> Any:
    """Put a new child at a step; gives it as it is there, which in a list is with its label."""
    if isinstance(step, str):
        holder[step] = child
    elif isinstance(holder, dict):
        holder[_key(holder, step)] = child
    elif step.index is None:
        child = {_sibling_key(holder, _label_key, "label"): step.text} | child
        holder.append(child)
    elif step.index > len(holder):
        raise PathError(f"“{path}” can't be written: the list has only {len(holder)} elements.")
    else:
        # A slice, so that the place just behind the last one takes it as well.
        holder[step.index : step.index + 1] = [child]
    return child


def _set_element(holder: Any, step: _Label, value: Any, path: str) -> None:
    element = _enter(holder, step)
    if isinstance(element, list):
        raise PathError(f"“{path}” can't be written: a list is in its place.")
    others = list(holder.values()) if isinstance(holder, dict) else holder
    # A new element looks like those beside it: the system may not know any other key.
    key = _value_key(element) or _sibling_key(others, _value_key, _usual_value_key(path))
    if isinstance(element, dict) and element:
        element[key] = value
    elif _holds_objects(holder, step, element, others):
        _attach(holder, step, {key: value}, path)
    else:
        _attach(holder, step, value, path)


def _holds_objects(holder: Any, step: _Label, element: Any, others: list[Any]) -> bool:
    """Whether what is new there becomes an object with a value in it, and not the bare value."""
    if isinstance(holder, list) and step.index is None:
        return True
    return is_blank(element) and any(isinstance(other, dict) for other in others)


def _value_key(element: Any) -> str:
    return next((key for key in _VALUE_KEYS if key in element), "") if isinstance(element, dict) else ""


def _sibling_key(siblings: list[Any], find: Callable[[Any], str], otherwise: str) -> str:
    return next((key for sibling in siblings if (key := find(sibling))), otherwise)


def _usual_value_key(path: str) -> str:
    top, inner = _parse(path)
    name = [step for step in (top, *inner) if isinstance(step, str)][-1].casefold()
    if "email" in name:
        return "address"
    return "number" if "phone" in name else "value"
