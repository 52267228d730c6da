"""The stand-ins, on loopback, until they are stopped."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.sandbox.people import MIXED
from connectors.sandbox.server import StandIn, stand_ins, start


class Command(BaseCommand):
    help = "Starts local stand-ins for outside systems, with invented people. Stop them with Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("systems", nargs="*", metavar="SYSTEM", help="Which ones; all of them if none is named.")
        parser.add_argument(
            "--port", type=int, default=0, help="Port of the first; the next ones follow. Default: free ones."
        )
        parser.add_argument("--people", type=int, default=20, help="How many people there are. Default: 20.")
        parser.add_argument("--seed", type=int, default=1, help="Another number, other people. Default: 1.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object: system → url, settings.")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["systems"] or sorted(stand_ins())
        unknown = [name for name in names if name not in stand_ins()]
        if unknown:
            known = ", ".join(sorted(stand_ins()))
            raise CommandError(f"There is no stand-in for “{unknown[0]}”. There are: {known}.", returncode=2)
        ended = threading.Event()
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: ended.set())
        with ExitStack() as stack:
            running = [stack.enter_context(self._start(name, place, options)) for place, name in enumerate(names)]
            self._print(running, as_json=options["json"])
            ended.wait()

    def _start(self, name: str, place: int, options: dict[str, Any]) -> StandIn:
        port = options["port"] and options["port"] + place
        try:
            return start(name, people=options["people"], port=port, seed=options["seed"], overlap=MIXED)
        except OSError:
            raise CommandError(f"Port {port} is in use. Name another with --port.", returncode=2) from None

    def _print(self, running: list[StandIn], *, as_json: bool) -> None:
        if as_json:
            answer = {there.system: {"url": there.url, "settings": there.settings} for there in running}
            self.stdout.write(json.dumps(answer))
        else:
            for there in running:
                settings = "  ".join(f"{name}={value}" for name, value in there.settings.items())
                self.stdout.write(f"{there.system}  {there.url}  {settings}")
        self.stdout.flush()
