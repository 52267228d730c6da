"""Reconciliation: what a system adds up of its own records, against what was read of them and what is recorded.

After a run of a sync whose other side is written once. Amounts are exact decimals, never floats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context as Precision
from decimal import Decimal
from typing import Any

from alumnisync.engine.context import CHUNK, Context
from alumnisync.engine.units import SIDES
from alumnisync.models import Link, Member
from connectors.models import RemoteRecord
from connectors.records import ConnectorError, ObjectType, Total
from mappings import paths
from mappings.rules import PairRules, Rules, Side
from mappings.translate import Translator

KEPT = "reconciliation"
"""What a run's counts call it."""
MOST_NAMED = 50
"""Transactions of one line that are named; how many there are is said besides."""
EXACT = Precision(prec=120)
NONE = Total(0, Decimal(0))
NARROWED = "What is read is narrowed by the system's own filter, so its totals can't be compared with it."


@dataclass
class Line:
    """One value of a field, such as a status.

    there     what the system itself counts and adds up
    read      what was read of it
    wanted    of those, what is to be recorded
    recorded  what the other system holds for them
    apart     ids of those that are to be recorded and aren't, or the other way round, or with another amount
    """

    there: Total = NONE
    read: Total = NONE
    wanted: Total = NONE
    recorded: Total = NONE
    apart: list[str] = field(default_factory=list)
    count_apart: int = 0

    def as_json(self, by: str, value: str) -> dict[str, Any]:
        totals = {name: getattr(self, name) for name in ("there", "read", "wanted", "recorded")}
        said = {name: {"count": total.count, "sum": _plain(total.sum)} for name, total in totals.items()}
        return {"by": by, "value": value, **said, "apart": self.apart, "count_apart": self.count_apart}


def _plain(amount: Decimal) -> str:
    """25.50 and 25.5 are one amount, so they are one text."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Seen:
    """A record as it was read, and what became of it. recorded: the amount in the books; None where it isn't there."""

    record: RemoteRecord
    amount: Decimal
    is_wanted: bool
    recorded: Decimal | None


def reconcile(ctx: Context) -> None:
    """Compare, keep it with the run's counts, and say a sentence for each difference."""
    side, money = _side(ctx), amount_pair(ctx.rules)
    if side is None or money is None:
        return
    ctx.say(f"Comparing the totals of {ctx.ends[side].label}…")
    problem, lines = _compared(ctx, side, money)
    ctx.run.counts[KEPT] = {"side": side.value, "problem": problem, "lines": lines}
    for sentence in [problem, *differences(lines)]:
        if sentence:
            ctx.say(sentence)


def _compared(ctx: Context, side: Side, money: PairRules) -> tuple[str, list[dict[str, Any]]]:
    """What the system said when it didn't tell its totals, or else the lines."""
    if ctx.rules.sides[side].narrow:
        return NARROWED, []
    lines = _lines(ctx, side, money)
    try:
        _ask_there(ctx, side, money, lines)
    except ConnectorError as error:
        return error.message, []
    return "", [line.as_json(by, value) for by, of in sorted(lines.items()) for value, line in sorted(of.items())]


def fields_for(rules: Rules, side: Side, described: ObjectType) -> Iterable[str]:
    """The fields that are read only to compare totals."""
    is_compared = rules.sides[side.other].write_once and amount_pair(rules) is not None
    return described.totals if is_compared else ()


def amount_pair(rules: Rules) -> PairRules | None:
    """The field pair that is added up."""
    return next((pair for pair in rules.pairs if pair.kind == "money"), None)


def differences(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is not as it should be, a sentence for each line."""
    for line in lines:
        what = f"{line['by']} {line['value'] or '(blank)'}"
        if line["there"] != line["read"]:
            yield f"{what}: the system counts {_said(line['there'])}, and {_said(line['read'])} was read."
        if line["count_apart"]:
            yield (
                f"{what}: {_said(line['wanted'])} is to be recorded, and {_said(line['recorded'])} is; "
                f"they differ in {line['count_apart']:,}."
            )


def _said(total: Mapping[str, Any]) -> str:
    return f"{total['count']:,} with {total['sum']}"


def _side(ctx: Context) -> Side | None:
    """The side whose system adds up its records, where the other is written once."""
    totalled = [side for side in SIDES if ctx.ends[side].described.totals and ctx.rules.sides[side.other].write_once]
    return totalled[0] if totalled else None


def _ask_there(ctx: Context, side: Side, money: PairRules, lines: dict[str, dict[str, Line]]) -> None:
    end = ctx.ends[side]
    for by, of in lines.items():
        totals = end.connector.totals(end.described.name, by, money.paths[side])
        for value, total in totals.items():
            of.setdefault(value, Line()).there = Total(total.count, total.sum)
        ctx.beat()


def _lines(ctx: Context, side: Side, money: PairRules) -> dict[str, dict[str, Line]]:
    lines: dict[str, dict[str, Line]] = {by: defaultdict(Line) for by in ctx.ends[side].described.totals}
    for seen in _seen(ctx, side, money):
        for by, of in lines.items():
            value = paths.get(seen.record.values, by)
            _add(of[str(value) if value else ""], seen)
    return {by: dict(of) for by, of in lines.items()}


def _add(line: Line, seen: Seen) -> None:
    line.read = _more(line.read, seen.amount)
    if seen.is_wanted:
        line.wanted = _more(line.wanted, seen.amount)
    if seen.recorded is not None:
        line.recorded = _more(line.recorded, seen.recorded)
    if seen.recorded != (seen.amount if seen.is_wanted else None):
        line.count_apart += 1
        if len(line.apart) < MOST_NAMED:
            line.apart.append(seen.record.remote_id)


def _more(total: Total, amount: Decimal) -> Total:
    return Total(total.count + 1, EXACT.add(total.sum, amount))


def _seen(ctx: Context, side: Side, money: PairRules) -> Iterator[Seen]:
    """Every record of the side that is there, a chunk of them with three statements."""
    translator = ctx.planner.translators[money.key]
    there = RemoteRecord.objects.filter(cursor=ctx.ends[side].cursor, gone_at=None).order_by("pk")
    last = 0
    while chunk := list(there.filter(pk__gt=last).defer("field_times")[:CHUNK]):
        last = chunk[-1].pk
        books = _books(ctx, side, [record.pk for record in chunk])
        for record in chunk:
            held = books.get(record.pk)
            yield Seen(
                record,
                _amount(translator, side, record),
                ctx.takes_part(side, record) and ctx.is_piloted([record]),
                _amount(translator, side.other, held) if held else None,
            )
        ctx.beat()


def _books(ctx: Context, side: Side, ids: list[int]) -> dict[int, RemoteRecord]:
    """Record → the one it is recorded as."""
    active = Member.objects.filter(sync=ctx.sync, link__state=Link.State.ACTIVE)
    links = dict(active.filter(side=side, record__in=ids).order_by().values_list("link_id", "record_id"))
    recorded = active.filter(side=side.other, link__in=links, record__gone_at=None).select_related("record")
    return {links[member.link_id]: member.record for member in recorded.order_by()}


def _amount(translator: Translator, side: Side, record: RemoteRecord) -> Decimal:
    """The exact amount, in whatever currency; nothing where it can't be read, which is then a difference."""
    value = translator.read_raw(side, paths.get(record.values, translator.pair.paths[side])).value
    return value[0] if isinstance(value, tuple) else Decimal(0)
