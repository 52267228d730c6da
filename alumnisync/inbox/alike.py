"""Values of a field pair as people compare them: what is the same by its kind is not shown as a difference."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.records import MISSING
from mappings.kinds import Kind, Options, Unreadable, is_blank, kinds
from mappings.models import FieldMapping
from mappings.translate import raw_equal

OF_A_SIDE = ("choice", "consent", "reference")
"""Kinds of which the same word means another thing on the other side."""


class Format:
    """What the values of a field pair are. Clean-ups, which may need the whole record, are left out of account."""

    def __init__(self, row: FieldMapping | None = None) -> None:
        self._kind: Kind = kinds().get(row.kind if row else "text", kinds()["text"])
        self._options = Options(region=str(row.region), currency=row.currency.upper()) if row else Options()

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether two values are equal by kind: 70 and 70.00, +1 573 555 0100 and (573) 555-0100."""
        if one is MISSING or other is MISSING:
            return one is other
        if raw_equal(one, other):
            return True
        if is_blank(one) or is_blank(other) or self._kind.name in OF_A_SIDE:
            return False
        try:
            return self._kind.read(one, self._options) == self._kind.read(other, self._options)
        except Unreadable:
            return False

    def shown(self, value: Any) -> Any:
        """The value as it is shown: an amount with its decimals, all of them, and the currency where it names one."""
        if self._kind.name != "money" or value is MISSING or is_blank(value):
            return value
        try:
            # What the pair says of the currency is not what this value says.
            read = self._kind.read(value, replace(self._options, currency=""))
        except Unreadable:
            return value
        amount, currency = read if isinstance(read, tuple) else (Decimal(0), "")
        return f"{_written(amount)} {currency}".strip()


def _written(amount: Decimal) -> str:
    exponent = amount.as_tuple().exponent
    return format(amount, "f" if isinstance(exponent, int) and exponent < -2 else ".2f")
