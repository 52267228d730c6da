"""Who is whom: from the keys of records, who is linked, who must be asked about, and who is nobody.

Pure: no Django. `keys` makes the keys; `match` finds the records that share them and stores what is decided.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

from alumnisync.engine.bodies import Bodies, Candidate, Standing, crowd, gather, root
from alumnisync.engine.keys import IdentityRule
from mappings.rules import Side

MERGED = "merged there"
"""The rule of a question about two linked people whose records their system merged."""
DUPLICATE = "taken for somebody there"
"""The rule of a question about a create that the system refused as a duplicate."""
UNLINK = "unlink"
"""What a person says of a record that should not have been created: it is not linked with these or created again."""
APART = ("never", UNLINK)
"""Choices that stand after their question is closed: these records are not the same person."""
NAMES_NOBODY = "This change does not say whom it is about. Its values go to the person you link it with."
BY_PERSON = "person"
"""The rule of a link that a person decided."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Records that are one person, and the name of the rule that says so. also: where a side has several."""

    left: int
    right: int
    rule: str
    also: frozenset[int] = frozenset()

    @property
    def records(self) -> frozenset[int]:
        """All of them."""
        return self.also | {self.left, self.right}


@dataclass(frozen=True, slots=True)
class Knot:
    """Records that a person must tell apart. waiting: those that can be linked; the rest only block."""

    records: frozenset[int]
    waiting: frozenset[int]
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the keys say; who is nowhere in it is nobody yet.

    ignored  (rule name, crowded digest)
    joins    (record, link): of a side where a person may have several, and one of that person
    alone    those who are one person there and nobody over here
    """

    links: tuple[Pairing, ...]
    knots: tuple[Knot, ...]
    ignored: frozenset[tuple[str, bytes]]
    joins: tuple[tuple[int, int], ...] = ()
    alone: tuple[frozenset[int], ...] = ()


def decide(
    candidates: Collection[Candidate],
    rules: Sequence[IdentityRule],
    *,
    chosen: Iterable[tuple[int, int]] = (),
    refused: Set[frozenset[int]] = frozenset(),
    crowded: Set[bytes] = frozenset(),
    several: Set[Side] = frozenset(),
) -> Decision:
    """Decide about records and everything that shares a key with them; the order they come in means nothing.

    chosen: (left id, right id) a person linked; refused: pairs a person said are not the same;
    crowded: digests known to be held by too many records, not all of which need be among the candidates;
    several: sides where a person may have several records.
    """
    unnamed = [one for one in candidates if one.standing is Standing.UNNAMED]
    named = [one for one in candidates if one.standing is not Standing.UNNAMED]
    deciding = _Deciding(named, rules, refused, crowded, several)
    deciding.link_chosen(chosen)
    key_fields = [rule for rule in rules if rule.holder]
    deciding.walk(key_fields, deciding.new)
    for rule in rules:
        if rule.holder is None:
            deciding.walk([rule])
    deciding.ask_about_twins()
    deciding.ask_about_unknown_ids([rule for rule in key_fields if not rule.sparse])
    deciding.ask_about_unnamed(unnamed)
    return deciding.decision()


class _Deciding:
    def __init__(
        self,
        candidates: Collection[Candidate],
        rules: Sequence[IdentityRule],
        refused: Set[frozenset[int]],
        crowded: Set[bytes],
        several: Set[Side],
    ) -> None:
        self.several = several
        self.rules = rules
        self.ignored = _crowds(candidates, rules, crowded, several)
        self.crowded = {digest for _, digest in self.ignored}
        self.bodies: Bodies = gather(candidates, rules, several, refused, self.crowded)
        self.joins = dict(self.bodies.joins)
        found = self.bodies.candidates
        self.candidates = {candidate.id: candidate for candidate in found}
        self.open = {one.id for one in found if one.standing is Standing.FREE}
        self.new = {one.id for one in found if one.standing is Standing.NEW}
        self.refused = self.bodies.told(refused)
        self.links: list[Pairing] = []
        self.asked: dict[int, Knot] = {}
        self.twins: list[tuple[frozenset[int], IdentityRule]] = []

    def link_chosen(self, chosen: Iterable[tuple[int, int]]) -> None:
        for pair in (self.bodies.standing_for(pair) for pair in chosen):
            free = set(pair) & (self.open | self.new)
            if len(free) == len(pair):
                self._link(*pair, BY_PERSON)
            elif free and self._joinable(frozenset(pair), free):
                self._join(frozenset(pair), free)

    def walk(self, stage: Sequence[IdentityRule], besides: Set[int] = frozenset()) -> None:
        """Let the rules of a stage decide together about everybody whom no earlier stage decided about."""
        undecided = self.open | besides
        for group in self._groups(stage):
            waiting = group & undecided
            if waiting:
                self._judge(group, waiting, self._rule_of(group, stage))

    def ask_about_twins(self) -> None:
        for group, rule in self.twins:
            if group & self.open:
                reason = f"Records of one system agree in {rule.label}: they may be one person."
                self._ask(group, group & self.open, rule.name, reason)

    def ask_about_unknown_ids(self, key_fields: Sequence[IdentityRule]) -> None:
        """A key field that points nowhere must not be written over by a create."""
        for record in sorted(self.open):
            for rule in key_fields:
                if rule.holder is self._side(record) and self._named(record) - self._refused_ids(record):
                    alone = frozenset((record,))
                    self._ask(alone, alone, rule.name, f"{rule.label} holds an id that no such record has.")

    def ask_about_unnamed(self, unnamed: Collection[Candidate]) -> None:
        """Whose they are, of those over there who share a key with one, linked or not; one question each."""
        holders = self._holders(self.rules)
        for one in unnamed:
            hits = {
                rule.name: {
                    other
                    for digest in one.keys.get(rule.name, frozenset())
                    for other in holders.get(digest, ())
                    if self._side(other) is not one.side and frozenset((one.id, other)) not in self.refused
                }
                for rule in self.rules
            }
            rule = next((name for name, found in hits.items() if found), "")
            self.asked[one.id] = Knot(
                frozenset({one.id}.union(*hits.values())), frozenset({one.id}), rule, NAMES_NOBODY
            )
        self.candidates.update((one.id, one) for one in unnamed)

    def decision(self) -> Decision:
        links = [self._whole(one) for one in self.links if self._takes_part((one.left, one.right))]
        knots = [knot for knot in set(self.asked.values()) if self._takes_part(knot.records)]
        alone = [self.bodies.of(one) for one in self.open | self.new if self._is_alone(one)]
        return Decision(
            tuple(sorted(links, key=lambda one: (one.left, one.right))),
            tuple(self._told_apart(knot) for knot in sorted(knots, key=lambda knot: min(knot.waiting))),
            frozenset(self.ignored),
            tuple(sorted(self.joins.items())),
            tuple(sorted(alone, key=min)),
        )

    def _whole(self, one: Pairing) -> Pairing:
        also = self.bodies.everyone((one.left, one.right)) - {one.left, one.right}
        return Pairing(one.left, one.right, one.rule, also)

    def _told_apart(self, knot: Knot) -> Knot:
        everyone = self.bodies.everyone
        return Knot(everyone(knot.records), everyone(knot.waiting), knot.rule, knot.reason)

    def _is_alone(self, record: int) -> bool:
        return self._side(record) in self.several and self._takes_part((record,))

    def _judge(self, group: frozenset[int], waiting: frozenset[int], rule: IdentityRule) -> None:
        sides = Counter(self._side(record) for record in group)
        if not waiting & self.bodies.doubtful and self._joinable(group, waiting):
            self._join(group, waiting)
            return
        if waiting != group:
            reason = f"A record that agrees in {rule.label} is linked, unreadable, no longer found or not taking part."
        elif len(sides) == 1:
            # A later rule may still tell them apart: couples share an e-mail, not a birth date.
            self.twins.append((group, rule))
            return
        elif len(group) == 2:
            left, right = sorted(group, key=lambda record: self._side(record))
            if not self._holds_other_id(left, right):
                self._link(left, right, rule.name)
                return
            reason = f"They agree in {rule.label}, but one holds the id of another record."
        else:
            reason = f"Several records agree in {rule.label}."
        self._ask(group, waiting, rule.name, reason)

    def _joinable(self, group: frozenset[int], waiting: Set[int]) -> bool:
        """Whether all who wait are further records of the one person whom the rest are linked as."""
        links = {self.candidates[record].link for record in group - waiting}
        if len(links) != 1 or None in links or not {self._side(record) for record in waiting} <= self.several:
            return False
        ids = {side: self._ids_of(group - waiting, side) for side in Side}
        return all(self._named(record) <= ids[self._side(record)] for record in waiting)

    def _ids_of(self, records: Iterable[int], holder: Side) -> set[bytes]:
        """What the holder's key field may hold for these records of the other side."""
        return set().union(*(self._ids(one, holder) for one in records if self._side(one) is not holder))

    def _join(self, group: frozenset[int], waiting: Set[int]) -> None:
        link = next(self.candidates[record].link for record in group - waiting)
        self.joins.update((record, link or 0) for record in self.bodies.everyone(waiting))
        self.open -= waiting
        self.new -= waiting

    def _link(self, left: int, right: int, rule: str) -> None:
        self.links.append(Pairing(left, right, rule))
        self.open -= {left, right}
        self.new -= {left, right}

    def _ask(self, group: frozenset[int], waiting: frozenset[int], rule: str, reason: str) -> None:
        """One question for everybody who is mixed up in it: what was asked about them before is taken in."""
        met = {self.asked[record] for record in group if record in self.asked}
        before = sorted(met, key=lambda knot: min(knot.waiting))
        first = before[0] if before else Knot(group, waiting, rule, reason)
        knot = Knot(
            group.union(*(one.records for one in before)),
            waiting.union(*(one.waiting for one in before)),
            first.rule,
            first.reason,
        )
        self.asked.update(dict.fromkeys(knot.waiting, knot))
        self.open -= waiting
        self.new -= waiting

    def _groups(self, stage: Sequence[IdentityRule]) -> Iterator[frozenset[int]]:
        """Records that hang together by shared keys, two or more each, lowest id first."""
        parents = {record: record for record in sorted(self.candidates)}
        for one, other in self._edges(stage):
            low, high = sorted((root(parents, one), root(parents, other)))
            parents[high] = low
        groups: dict[int, set[int]] = defaultdict(set)
        for record in parents:
            groups[root(parents, record)].add(record)
        return (frozenset(group) for group in groups.values() if len(group) > 1)

    def _edges(self, stage: Sequence[IdentityRule]) -> Iterator[tuple[int, int]]:
        for records in self._holders(stage).values():
            yield from (pair for pair in combinations(records, 2) if frozenset(pair) not in self.refused)

    def _holders(self, stage: Sequence[IdentityRule]) -> Mapping[bytes, Sequence[int]]:
        holders: dict[bytes, list[int]] = defaultdict(list)
        for candidate in self.candidates.values():
            for rule in stage:
                for digest in candidate.keys.get(rule.name, frozenset()) - self.crowded:
                    holders[digest].append(candidate.id)
        return holders

    def _rule_of(self, group: frozenset[int], stage: Sequence[IdentityRule]) -> IdentityRule:
        """The first rule of the stage by which two of the group agree."""
        for rule in stage[:-1]:
            held = [self.candidates[record].keys.get(rule.name, frozenset()) for record in group]
            if sum(map(len, held)) > len(frozenset().union(*held)):
                return rule
        return stage[-1]

    def _holds_other_id(self, left: int, right: int) -> bool:
        astray = self._named(left) - self._ids(right, Side.LEFT)
        return bool(astray or self._named(right) - self._ids(left, Side.RIGHT))

    def _named(self, record: int) -> Set[bytes]:
        """Digests of the ids that the record's own key field holds."""
        return self._ids(record, self._side(record))

    def _ids(self, record: int, holder: Side) -> Set[bytes]:
        return self.candidates[record].keys.get(f"key:{holder}", frozenset())

    def _refused_ids(self, record: int) -> Set[bytes]:
        """Ids of records that a person said are not this one: asking about them again would never end."""
        others = {other for pair in self.refused if record in pair for other in pair - {record}}
        holder = self._side(record)
        return {digest for other in others & self.candidates.keys() for digest in self._ids(other, holder)}

    def _side(self, record: int) -> Side:
        return self.candidates[record].side

    def _takes_part(self, records: Iterable[int]) -> bool:
        return any(self.candidates[record].named for record in records)


def _crowds(
    candidates: Iterable[Candidate], rules: Sequence[IdentityRule], known: Set[bytes], several: Set[Side]
) -> set[tuple[str, bytes]]:
    held = Counter(
        (rule.name, digest, one.side)
        for one in candidates
        for rule in rules
        for digest in one.keys.get(rule.name, frozenset())
    )
    return {
        (name, digest)
        for (name, digest, side), count in held.items()
        if count > crowd(side, several) or digest in known
    }
