"""Which record somebody may link with the one that is asked about: those offered, and any other of the other side.

No SQL looks into packed values: others are found by their id, or by the digests of what the match rules compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from alumnisync.engine.absences import UNLINKED
from alumnisync.engine.identity import MERGED
from alumnisync.engine.keys import IdentityRule, identity_rules, keys
from alumnisync.engine.opening import match_reader
from alumnisync.engine.plan import Planner
from alumnisync.models import Link, Match, MatchKey, Member
from connectors.models import RemoteRecord
from connectors.records import Values
from mappings import paths
from mappings.models import MappingVersion, SyncSide
from mappings.rules import Side
from mappings.transforms import ExpressionError, compile_scope

MOST_FOUND = 10
NOT_TAKING_PART = "It doesn't take part in this sync."
NOT_THERE = "It is not one of the records of the other side of this sync. Look for one there."


def linkable(match: Match, record: RemoteRecord, taken: Iterable[int]) -> str:
    """Why a candidate can't be linked with the record that was asked about; "" where it can. taken: who is linked."""
    if record.cursor_id == match.record.cursor_id:
        return "It is in the same system. If the two are one person, merge them there."
    if record.gone_at is not None:
        return "It is no longer found in its system."
    # A change that names nobody is laid to the person, whoever that is linked with.
    is_taken = record.pk in set(taken) and not match.record.unnamed
    return "It is linked with somebody else already." if is_taken else ""


def taken_of(match: Match, others: Iterable[RemoteRecord] = ()) -> set[int]:
    """Which of a possible match's records, and of those that somebody looked for, are linked already."""
    if match.rule == MERGED:
        # Of these all are, and that is what is asked.
        return set()
    ids = [match.record_id, *(one.pk for one in (*match.candidates.all(), *others))]
    linked = Member.objects.filter(sync=match.sync_id, record__in=ids, link__state=Link.State.ACTIVE)
    # Whom a person unlinked is linked with nobody, and may be linked again.
    linked = linked.exclude(link__rule=UNLINKED)
    taken = dict(linked.order_by().values_list("record_id", "side"))
    if any(side != match.side for side in taken.values()) and _may_be_several(match):
        # Another record of somebody who is linked already joins them.
        return {pk for pk, side in taken.items() if side == match.side}
    return set(taken)


def refusal_of(match: Match, record: RemoteRecord | None) -> str:
    """Why a possible match can't be answered with this record, in words; "" where it can."""
    if record is not None and record in match.candidates.all():
        return ""
    there = _there(match)
    if record is None or match.rule == MERGED or there is None:
        return "Say which of the possible records it is."
    taken = taken_of(match, [record])
    if match.record_id in taken:
        return "This record is linked with somebody already."
    if problem := linkable(match, record, taken):
        return problem
    if not _records_of(there).filter(pk=record.pk).exists():
        return NOT_THERE
    if record.problem:
        return f"It could not be read, so nobody is linked with it. {record.problem}"
    return "" if takes_part(there, record) else NOT_TAKING_PART


def takes_part(side: SyncSide | None, record: RemoteRecord) -> bool:
    """Whether a record is in the scope of its side."""
    try:
        return not (side and side.scope) or bool(compile_scope(side.scope)(record.values))
    except ExpressionError:
        return False


@dataclass(frozen=True)
class Search:
    """What somebody types to find another record. boxes: the field there, "" for its id → what was typed."""

    boxes: Mapping[str, str]
    found: Sequence[RemoteRecord] = field(default=(), repr=False)
    has_more: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether anything was typed."""
        return any(self.boxes.values())


def search(match: Match, planner: Planner | None, typed: Mapping[str, str]) -> Search:
    """The records of the other side that fit; nobody where nothing was typed. Four statements at most."""
    there = Side(match.side).other
    rules = _rules(match, planner, there)
    boxes = {path: typed.get(path, "").strip() for path in ("", *_fields(rules, there))}
    row = _there(match) if any(boxes.values()) else None
    if row is None:
        return Search(boxes)
    hits = _records_of(row).filter(pk__in=list(_hits(match, row, planner, rules, boxes)), gone_at=None)
    found = list(hits.order_by("remote_id")[: MOST_FOUND + 1])
    return Search(boxes, found[:MOST_FOUND], has_more=len(found) > MOST_FOUND)


def _rules(match: Match, planner: Planner | None, there: Side) -> list[IdentityRule]:
    found = identity_rules(match.sync_id, planner.rules) if planner else ()
    return [rule for rule in found if there in rule.paths]


def _fields(rules: Iterable[IdentityRule], there: Side) -> list[str]:
    return list(dict.fromkeys(path for rule in rules for path in rule.paths[there]))


def _hits(
    match: Match, row: SyncSide, planner: Planner | None, rules: Iterable[IdentityRule], boxes: Mapping[str, str]
) -> Iterator[int]:
    """Ids of the rows that fit; some of them more than once."""
    there = Side(row.side)
    if boxes[""]:
        yield from _records_of(row).filter(remote_id=boxes[""]).values_list("pk", flat=True)
    if planner is None:
        return
    canonical, values = match_reader(planner), _values(boxes)
    digests: set[bytes] = set()
    for rule in rules:
        readers = {path: canonical(there, path) for path in rule.paths[there] if not rule.holder}
        digests |= keys(rule, there, "", values, readers)
    held = MatchKey.objects.filter(sync=match.sync_id, side=there, digest__in=digests)
    yield from held.order_by("record").values_list("record_id", flat=True)[: MOST_FOUND * MOST_FOUND]


def _values(boxes: Mapping[str, str]) -> Values:
    values: Values = {}
    for path, text in boxes.items():
        if path and text:
            paths.put(values, path, text)
    return values


def _there(match: Match) -> SyncSide | None:
    """The side that the others are on, by the rules in force; where none are, by the newest."""
    sides = SyncSide.objects.filter(version__sync=match.sync_id, side=Side(match.side).other)
    in_force = sides.filter(version__state=MappingVersion.State.ACTIVE).first()
    return in_force or sides.order_by("-version__number").first()


def _records_of(side: SyncSide) -> QuerySet[RemoteRecord]:
    return RemoteRecord.objects.filter(cursor__connection=side.connection_id, cursor__object_type=side.object_type)


def _may_be_several(match: Match) -> bool:
    in_force = SyncSide.objects.filter(version__sync=match.sync_id, version__state=MappingVersion.State.ACTIVE)
    return in_force.filter(side=match.side, several=True).exists()
