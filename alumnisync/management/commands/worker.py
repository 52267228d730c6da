from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

PR_SET_PDEATHSIG = 1


class Command(BaseCommand):
    help = "Runs what is due. Any number of workers, on any number of machines, share the work."
    requires_migrations_checks = True

    def handle(self, *args: Any, **options: Any) -> None:
        # Else the children of a worker that was killed would work on, unwatched.
        os.register_at_fork(after_in_child=end_with_parent)
        call_command("qcluster")


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
