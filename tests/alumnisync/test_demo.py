"""The demo as a newcomer starts it: in processes of its own, without keys, leaving nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.alumnisync.test_commands_serve import MANAGE, members
from tests.postgres import free_port

PEOPLE = 30
# Seconds; a demo makes and runs a whole installation, on a machine that is busy with other tests.
PATIENCE = 180
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


def waiting(step: str) -> dict[str, int]:
    """What waits after a run: words → how many."""
    (line,) = re.findall(r"^ +waiting +(.+)$", step, re.MULTILINE)
    return {words: int(count) for count, words in (part.split(" ", 1) for part in line.split(", "))}


@pytest.mark.long
@pytest.mark.slow
def test_the_demo_says_what_the_stand_ins_counted(newcomer: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, str(MANAGE), "demo", "--once", "--people", str(PEOPLE)]
    ended = subprocess.run(command, env=newcomer, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    told = steps(ended.stdout)
    assert len(told) == 8
    before = [{"creates": 0, "updates": 0}, {"creates": 0, "updates": 0}]
    for step in told:
        now = counted(step)
        for place in (0, 1):
            written = {word: sides[place] for word, sides in did(step).items()}
            assert now[place]["creates"] - before[place]["creates"] == written["created"], step
            assert now[place]["updates"] - before[place]["updates"] == written["updated"] + written["stamped"], step
        before = now
    first, approved, again, edited, conflict, harmless, doubtful, emptied = told
    assert sum(map(sum, (did(first)[word] for word in ("created", "updated", "stamped")))) == 0
    assert "never approved" in first
    assert did(approved)["stamped"][1] > 0
    assert did(again)["updated"] == did(harmless)["updated"] == (0, 0)
    assert did(edited)["updated"] == (1, 1)
    assert waiting(conflict) == {"both changed": 2, "to review": 0, "possible matches": 0, "couldn't be sent": 0}
    everything = {"both changed": 2, "to review": 1, "possible matches": 1, "couldn't be sent": 1}
    assert waiting(doubtful) == waiting(emptied) == everything
    assert did(doubtful)["created"] == did(emptied)["updated"] == (0, 0)
    assert re.search(r"^ +on hold +\d+ people would lose their Phone", emptied, re.MULTILINE)
    assert "on hold" not in doubtful
    assert list(tmp_path.iterdir()) == []


@contextmanager
def up(newcomer: dict[str, str], folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A demo that stays up, and what it said; whatever it leaves is ended."""
    output = folder.parent / f"output-{port}"
    with output.open("wb") as there:
        process = subprocess.Popen(
            [sys.executable, str(MANAGE), "demo", "--people", "5", "--port", str(port)],
            env={**newcomer, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
            stdout=there,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started: set[int] = set()
    try:
        wait_until(lambda: "Ctrl-C ends the demo" in output.read_text() or process.poll() is not None)
        started |= set(descendants(process.pid))
        yield process, output.read_text()
    finally:
        for pid in {*started, *descendants(process.pid), *members(process.pid)}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made


@pytest.mark.long
@pytest.mark.slow
def test_the_demo_serves_the_admin_and_takes_down_all_it_started(newcomer: dict[str, str], folder: Path) -> None:
    port = free_port()
    with up(newcomer, folder, port) as (process, said):
        found = re.search(rf"http://127\.0\.0\.1:{port}/admin/ as demo with the password (\S{{8,}})", said)
        assert found, said
        for name in ("demo", "vera", "rob", "edith", "otto"):
            assert name in said
            start = sign_in(port, name, found[1])
            assert "Demo – invented people" in start  # noqa: RUF001
        for address in set(re.findall(r"http://127\.0\.0\.1:\d+/\S*", said)) - {f"http://127.0.0.1:{port}/admin/"}:
            assert requests.get(address, timeout=PATIENCE).status_code == 200, address
        started = descendants(process.pid)
        assert len(started) >= 4
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        wait_until(lambda: not alive(started))
    assert list(folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.torture
def test_a_demo_that_was_killed_is_no_hindrance_to_the_next(newcomer: dict[str, str], folder: Path) -> None:
    port = free_port()
    with up(newcomer, folder, port) as (process, _):
        started = descendants(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not alive(started))
    with up(newcomer, folder, port) as (_, said):
        assert f"http://127.0.0.1:{port}/admin/ as demo" in said


def wait_until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.05)


def sign_in(port: int, name: str, password: str) -> str:
    """The start page as somebody of the demo sees it."""
    address = f"http://127.0.0.1:{port}/admin/login/"
    with requests.Session() as session:
        session.trust_env = False
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(address, timeout=PATIENCE).text)
        assert token
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        answer = session.post(address, data=form, headers={"Referer": address}, timeout=PATIENCE)
    assert answer.url.endswith("/admin/"), name
    return answer.text


def alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if (Path("/proc") / str(pid)).exists()]


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
