"""`python manage.py worker`: the task queue's cluster."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

from django.core.management import call_command
from django.db import connections

from alumnisync import due
from alumnisync.command import Answer, AnsweringCommand, refuse_old_database

PR_SET_PDEATHSIG = 1


class Command(AnsweringCommand):
    help = "Runs what is due. Any number of workers, on any number of machines, share the work."

    def answer(self, **options: Any) -> Answer:
        refuse_old_database()
        due.keep_ticking()
        # The queue's first tick comes after half a minute: what a dead worker left need not wait for it.
        due.tick()
        # Its processes are forked, and must not share a connection.
        connections.close_all()
        # Else the children of a worker that was killed would work on, unwatched.
        os.register_at_fork(after_in_child=end_with_parent)
        call_command("qcluster")
        return Answer({}, ())


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
