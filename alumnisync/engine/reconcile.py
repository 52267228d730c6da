"""Reconciliation: what a system adds up of its own records, against what was read of them and what is recorded.

After a run of a sync whose other side is written once. Amounts are exact decimals, never floats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from alumnisync.engine.context import Context
from alumnisync.engine.missed import MOST_NAMED, NONE, Measure, Missed, look_anew, more
from alumnisync.engine.units import SIDES
from alumnisync.models import Link, Member
from connectors.models import RemoteRecord
from connectors.records import ConnectorError, ObjectType, Total
from mappings.rules import PairRules, Rules, Side

KEPT = "reconciliation"
"""What a run's counts call it."""
MOST_SAID = 10
"""Ids in one sentence; the run's page has more of them."""
NARROWED = "What is read is narrowed by the system's own filter, so its totals can't be compared with it."
UNLISTED = "Its own list shows {listed} of this, so which others it counts can't be said."
NO_LIST = "Which ones can't be said, since its list could not be read once more. {problem}"
CAUSES: Mapping[str, str] = {
    "unread": "It has, and we never read: {ids}.",
    "vanished": "We read, and it no longer has: {ids}.",
    "otherwise": "It has with another amount or value than we read: {ids}.",
}
"""What a list that was read anew may show (`missed.Missed`)."""


@dataclass
class Line:
    """One value of a field, such as a status.

    there     what the system itself counts and adds up
    read      what was read of it
    wanted    of those, what is to be recorded
    recorded  what the other system holds for them
    apart     ids of those that are to be recorded and aren't, or the other way round, or with another amount
    missed    where `there` and `read` differ: which ones make the difference
    unnamed   why not all of these can be named, in words
    """

    there: Total = NONE
    read: Total = NONE
    wanted: Total = NONE
    recorded: Total = NONE
    apart: list[str] = field(default_factory=list)
    count_apart: int = 0
    missed: Missed | None = None
    unnamed: str = ""

    def as_json(self, by: str, value: str) -> dict[str, Any]:
        said = {name: _figures(getattr(self, name)) for name in ("there", "read", "wanted", "recorded")}
        missed = self.missed.as_json() if self.missed else {}
        named = {"apart": self.apart, "count_apart": self.count_apart, "missed": missed, "unnamed": self.unnamed}
        return {"by": by, "value": value, **said, **named}


def _figures(total: Total) -> dict[str, Any]:
    return {"count": total.count, "sum": _plain(total.sum)}


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
    measure = Measure(ctx, side, money)
    lines = _lines(measure)
    try:
        _ask_there(ctx, side, money, lines)
    except ConnectorError as error:
        return error.message, []
    _name(measure, lines)
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
            counts = f"{what}: the system counts {_said(line['there'])}, and {_said(line['read'])} was read."
            yield " ".join([counts, *_causes(line)])
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


def _name(measure: Measure, lines: Mapping[str, Mapping[str, Line]]) -> None:
    """Say which records make the difference where the system counts others than were read."""
    differing = {(by, value): line for by, of in lines.items() for value, line in of.items() if line.there != line.read}
    if not differing:
        return
    measure.ctx.say("They differ from what was read: reading the list anew to see which ones…")
    try:
        found = look_anew(measure, differing.keys())
    except ConnectorError as error:
        for line in differing.values():
            line.unnamed = NO_LIST.format(problem=error.message)
        return
    for place, line in differing.items():
        line.missed = found[place]
        if line.missed.listed != line.there:
            line.unnamed = UNLISTED.format(listed=_said(_figures(line.missed.listed)))


def _causes(line: Mapping[str, Any]) -> Iterator[str]:
    for name, sentence in CAUSES.items():
        named = line.get("missed", {}).get(name)
        if named and named["count"]:
            said = named["ids"][:MOST_SAID]
            left_out = named["count"] - len(said)
            yield sentence.format(ids=", ".join(said) + (f" and {left_out:,} more" if left_out else ""))
    if line.get("unnamed"):
        yield line["unnamed"]


def _lines(measure: Measure) -> dict[str, dict[str, Line]]:
    by_fields = measure.ctx.ends[measure.side].described.totals
    lines: dict[str, dict[str, Line]] = {by: defaultdict(Line) for by in by_fields}
    for seen in _seen(measure):
        for by, value in measure.places(seen.record.values):
            _add(lines[by][value], seen)
    return {by: dict(of) for by, of in lines.items()}


def _add(line: Line, seen: Seen) -> None:
    line.read = more(line.read, seen.amount)
    if seen.is_wanted:
        line.wanted = more(line.wanted, seen.amount)
    if seen.recorded is not None:
        line.recorded = more(line.recorded, seen.recorded)
    if seen.recorded != (seen.amount if seen.is_wanted else None):
        line.count_apart += 1
        if len(line.apart) < MOST_NAMED:
            line.apart.append(seen.record.remote_id)


def _seen(measure: Measure) -> Iterator[Seen]:
    """Every record of the side that is there, a chunk of them with three statements."""
    ctx, side = measure.ctx, measure.side
    for chunk in measure.stored():
        books = _books(ctx, side, [record.pk for record in chunk])
        for record in chunk:
            held = books.get(record.pk)
            yield Seen(
                record,
                measure.amount(record.values),
                ctx.takes_part(side, record) and ctx.is_piloted([record]),
                measure.amount(held.values, side.other) if held else None,
            )


def _books(ctx: Context, side: Side, ids: list[int]) -> dict[int, RemoteRecord]:
    """Record → the one it is recorded as."""
    active = Member.objects.filter(sync=ctx.sync, link__state=Link.State.ACTIVE)
    links = dict(active.filter(side=side, record__in=ids).order_by().values_list("link_id", "record_id"))
    recorded = active.filter(side=side.other, link__in=links, record__gone_at=None).select_related("record")
    return {links[member.link_id]: member.record for member in recorded.order_by()}
