"""The command that starts the stand-ins."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

Run = Callable[..., subprocess.Popen[str]]
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[subprocess.Popen[str]] = []

    def run(*args: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(MANAGE), "sandbox", *args]
        environment = {**os.environ, "SECRET_KEY": "for-this-test"}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_it_says_where_they_are_and_stops_when_told(run: Run) -> None:
    process = run("--json", "--people", "2")
    told = json.loads(first_line(process))

    assert {"alumni360", "salesforce"} <= set(told)
    settings = told["alumni360"]["settings"]
    key = {settings["key_header"]: settings["api_key"]}
    assert requests.get(f"{settings['base_url']}/users/?page=1", headers=key, timeout=10).ok
    assert requests.get(f"{told['salesforce']['url']}/services/data/", timeout=10).ok

    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_one_of_them_on_a_port_of_its_own(run: Run) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = run("alumni360", "--port", str(port))
    name, url, *settings = first_line(process).split()

    assert (name, url) == ("alumni360", f"http://127.0.0.1:{port}")
    assert f"base_url={url}/api" in settings
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_system_without_a_stand_in_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="There are: alumni360, ") as caught:
        call_command("sandbox", "phonebook")
    assert caught.value.returncode == 2


def test_a_port_that_is_taken_is_wrong_usage() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=str(port)) as caught:
            call_command("sandbox", "alumni360", port=port)
    assert caught.value.returncode == 2
