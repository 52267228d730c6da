"""One field pair at work: what each side holds, whether that is the same, what would be written.

Pure: no Django. Whatever can't be read or written is said in words and never raised.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from connectors.records import MISSING
from mappings import paths
from mappings.kinds import Linked, Options, Unreadable, is_blank, kinds, options_for, text_of
from mappings.kinds.numbers import refuse_currency
from mappings.rules import OnInvalid, PairRules, Side
from mappings.transforms import ExpressionError, Transform, compile_expression, fields_read

_NO_TIMES: Mapping[str, datetime] = MappingProxyType({})
_UNREADABLE = (Unreadable, ExpressionError)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one side holds of one pair.

    raw      as in the record; MISSING if the record doesn't say
    value    canonical; None where blank, missing or unreadable
    problem  why it can't be read, in words
    time     when the field itself was changed, where the system says so
    cleaned  the raw value after the clean-up for reading: what is carried over
    """

    raw: Any = field(repr=False)
    value: Hashable = field(default=None, repr=False)
    problem: str = ""
    time: datetime | None = None
    cleaned: Any = field(default=MISSING, repr=False, compare=False)

    @property
    def is_missing(self) -> bool:
        """The record doesn't say: unknown, which is not blank."""
        return self.raw is MISSING

    @property
    def is_readable(self) -> bool:
        """Known and understood, be it blank."""
        return self.raw is not MISSING and not self.problem

    @property
    def is_blank(self) -> bool:
        """Known to be blank."""
        return self.value is None and self.is_readable


@dataclass(frozen=True, slots=True)
class Carried:
    """What would be written on the other side; with a problem, why nothing can be."""

    raw: Any = field(repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _End:
    """One side of a pair, compiled."""

    path: str
    options: Options
    reads: Transform | None
    writes: Transform | None
    length: int | None
    currency_path: str = ""


class Translator:
    """Reads and writes one field pair, compiled once and used for every record.

    Raises ExpressionError, PathError or ValueError, with a sentence, for rules that can't be carried out.
    """

    def __init__(self, pair: PairRules, time_zones: Mapping[Side, str], linked: Linked | None = None) -> None:
        """linked: what references are read with; it may be filled later, before any of them is."""
        if pair.kind not in kinds():
            raise ValueError(f"There is no kind “{pair.kind}”. The kinds are {', '.join(kinds())}.")
        self.pair = pair
        self._kind = kinds()[pair.kind]
        self._ends = {side: _compile_end(pair, side, time_zones.get(side, "UTC"), linked) for side in Side}

    def read(self, side: Side, values: Mapping[str, Any], times: Mapping[str, datetime] = _NO_TIMES) -> Reading:
        """What a record of this side holds. times: path → when the field there was changed."""
        path = self._ends[side].path
        # Only a time of this very path: that of a whole list says nothing about one element of it.
        return self._read(side, paths.get(values, path), values, times.get(path))

    def read_raw(self, side: Side, raw: Any, values: Mapping[str, Any] | None = None) -> Reading:
        """A raw value of this side by today's mapping, such as a base. values: the record it belongs to."""
        return self._read(side, raw, values, None)

    def names(self, side: Side, raw: Any, values: Mapping[str, Any] | None = None) -> str:
        """Kind reference: the id that a raw value is, to be looked up before it is read; "" where it is none."""
        end = self._ends[side]
        try:
            return "" if is_blank(raw) or raw is MISSING else text_of(_cleaned(end, raw, values)).strip()
        except _UNREADABLE:
            return ""

    def carry(self, reading: Reading, to: Side) -> Carried:
        """What to write on `to` for what the other side holds."""
        if reading.raw is MISSING:
            return Carried(MISSING, "The record does not say what this field holds.")
        carried = self._write(reading, to)
        # Only where nothing else can be written: a blank is a value, and no reason for a default.
        if carried.problem and self.pair.on_invalid is OnInvalid.USE_DEFAULT and to in self.pair.defaults:
            return Carried(self.pair.defaults[to])
        return carried

    def _read(self, side: Side, raw: Any, values: Mapping[str, Any] | None, time: datetime | None) -> Reading:
        if raw is MISSING:
            return Reading(MISSING)
        end = self._ends[side]
        try:
            cleaned = _cleaned(end, raw, values)
            # What a side held before comes without its record: it was judged when it was sent.
            if end.currency_path and values is not None and not is_blank(cleaned):
                refuse_currency(paths.get(values, end.currency_path), end.options)
            return Reading(raw, self._kind.read(cleaned, end.options), "", time, cleaned)
        except _UNREADABLE as error:
            return Reading(raw, None, str(error), time)

    def _write(self, reading: Reading, to: Side) -> Carried:
        if reading.problem:
            return Carried(MISSING, reading.problem)
        end = self._ends[to]
        cleaned = reading.raw if reading.cleaned is MISSING else reading.cleaned
        try:
            raw = self._kind.write(reading.value, cleaned, end.options)
            raw = end.writes(raw, {}) if end.writes else raw
        except _UNREADABLE as error:
            return Carried(MISSING, str(error))
        if end.length is not None and isinstance(raw, str) and len(raw) > end.length:
            # Never cut: half an address is worse than the old one.
            return Carried(MISSING, f"This is {len(raw)} characters long; the field there takes {end.length}.")
        return Carried(raw)


def same(one: Reading, other: Reading) -> bool:
    """Equal by kind: both blank, or both readable with equal values. Missing and unreadable equal nothing."""
    return one.is_readable and other.is_readable and one.value == other.value


def raw_equal(one: Any, other: Any) -> bool:
    """Exactly the same JSON: 1, 1.0, True and "1" are four different values; the order of fields is none."""
    # A stack of our own, because JSON may be nested deeper than Python calls.
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, dict):
            if left.keys() != right.keys():
                return False
            waiting += [(item, right[key]) for key, item in left.items()]
        elif isinstance(left, list):
            if len(left) != len(right):
                return False
            waiting += zip(left, right, strict=True)
        elif left != right:
            return False
    return True


def _cleaned(end: _End, raw: Any, values: Mapping[str, Any] | None) -> Any:
    return end.reads(raw, values or {}) if end.reads else raw


def _compile_end(pair: PairRules, side: Side, time_zone: str, linked: Linked | None) -> _End:
    path = pair.paths[side]
    paths.root(path)
    return _End(
        path,
        options_for(pair, side, time_zone, linked),
        _compile(pair.reads.get(side, "")),
        _compile_write(pair.writes.get(side, "")),
        pair.lengths.get(side),
        pair.currency_field.get(side, ""),
    )


def _compile_write(source: str) -> Transform | None:
    # What is written depends on the value alone; otherwise it would differ by which record was at hand.
    if fields_read(source):
        raise ExpressionError(f"The expression “{source}” is for writing, so it knows only “value”.")
    return _compile(source)


def _compile(source: str) -> Transform | None:
    return compile_expression(source) if source.strip() else None
