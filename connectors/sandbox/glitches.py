"""What goes wrong in the records of a system, and not on the way: everybody's field at once, or people who vanish.

A glitch is somebody's mistake over there: what it touches moves like any change, and `mend` puts everything back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from connectors.sandbox.stand_in import StandIn

FLIP = timedelta(hours=5)
"""How far a clock is off that takes local time for UTC."""


def play(there: StandIn, kind: str, object_type: str, field: str = "", share: float = 1.0, value: Any = None) -> int:
    """Let a glitch befall this share of the records; how many. Raises ValueError for an unknown one.

    blank   the field is empty                 same    the field holds one and the same value
    shift   each has the value of another      zone    dates and times are read in another time zone
    empty   the records are no longer listed, without a trace
    delete  the records are deleted
    """
    ids = there.ids(object_type)
    ids = ids[: round(len(ids) * share)]
    if kind not in ("empty", "delete", *FIELDS):
        raise ValueError(f"“{kind}” is not a glitch; they are empty, delete, {', '.join(FIELDS)}.")
    with there.lock:
        if kind == "delete":
            for id in ids:
                there.remove(object_type, id)
        elif kind == "empty":
            _vanish(there, object_type, ids)
        else:
            _spoil(there, object_type, ids, field, FIELDS[kind], value)
    return len(ids)


def mend(there: StandIn) -> int:
    """Put back what the glitches since the last time touched; how many records. What was deleted stays deleted."""
    with there.lock:
        former, there.former = there.former, {}
        for object_type, rows in former.items():
            for id, values in rows.items():
                if id in there.records[object_type]:
                    there.change(object_type, id, **values)
                else:
                    there.records[object_type][id] = values
    return sum(map(len, former.values()))


def _vanish(there: StandIn, object_type: str, ids: Iterable[str]) -> None:
    """Without a trace, as a list that came short; a system that reports its deletions says nothing of it."""
    records, former = there.records[object_type], there.former.setdefault(object_type, {})
    for id in ids:
        # Whatever else befell it before is put back with it.
        former[id] = {**records.pop(id), **former.get(id, {})}


def _spoil(
    there: StandIn, object_type: str, ids: list[str], field: str, wrong: Callable[..., list[Any]], value: Any
) -> None:
    records, former = there.records[object_type], there.former.setdefault(object_type, {})
    before = [records[id].get(field) for id in ids]
    for id, was, now in zip(ids, before, wrong(before, value), strict=True):
        former.setdefault(id, {}).setdefault(field, was)
        there.change(object_type, id, **{field: now})


def _blank(values: list[Any], value: Any) -> list[Any]:
    return [value for _ in values]


def _shift(values: list[Any], value: Any) -> list[Any]:
    """Each has what the next in the alphabet has."""
    known = sorted({one for one in values if one}, key=str)
    following = dict([*pairwise(known), (known[-1], known[0])]) if known else {}
    return [following.get(one, one) for one in values]


def _zone(values: list[Any], value: Any) -> list[Any]:
    return [_flipped(one) if one else one for one in values]


def _flipped(text: str) -> str:
    if len(text) == len("2026-11-27"):
        # Midnight there is the evening before here.
        return (date.fromisoformat(text) - timedelta(days=1)).isoformat()
    return (datetime.fromisoformat(text) - FLIP).isoformat()


FIELDS: dict[str, Callable[[list[Any], Any], list[Any]]] = {
    "blank": _blank,
    "same": _blank,
    "shift": _shift,
    "zone": _zone,
}
