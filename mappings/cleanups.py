"""The clean-ups that expressions name after a bar: `value|trim|title_case`.

Pure. A blank passes through all of them as it is (`default` and `default_if_blank` apart), and a
number is taken as its text. Each is bounded: none makes much of little.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import wraps
from math import isfinite
from typing import Any

from jinja2 import Undefined

from mappings.kinds import is_blank, text_of
from mappings.kinds.places import STATE_COUNTRIES, country_codes, state_codes

LONGEST_TEXT = 1_000_000

_LETTERS = re.compile(r"[^\W\d_]+")
_ZIP = re.compile(r"\s*(\d{5})(?:[\s-]*\d{4})?\s*", re.ASCII)
_YEAR = re.compile(r"(?<!\d)(?:1[6-9]|20|21)\d\d(?!\d)", re.ASCII)
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_APOSTROPHES = frozenset({"'", "\N{RIGHT SINGLE QUOTATION MARK}"})
_ROMAN = frozenset({"II", "III", "IV", "VI", "VII", "VIII"})
_PARTICLES = frozenset({"van", "von", "der", "den", "ter", "de", "da", "di", "du", "la", "le", "bin", "ibn", "al"})


class CleanupError(ValueError):
    """A value that a clean-up can't be applied to. The text ends a sentence, and shows no value."""


def trim(text: str) -> str:
    """Without white space at both ends."""
    return text.strip()


def replace(text: str, old: str, new: str) -> str:
    """Every `old` replaced by `new`; an empty `old` replaces nothing."""
    if not old:
        return text
    if len(text) + text.count(old) * (len(new) - len(old)) > LONGEST_TEXT:
        raise CleanupError("the text would become too long")
    return text.replace(old, new)


def title_case(text: str) -> str:
    """O'NEILL-smith → O'Neill-Smith. Mixed case (McDonald), numerals (III) and particles (van) stay."""
    has_capitals = text != text.lower()

    def capitalise(found: re.Match[str]) -> str:
        part = found[0]
        after = text[max(found.start() - 1, 0) : found.start()]
        if part in _ROMAN or not (part.islower() or part.isupper()):
            return part
        if (has_capitals and part in _PARTICLES) or (after in _APOSTROPHES and part in {"s", "S"}):
            return part.lower()
        return part.capitalize()

    return _LETTERS.sub(capitalise, text)


def digits(text: str) -> str:
    """Only the digits 0 to 9."""
    return "".join(char for char in text if char in "0123456789")


def first_line(text: str) -> str:
    """The first line that isn't blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def zip5(text: str) -> str:
    """65203-1234 → 65203; a postal code of another form stays."""
    found = _ZIP.fullmatch(text)
    return found[1] if found else text


def year(text: str) -> str:
    """The one year of four digits in a date or a text."""
    found: set[str] = set(_YEAR.findall(text))
    if len(found) != 1:
        raise CleanupError("it holds no year, or several")
    return found.pop()


def strip_accents(text: str) -> str:
    """José → Jose."""
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))


def country_code(text: str) -> str:
    """A country's two letters of ISO 3166; another way to write a country is an error."""
    if text not in country_codes():
        raise CleanupError("it is not the two capital letters of a country")
    return text


def state_code(text: str, country: Any = "US") -> str:
    """The two letters of a state of the US or Canada; in other countries whatever is there."""
    if country in STATE_COUNTRIES and text not in state_codes(country):
        raise CleanupError("it is not the two capital letters of a state or province of that country")
    return text


def e164(text: str) -> str:
    """A phone number as +15735550100; another way to write one is an error."""
    if not _E164.fullmatch(text):
        raise CleanupError("it is not a phone number like +15735550100")
    return text


def split(text: str, separator: str = ",") -> list[str]:
    """The parts between the separators, trimmed, without blank ones."""
    return [part.strip() for part in text.split(separator) if part.strip()]


def default_if_blank(value: Any, otherwise: Any = "") -> Any:
    """`otherwise` in place of a blank."""
    return otherwise if _is_nothing(value) else value


def join(items: Any, separator: str = "; ") -> str:
    """The parts of a list as one text, without blank ones."""
    parts = [text_of(part) for part in (items if isinstance(items, list) else [items]) if not _is_nothing(part)]
    if sum(map(len, parts)) + len(parts) * len(separator) > LONGEST_TEXT:
        raise CleanupError("the text would become too long")
    return separator.join(parts)


def pick_first(items: Any) -> Any:
    """The first of a list; the first character of a text."""
    return items[0]


def pick_last(items: Any) -> Any:
    """The last of a list; the last character of a text."""
    return items[-1]


def whole_number(text: str) -> int:
    """A whole number; what is none is an error, not a zero."""
    try:
        return int(text)
    except ValueError as error:
        raise CleanupError("it is not a whole number") from error


def decimal_number(text: str) -> float:
    """A number; what is none is an error, not a zero."""
    try:
        number = float(text)
    except ValueError as error:
        raise CleanupError("it is not a number") from error
    # Python reads "nan" and "1e999" as well, which no record can hold.
    if not isfinite(number):
        raise CleanupError("it is not a number")
    return number


def _is_nothing(value: Any) -> bool:
    return isinstance(value, Undefined) or is_blank(value)


def _keep_blank(cleanup: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(cleanup)
    def apply(value: Any, *arguments: Any) -> Any:
        return None if _is_nothing(value) else cleanup(value, *arguments)

    return apply


def _on_text(cleanup: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(cleanup)
    def apply(value: Any, *arguments: Any) -> Any:
        return cleanup(text_of(value), *arguments)

    return _keep_blank(apply)


CLEANUPS: Mapping[str, Callable[..., Any]] = {
    "trim": _on_text(trim),
    "upper": _on_text(str.upper),
    "lower": _on_text(str.lower),
    "capitalize": _on_text(str.capitalize),
    "title_case": _on_text(title_case),
    "replace": _on_text(replace),
    "strip_accents": _on_text(strip_accents),
    "digits": _on_text(digits),
    "first_line": _on_text(first_line),
    "zip5": _on_text(zip5),
    "year": _on_text(year),
    "country_code": _on_text(country_code),
    "state_code": _on_text(state_code),
    "e164": _on_text(e164),
    "split": _on_text(split),
    "join": _keep_blank(join),
    "first": _keep_blank(pick_first),
    "last": _keep_blank(pick_last),
    "length": _keep_blank(len),
    "int": _on_text(whole_number),
    "float": _on_text(decimal_number),
    "default_if_blank": default_if_blank,
    "default": default_if_blank,
}
"""Name in an expression → what it does."""
