"""An answer of a system: its JSON, its words, how long it asks us to wait, and the error its status means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import orjson

from connectors.records import ConnectorError, Gone, NeedsAttention, Rejected, Stale, Temporary

WORDS_LENGTH = 300
"""How many characters of a system's own words we repeat."""
MOST_DIGITS = 60
LONGEST_PAUSE = 86_400.0
"""Seconds that we believe a Retry-After: whoever asks for years has a broken clock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. data: its JSON; None where it has none. text: the body where it isn't JSON."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        """What the system says went wrong, short; "" where it doesn't say."""
        spoken = " ".join(_words(self.data)) or ("" if "<" in self.text else self.text)
        return spoken.strip()[:WORDS_LENGTH]

    @property
    def retry_after(self) -> float | None:
        """Seconds of the Retry-After header, which says seconds or a date (RFC 9110, 10.2.3); a day at most."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return min(LONGEST_PAUSE, float(text))
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        aware = when.replace(tzinfo=when.tzinfo or UTC)
        return min(LONGEST_PAUSE, max(0.0, (aware - datetime.now(UTC)).total_seconds()))


def decode(body: bytes) -> Any:
    """The JSON of a body; None for an empty one. Raises ValueError."""
    if not body:
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        # orjson refuses a whole page for one lone surrogate in it; only that record is to be set aside.
        try:
            return json.loads(body, parse_constant=str, parse_float=_number)
        except RecursionError:
            raise ValueError("nested too deep") from None


def decode_exactly(body: bytes) -> Any:
    """The JSON of a body, whose numbers keep their digits: what isn't whole is a text, 25.10 is "25.10"."""
    try:
        return json.loads(body, parse_constant=str, parse_float=digits) if body else None
    except RecursionError:
        raise ValueError("nested too deep") from None


def digits(number: str | Decimal) -> str:
    """A number that isn't whole as JSON had it, without an exponent."""
    exact = Decimal(number)
    # Written out, 1e999999 would be a megabyte of zeros.
    return format(exact, "f") if exact.is_finite() and abs(exact.adjusted()) < MOST_DIGITS else str(number)


def meaning(answer: Answer, label: str) -> ConnectorError:
    """The error that an answer of 400 and above usually means, in a sentence about the system `label`."""
    said = f" It says: “{answer.words}”." if answer.words else ""
    if answer.status == 429:
        return Temporary(f"{label} asks us to slow down (429).", answer.retry_after)
    if answer.status >= 500 or answer.status in (408, 425):
        text = f"{label} has trouble ({answer.status}). Try again later.{said}"
        return Temporary(text, answer.retry_after)
    kind, text = _MEANINGS.get(answer.status, (Rejected, "{} refuses this ({})."))
    return kind(text.format(label, answer.status) + said)


_MEANINGS: dict[int, tuple[type[ConnectorError], str]] = {
    401: (NeedsAttention, "{} doesn't accept our key ({}). Enter it again in the connection's settings."),
    402: (NeedsAttention, "{} wants to be paid first ({})."),
    403: (NeedsAttention, "{} doesn't let us do this ({}). Ask for the right to, or enter another key."),
    404: (Gone, "{} has nothing there ({})."),
    405: (NeedsAttention, "{} doesn't take such requests there ({}). Check the connection's address."),
    409: (Stale, "The record at {} has changed since it was read ({})."),
    410: (Gone, "{} no longer has this ({})."),
    412: (Stale, "The record at {} has changed since it was read ({})."),
}


def readable(body: bytes) -> str:
    """The beginning of a body that isn't JSON, as one line."""
    return " ".join(body[: 4 * WORDS_LENGTH].decode("utf-8", "replace").split())


def _number(text: str) -> float | str:
    # NaN, Infinity and 1e999 stay texts: as numbers they would be stored as null, and so read as blank.
    number = float(text)
    return number if isfinite(number) else text


def _words(data: Any) -> list[str]:
    """The sentences in an error body, whatever its shape."""
    if isinstance(data, str):
        return [data]
    if isinstance(data, list):
        return [word for part in data for word in _words(part)]
    if isinstance(data, dict):
        names = ("message", "error_description", "error", "detail", "title", "errors")
        return next((found for name in names if (found := _words(data.get(name)))), [])
    return []
