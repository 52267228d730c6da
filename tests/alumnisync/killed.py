"""A process that runs our commands in children of its own, and strikes them at a point of a run.

`python -m tests.alumnisync.killed` reads orders from standard input and answers on standard output, one JSON
object a line. Django is loaded once and each child is forked, so that a hundred processes cost seconds.

{"database": NAME, "arguments": ["sync", …], "at": [POINT, N], "signal": "SIGKILL", "age": SECONDS}
    → {"code": exit code, or minus the signal, "out": …, "err": …, "reached": {point: times}, "pid": …,
       "statements": how many SQL statements it gave}
{"wake": PID} → the same, once the stopped child has ended; {"kill": PID} ends it
{"run": "dotted.function", "database": NAME, "arguments": [...]} → {"out": what it returned, …}

What else an order may say:
"statement": N      strike before the Nth SQL statement; one more than there are: before they are committed
"drop": "a moment"  instead of a signal the database is taken away (`taken`); or "for good"
"host": NAME        as if the child ran on another host
"asleep": true      it is stopped for longer than its lease lasts, by its own clock too
"broken": "dotted.function"   called first, to break something
"apart": true       answered at once with {"pid": …}; {"await": PID} brings the rest
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from functools import partial
from hashlib import sha256
from importlib import import_module
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any

from tests.alumnisync.taken import be_impatient, take_away

ROOT = Path(__file__).parents[2]


class Nursery:
    """The tests' end: starts the process and gives it orders."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.alumnisync.killed"]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process; its children have ended by then."""
        self._process.communicate(timeout=30)


def main() -> None:
    import django

    django.setup()
    from django.core.management import get_commands, load_command_class

    import connectors.http

    # What every child would load again: urllib's and the connectors' modules, the commands.
    connectors.http.FIRST_WAIT = 0.001
    for name in ("sync", "undo", "load_setup", "migrate"):
        load_command_class(get_commands()[name], name)
    pipes: dict[int, int] = {}
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(answer(order, pipes)), flush=True)  # noqa: T201 - the answer


def answer(order: dict[str, Any], pipes: dict[int, int]) -> dict[str, Any]:
    if "await" in order:
        return end_of(order["await"], pipes)
    for word, sent in (("wake", signal.SIGCONT), ("kill", signal.SIGKILL)):
        if word in order:
            os.kill(order[word], sent)
            return end_of(order[word], pipes)
    pid, report = born(order)
    pipes[pid] = report
    return {"pid": pid} if order.get("apart") else end_of(pid, pipes)


def born(order: dict[str, Any]) -> tuple[int, int]:
    """A child that carries out the order: its number, and where it reports to."""
    report, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return pid, report
    code = 70
    try:
        os.close(report)
        code, told = carried_out(order)
        os.write(write_end, json.dumps(told).encode())
    finally:
        os._exit(code)


def end_of(pid: int, pipes: dict[int, int]) -> dict[str, Any]:
    """What became of a child: ended, killed or stopped."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"code": None, "pid": pid}
    with os.fdopen(pipes.pop(pid), "rb") as report:
        told = json.loads(report.read() or b"{}")
    return {"code": os.waitstatus_to_exitcode(status), "pid": pid, **told}


class Blow:
    """What strikes a child, once it gets to where the order says."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.reached: Counter[str] = Counter()
        self.statements = 0
        self._lock = Lock()

    def watch(self, point: str) -> None:
        with self._lock:
            self.reached[point] += 1
            if self.order.get("at") == [point, self.reached[point]]:
                self.strike()

    def count(self, execute: Any, *statement: Any) -> Any:
        self.statements += 1
        if self.order.get("statement") == self.statements:
            self.strike()
        return execute(*statement)

    def commit(self, commit: Any) -> None:
        if self.order.get("statement") == self.statements + 1:
            self.strike()
        commit()

    def strike(self) -> None:
        if "drop" in self.order:
            take_away(self.order["database"], for_good=self.order["drop"] == "for good")
        else:
            if self.order.get("asleep"):
                let_time_pass()
            os.kill(os.getpid(), signal.Signals[self.order.get("signal", "SIGKILL")])


def carried_out(order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    from django.core.management import call_command
    from django.db import connections

    from alumnisync.engine import points

    connections.databases["default"]["NAME"] = order["database"]
    make_different(order)
    blow = Blow(order)
    points.watchers.append(blow.watch)
    connection = connections["default"]
    connection.execute_wrappers.append(blow.count)
    vars(connection)["commit"] = partial(blow.commit, connection.commit)
    out, err = StringIO(), StringIO()
    code, returned = 0, None
    try:
        if order.get("age"):
            make_older(order["age"])
        blow.statements = 0
        if "run" in order:
            returned = named(order["run"])(*order["arguments"])
        else:
            call_command(*order["arguments"], stdout=out, stderr=err)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        connections.close_all()
    told = {"out": out.getvalue() if returned is None else returned, "err": err.getvalue(), "reached": blow.reached}
    return code, {**told, "statements": blow.statements}


def make_different(order: dict[str, Any]) -> None:
    """Another host, less patience, something broken: as the order says."""
    if "host" in order:
        socket.gethostname = lambda: order["host"]
    if "drop" in order:
        be_impatient()
    if "broken" in order:
        named(order["broken"])()


def let_time_pass() -> None:
    """As if this process woke up after its lease had run out."""
    from alumnisync.engine import lease

    lease.LEASE = lease.BEAT = timedelta(0)


def named(function: str) -> Any:
    module, _, name = function.rpartition(".")
    return getattr(import_module(module), name)


def make_older(seconds: float) -> None:
    """As if what is being sent had been sent that much earlier."""
    from django.db.models import F

    from alumnisync.models import ChangeRecord

    ChangeRecord.objects.filter(state="sending").update(sent_at=F("sent_at") - timedelta(seconds=seconds))


def lease_taken_over() -> str:
    """Do what a process on another host does when a lease has run out; every row then."""
    from alumnisync.models import SyncRun

    SyncRun.objects.filter(state="running").update(lease_owner="elsewhere|1|1|1")
    return rows()


def is_approved() -> str:
    """Whether a run was approved; "" where none was."""
    from alumnisync.models import SyncRun

    return "yes" if SyncRun.objects.exclude(approved_at=None).exists() else ""


def rows() -> str:
    """What tells whether any row that a run alters was altered."""
    from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Match, MatchKey, Member, SyncRun
    from connectors.models import Cursor, RemoteRecord

    kinds = (SyncRun, ChangeRecord, FieldChange, Link, Member, RemoteRecord, Cursor, Conflict, Match, MatchKey)
    text = "\n".join(str(row) for kind in kinds for row in kind.objects.order_by("pk").values_list())
    return sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
