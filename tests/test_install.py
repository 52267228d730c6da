"""docs/install.md, followed on a clean directory: what its blocks marked `check` say, then both services for real."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import environ
import pytest
from django.conf import settings

from tests.postgres import INSTALLED, free_port, newest_binaries, server

ROOT = Path(settings.BASE_DIR)
GUIDE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh check\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
UNITS = re.findall(r"^ExecStart=(.+)$", GUIDE, re.MULTILINE)
PATIENCE = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def database() -> Iterator[str]:
    binaries = newest_binaries(INSTALLED)
    if binaries is None:
        pytest.skip("PostgreSQL not found.")
    with server(binaries) as url:
        yield url


def bare_environment() -> dict[str, str]:
    """What a service has: none of the variables that the tests set."""
    return {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "PIP_INDEX_URL", "PIP_CONFIG_FILE")
        if name in os.environ
    }


def follow(block: str, home: Path) -> None:
    """Does what a block says, in a folder of ours and as ourselves."""
    commands = (
        block.replace("/opt/alumnisync", str(home))
        .replace("sudo -u alumnisync ", "")
        .replace("<where you got this from>", str(ROOT))
    )
    subprocess.run(["sh", "-eu", "-c", commands], env=bare_environment(), cwd=home, check=True)


def set_in(env: Path, **values: str) -> None:
    lines = env.read_text().splitlines()
    assert set(values) <= {line.partition("=")[0] for line in lines}
    env.write_text(
        "\n".join(f"{name}={values[name]}" if (name := line.partition("=")[0]) in values else line for line in lines)
    )


def answer(port: int, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of a page."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={"Host": "sync.example.edu", **headers})
        got = connection.getresponse()
        return got.status, got.read().decode()


@contextmanager
def running(app: Path, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A unit's ExecStart, begun and ended as a service is."""
    words = command.replace("/opt/alumnisync/app", str(app)).split()
    process = subprocess.Popen(
        words, cwd=app, env=bare_environment(), stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.long
def test_the_guide_leads_to_a_running_installation(tmp_path: Path, database: str) -> None:
    program, tables = BLOCKS[0], BLOCKS[2]
    follow(program, tmp_path)
    follow(BLOCKS[1], tmp_path)
    app = tmp_path / "app"
    env = app / ".env"
    assert env.stat().st_mode & 0o077 == 0
    set_in(env, ALLOWED_HOSTS="sync.example.edu", SITE_URL="https://sync.example.edu", DATABASE_URL=database)
    follow(tables, tmp_path)
    port = free_port()
    with running(app, UNITS[0].replace("8000", str(port))), running(app, UNITS[1]) as worker:
        wait_for(port)
        assert answer(port, "/admin/login/")[0] == 301, "people are sent to HTTPS"
        by_https = {"X-Forwarded-Proto": "https"}
        status, page = answer(port, "/admin/login/", **by_https)
        assert (status, "Log in" in page) == (200, True)
        assert answer(port, "/static/alumnisync/alumnisync.css", **by_https)[0] == 200
        assert worker.poll() is None


def wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            answer(port, "/admin/login/")
            return
        except ConnectionError:
            time.sleep(0.2)
    pytest.fail("The pages were not served.")


def test_the_database_named_is_reached_by_its_socket() -> None:
    (url,) = re.findall(r"^DATABASE_URL=(\S+)$", GUIDE, re.MULTILINE)
    read = environ.Env.db_url_config(url)
    assert (read["HOST"], read["NAME"], read["USER"]) == ("/var/run/postgresql", "alumnisync", "")


def test_every_setting_that_the_guide_names_is_explained() -> None:
    named = set(re.findall(r"\b([A-Z][A-Z_]{5,})\b", GUIDE)) - {"CHANGELOG", "WARNING"}
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named <= explained
