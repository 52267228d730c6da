"""Records of people who were erased: recognised by sealed digests of their ids, and never stored again."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime

from connectors import bulk
from connectors.encryption import key_names, sealed
from connectors.models import ErasedRecord
from connectors.records import NeedsAttention

SENT = "sent as"
"""What stands between object type and place where an id is the sender's, of a record that was sent to us."""
KEY_LOST = (
    "People were erased with an encryption key that is no longer in ALUMNISYNC_ENCRYPTION_KEYS, so their records "
    "can't be told from others any more. Put that key back, behind the newer ones; until then nothing is read."
)


def erased_among(connection_id: int, object_type: str, ids: Iterable[str]) -> set[str]:
    """Those of these ids whose records were erased: one look-up."""
    whose = {digest: id for id in ids for digest in sealed(object_type, id).values()}
    if not whose:
        return set()
    found = ErasedRecord.objects.filter(connection=connection_id, digest__in=list(whose))
    return {whose[bytes(digest)] for digest in found.values_list("digest", flat=True)}


def erased_digests(connection_id: int) -> frozenset[bytes]:
    """All that is kept of a connection, for threads that may ask no database and for whoever asks page by page."""
    rows = ErasedRecord.objects.filter(connection=connection_id).values_list("digest", flat=True)
    return frozenset(map(bytes, rows))


def erased_by(digests: Set[bytes], object_type: str, ids: Iterable[str]) -> set[str]:
    """Those of these ids whose records were erased. digests: `erased_digests` of their connection."""
    return {id for id in ids if digests & set(sealed(object_type, id).values())} if digests else set()


def remember_erased(connection_id: int, object_type: str, ids: Iterable[str], at: datetime) -> None:
    """From now on records with these ids are left out; inside a transaction."""
    keys = key_names()
    rows = [
        ErasedRecord(connection_id=connection_id, digest=sealed(object_type, id)[keys[0]], key=keys[0], erased_at=at)
        for id in sorted(set(ids))
    ]
    bulk.upsert(rows, by=["connection", "digest"], fields=["key"])


def sent_as(object_type: str, place: str) -> str:
    """The object type of the ids that a sender gives its records; each place has its own."""
    return "\0".join((object_type, SENT, place))


def refuse_lost_key() -> None:
    """Raises NeedsAttention where the key is gone by which erased people are recognised."""
    if ErasedRecord.objects.exclude(key__in=key_names()).exists():
        raise NeedsAttention(KEY_LOST)
