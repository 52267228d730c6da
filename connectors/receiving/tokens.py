"""Tokens by which a system calls our services: made here, shown once, kept as a hash."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from connectors.models import AccessToken, Connection
from connectors.records import NeedsAttention
from connectors.registry import connectors

MOST_A_MINUTE = 1200
"""Calls that one token may make in a minute."""


def make_token(connection: Connection, place: str, *, by: str) -> str:
    """A new token for a place, to be shown once. Those it has go on working until they are withdrawn.

    Raises NeedsAttention for a place that is not in the connection's settings.
    """
    kind = connectors().get(connection.system)
    places = kind.places(connection.settings) if kind else ()
    if place not in places:
        word = (kind.place_word if kind else "").lower() or "place"
        there = ", ".join(places) or "none"
        raise NeedsAttention(f"There is no {word} “{place}” in the settings of {connection}. There: {there}.")
    token = f"as_{secrets.token_urlsafe(32)}"
    AccessToken.objects.create(
        connection=connection, place=place, digest=_digest(token), made_by=by, made_at=timezone.now()
    )
    return token


def withdraw(connection: Connection, pk: int) -> AccessToken | None:
    """Make a token invalid at once; the one that was withdrawn, if there was one."""
    found = AccessToken.objects.filter(connection=connection, pk=pk).first()
    AccessToken.objects.filter(connection=connection, pk=pk).delete()
    return found


def holder(token: str) -> AccessToken | None:
    """Whose token this is. Nothing can be learned from how long it takes: only its hash is looked up."""
    # A connection's secrets are not needed here, nor the key to decrypt them.
    tokens = AccessToken.objects.select_related("connection").defer("connection__secrets")
    return tokens.filter(digest=_digest(token)).first()


def seconds_to_wait(token: AccessToken) -> int:
    """Counts a call; how many seconds the caller has to wait before it may make it, 0: none."""
    now = timezone.now()
    with transaction.atomic():
        return _wait(AccessToken.objects.select_for_update().get(pk=token.pk), now)


def _wait(row: AccessToken, now: datetime) -> int:
    minute = now.replace(second=0, microsecond=0)
    calls = F("calls") + 1 if row.minute == minute else 1
    AccessToken.objects.filter(pk=row.pk).update(minute=minute, calls=calls, last_used_at=now)
    is_over = row.minute == minute and row.calls >= MOST_A_MINUTE
    return max(1, 60 - now.second) if is_over else 0


def _digest(token: str) -> str:
    # It is random and long: a slow hash would protect nothing more, and cost every call.
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
