"""A process that runs our commands in children of its own, and kills or stops them at a point of a run.

`python -m tests.alumnisync.killed` reads orders from standard input and answers on standard output, one JSON
object a line. Django is loaded once and each child is forked, so that a hundred processes cost seconds.

{"database": NAME, "arguments": ["sync", …], "at": [POINT, N], "signal": "SIGKILL", "age": SECONDS}
    → {"code": exit code, or minus the signal, "out": …, "err": …, "reached": {point: times}, "pid": …}
{"wake": PID} → the same, once the stopped child has ended
{"run": "dotted.function", "database": NAME, "arguments": [...]} → {"out": what it returned, …}
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from importlib import import_module
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any

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
        if "wake" in order:
            pid = order["wake"]
            os.kill(pid, signal.SIGCONT)
        else:
            pid, pipes[pid] = born(order)
        print(json.dumps(end_of(pid, pipes)), flush=True)  # noqa: T201 - the answer


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


def carried_out(order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    from django.core.management import call_command
    from django.db import connections

    from alumnisync.engine import points

    connections.databases["default"]["NAME"] = order["database"]
    reached: Counter[str] = Counter()
    lock = Lock()

    def watch(point: str) -> None:
        with lock:
            reached[point] += 1
            if "at" in order and [point, reached[point]] == order["at"]:
                os.kill(os.getpid(), signal.Signals[order.get("signal", "SIGKILL")])

    points.watchers.append(watch)
    out, err = StringIO(), StringIO()
    code, returned = 0, None
    try:
        if order.get("age"):
            make_older(order["age"])
        if "run" in order:
            module, _, name = order["run"].rpartition(".")
            returned = getattr(import_module(module), name)(*order["arguments"])
        else:
            call_command(*order["arguments"], stdout=out, stderr=err)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        connections.close_all()
    return code, {"out": returned or out.getvalue(), "err": err.getvalue(), "reached": reached}


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


def rows() -> str:
    """What tells whether any row that a run alters was altered."""
    from alumnisync.models import ChangeRecord, FieldChange, Link, Member, SyncRun
    from connectors.models import Cursor, RemoteRecord

    kinds = (SyncRun, ChangeRecord, FieldChange, Link, Member, RemoteRecord, Cursor)
    text = "\n".join(str(row) for kind in kinds for row in kind.objects.order_by("pk").values_list())
    return sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
