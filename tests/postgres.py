"""Runs a command on a PostgreSQL of its own: `python -m tests.postgres COMMAND…`.

DATABASE_URL, where given, is used as it is. Else Debian's PostgreSQL is started on a free port, empty, and
removed afterwards. Where there is none, a line says so instead; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
NOT_FOUND = "PostgreSQL not found: nothing was tested on it. On Debian: apt-get install postgresql\n"


def main(command: Sequence[str]) -> int:
    """The command's exit code."""
    if os.environ.get("DATABASE_URL"):
        return subprocess.call(command)
    binaries = newest_binaries(INSTALLED)
    if binaries is None:
        sys.stdout.write(NOT_FOUND)
        return int(os.environ.get("CI") == "true")
    # Else the server would outlive us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with server(binaries) as url:
        return subprocess.call(command, env={**os.environ, "DATABASE_URL": url})


def newest_binaries(installed: Path) -> Path | None:
    """The folder with `initdb` and `pg_ctl` of the newest version, or None."""
    versions = sorted(installed.glob("*/bin/initdb"), key=lambda path: float(path.parent.parent.name))
    return versions[-1].parent if versions else None


@contextmanager
def server(binaries: Path) -> Iterator[str]:
    """A running, empty server's DATABASE_URL. Raises CalledProcessError when it doesn't start."""
    folder = Path(tempfile.mkdtemp(prefix="alumnisync-postgres-"))
    data, port = folder / "data", free_port()
    as_owner: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        shutil.chown(folder, "postgres", "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]
    # Nothing here needs to survive a power cut; each process of the tests opens several connections.
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    pg_ctl = [*as_owner, str(binaries / "pg_ctl"), "-D", str(data)]
    try:
        run(
            [
                *as_owner,
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "--no-sync",
            ]
        )
        run([*pg_ctl, "start", "-w", "-l", str(folder / "log"), "-o", options])
        try:
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            run([*pg_ctl, "stop", "-m", "immediate"])
    finally:
        shutil.rmtree(folder)


def run(command: Sequence[str]) -> None:
    # To files, not pipes: the server inherits them and would keep a pipe open.
    with tempfile.TemporaryFile("w+") as said:
        code = subprocess.call(command, stdout=said, stderr=said, cwd="/", env={**os.environ, "LC_ALL": "C.UTF-8"})
        if code:
            said.seek(0)
            sys.stderr.write(said.read())
            raise subprocess.CalledProcessError(code, list(command))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
