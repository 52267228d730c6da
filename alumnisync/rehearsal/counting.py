"""How many people rules concern, told before a preview: who takes part, who is linked, which options lack a pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery

from alumnisync.describing import field_of
from alumnisync.engine.bodies import Candidate, Standing
from alumnisync.engine.identity import Decision, decide
from alumnisync.engine.keys import IdentityRule, identity_rules, keys
from alumnisync.engine.opening import match_reader
from alumnisync.models import Link, Match, Member, SyncRun
from alumnisync.rehearsal import End, Rehearsal, Unready, end_of, rehearse
from connectors.models import RemoteRecord
from mappings.models import Sync
from mappings.rules import Side
from mappings.setup.contents import Contents
from mappings.setup.loading import differences
from mappings.transforms import ExpressionError, compile_scope, fields_read
from mappings.versions import newest_version

MOST = 100_000
"""Records of a side looked at: more would keep somebody waiting in front of the page."""
MOST_MATCHED = 20_000
"""Of each side, where all are compared with all: it takes about ten times as long as judging who takes part."""
CHUNK = 2_000
LONGEST = 50
"""Options named in one list."""
NEXT = "The next preview will count."
SHOWN = (SyncRun.State.HELD, SyncRun.State.DONE, SyncRun.State.PARTIAL)


def count_scope(contents: Contents, side: Side) -> str:
    """How many of a side take part, of those that were read last; or why that can't be told yet."""
    end, said = end_of(contents, side), contents.sides.get(side, {})
    if end is None:
        return "Choose a connection and a kind of record first."
    try:
        fields = fields_read(said["scope"])
        compile_scope(said["scope"])
    except ExpressionError as error:
        return str(error)
    return _uncountable(end, fields, said["filter"]) or _count_scope(_there(end), said["scope"], len(contents.pilot))


def count_links(sync: Sync, contents: Contents) -> list[str]:
    """For each match rule in order how many it links and how many have to be looked at; then who is alone."""
    try:
        rehearsal = rehearse(sync, contents)
    except Unready as error:
        return [str(error)]
    rules = identity_rules(sync.pk, rehearsal.rules)
    if _is_previewed(sync, contents):
        return _told(rules, _previewed(sync), "as in the last run")
    for side, end in rehearsal.ends.items():
        fields = {path for rule in rules for path in rule.paths.get(side, ())}
        fields |= fields_read(rehearsal.rules.sides[side].scope)
        if unknown := _uncountable(end, fields, rehearsal.rules.sides[side].narrow):
            return [unknown]
        if (count := _there(end).count()) > MOST_MATCHED:
            return [f"{end.connection} has too many records to try this on ({count:,}). {NEXT}"]
    return _decided(rehearsal, rules)


def unmapped(contents: Contents) -> dict[str, dict[str, list[str]]]:
    """Value map → side → options that the systems offer and that no pair names; maps that lack nothing are left out."""
    ends = {side: end_of(contents, side) for side in Side}
    found: dict[str, dict[str, list[str]]] = {}
    for pair in contents.pairs.values():
        if not pair["value_map"]:
            continue
        lists = found.setdefault(pair["value_map"], {side.value: [] for side in Side})
        for place, side in enumerate(Side):
            named = {options[place] for options in contents.value_maps[pair["value_map"]]["pairs"]}
            offered = [one for one in _options(ends[side], pair[side]) if one not in named]
            lists[side.value] = [*dict.fromkeys([*lists[side.value], *offered])][:LONGEST]
    return {name: lists for name, lists in found.items() if any(lists.values())}


def _options(end: End | None, path: str) -> tuple[str, ...]:
    field = field_of(end.described, path) if end and end.described else None
    return field.options if field else ()


def _uncountable(end: End, fields: Iterable[str], narrow: str) -> str:
    """Why what was read last does not tell; "" where it does."""
    if end.cursor is None or end.cursor.polled_at is None:
        return f"{end.connection} was not read yet. The first preview will count."
    if end.cursor.narrow != narrow:
        return f"What is read from {end.connection} is another selection now. {NEXT}"
    if lacking := end.unread(fields):
        return f"{', '.join(lacking)} of {end.connection} was not read yet. {NEXT}"
    return ""


def _there(end: End) -> QuerySet[RemoteRecord]:
    return RemoteRecord.objects.filter(cursor=end.cursor, gone_at=None)


def _count_scope(records: QuerySet[RemoteRecord], scope: str, piloted: int) -> str:
    total = records.count()
    readable = records.filter(problem="").order_by("pk").only("values")
    answers: Counter[bool | None] = Counter(_judged(readable[:MOST], scope) if scope else ())
    taking_part = answers[True] if scope else readable.count()
    told = [f"{taking_part:,} of {min(total, MOST) if scope else total:,} take part"]
    if scope and total > MOST:
        told.append(f"only {MOST:,} of {total:,} were looked at")
    if answers[None]:
        told.append(f"of {answers[None]:,} it can't be told")
    if piloted:
        told.append(f"the pilot list narrows it to {piloted:,} named records")
    return f"{'; '.join(told)}."


def _judged(records: QuerySet[RemoteRecord], scope: str) -> Iterator[bool | None]:
    takes_part = compile_scope(scope)
    for record in records.iterator(CHUNK):
        try:
            yield takes_part(record.values)
        except ExpressionError:
            yield None


@dataclass(frozen=True)
class _Tally:
    """By rule: people linked, and people to look at; by system: those who are nobody on the other side."""

    linked: Mapping[str, int]
    asked: Mapping[str, int]
    alone: Mapping[str, int]


def _told(rules: Iterable[IdentityRule], tally: _Tally, how: str) -> list[str]:
    # As on the page: the match rules first, then the ids.
    ordered = sorted(rules, key=lambda rule: rule.holder is not None)
    counts = [(rule, tally.linked.get(rule.name, 0), tally.asked.get(rule.name, 0)) for rule in ordered]
    by_rule = [f"{_name(rule)}: {sure:,} linked, {asked:,} to look at, {how}." for rule, sure, asked in counts]
    return [*by_rule, *(f"{count:,} only on {system}." for system, count in tally.alone.items())]


def _name(rule: IdentityRule) -> str:
    return f"The id in {rule.label}" if rule.holder else rule.label


def _is_previewed(sync: Sync, contents: Contents) -> bool:
    """Whether the last run of the sync showed these very rules."""
    version, last = newest_version(sync), sync.runs.exclude(finished_at=None).order_by("-pk").first()
    if version is None or last is None or last.version_id != version.pk or last.state not in SHOWN:
        return False
    return not differences(version, contents)


def _previewed(sync: Sync) -> _Tally:
    links = Link.objects.filter(sync=sync).order_by().values_list("rule").annotate(count=Count("pk"))
    asked = Match.objects.filter(sync=sync, state=Match.State.OPEN).order_by().values_list("rule")
    return _Tally(dict(links), dict(asked.annotate(count=Count("pk"))), {})


def _decided(rehearsal: Rehearsal, rules: tuple[IdentityRule, ...]) -> list[str]:
    candidates = [one for side in Side for one in _candidates(rehearsal, side, rules)]
    several = {side for side in Side if rehearsal.rules.sides[side].several}
    decision = decide(candidates, rules, several=several)
    free = Counter(one.side for one in candidates if one.standing is Standing.FREE)
    for one in _spoken_for(candidates, decision):
        free[one.side] -= 1
    by_id = {one.id: one for one in candidates}
    for records in decision.alone:
        # Several records of one person, who is counted once.
        free[by_id[min(records)].side] -= len(records) - 1
    linked = Counter(one.rule for one in decision.links)
    asked = Counter(knot.rule for knot in decision.knots)
    alone = {str(rehearsal.ends[side].connection): free[side] for side in Side}
    return _told(rules, _Tally(linked, asked, alone), "of those not linked yet")


def _spoken_for(candidates: Iterable[Candidate], decision: Decision) -> list[Candidate]:
    taken = {record for one in decision.links for record in one.records} | {record for record, _ in decision.joins}
    taken |= {record for knot in decision.knots for record in knot.waiting}
    return [one for one in candidates if one.id in taken]


def _candidates(rehearsal: Rehearsal, side: Side, rules: Iterable[IdentityRule]) -> Iterator[Candidate]:
    reader = match_reader(rehearsal.ctx.planner)
    readers = {path: reader(side, path) for rule in rules if not rule.holder for path in rule.paths[side]}
    linked = Member.objects.filter(sync=rehearsal.sync, side=side, link__state=Link.State.ACTIVE, record=OuterRef("pk"))
    links = Subquery(linked.values("link")[:1])
    records = _there(rehearsal.ends[side]).annotate(linked_as=links).order_by("pk")
    for record in records.only("remote_id", "values", "problem", "gone_at").iterator(CHUNK):
        found = {rule.name: keys(rule, side, record.remote_id, record.values, readers) for rule in rules}
        is_free = not record.linked_as and rehearsal.ctx.takes_part(side, record)
        standing = Standing.FREE if is_free else Standing.BLOCKED
        yield Candidate(record.pk, side, found, standing, link=record.linked_as)
