"""How long a first load takes, step by step, and how much memory: `make bench [PEOPLE="20000 100000"]`, or

    python -m tests.benchmarks.first_load [PEOPLE…] [--profile FILE]

Two stand-ins run in a process of their own and invent that many people (20,000 where none is said); we load
the demo's setup, preview, approve, run twice more (the first of them looks once more at what was just written,
the second finds nothing new), and once after one in a hundred changed on the left. The database is
DATABASE_URL where it is given, else an SQLite file of its own; on PostgreSQL:
`python -m tests.postgres .venv/bin/python -m tests.benchmarks.first_load`.

The table's columns: people; run; step; seconds; seconds over those of a bare loop, which only pages, decodes
and hashes both lists, under the same load of the machine; the most memory our process held in that step, MB.
Nothing is asserted: compare two tables from the same machine. A profile of all steps goes to FILE (`pstats`).
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "connectors" / "sandbox" / "demo.yaml"
USUAL = 20_000
CHANGED = 100
"""One person in so many is changed before the last run."""
STEPS = ("poll", "match", "draft", "guard", "drop_what_moved", "move_bases", "push")
"""The functions that `run` walks through; the first comes once a side."""
COLUMNS = "{:>8}  {:<10} {:<16} {:>8} {:>6} {:>7}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("people", nargs="*", type=int, default=[USUAL])
    arguments.add_argument("--profile", default="")
    arguments.add_argument("--url", default="", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.url:
        measure(given.people[0], json.loads(given.url), given.profile)
        return
    say(COLUMNS.format("people", "run", "step", "seconds", "ratio", "MB"))
    for people in given.people:
        with tempfile.TemporaryDirectory() as folder, stand_ins(people, Path(folder)) as (systems, environment):
            command = [sys.executable, "-m", __spec__.name, str(people), "--url", json.dumps(systems)]
            # A process for each size, so that one's memory is not counted for the next.
            subprocess.run([*command, "--profile", given.profile], env=environment, cwd=ROOT, check=True)


@contextmanager
def stand_ins(people: int, folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The stand-ins running, by system, and the environment of a process that speaks to them."""
    environment = {
        "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite3'}",
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "alumnisync.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALUMNISYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOW_PRIVATE_ADDRESSES": "true",
    }
    command = [sys.executable, "manage.py", "sandbox", "--json", "--people", str(people)]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            systems = json.loads(process.stdout.readline() if process.stdout else "")
            for name, there in systems.items():
                environment |= {f"{name}_{key}".upper(): str(value) for key, value in there["settings"].items()}
            yield systems, environment
        finally:
            process.terminate()


def measure(people: int, systems: dict[str, Any], profile: str) -> None:
    """Walk through all runs in this process and print a row for each step."""
    import django

    django.setup()
    from django.core.management import call_command

    from mappings.models import Sync

    with Path(os.devnull).open("w") as silence:
        call_command("migrate", verbosity=0, stdout=silence)
        call_command("load_setup", str(SETUP), stdout=silence, stderr=silence)
    table = Table(people, Sync.objects.get())
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    table.walk(systems)
    if profile:
        profiler.disable()
        profiler.dump_stats(profile)


class Table:
    """Prints a row for each step of each run of a sync."""

    def __init__(self, people: int, sync: Any) -> None:
        self.people, self.sync = people, sync
        self.run = ""
        self.bare = 0.0

    def walk(self, systems: dict[str, Any]) -> None:
        """Preview, approval, two runs with nothing new from outside, and one with few changes."""
        from alumnisync.engine import run as engine
        from alumnisync.models import SyncRun
        from alumnisync.review import approve

        for name in STEPS:
            setattr(engine, name, self._timed(name))
        self._row("bare loop", self._loop)
        self.run = "preview"
        preview = self._whole(lambda: engine.run_sync(self.sync, preview=True, say=hush))
        approve(preview, by="bench")
        self.run = "approved"
        self._whole(lambda: engine.finish_approved(SyncRun.objects.get(pk=preview.pk), say=hush))
        for self.run in ("after it", "unchanged"):
            self._whole(lambda: engine.run_sync(self.sync, say=hush))
        self._change_some(systems)
        self.run = "1 % moved"
        self._whole(lambda: engine.run_sync(self.sync, say=hush))

    def _whole(self, call: Callable[[], Any]) -> Any:
        run = self._row("all of it", call)
        if run.state not in ("done", "partial", "held"):
            raise SystemExit(f"The run ended as {run.state}: {run.reason}")
        return run

    def _timed(self, name: str) -> Callable[..., Any]:
        from alumnisync.engine import run

        step = getattr(run, name)

        def timed(*args: Any, **options: Any) -> Any:
            # What is polled tells the sides apart.
            label = f"poll {args[1].object_type}" if name == "poll" else name
            return self._row(label, lambda: step(*args, **options))

        return timed

    def _row(self, step: str, call: Callable[[], Any]) -> Any:
        forget_peak()
        began = time.perf_counter()
        answer = call()
        seconds = time.perf_counter() - began
        self.bare = self.bare or seconds
        figures = (f"{seconds:.2f}", f"{seconds / self.bare:.2f}", f"{peak():.0f}")
        say(COLUMNS.format(self.people, self.run, step, *figures))
        return answer

    def _loop(self) -> None:
        """What no way of reading both lists can do without."""
        from alumnisync.engine.poll import wanted_fields
        from connectors.packing import fingerprint
        from mappings.rules import Side
        from mappings.versions import rules_of

        version = self.sync.versions.get()
        for end in version.sides.select_related("connection"):
            connector = end.connection.open()
            fields = wanted_fields([(rules_of(version), Side(end.side))], [])
            for page in connector.poll(end.object_type, None, fields):
                for record in page.records:
                    fingerprint(dict(record.values))
            connector.close()

    def _change_some(self, systems: dict[str, Any]) -> None:
        """Give every hundredth person on the left another first name, behind the interface's back."""
        end = self.sync.versions.get().sides.select_related("connection").get(side="left")
        path = self.sync.versions.get().field_mappings.order_by("position").first().left
        address = urlsplit(systems[end.connection.system]["url"])
        control = f"{address.scheme}://{address.netloc}/_sandbox"
        with requests.Session() as session:
            there = session.get(f"{control}/records", params={"object_type": end.object_type}, timeout=600).json()
            for number, id in enumerate(sorted(there)[::CHANGED]):
                body = {"object_type": end.object_type, "id": id, "values": {path: f"Renamed{number}"}}
                session.post(f"{control}/change", json=body, timeout=60).raise_for_status()


def forget_peak() -> None:
    """Let the kernel count the most memory anew, where it can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> float:
    """The most memory this process held since `forget_peak`, MB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def hush(line: str) -> None:
    """Progress stays out of the table."""


if __name__ == "__main__":
    main()
