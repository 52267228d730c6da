"""How much memory a list of people takes that comes in one answer: `python -m tests.benchmarks.large_list [PEOPLE…]`.

A stand-in in a process of its own invents that many people (1,000,000 where none is said) while it sends them; we
land them twice, so that the second list finds each of them known and looks for who is missing. The database is
DATABASE_URL where it is given, else an SQLite file of its own.

The table's columns: people; list; seconds; people a second; new or different; the most memory our process held, MB.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
USUAL = 1_000_000
MEMORY = "sqlite:///:memory:"
FIELDS = ("name.first", "name.last", "emails[personal]", "phones[mobile]", "birthday")
COLUMNS = "{:>9}  {:<7} {:>8} {:>9} {:>9} {:>7}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("people", nargs="*", type=int, default=[USUAL])
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("--pull", default="", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve:
        serve(given.people[0])
    elif given.pull:
        pull(given.people[0], json.loads(given.pull))
    else:
        say(COLUMNS.format("people", "list", "seconds", "a second", "new", "MB"))
        for people in given.people:
            for line in measure(people):
                say(COLUMNS.format(*line))


def measure(people: int) -> Iterator[list[Any]]:
    """Lines of the table, each process's memory its own."""
    with tempfile.TemporaryDirectory() as folder, stand_in(people, Path(folder)) as (settings, environment):
        command = [sys.executable, "-m", "tests.benchmarks.large_list", str(people), "--pull", json.dumps(settings)]
        done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        yield from (json.loads(line) for line in done.stdout.splitlines())


@contextmanager
def stand_in(people: int, folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The settings of a connection to the stand-in, and the environment of a process that uses it."""
    # A database in memory, as the tests have, would be counted as ours.
    given = os.environ.get("DATABASE_URL", MEMORY)
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite3'}" if given == MEMORY else given,
        "DJANGO_SETTINGS_MODULE": "alumnisync.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALUMNISYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOW_PRIVATE_ADDRESSES": "true",
    }
    command = [sys.executable, "-m", "tests.benchmarks.large_list", str(people), "--serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline() if process.stdout else ""), environment
        finally:
            process.terminate()


def serve(people: int) -> None:
    from connectors.sandbox.server import start

    with start("alumni_spaces", people=people, generated=True) as there:
        say(json.dumps(there.settings))
        # Until whoever started us ends us.
        sys.stdin.read()
        while True:
            time.sleep(60)


def pull(people: int, settings: dict[str, Any]) -> None:
    """Land the list twice in this process, and print a line for each."""
    import django

    django.setup()
    from django.core.management import call_command

    from alumnisync.engine.poll import ListLimits, poll
    from connectors.models import Connection, Cursor

    with Path(os.devnull).open("w") as silence:
        call_command("migrate", verbosity=0, stdout=silence)
    # Secrets stand among the settings: nothing of this database outlives the measurement.
    there = Connection.objects.create(name="Vault", system="alumni_spaces", settings=settings)
    cursor = Cursor.objects.create(connection=there, object_type="person")
    vault = there.open()
    described = next(kind for kind in vault.describe() if kind.name == "person")
    for name in ("first", "again"):
        began = time.monotonic()
        done = poll(
            vault, cursor, FIELDS, described=described, limits=ListLimits(), beat=lambda: None
        )  # fmt: skip
        seconds = time.monotonic() - began
        if not done.complete or done.read != people:
            raise SystemExit(f"The list was not whole: {done.read} of {people} people.")
        say(json.dumps([people, name, round(seconds, 1), round(people / seconds), done.changed, most_memory()]))


def most_memory() -> int:
    """The most this process held, MB; what getrusage says counts whoever started it as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
