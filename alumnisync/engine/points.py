"""The instants between the steps of a run, by name: where a killed process must be able to have stopped.

Nobody listens in production; the tests that kill a run at each of them do.
"""

from __future__ import annotations

from collections.abc import Callable

PAGE_LANDED = "page landed"
MATCHED = "matched"
CHUNK_PLANNED = "chunk planned"
PLANNED = "planned"
GUARDED = "guarded"
BASES_MOVED = "bases moved"
SENDING = "sending"
SENT = "sent"
SETTLED = "settled"
PUSHED = "pushed"

ALL = (PAGE_LANDED, MATCHED, CHUNK_PLANNED, PLANNED, GUARDED, BASES_MOVED, SENDING, SENT, SETTLED, PUSHED)

watchers: list[Callable[[str], None]] = []


def reached(point: str) -> None:
    """Tell whoever watches that the run got here."""
    for watch in watchers:
        watch(point)
