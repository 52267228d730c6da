"""`python manage.py sync NAME`: one run of a sync, start to end, in this process."""

from __future__ import annotations

import getpass
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Exit, Failure
from alumnisync.engine.report import summary
from alumnisync.engine.run import Busy, Refused, finish_approved, run_sync
from alumnisync.models import SyncRun
from alumnisync.review import Refusal, approve
from mappings.models import Sync


class Command(AnsweringCommand):
    help = "Runs a sync once, start to end."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the sync's name")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--preview", action="store_true", help="show what would happen; nothing is written")
        way.add_argument("--approve", metavar="RUN", type=int, help="carry out the plan that this run shows")

    def answer(self, **options: Any) -> Answer:
        sync = self._sync(options["name"])
        try:
            run = self._run(sync, options)
        except Busy as error:
            raise Failure(str(error), Exit.FAILED) from error
        except (Refused, Refusal) as error:
            raise Failure(str(error)) from error
        data = summary(run)
        return Answer(data, sentences(data), exit_code(run, data["set_aside"]))

    def _sync(self, name: str) -> Sync:
        sync = Sync.objects.filter(name=name).first()
        if sync is None:
            near = get_close_matches(name, Sync.objects.values_list("name", flat=True), 1)
            raise Failure(f"There is no sync called “{name}”" + (f"; did you mean “{near[0]}”?" if near else "."))
        return sync

    def _run(self, sync: Sync, options: dict[str, Any]) -> SyncRun:
        if options["approve"] is None:
            return run_sync(sync, preview=options["preview"], say=self.progress)
        run = sync.runs.filter(pk=options["approve"]).first()
        if run is None:
            raise Failure(f"{sync} has no run {options['approve']}.")
        approved = approve(run, by=getpass.getuser())
        assert isinstance(approved, SyncRun)  # noqa: S101 - tells the type checker which of the two it is
        return finish_approved(approved, say=self.progress)


def exit_code(run: SyncRun, set_aside: int) -> Exit:
    """The highest that applies."""
    if run.state == SyncRun.State.FAILED:
        return Exit.FAILED
    if run.holds:
        return Exit.HELD
    return Exit.SET_ASIDE if set_aside > run.sync.tolerance else Exit.DONE


def sentences(data: dict[str, Any]) -> list[str]:
    """A run's summary for people."""
    lines = [f"Run {data['run']} of {data['sync']}: {data['state']} after {data['seconds']:.1f} s."]
    if data.get("reason"):
        lines.append(data["reason"])
    for word in ("read", "changed", "created", "updated", "stamped"):
        lines.append(f"  {word:<10} left {data[word]['left']:>7,}   right {data[word]['right']:>7,}")
    waits = (
        ("both changed", data["conflicts"]),
        ("to review", data["reviews"]),
        ("possible matches", data["matches"]),
        ("couldn't be sent", data["set_aside"]),
    )
    lines.append("  waiting: " + ", ".join(f"{count:,} {word}" for word, count in waits))
    lines += [f"  on hold: {item['reason']}" for item in data["held"]]
    if data["state"] == SyncRun.State.HELD:
        lines.append(f"Let it go with: python manage.py sync {data['sync']} --approve {data['run']}")
    return lines
