"""A run's reconciliation for people: what a system adds up, what was read of it, and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from alumnisync.engine.reconcile import KEPT
from alumnisync.models import SyncRun
from alumnisync.naming import Names
from alumnisync.wording import counted, number
from mappings.rules import Side


@dataclass(frozen=True)
class Apart:
    """A transaction of which the two systems say something else. address: where it is shown in its own."""

    id: str
    address: str


@dataclass(frozen=True)
class Line:
    """A value of a field, such as a status, with its figures: the column of each, and what it says."""

    what: str
    figures: Sequence[tuple[str, str]]
    says: Sequence[str]
    apart: Sequence[Apart]
    more: str

    @property
    def is_fine(self) -> bool:
        return not self.says


@dataclass(frozen=True)
class Reconciled:
    """The whole comparison. problem: why there is none."""

    problem: str
    columns: Sequence[str]
    lines: Sequence[Line]

    @property
    def is_fine(self) -> bool:
        return all(line.is_fine for line in self.lines)


def reconciled(run: SyncRun, names: Names) -> Reconciled | None:
    """What a run compared; None where it compares nothing. No statement."""
    kept = run.counts.get(KEPT)
    if not kept:
        return None
    side = Side(kept["side"])
    here, there = names.side(side.other), names.side(side)
    columns = (f"Counted by {there}", "Read from it", "To be recorded", f"Recorded in {here}")
    return Reconciled(kept["problem"], columns, [_line(line, names, side, columns) for line in kept["lines"]])


def _line(line: Mapping[str, Any], names: Names, side: Side, columns: Sequence[str]) -> Line:
    figures = [_figure(line[name]) for name in ("there", "read", "wanted", "recorded")]
    left_out = line["count_apart"] - len(line["apart"])
    return Line(
        f"{names.field(side, line['by'])}: {line['value'] or '(blank)'}",
        list(zip(columns, figures, strict=True)),
        list(_says(line, names, side)),
        [Apart(id, names.address_of(side, id)) for id in line["apart"]],
        f"and {number(left_out)} more" if left_out else "",
    )


def _figure(total: Mapping[str, Any]) -> str:
    return f"{number(total['count'])} · {_money(Decimal(total['sum']))}"


def _money(amount: Decimal) -> str:
    exponent = amount.as_tuple().exponent
    return f"{amount:,}" if isinstance(exponent, int) and exponent < -2 else f"{amount:,.2f}"


def _says(line: Mapping[str, Any], names: Names, side: Side) -> list[str]:
    here, there = names.side(side.other), names.side(side)
    said = []
    if line["there"] != line["read"]:
        missing = line["there"]["count"] - line["read"]["count"]
        amount = abs(Decimal(line["there"]["sum"]) - Decimal(line["read"]["sum"]))
        direction = "more than was read" if missing >= 0 else "fewer than were read"
        said.append(
            f"{there} counts {counted(abs(missing), 'record')} {direction}; the amounts differ by {_money(amount)}."
        )
    if line["count_apart"]:
        amount = Decimal(line["wanted"]["sum"]) - Decimal(line["recorded"]["sum"])
        it = "it" if line["count_apart"] == 1 else "them"
        said.append(
            f"{counted(line['count_apart'], 'record')} not in {here} as {there} has {it}: {_money(amount)} in all."
        )
    return said
