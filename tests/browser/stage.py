"""A whole installation for a real browser: database, stand-ins, web server and worker, each a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import requests
from cryptography.fernet import Fernet
from django.conf import settings

from tests.postgres import free_port

MANAGE = str(Path(settings.BASE_DIR) / "manage.py")
PATIENCE = 60
PASSWORD = secrets.token_urlsafe(12)
ROLES = {"vera": "Viewers", "rob": "Reviewers", "edith": "Editors", "otto": "Operators", "ada": ""}
"""Who may sign in, with which role; Ada administrates."""

MAKE_PEOPLE = """
import json, sys
from django.contrib.auth.models import Group, User
for name, role in json.load(sys.stdin)["people"].items():
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=not role)
    user.groups.set(Group.objects.filter(name=role))
"""


@dataclass
class Stage:
    """What runs. url: of the web server; systems: stand-in → its url and settings."""

    url: str
    environment: dict[str, str]
    systems: Mapping[str, Mapping[str, Any]]
    folder: Path

    def manage(self, *arguments: str, given: str = "", expected: tuple[int, ...] = (0,)) -> str:
        """One of our commands; its standard output."""
        ran = subprocess.run(
            [sys.executable, MANAGE, *arguments],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode in expected, ran.stderr
        return ran.stdout

    def sync(self, name: str, *arguments: str) -> dict[str, Any]:
        """One run of a sync; what it did."""
        done: dict[str, Any] = json.loads(self.manage("sync", name, "--json", *arguments, expected=(0, 1, 3)))
        return done

    def records(self, system: str, object_type: str) -> dict[str, dict[str, Any]]:
        """Id → fields, as the stand-in holds them."""
        with _session() as session:
            answer = session.get(self._control(system, "records"), params={"object_type": object_type}, timeout=30)
        found: dict[str, dict[str, Any]] = answer.json()
        return found

    def edit(self, system: str, object_type: str, record_id: str, **values: Any) -> None:
        """Somebody over there changes a record."""
        body = {"object_type": object_type, "id": record_id, "values": values}
        with _session() as session:
            session.post(self._control(system, "change"), json=body, timeout=30).raise_for_status()

    def add(self, system: str, object_type: str, **values: Any) -> None:
        """Somebody new comes over there."""
        body = {"object_type": object_type, "values": values}
        with _session() as session:
            session.post(self._control(system, "create"), json=body, timeout=30).raise_for_status()

    def steer(self, system: str, verb: str, **given: Any) -> None:
        """Have something else happen in a stand-in: remove, glitch, mend."""
        with _session() as session:
            session.post(self._control(system, verb), json=given, timeout=30).raise_for_status()

    def _control(self, system: str, verb: str) -> str:
        address = urlsplit(self.systems[system]["url"])
        return f"{address.scheme}://{address.netloc}/_sandbox/{verb}"


@contextmanager
def stage(folder: Path, *, people: int = 60) -> Iterator[Stage]:
    """Everything up, with one person of each role; whatever was started is ended."""
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "alumnisync.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'browser.sqlite3'}",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALUMNISYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOW_PRIVATE_ADDRESSES": "true",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "HTTPS": "false",
        "BROKER_URL": "",
        # Else another stage's connection of the same number, or a demo's, has its files in the same place.
        "FILES_FOLDER": str(folder / "files"),
        "ALUMNISYNC_DEMO": "true",
        "SITE_URL": f"http://127.0.0.1:{port}",
    }
    there = Stage(environment["SITE_URL"], environment, {}, folder)
    there.manage("migrate", "-v0")
    with ExitStack() as stack:
        stand_ins = stack.enter_context(_running(there, "sandbox", "--json", "--people", str(people)))
        assert stand_ins.stdout is not None
        there.systems = json.loads(stand_ins.stdout.readline())
        there.manage("shell", "-c", f"PASSWORD = {PASSWORD!r}\n{MAKE_PEOPLE}", given=json.dumps({"people": ROLES}))
        stack.enter_context(_running(there, "worker"))
        stack.enter_context(_running(there, "web", "--port", str(port)))
        _await(f"{there.url}/admin/login/")
        yield there


@contextmanager
def _running(there: Stage, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    log = there.folder / f"{arguments[0]}.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, MANAGE, *arguments],
            env=there.environment,
            stdout=subprocess.PIPE if arguments[0] == "sandbox" else said,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()


def _await(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=PATIENCE).close()  # noqa: S310 - our own server
            return
        except (URLError, ConnectionError):
            assert time.monotonic() < until, f"{url} does not answer."
            time.sleep(0.2)


def _session() -> requests.Session:
    session = requests.Session()
    # A proxy named in the environment knows nothing of this machine's own addresses.
    session.trust_env = False
    return session
