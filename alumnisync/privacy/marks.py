"""What is kept of an erased person: sealed digests of their records' ids and of their match keys, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Count, F

from alumnisync.engine.bodies import CROWD
from alumnisync.engine.feeds import UNNAMED
from alumnisync.models import ErasedKey, Erasure, MatchKey
from alumnisync.privacy.holdings import HOLDINGS
from alumnisync.privacy.person import Person
from connectors import bulk
from connectors.encryption import key_names, sealed
from connectors.erased import remember_erased, sent_as
from connectors.models import FeedRow, ReceivedRecord


def remember(person: Person, erasure: Erasure) -> None:
    """Keep what tells their records and their match keys again; inside the transaction that erases them."""
    ids: dict[tuple[int, str], set[str]] = defaultdict(set)
    for record in person.records:
        ids[record.cursor.connection_id, record.cursor.object_type].add(record.remote_id)
    for row in _of(person, FeedRow):
        # A row that named nobody comes under its own number, if it comes again.
        ids[row.cursor.connection_id, row.cursor.object_type].add(f"{UNNAMED}{row.change_id}")
    for sent in _of(person, ReceivedRecord).exclude(sender_id=""):
        ids[sent.connection_id, sent_as(sent.object_type, sent.place)].add(sent.sender_id)
    for (connection, object_type), there in ids.items():
        remember_erased(connection, object_type, there, erasure.at)
    _remember_keys(person, erasure)


def _remember_keys(person: Person, erasure: Erasure) -> None:
    key = key_names()[0]
    held = MatchKey.objects.filter(record__in=person.keys)
    found = {(sync, bytes(digest)) for sync, digest in held.values_list("sync_id", "digest")}
    bulk.insert(
        ErasedKey(erasure=erasure, sync_id=sync, digest=sealed(digest)[key], key=key)
        for sync, digest in sorted(found - _crowded(person))
    )


def _crowded(person: Person) -> set[tuple[int, bytes]]:
    """Keys that so many others have that they tell nobody: a placeholder would make a question of each."""
    theirs = MatchKey.objects.filter(record__in=person.keys)
    others = MatchKey.objects.filter(digest__in=theirs.values("digest")).exclude(record__in=person.keys)
    counted = others.values(of=F("sync_id"), same=F("digest")).order_by().annotate(count=Count("record", distinct=True))
    return {(row["of"], bytes(row["same"])) for row in counted.filter(count__gt=CROWD)}


def _of(person: Person, model: type[FeedRow] | type[ReceivedRecord]) -> Any:
    return next(one for one in HOLDINGS if one.model is model).of(person)
