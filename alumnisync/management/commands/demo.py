"""`python manage.py demo`: a whole installation with invented people, made, run and taken down again."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alumnisync.demo import MANAGE, Demo, DemoError, connect, demo, first_run, story

PEOPLE = 200
USER = "demo"


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
            if options["once"]:
                with TemporaryDirectory() as folder, demo(Path(folder), options["people"], self._say) as running:
                    self._run(running)
            else:
                self._stay(options)
        except DemoError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say("\nEnded.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _run(self, running: Demo) -> None:
        connect(running)
        first_run(running)
        story(running)

    def _stay(self, options: dict[str, Any]) -> None:
        folder = Path(settings.BASE_DIR) / ".demo"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with demo(folder, options["people"], self._say) as running:
            self._run(running)
            password = secrets.token_urlsafe(9)
            environment = {**running.environment, "DJANGO_SUPERUSER_PASSWORD": password}
            create = ["createsuperuser", "--noinput", "--username", USER, "--email", "demo@example.org"]
            subprocess.run([sys.executable, MANAGE, *create], env=environment, check=True)  # noqa: S603
            address = f"127.0.0.1:{options['port']}"
            self._say("\nCtrl-C ends the demo and all it started.")
            self._say(f"Look at it on http://{address}/admin/ as {USER} with the password {password}")
            web = [sys.executable, MANAGE, "web", "--port", str(options["port"])]
            subprocess.run(web, env=environment, check=False)  # noqa: S603
