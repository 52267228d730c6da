"""The database gone in the middle of a run: what is still to be stored is stored once it answers again."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

GONE = (OperationalError, InterfaceError)
WAITS = (1.0, 4.0, 10.0, 20.0)
"""Seconds between the tries: about as long as a database takes to be restarted."""
STOPPED_ANSWERING = (
    "The database stopped answering in the middle of the run. Nothing is lost: the next run goes on from there. "
    "If it happens again, tell whoever looks after AlumniSync: reference {}."
)


def persist(store: Callable[[], object]) -> None:
    """Store something, on a new connection where the old one broke; raises what the database said last of all."""
    for wait in (*WAITS, None):
        try:
            store()
            return
        except GONE:
            # A broken connection stays broken until it is closed; what was under way on it was rolled back.
            connection.close()
            if wait is None:
                raise
        time.sleep(wait)
