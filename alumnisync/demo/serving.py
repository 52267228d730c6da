"""A demo that stays up: the admin and the worker, who may sign in, and what to try."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.urls import reverse

from alumnisync.demo import MANAGE, Demo, DemoError
from alumnisync.demo.people import PASSWORD, PEOPLE
from alumnisync.management.commands.worker import end_with_parent
from alumnisync.navigation import inbox_address
from alumnisync.roles import ABOUT

USER = "demo"
# Seconds that servers have to end by themselves.
PATIENCE = 5
# Seconds that the web server has to begin.
START = 60


def refuse_taken(port: int) -> None:
    """Raises DemoError where somebody listens on a port of this machine already."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(f"Port {port} is in use. Name another: make demo ARGS='--port {port + 1}'") from error


def serve(demo: Demo, port: int) -> None:
    """Serve the admin and run the worker until they are ended; how to sign in is told. Raises DemoError."""
    site = f"http://127.0.0.1:{port}"
    demo.environment["SITE_URL"] = site
    password = secrets.token_urlsafe(9)
    _make_people(demo, password)
    with _server(demo, "worker"), _server(demo, "web", "--port", str(port)) as web:
        if not wait_for(port, web):
            raise DemoError(f"The admin could not be served on port {port}; what is above says why.")
        demo.say(f"\nLook at it on {site}{reverse('admin:index')} as {USER} with the password {password}")
        for line in (*_who(), *_what_to_try(demo, site)):
            demo.say(line)
        demo.say("\nCtrl-C ends the demo and all it started.")
        if web.wait():
            raise DemoError("The web server ended; what is above says why.")


def _make_people(demo: Demo, password: str) -> None:
    demo.environment["DJANGO_SUPERUSER_PASSWORD"] = demo.environment[PASSWORD] = password
    demo.manage("createsuperuser", "--noinput", "--username", USER, "--email", "demo@example.org")
    demo.manage("shell", "--no-imports", "-c", "from alumnisync.demo.people import make_people; make_people()")
    del demo.environment["DJANGO_SUPERUSER_PASSWORD"], demo.environment[PASSWORD]


def wait_for(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server came to listen there: an address that is told can be opened at once."""
    ends = time.monotonic() + START
    while server.poll() is None and time.monotonic() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.1)
    return False


def _who() -> list[str]:
    told = [f"   {one.user:<8} {one.name}, role {one.role}: may {ABOUT[one.role]}" for one in PEOPLE]
    return ["The same password opens:", *told]


def _what_to_try(demo: Demo, site: str) -> list[str]:
    left, right = (demo.systems[demo.side(side)[0]]["url"] for side in ("left", "right"))
    sync = f"{site}{reverse('admin:mappings_sync_changelist')}"
    return [
        "\nThree things to try:",
        "1. As rob, decide what both sides changed:",
        f"   {site}{reverse('admin:alumnisync_conflict_changelist')}",
        f"2. Be somebody who works over there: change a phone on {left}/",
        f"   As otto, run the sync from {sync}",
        f"   and see it arrive on {right}/",
        "3. As otto, look at the run that is on hold, and approve or reject it:",
        f"   {site}{inbox_address('held')}",
    ]


@contextmanager
def _server(demo: Demo, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    # A session of its own: Ctrl-C reaches us alone, and its processes are ended together, none is forgotten.
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, MANAGE, *arguments],
        env=demo.environment,
        start_new_session=True,
        preexec_fn=end_with_parent,
    ) as server:
        try:
            yield server
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
