"""Records of one side that are one person from the start, on a side where a person may have several.

Pure: no Django. `identity` compares what comes of it with the other side, as if each body were one record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations

from alumnisync.engine.keys import IdentityRule
from mappings.rules import Side

CROWD = 5
"""A key held by more records of a side than this says nothing about who they are."""
THRONG = 50
"""The same where a person may have several records: more than anybody has, as a placeholder is."""


def crowd(side: Side, several: Set[Side]) -> int:
    """How many records of a side may hold a key that still tells who they are."""
    return THRONG if side in several else CROWD


class Standing(StrEnum):
    """What may become of a record: linked; only linked by an id, since a person said it is new; nothing.

    ABSENT is nothing too, because it is gone or not taking part: on a side where a person may have several records
    it says nothing about the others. One that can't be read is BLOCKED, for it may say anything. UNNAMED: a row of
    a feed that names nobody; a person says whose it is, and it stands in nobody's way.
    """

    FREE = "free"
    NEW = "new"
    ABSENT = "absent"
    BLOCKED = "blocked"
    UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record as matching sees it. keys: rule name → digests; named: in the pilot, where there is one.

    link: the person it is linked as.
    """

    id: int
    side: Side
    keys: Mapping[str, Set[bytes]]
    standing: Standing = Standing.FREE
    named: bool = True
    link: int | None = None


@dataclass(slots=True)
class Bodies:
    """Everybody, with those of a body as one candidate under the lowest of their ids.

    members   that id → the records it stands for, where it isn't just itself
    joins     record → the link it joins, since a record of its own side is in it
    doubtful  those who hang together with two people, or with somebody they were told apart from
    """

    candidates: list[Candidate] = field(default_factory=list)
    members: dict[int, frozenset[int]] = field(default_factory=dict)
    joins: dict[int, int] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)

    def of(self, id: int) -> frozenset[int]:
        """The records that a candidate stands for."""
        return self.members.get(id, frozenset((id,)))

    def everyone(self, ids: Iterable[int]) -> frozenset[int]:
        """The records that these candidates stand for."""
        return frozenset().union(*map(self.of, ids))

    def standing_for(self, pair: tuple[int, int]) -> tuple[int, int]:
        """The candidates that stand for two records."""
        left, right = (next((id for id, all in self.members.items() if one in all), one) for one in pair)
        return left, right

    def told(self, pairs: Iterable[frozenset[int]]) -> set[frozenset[int]]:
        """Pairs of records as pairs of the candidates that stand for them."""
        stands_for = {record: id for id, records in self.members.items() for record in records}
        return {frozenset(stands_for.get(record, record) for record in pair) for pair in pairs}


def gather(
    candidates: Collection[Candidate],
    rules: Sequence[IdentityRule],
    several: Set[Side],
    refused: Set[frozenset[int]],
    crowded: Set[bytes],
) -> Bodies:
    """Put together who shares a key on a side that allows several; the order they come in means nothing."""
    bodies = Bodies()
    ids = _ids(candidates, rules)
    able = [one for one in candidates if one.side in several and (one.standing is not Standing.BLOCKED or one.link)]
    grouped: set[int] = set()
    for group in _groups(able, rules, refused, crowded):
        if _is_one(group, refused):
            grouped |= {one.id for one in group}
            _add(bodies, group, ids)
        else:
            bodies.doubtful |= {one.id for one in group}
    bodies.candidates += [one for one in candidates if one.id not in grouped]
    return bodies


def _is_one(group: Sequence[Candidate], refused: Set[frozenset[int]]) -> bool:
    """Whether nothing speaks against it. Who is linked as two people, or told apart by a person, is asked about."""
    if len({one.link for one in group} - {None}) > 1:
        return False
    return not any(frozenset((one.id, other.id)) in refused for one, other in combinations(group, 2))


def _add(bodies: Bodies, group: Sequence[Candidate], ids: Mapping[bytes, set[int | None]]) -> None:
    link = next((one.link for one in group if one.link is not None), None)
    free = [one for one in group if one.standing in (Standing.FREE, Standing.NEW)]
    if link is None:
        # Who is absent goes along only where somebody is there: alone they block, as anywhere.
        _put_together(bodies, free or group, is_one=bool(free))
        return
    joining = [one for one in free if one.standing is Standing.FREE and _names_only(one, link, ids)]
    bodies.joins.update((one.id, link) for one in joining)
    rest = [one for one in free if one not in joining]
    linked = [one for one in group if one.link is not None]
    _put_together(bodies, linked + joining, is_one=True, link=link)
    bodies.candidates += rest


def _put_together(bodies: Bodies, group: Sequence[Candidate], *, is_one: bool, link: int | None = None) -> None:
    if not is_one:
        bodies.candidates += group
        return
    first = min(group, key=lambda one: one.id)
    keys: dict[str, set[bytes]] = defaultdict(set)
    for one in group:
        for name, digests in one.keys.items():
            keys[name] |= digests
    is_new = any(one.standing is Standing.NEW for one in group)
    standing = Standing.BLOCKED if link is not None else Standing.NEW if is_new else Standing.FREE
    named = any(one.named for one in group)
    bodies.candidates.append(replace(first, keys=keys, standing=standing, named=named, link=link))
    bodies.members[first.id] = frozenset(one.id for one in group)


def _names_only(one: Candidate, link: int, ids: Mapping[bytes, set[int | None]]) -> bool:
    """Whether every id that the record's own key field holds is that of a record of this link."""
    return all(ids.get(digest) == {link} for digest in one.keys.get(f"key:{one.side}", frozenset()))


def _ids(candidates: Iterable[Candidate], rules: Iterable[IdentityRule]) -> Mapping[bytes, set[int | None]]:
    """The digest of a record's id, as a key field over there would hold it → the links of who has it."""
    found: dict[bytes, set[int | None]] = defaultdict(set)
    holders = [rule for rule in rules if rule.holder]
    for one in candidates:
        for rule in holders:
            if rule.holder is not one.side:
                for digest in one.keys.get(rule.name, frozenset()):
                    found[digest].add(one.link)
    return found


def _groups(
    able: Sequence[Candidate], rules: Sequence[IdentityRule], refused: Set[frozenset[int]], crowded: Set[bytes]
) -> Iterator[list[Candidate]]:
    parents = {one.id: one.id for one in able}
    for low, high in _edges(able, rules, crowded):
        if frozenset((low, high)) not in refused:
            ends = sorted((root(parents, low), root(parents, high)))
            parents[ends[1]] = ends[0]
    groups: dict[int, list[Candidate]] = defaultdict(list)
    for one in sorted(able, key=lambda one: one.id):
        groups[root(parents, one.id)].append(one)
    return iter(groups.values())


def _edges(able: Iterable[Candidate], rules: Iterable[IdentityRule], crowded: Set[bytes]) -> Iterator[tuple[int, int]]:
    holders: dict[tuple[object, ...], list[int]] = defaultdict(list)
    names = [rule.name for rule in rules]
    for one in able:
        if one.link is not None:
            holders[one.side, one.link].append(one.id)
        for name in names:
            for digest in one.keys.get(name, frozenset()) - crowded:
                holders[one.side, name, digest].append(one.id)
    for records in holders.values():
        yield from combinations(sorted(records), 2)


def root(parents: dict[int, int], record: int) -> int:
    """Who stands for the group a record is in; the way there is made shorter."""
    while parents[record] != record:
        parents[record] = record = parents[parents[record]]
    return record
