"""`web` and `worker` as production starts them: in processes and on a database of their own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from alumnisync.management.commands import web
from tests.postgres import free_port

MANAGE = Path(settings.BASE_DIR) / "manage.py"
PATIENCE = 60


def environment(database: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "alumnisync.settings",
        "DATABASE_URL": f"sqlite:///{database}",
    }


@pytest.fixture
def migrated(tmp_path: Path) -> dict[str, str]:
    environ = environment(tmp_path / "db.sqlite3")
    subprocess.run([sys.executable, MANAGE, "migrate", "-v0"], env=environ, check=True)
    return environ


@contextmanager
def running(command: Sequence[str], environ: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command at work elsewhere than beside manage.py; what is left of its group is ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, MANAGE, *command],
        env=environ,
        cwd=folder,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if members(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def members(group: int) -> set[int]:
    """The living processes of a process group."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.add(int(stat.parent.name))
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.02)


def answer(port: int, path: str) -> tuple[int, str]:
    """Status and where it sends us; (0, "") while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers.get("Location", "")
    except OSError:
        return 0, ""
    finally:
        connection.close()


@pytest.mark.long
def test_web_serves_the_admin_right_after_migrate(migrated: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    with running(["web", "--port", str(port), "--workers", "1"], migrated, tmp_path) as process:
        wait_until(lambda: answer(port, "/") != (0, ""))
        assert answer(port, "/") == (302, "/admin/")
        assert answer(port, "/admin/login/")[0] == 200
        assert answer(port, "/static/unfold/css/styles.css")[0] == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert not members(process.pid)


@pytest.mark.long
def test_a_worker_starts_and_ends_with_all_its_processes(migrated: dict[str, str], tmp_path: Path) -> None:
    with running(["worker"], migrated, tmp_path) as process:
        wait_until(lambda: len(members(process.pid)) >= 6)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert not members(process.pid)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_worker_leaves_nobody_working(migrated: dict[str, str], tmp_path: Path) -> None:
    with running(["worker"], migrated, tmp_path) as process:
        # Itself, the sentinel, the workers, the monitor and the pusher.
        wait_until(lambda: len(members(process.pid)) >= 6)
        process.kill()
        process.wait()
        wait_until(lambda: not members(process.pid))


def test_gunicorn_listens_where_it_is_told() -> None:
    assert "--bind=0.0.0.0:80" in web.gunicorn("0.0.0.0", 80, 3)  # noqa: S104  # only a text here
    assert "--bind=[::1]:8000" in web.gunicorn("::1", 8000, 3)
    assert "--workers=3" in web.gunicorn("::1", 8000, 3)


@pytest.mark.quick(1)
@pytest.mark.parametrize("command", ["web", "worker", "migrate"])
def test_nothing_starts_without_its_keys_and_says_what_to_do(command: str, tmp_path: Path) -> None:
    environ = {**environment(tmp_path / "db.sqlite3"), "SECRET_KEY": "", "ALUMNISYNC_ENCRYPTION_KEYS": ""}
    ended = subprocess.run([sys.executable, MANAGE, command], env=environ, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "SECRET_KEY is not set" in ended.stderr
    assert "Copy .env.example to .env" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_encryption_key_that_cant_be_used_is_not_shown(tmp_path: Path) -> None:
    environ = {**environment(tmp_path / "db.sqlite3"), "ALUMNISYNC_ENCRYPTION_KEYS": "mistyped-key"}
    ended = subprocess.run([sys.executable, MANAGE, "check"], env=environ, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "32 bytes in URL-safe base64" in ended.stderr
    assert "mistyped-key" not in ended.stderr


def test_help_needs_no_keys() -> None:
    environ = {**os.environ, "SECRET_KEY": "", "ALUMNISYNC_ENCRYPTION_KEYS": ""}
    ended = subprocess.run([sys.executable, MANAGE, "help"], env=environ, capture_output=True, text=True)
    assert ended.returncode == 0
    assert "worker" in ended.stdout
