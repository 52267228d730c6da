"""The instants between the steps of a run, by name: where a killed process must be able to have stopped.

Nobody listens in production; the tests that kill a run at each of them do.
"""

from __future__ import annotations

from collections.abc import Callable

STARTED = "started"
PAGE_LANDED = "page landed"
MATCHED = "matched"
CHUNK_PLANNED = "chunk planned"
PLANNED = "planned"
GUARDED = "guarded"
LET_THROUGH = "let through"
BASES_MOVED = "bases moved"
SENDING = "sending"
REQUESTING = "requesting"
ANSWERED = "answered"
SENT = "sent"
SETTLED = "settled"
PUSHED = "pushed"
ACKNOWLEDGED = "acknowledged"

ALL = (
    STARTED,
    PAGE_LANDED,
    MATCHED,
    CHUNK_PLANNED,
    PLANNED,
    GUARDED,
    LET_THROUGH,
    BASES_MOVED,
    SENDING,
    REQUESTING,
    ANSWERED,
    SENT,
    SETTLED,
    PUSHED,
    ACKNOWLEDGED,
)
"""In the order a run gets to them. REQUESTING and ANSWERED are in the worker threads, around the request;
ACKNOWLEDGED is reached only where one side is a feed, before it is stored that it was told."""

watchers: list[Callable[[str], None]] = []


def reached(point: str) -> None:
    """Tell whoever watches that the run got here."""
    for watch in watchers:
        watch(point)
