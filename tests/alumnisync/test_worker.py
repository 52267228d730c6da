"""A worker as production runs it, in processes of its own: it carries out, starts what is due, takes up what died."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alumnisync.scene import BOTH, LEFT_ONLY, RIGHT_ONLY, Scene
from tests.alumnisync.test_commands_serve import MANAGE, environment, members, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("worker")]

EVERYBODY = BOTH + LEFT_ONLY + RIGHT_ONLY
NAME = "both-ways"


class Office:
    """An installation on a SQLite file between two stand-ins, with an approved sync."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, folder / "db.sqlite3"
        self.environ = environment(self.database)
        self.scene = Scene("record_id")
        setup = folder / "setup.yaml"
        setup.write_text(yaml.safe_dump(self.scene.setup()))
        self.manage("migrate", "-v0")
        self.manage("load_setup", str(setup))

    def manage(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> None:
        done = subprocess.run([sys.executable, MANAGE, *arguments], env=self.environ, capture_output=True, text=True)
        assert done.returncode in codes, done.stderr

    def code(self, text: str) -> None:
        """Something done from code, in a process of its own."""
        imports = (
            "from alumnisync import starting; from alumnisync.models import SyncRun; from mappings.models import Sync"
        )
        self.manage("shell", "--no-imports", "-c", f"{imports}; {text}")

    def ask(self, statement: str) -> list[Any]:
        """Rows, read past Django: this test's own database is another one."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20) as connection:
            return connection.execute(statement).fetchall()

    def states(self) -> list[str]:
        return [state for (state,) in self.ask("SELECT state FROM alumnisync_syncrun ORDER BY id")]

    def agree(self) -> bool:
        people = self.scene.people()
        return len(people) == EVERYBODY and all(one["named"] and one["left"] == one["right"] for one in people.values())


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.scene.stop()


@pytest.mark.long
def test_a_preview_and_its_approval_are_carried_out_by_a_worker(office: Office) -> None:
    with running(["worker"], office.environ, office.folder):
        office.code(f"starting.start(Sync.objects.get(name='{NAME}'), by='pat', preview=True)")
        wait_until(lambda: office.states() == ["held"])
        assert not any(office.scene.counted().values()), "a preview wrote something"
        office.code("starting.approve_and_go(SyncRun.objects.get(), by='pat')")
        wait_until(lambda: office.states() == ["done"])
    assert office.agree()
    assert office.scene.created_twice() == []


@pytest.mark.long
def test_a_sync_starts_by_itself_when_it_is_due(office: Office) -> None:
    office.manage("sync", NAME, codes=(3,))
    office.manage("sync", NAME, "--approve", "1")
    office.scene.left.change("user", office.scene.left.ids("user")[0], last_name="Married")
    past = "from django.utils import timezone; from datetime import timedelta"
    office.code(
        f"{past}; Sync.objects.update(schedule='0 1 * * *', next_run_of='0 1 * * * UTC',"
        " next_run_at=timezone.now() - timedelta(hours=5))"
    )
    with running(["worker"], office.environ, office.folder):
        wait_until(lambda: office.states() == ["done", "done"])
    assert office.agree()
    ((by, due),) = office.ask(
        "SELECT requested_by, next_run_at > datetime('now') FROM alumnisync_syncrun JOIN mappings_sync"
        " ON mappings_sync.id = sync_id WHERE alumnisync_syncrun.id = 2"
    )
    assert (by, due) == ("", 1)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the lease tells that a process died")
@pytest.mark.parametrize("approved", [True, False])
def test_a_run_whose_worker_was_killed_is_taken_up_by_the_next(office: Office, approved: bool) -> None:
    office.manage("sync", NAME, codes=(3,))
    if not approved:
        office.manage("sync", NAME, "--approve", "1")
        office.scene.edit()
    for there in office.scene.both().values():
        for method in ("POST", "PUT", "PATCH"):
            there.faults.next("slow", times=10**6, method=method, seconds=1)
    with running(["worker"], office.environ, office.folder) as worker:
        if approved:
            office.code("starting.approve_and_go(SyncRun.objects.get(), by='pat')")
        else:
            office.code(f"starting.start(Sync.objects.get(name='{NAME}'), by='pat')")
        wait_until(lambda: bool(office.ask("SELECT 1 FROM alumnisync_changerecord WHERE state = 'sending'")))
        os.killpg(worker.pid, signal.SIGKILL)
        wait_until(lambda: not members(worker.pid))
    assert office.states()[-1] == "running"
    for there in office.scene.both().values():
        there.faults.clear()
    with running(["worker"], office.environ, office.folder):
        wait_until(lambda: office.states() == (["done"] if approved else ["done", "stopped", "done"]))
    assert office.scene.created_twice() == []
    people = office.scene.people()
    apart = [one["left"][0] for one in people.values() if one["left"] != one["right"]]
    assert apart == ([] if approved else ["Lefty"])


@pytest.mark.long
def test_two_workers_do_a_run_once(office: Office) -> None:
    with running(["worker"], office.environ, office.folder), running(["worker"], office.environ, office.folder):
        office.code(
            f"sync = Sync.objects.get(name='{NAME}'); run = starting.start(sync, by='pat', preview=True);"
            " [starting.hand_over(run.pk) for _ in range(5)]"
        )
        wait_until(lambda: office.states() == ["held"])
        wait_until(lambda: not office.ask("SELECT 1 FROM django_q_ormq"))
        assert office.states() == ["held"]
