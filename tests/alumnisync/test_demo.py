"""The demo as a newcomer starts it: in processes of its own, without keys, leaving nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.alumnisync.test_commands_serve import MANAGE, PATIENCE, members, wait_until
from tests.postgres import free_port

PEOPLE = 12
COUNT = re.compile(r"^ +(\w+) +(\d+) on the left +(\d+) on the right$", re.MULTILINE)
ITSELF = re.compile(r"^ +(\w+) itself counted (.+)$", re.MULTILINE)


@pytest.fixture
def newcomer(tmp_path: Path) -> dict[str, str]:
    """An environment without any key, with a folder for what is temporary, and a proxy that leads nowhere."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    nowhere = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    return {**keep, **nowhere, "TMPDIR": str(tmp_path), "SECRET_KEY": "", "ALUMNISYNC_ENCRYPTION_KEYS": ""}


def steps(printed: str) -> list[str]:
    return re.split(r"^\d\. ", printed, flags=re.MULTILINE)[1:]


def did(step: str) -> dict[str, tuple[int, int]]:
    """What a run says it did: word → left, right."""
    return {word: (int(left), int(right)) for word, left, right in COUNT.findall(step)}


def counted(step: str) -> list[dict[str, int]]:
    """What each stand-in had counted by then, left first."""
    return [
        {word: int(count.replace(",", "")) for count, word in re.findall(r"(\d[\d,]*) (\w+)", counts)}
        for _, counts in ITSELF.findall(step)
    ]


@pytest.mark.slow
def test_the_demo_says_what_the_stand_ins_counted(newcomer: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, str(MANAGE), "demo", "--once", "--people", str(PEOPLE)]
    ended = subprocess.run(command, env=newcomer, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    told = steps(ended.stdout)
    assert len(told) == 6
    before = [{"creates": 0, "updates": 0}, {"creates": 0, "updates": 0}]
    for step in told:
        now = counted(step)
        for place in (0, 1):
            written = {word: sides[place] for word, sides in did(step).items()}
            assert now[place]["creates"] - before[place]["creates"] == written["created"], step
            assert now[place]["updates"] - before[place]["updates"] == written["updated"] + written["stamped"], step
        before = now
    first, approved, again, edited, conflict, harmless = told
    assert sum(map(sum, (did(first)[word] for word in ("created", "updated", "stamped")))) == 0
    assert "never approved" in first
    assert did(approved)["stamped"][1] > 0
    assert did(again)["updated"] == did(harmless)["updated"] == (0, 0)
    assert did(edited)["updated"] == (1, 1)
    assert "1 both changed" in conflict
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_demo_serves_the_admin_and_takes_down_all_it_started(newcomer: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    output = tmp_path / "output"
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with output.open("wb") as there:
        process = subprocess.Popen(
            [sys.executable, str(MANAGE), "demo", "--people", "5", "--port", str(port)],
            env={**newcomer, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
            stdout=there,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: serves(port))
            said = output.read_text()
            assert re.search(rf"http://127\.0\.0\.1:{port}/admin/ as demo with the password \S{{8,}}", said)
            started = descendants(process.pid)
            assert len(started) >= 4
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
            assert not [pid for pid in started if (Path("/proc") / str(pid)).exists()]
        finally:
            for pid in [*descendants(process.pid), *members(process.pid)]:
                os.kill(pid, signal.SIGKILL)
            process.wait()
    assert list(folder.iterdir()) == []


def serves(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/admin/login/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def descendants(pid: int) -> list[int]:
    """The living processes that a process started, and those that they started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, left = [], [pid]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def test_a_port_in_use_is_told_before_anything_is_started(newcomer: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, str(MANAGE), "demo", "--port", str(port)]
        ended = subprocess.run(command, env=newcomer, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"Port {port} is in use. Name another: make demo ARGS='--port {port + 1}'\n"


def test_the_stand_ins_need_no_keys(newcomer: dict[str, str]) -> None:
    command = [sys.executable, str(MANAGE), "sandbox", "--json", "--people", "3"]
    with subprocess.Popen(command, env=newcomer, stdout=subprocess.PIPE, text=True) as stand_ins:
        assert stand_ins.stdout is not None
        printed = stand_ins.stdout.readline()
        stand_ins.terminate()
        assert stand_ins.wait(PATIENCE) == 0
    assert len(json.loads(printed)) >= 2
