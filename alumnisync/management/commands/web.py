"""`python manage.py web`: the admin, served for production."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connections

from alumnisync.command import Answer, AnsweringCommand, refuse_old_database


class Command(AnsweringCommand):
    help = "Serves the admin, with Gunicorn. For production, put a proxy that speaks HTTPS in front of it."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--address", default="127.0.0.1", help="where to listen (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
        parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")

    def answer(self, **options: Any) -> Answer:
        refuse_old_database()
        connections.close_all()
        words = gunicorn(options["address"], options["port"], options["workers"])
        # Takes this process over, so that whoever started us ends Gunicorn itself.
        os.execv(sys.executable, words)  # noqa: S606  # no shell is meant


def gunicorn(address: str, port: int, workers: int) -> list[str]:
    """The command line that serves the admin."""
    host = f"[{address}]" if ":" in address else address
    options = {
        "chdir": str(settings.BASE_DIR),
        "bind": f"{host}:{port}",
        "workers": str(workers),
        # A browser that keeps its connection open must not keep everybody else waiting.
        "threads": "4",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    # Its control socket would lie in the user's home, one for all installations there.
    return [sys.executable, "-m", "gunicorn", *words, "--no-control-socket", "alumnisync.wsgi"]
