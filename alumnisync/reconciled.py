"""A run's reconciliation for people: what a system adds up, what was read of it, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from alumnisync.engine.reconcile import KEPT
from alumnisync.models import SyncRun
from alumnisync.naming import Names
from alumnisync.wording import counted, number
from mappings.rules import Side

WHICH: Mapping[str, str] = {
    "unread": "In {there}, never read",
    "vanished": "Read, no longer in {there}",
    "otherwise": "In {there} with another amount or value than was read",
}
SAVE_AGAIN = "What was never read is read once it is saved anew in {there}."


@dataclass(frozen=True)
class Apart:
    """A transaction of which the two systems say something else. address: where it is shown in its own."""

    id: str
    address: str


@dataclass(frozen=True)
class Which:
    """Transactions that make a difference, and which; more: that there are others, ""."""

    title: str
    ones: Sequence[Apart]
    more: str


@dataclass(frozen=True)
class Line:
    """A value of a field, such as a status, with its figures: the column of each, and what it says."""

    what: str
    figures: Sequence[tuple[str, str]]
    says: Sequence[str]
    which: Sequence[Which]

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
    return Line(
        f"{names.field(side, line['by'])}: {line['value'] or '(blank)'}",
        list(zip(columns, figures, strict=True)),
        list(_says(line, names, side)),
        list(_which(line, names, side)),
    )


def _which(line: Mapping[str, Any], names: Names, side: Side) -> Iterator[Which]:
    """The transactions that are named, by what is the matter with them."""
    here, there = names.side(side.other), names.side(side)
    titles = {name: title.format(there=there) for name, title in WHICH.items()}
    found = {titles[name]: (named["ids"], named["count"]) for name, named in line.get("missed", {}).items()}
    found[f"Not in {here} as in {there}"] = (line["apart"], line["count_apart"])
    for title, (ids, count) in found.items():
        more = f"and {number(count - len(ids))} more" if count > len(ids) else ""
        if count:
            yield Which(title, [Apart(id, names.address_of(side, id)) for id in ids], more)


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
    if line.get("missed", {}).get("unread", {}).get("count"):
        said.append(SAVE_AGAIN.format(there=there))
    if line.get("unnamed"):
        said.append(line["unnamed"])
    if line["count_apart"]:
        amount = Decimal(line["wanted"]["sum"]) - Decimal(line["recorded"]["sum"])
        it = "it" if line["count_apart"] == 1 else "them"
        said.append(
            f"{counted(line['count_apart'], 'record')} not in {here} as {there} has {it}: {_money(amount)} in all."
        )
    return said
