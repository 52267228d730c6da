"""States and counts as screens say them, and numbers as addresses do."""

from __future__ import annotations

from typing import NamedTuple

from alumnisync.models import SyncRun
from mappings.models import Sync


class Said(NamedTuple):
    """A state in words. look: the badge's class, "" where it is nothing to care about."""

    words: str
    look: str = ""


SYNC_STATES = {
    Sync.State.DRAFT: Said("draft – sends nothing"),  # noqa: RUF001 - the dash is meant
    Sync.State.LIVE: Said("live", "good"),
    Sync.State.PAUSED: Said("paused", "warn"),
}
RUN_STATES = {
    SyncRun.State.QUEUED: Said("waiting to start"),
    SyncRun.State.RUNNING: Said("running"),
    SyncRun.State.HELD: Said("on hold – needs your OK", "warn"),  # noqa: RUF001
    SyncRun.State.DONE: Said("done", "good"),
    SyncRun.State.PARTIAL: Said("done – some couldn't be sent", "warn"),  # noqa: RUF001
    SyncRun.State.FAILED: Said("failed", "bad"),
    SyncRun.State.STOPPED: Said("stopped"),
    SyncRun.State.SUPERSEDED: Said("out of date"),
}


def run_said(run: SyncRun) -> Said:
    """The state of a run; a preview that nobody has let through yet waits for that."""
    if run.kind == SyncRun.Kind.PREVIEW and run.state == SyncRun.State.DONE and run.approved_at is None:
        return Said("preview – needs your OK", "warn")  # noqa: RUF001
    return RUN_STATES[SyncRun.State(run.state)]


def number(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}"


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def whole(text: object) -> int:
    """A number from an address; 0 where it is none, or more than a database takes."""
    digits = str(text)
    return int(digits) if digits.isdecimal() and len(digits) <= 18 else 0
