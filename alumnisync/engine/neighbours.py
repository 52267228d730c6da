"""Everybody who shares a key with some records, and what is known of them: links, proposals, questions.

A fixed number of statements, however many records it is asked about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import product
from typing import TypeVar

from django.db.models import Count, Model, Q, QuerySet

from alumnisync.engine.bodies import CROWD, Candidate, Standing, crowd
from alumnisync.engine.identity import APART, DUPLICATE, MERGED, UNLINK
from alumnisync.engine.landing import is_whole
from alumnisync.models import Link, Match, MatchKey, Member
from connectors.models import RemoteRecord
from mappings.models import Sync
from mappings.rules import Side

ROUNDS = 6
"""How often we go on to those who share a key with what was found; who is further away only blocks."""
PARAMETERS = 10_000
"""Values one statement takes; every database takes more."""

T = TypeVar("T")
M = TypeVar("M", bound=Model)


@dataclass(slots=True)
class Question:
    """A Match that is open, or was decided by a person; shown: its record and candidates."""

    row: Match
    shown: frozenset[int]

    @property
    def chosen(self) -> frozenset[int]:
        """Those whom the decision speaks of besides the record."""
        return frozenset((self.row.chosen_id,)) if self.row.chosen_id else self.shown - {self.row.record_id}

    def holds_create(self) -> bool:
        """The system takes this record for somebody it has: until it changes or a person decides, it isn't created."""
        is_open = self.row.state == Match.State.OPEN and self.row.rule == DUPLICATE
        return is_open and self.row.record.landed_at <= self.row.created_at

    @property
    def withheld(self) -> frozenset[int]:
        """Who is not to be created over there."""
        if self.row.choice == UNLINK:
            return self.shown
        return frozenset((self.row.record_id,)) if self.holds_create() else frozenset()

    def stands(self, *choices: str) -> bool:
        return self.row.state == Match.State.DECIDED and self.row.choice in choices


@dataclass(slots=True)
class Neighbourhood:
    """Records that hang together by keys.

    keys       record id → rule name → digests
    crowded    digests that too many hold
    records    record id → the record, with its values
    linked     record id → its active link
    joining    record id → what it is to join it as, not carried out yet
    proposals  proposed link → ids of all its records
    """

    keys: Mapping[int, Mapping[str, Set[bytes]]]
    crowded: Set[bytes]
    far: Set[int]
    records: Mapping[int, RemoteRecord]
    linked: Mapping[int, int]
    joining: Mapping[int, Member]
    proposals: Mapping[Link, frozenset[int]]
    questions: Collection[Question]
    ignored: Set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ignored = set(self._ignored())

    def lapsed(self) -> list[Question]:
        """Questions that were to be ignored until the record changes, and it has."""
        return [one for one in self.questions if one.stands("ignore") and _moved(one.row.record, one)]

    def candidates(
        self, sides: Mapping[int, Side], blocked: Callable[[RemoteRecord], bool], pilot: Set[str]
    ) -> list[Candidate]:
        """The records as `decide` wants them. sides: cursor id → side.

        A feed's row that names nobody is among them only while it waits for somebody to say whose it is.
        """
        new = {one.row.record_id for one in self.questions if one.stands("create")}
        return [
            Candidate(
                pk,
                sides[record.cursor_id],
                self.keys.get(pk, {}),
                self._standing(record, blocked, new),
                not pilot or record.remote_id in pilot,
                None if pk in self.far else self.linked.get(pk),
            )
            for pk, record in self.records.items()
            if not (_was_never_read(record) or (record.unnamed and not self._waits(record, blocked)))
        ]

    def members(self) -> dict[int, set[int]]:
        """Active link → those of the records that are linked by it."""
        found: dict[int, set[int]] = defaultdict(set)
        for pk, link in self.linked.items():
            found[link].add(pk)
        return found

    def pairs_chosen(self, sides: Mapping[int, Side]) -> list[tuple[int, int]]:
        """(left id, right id) that a person linked."""
        pairs = []
        for one in self.questions:
            pair = (one.row.record_id, one.row.chosen_id)
            by_side = {sides[self.records[pk].cursor_id]: pk for pk in pair if pk and pk in self.records}
            if one.stands("link") and len(by_side) == 2:
                pairs.append((by_side[Side.LEFT], by_side[Side.RIGHT]))
        return sorted(pairs)

    def told_apart(self, rule: str) -> set[int]:
        """Records that a person said are not the same as others, when asked by this rule."""
        told = [one for one in self.questions if one.row.choice == "never" and one.row.rule == rule]
        return {pk for one in told for pk in one.shown}

    def pairs_refused(self) -> set[frozenset[int]]:
        """Pairs that a person said are not the same; whoever is linked with one of them counts like them."""
        mates = self.members()
        pairs = set()
        for one, other in self._refusals():
            both = [mates.get(self.linked.get(pk, 0), {pk}) for pk in (one, other)]
            pairs |= {frozenset(pair) for pair in product(*both)}
        return pairs

    def _refusals(self) -> Iterator[tuple[int, int]]:
        for question in self.questions:
            record = question.row.record_id
            if question.row.choice in APART:
                yield from ((record, other) for other in question.chosen)
            elif question.stands("create"):
                # New over there says nothing about its own side: twins are still asked about.
                yield from ((record, pk) for pk in question.chosen if not self._same_side(record, pk))

    def _same_side(self, one: int, other: int) -> bool:
        return len({self.records[pk].cursor_id for pk in (one, other) if pk in self.records}) == 1

    def _ignored(self) -> Iterator[int]:
        lapsed = {one.row.pk for one in self.lapsed()}
        for question in self.questions:
            if question.stands("ignore") and question.row.pk not in lapsed:
                # Whoever a row that names nobody may be about is looked at all the same.
                asked = {question.row.record_id} if question.row.record.unnamed else question.shown
                for pk in asked & self.records.keys():
                    if not _moved(self.records[pk], question):
                        yield pk

    def _waits(self, record: RemoteRecord, blocked: Callable[[RemoteRecord], bool]) -> bool:
        is_decided = any(
            one.row.record_id == record.pk and one.row.state == Match.State.DECIDED for one in self.questions
        )
        return not (is_decided or record.pk in self.far or record.gone_at or record.problem or blocked(record))

    def _standing(self, record: RemoteRecord, blocked: Callable[[RemoteRecord], bool], new: Set[int]) -> Standing:
        out = record.pk in self.linked or record.pk in self.far or record.pk in self.ignored
        if record.unnamed:
            return Standing.UNNAMED
        if out or (record.problem and not record.gone_at):
            return Standing.BLOCKED
        if record.gone_at or blocked(record):
            return Standing.ABSENT
        return Standing.NEW if record.pk in new else Standing.FREE


def _was_never_read(record: RemoteRecord) -> bool:
    """Whether it is gone and always was in disorder: most likely it is there by now under an id of its own."""
    return bool(record.gone_at and record.problem and not is_whole(record.fingerprint))


def gather(sync: Sync, ids: Iterable[int], several: Set[Side] = frozenset()) -> Neighbourhood:
    """The records with these ids and all who hang together with them by keys.

    several: sides where a person may have several records.
    """
    keys, crowded, far = _follow(sync, _with_chosen(sync, set(ids)), several)
    found = [*keys]
    linked, joining, proposals = _links(sync, found)
    records = _load(RemoteRecord.objects.defer("field_times"), found)
    return Neighbourhood(keys, crowded, far, records, linked, joining, proposals, _questions(sync, found))


def _with_chosen(sync: Sync, ids: set[int]) -> set[int]:
    """These records and those that a person linked them with, who need not share a key."""
    decided = Match.objects.filter(sync=sync, state=Match.State.DECIDED, choice="link").exclude(rule=MERGED)
    found = set(ids)
    for part in _parts(ids):
        for pair in decided.filter(Q(record__in=part) | Q(chosen__in=part)).values_list("record", "chosen"):
            found.update(pk for pk in pair if pk is not None)
    return found


def _follow(
    sync: Sync, start: set[int], several: Set[Side]
) -> tuple[dict[int, dict[str, set[bytes]]], set[bytes], set[int]]:
    keys: dict[int, dict[str, set[bytes]]] = {}
    known: set[bytes] = set()
    crowded: set[bytes] = set()
    beyond = start
    for _ in range(ROUNDS):
        fresh = _add_keys(sync, keys, beyond) - known
        known |= fresh
        crowded |= _crowds(sync, fresh, several)
        beyond = _holders(sync, fresh - crowded) - keys.keys()
        if not beyond:
            break
    _add_keys(sync, keys, beyond)
    return keys, crowded, beyond


def _add_keys(sync: Sync, keys: dict[int, dict[str, set[bytes]]], ids: set[int]) -> set[bytes]:
    keys.update((pk, defaultdict(set)) for pk in ids)
    digests = set()
    for part in _parts(ids):
        rows = MatchKey.objects.filter(sync=sync, record__in=part).values_list("record_id", "rule", "digest")
        for record, rule, stored in rows:
            digest = bytes(stored)
            keys[record][rule].add(digest)
            digests.add(digest)
    return digests


def _crowds(sync: Sync, digests: set[bytes], several: Set[Side]) -> set[bytes]:
    """Counted before their holders are loaded: a placeholder may be held by everybody."""
    crowded = set()
    for part in _parts(digests):
        held = MatchKey.objects.filter(sync=sync, digest__in=part)
        if crowds := _crowds_among(held, several):
            # Rows of a feed that name nobody may be many, and of one person.
            crowded |= _crowds_among(held.filter(digest__in=crowds, record__unnamed=False), several)
    return crowded


def _crowds_among(held: QuerySet[MatchKey], several: Set[Side]) -> set[bytes]:
    counted = held.values("digest", "side").order_by().annotate(count=Count("pk")).filter(count__gt=CROWD)
    counts = counted.values_list("digest", "side", "count")
    return {bytes(digest) for digest, side, count in counts if count > crowd(Side(side), several)}


def _holders(sync: Sync, digests: set[bytes]) -> set[int]:
    return {
        pk
        for part in _parts(digests)
        for pk in MatchKey.objects.filter(sync=sync, digest__in=part).values_list("record_id", flat=True)
    }


def _links(sync: Sync, ids: list[int]) -> tuple[dict[int, int], dict[int, Member], dict[Link, frozenset[int]]]:
    rows = [
        member
        for part in _parts(ids)
        for member in Member.objects.filter(sync=sync, record__in=part).select_related("link").order_by()
    ]
    active = [one for one in rows if one.link.state == Link.State.ACTIVE]
    joining = {one.record_id: one for one in active if one.state == Member.State.JOINING}
    linked = {one.record_id: one.link_id for one in active if one.record_id not in joining}
    links = {one.link_id: one.link for one in rows if one.link.state == Link.State.PROPOSED}
    members: dict[Link, set[int]] = {link: set() for link in links.values()}
    for part in _parts(links):
        for link, record in Member.objects.filter(link__in=part).values_list("link_id", "record_id"):
            members[links[link]].add(record)
    return linked, joining, {link: frozenset(records) for link, records in members.items()}


def _questions(sync: Sync, ids: list[int]) -> list[Question]:
    through = Match.candidates.through.objects
    shown: dict[int, set[int]] = defaultdict(set)
    rows: dict[int, Match] = {}
    # What was never to be proposed again stays so after the question is closed.
    matches = (
        Match.objects.filter(sync=sync)
        .filter(~Q(state=Match.State.CLOSED) | Q(choice__in=APART))
        .exclude(rule=MERGED)
        .select_related("record")
        .defer("record__values", "record__field_times")
    )
    for part in _parts(ids):
        rows.update((row.pk, row) for row in matches.filter(record__in=part))
        # Of every sync; asked for by sync as well, a database may go through all of its questions each time.
        asked = through.filter(remoterecord__in=part).values_list("match_id", flat=True)
        rows.update(_load(matches, [pk for pk in asked if pk not in rows]))
    for part in _parts(rows):
        for match, record in through.filter(match__in=part).values_list("match_id", "remoterecord_id"):
            shown[match].add(record)
    return [Question(row, frozenset({row.record_id, *shown[pk]})) for pk, row in sorted(rows.items())]


def _moved(record: RemoteRecord, question: Question) -> bool:
    return question.row.decided_at is None or record.landed_at > question.row.decided_at


def _load(query: QuerySet[M], ids: Iterable[int]) -> dict[int, M]:
    return {row.pk: row for part in _parts(ids) for row in query.filter(pk__in=part)}


def _parts(values: Iterable[T]) -> Iterator[list[T]]:
    rest = list(values)
    return (rest[start : start + PARAMETERS] for start in range(0, len(rest), PARAMETERS))
