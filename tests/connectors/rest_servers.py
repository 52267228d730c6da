"""Servers that nobody here wrote, from the package registry: Kinto and Datasette, each a process of its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.postgres import free_port

KINTO_PASSWORD, DATASETTE_SECRET = "kinto-s3cret", "datasette-s3cret"
KINTO_MAIN = "import sys; from kinto.__main__ import main; sys.exit(main())"
KINTO_INI = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = %(http_port)s
[app:main]
use = egg:kinto
kinto.includes = kinto.plugins.accounts
kinto.storage_backend = kinto.core.storage.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.userid_hmac_secret = tests-only
kinto.account_create_principals = system.Everyone
kinto.bucket_create_principals = system.Authenticated
multiauth.policies = account
multiauth.policy.account.use = kinto.plugins.accounts.AccountsPolicy
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""
TABLE = """
CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT, email TEXT, updated TEXT);
CREATE TRIGGER made AFTER INSERT ON people
BEGIN UPDATE people SET updated = strftime('%Y-%m-%d %H:%M:%S', 'now') WHERE id = new.id; END;
CREATE TRIGGER changed AFTER UPDATE OF first_name, last_name, email ON people
BEGIN UPDATE people SET updated = strftime('%Y-%m-%d %H:%M:%S', 'now') WHERE id = new.id; END;
"""


@dataclass
class Foreign:
    """A server at work: how a connection describes it, and a plain client that is no connector of ours."""

    settings: dict[str, Any]
    client: requests.Session = field(repr=False)
    url: str = ""

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.client.request(method, f"{self.url}{path}", timeout=30, **options)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def kinto(folder: Path) -> Iterator[Foreign]:
    """https://docs.kinto-storage.org/en/stable/api/1.x/records.html"""
    _need("kinto")
    ini = folder / "kinto.ini"
    ini.write_text(KINTO_INI)
    port = free_port()
    with _running(["-c", KINTO_MAIN, "start", "--ini", str(ini), "--port", str(port)], "Serving on"):
        url = f"http://127.0.0.1:{port}/v1"
        client = requests.Session()
        there = Foreign(_kinto_settings(url), client, url)
        there.call("PUT", "/accounts/sync", json={"data": {"password": KINTO_PASSWORD}})
        client.auth = ("sync", KINTO_PASSWORD)
        there.call("PUT", "/buckets/crm")
        there.call("PUT", "/buckets/crm/collections/people")
        with client:
            yield there


@contextmanager
def datasette(folder: Path) -> Iterator[Foreign]:
    """https://docs.datasette.io/en/latest/json_api.html"""
    _need("datasette")
    database = folder / "alumni.db"
    with sqlite3.connect(database) as opened:
        opened.executescript(TABLE)
    opened.close()
    words = [sys.executable, "-m", "datasette", "create-token", "sync", "--secret", DATASETTE_SECRET]
    token = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    metadata = folder / "datasette.yaml"
    metadata.write_text("permissions: {insert-row: {id: sync}, update-row: {id: sync}, delete-row: {id: sync}}")
    command = ["-m", "datasette", "serve", str(database), "-p", str(port := free_port()), "-c", str(metadata)]
    with _running([*command, "--secret", DATASETTE_SECRET], "Uvicorn running"), requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        url = f"http://127.0.0.1:{port}/alumni"
        yield Foreign(_datasette_settings(url, token), client, url)


def _kinto_settings(url: str) -> dict[str, Any]:
    records = "/buckets/crm/collections/people/records"
    return {
        "base_url": url,
        "auth": {"type": "basic", "username": "sync", "password": KINTO_PASSWORD},
        "objects": {
            "person": {
                "list": {"path": records, "params": {"_sort": "last_modified"}, "records": "data"},
                "paging": {"type": "next_header", "name": "Next-Page", "size_param": "_limit", "size": 3},
                "id": "id",
                "changed_since": {"param": "_since", "field": "last_modified", "format": "raw"},
                "deleted": {"field": "deleted", "value": True},
                "read": {"path": f"{records}/{{id}}", "record": "data"},
                "find": {"param": "{field}", "value": '"{value}"'},
                "create": {"method": "POST", "path": records, "wrap": "data"},
                "update": {"method": "PATCH", "path": f"{records}/{{id}}", "wrap": "data"},
                "version": {"field": "last_modified", "header": "If-Match", "quoted": True},
            }
        },
    }


def _datasette_settings(url: str, token: str) -> dict[str, Any]:
    return {
        "base_url": url,
        "auth": {"type": "bearer", "token": token},
        "objects": {
            "person": {
                "list": {
                    "path": "/people.json",
                    "params": {"_extra": "next_url", "_sort": "updated", "_shape": "objects"},
                    "records": "rows",
                },
                "paging": {"type": "next_url", "field": "next_url", "size_param": "_size", "size": 3},
                "changed_since": {"param": "updated__gte", "field": "updated", "format": "iso"},
                "read": {"path": "/people/{id}.json", "record": "rows"},
                "find": {"param": "{field}__exact"},
                "create": {"path": "/people/-/insert", "wrap": "row"},
                "update": {"method": "POST", "path": "/people/{id}/-/update", "wrap": "update"},
            }
        },
    }


def _need(package: str) -> None:
    if find_spec(package) is None:
        said = f"{package} is not installed: requirements-dev.txt names it."
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)


@contextmanager
def _running(command: Sequence[str], ready: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("DJANGO")},
    )
    try:
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if ready in line:
                break
        else:
            pytest.fail(f"The server did not start: {''.join(said[-5:])}")
        # A pipe that nobody reads from would stop the server once it is full.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield
        process.terminate()
        reader.join()
    finally:
        process.kill()
        process.communicate()
