"""`python manage.py demo`: a whole installation with invented people, made, run and taken down again."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from alumnisync.command import Exit
from alumnisync.demo import DemoError, connect, demo, first_run, story
from alumnisync.demo.serving import refuse_taken, serve

PEOPLE = 200


class Command(BaseCommand):
    help = "Shows a sync at work between two stand-ins with invented people, and leaves nothing behind."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run it through and end")
        parser.add_argument("--people", type=int, default=PEOPLE, help=f"how many people there are (default {PEOPLE})")
        parser.add_argument("--port", type=int, default=8000, help="where the admin is served (default 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        # Ended by a supervisor it takes down what it started, as with Ctrl-C.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            with TemporaryDirectory() as folder:
                self._show(Path(folder), options)
        except DemoError as error:
            self.stderr.write(str(error))
            sys.exit(Exit.USAGE)
        except KeyboardInterrupt:
            self._say("\nEnded.")

    def _show(self, folder: Path, options: dict[str, Any]) -> None:
        if not options["once"]:
            refuse_taken(options["port"])
        with demo(folder, options["people"], self._say) as running:
            connect(running)
            first_run(running)
            story(running)
            if not options["once"]:
                serve(running, options["port"])

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
