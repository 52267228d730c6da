"""Kinds number and money."""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Context, Decimal
from functools import cache
from math import isfinite
from typing import Any

import pycountry

from mappings.kinds.base import Kind, Options, Unreadable

_DIGITS = 60
_EXACT = Context(prec=2 * _DIGITS)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_COMMA_GROUPS = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})", re.ASCII)
_ONE_COMMA_GROUP = re.compile(r"[+-]?\d{1,3},\d{3}", re.ASCII)
_DOT_GROUPS = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})", re.ASCII)
_COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+", re.ASCII)

_CURRENCY = r"[A-Za-z]{3}|(?:US|CA|C|AU|A)?\$|[€£¥]"
_MONEY = re.compile(
    rf"(?P<sign>-?)\s*(?P<before>{_CURRENCY})?\s*(?P<amount>[+-]?[0-9.][0-9.,]*)\s*(?P<after>{_CURRENCY})?"
)
_SYMBOLS = {
    "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "€": "EUR", "£": "GBP", "¥": "JPY",
}  # fmt: skip
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN"})


def _read_number(raw: Any, options: Options) -> Hashable:
    return _number(raw, options.region)


def _write_number(value: Decimal, raw: Any, options: Options) -> Any:
    return raw if _is_number(raw) else format(value, "f")


def _number(raw: Any, region: str) -> Decimal:
    if _is_number(raw):
        return _from_json(raw)
    text = raw.strip() if isinstance(raw, str) else ""
    return _normalise(Decimal(_plain_number(text, region)))


def _is_number(raw: Any) -> bool:
    return isinstance(raw, (int, float)) and not isinstance(raw, bool)


def _from_json(raw: int | float) -> Decimal:
    if isinstance(raw, float):
        if not isfinite(raw):
            raise Unreadable("This is not a number.")
        # By its shortest decimal form: 0.1 is a tenth, whatever its bits are.
        return _normalise(Decimal(repr(raw)))
    if raw.bit_length() > 4 * _DIGITS:
        raise Unreadable("This number is too long.")
    return _normalise(Decimal(raw))


def _normalise(number: Decimal) -> Decimal:
    if not number:
        return Decimal(0)
    if abs(number.adjusted()) > _DIGITS or len(number.as_tuple().digits) > _DIGITS:
        raise Unreadable("This number is too long.")
    return _EXACT.normalize(number)


def _plain_number(text: str, region: str) -> str:
    """The text as Decimal takes it. Raises Unreadable where dots and commas can be taken two ways."""
    if _PLAIN.fullmatch(text):
        return text
    if _COMMA_GROUPS.fullmatch(text):
        return text.replace(",", "")
    if _ONE_COMMA_GROUP.fullmatch(text):
        if region == "US":
            return text.replace(",", "")
        raise Unreadable("It can't be told whether the comma marks thousands or decimals.")
    if _DOT_GROUPS.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if _COMMA_DECIMAL.fullmatch(text):
        return text.replace(",", ".")
    raise Unreadable("This is not a number.")


def _read_money(raw: Any, options: Options) -> Hashable:
    # A bare number can't say its currency: it is in the pair's.
    if _is_number(raw):
        return _from_json(raw), options.currency
    found = _MONEY.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if found is None:
        raise Unreadable("This is not an amount of money.")
    if found["sign"] and found["amount"][0] in "+-":
        raise Unreadable("This is not an amount of money.")
    amount = _number(found["amount"], options.region)
    named = {_currency(symbol, options) for symbol in (found["before"], found["after"]) if symbol}
    return (-amount if found["sign"] else amount), _agreed(named, options)


def _agreed(named: set[str], options: Options) -> str:
    currency = named.pop() if named else options.currency
    if named:
        raise Unreadable("This amount names two currencies.")
    if options.currency and currency != options.currency:
        raise Unreadable(f"This amount is in {currency}, the field pair takes {options.currency}; we convert nothing.")
    return currency


def _currency(symbol: str, options: Options) -> str:
    if symbol == "$":
        if options.currency in _DOLLARS:
            return options.currency
        raise Unreadable("It can't be told which dollars these are; name the currency of the field pair.")
    code = _SYMBOLS.get(symbol.upper(), symbol.upper())
    if code not in _currencies():
        raise Unreadable("This names a currency that doesn't exist.")
    return code


def refuse_currency(named: Any, options: Options) -> None:
    """Raises Unreadable unless another field of the record names the currency that the pair takes."""
    code = named.strip().upper() if isinstance(named, str) else ""
    if not code:
        raise Unreadable("The record does not say which currency this amount is in.")
    if code not in _currencies():
        raise Unreadable("The record names a currency that doesn't exist.")
    _agreed({code}, options)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


def _write_money(value: tuple[Decimal, str], raw: Any, options: Options) -> Any:
    if _is_number(raw):
        return raw
    amount, currency = value
    has_tenths = amount.as_tuple().exponent == -1
    plain = format(amount, ".2f" if has_tenths else "f")
    # Where the pair fixes no currency, leaving it out would lose it.
    return plain if options.currency or not currency else f"{currency} {plain}"


NUMBER = Kind("number", _read_number, _write_number)
MONEY = Kind("money", _read_money, _write_money)
