"""`python manage.py sync NAME`: one run of a sync, start to end, in this process."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Count

from alumnisync.command import Answer, AnsweringCommand, Exit, Failure, who
from alumnisync.engine.report import summary
from alumnisync.engine.run import Busy, Refused, finish_approved, run_sync
from alumnisync.models import ChangeRecord, FieldChange, SyncRun
from alumnisync.review import Refusal, approve
from mappings.models import Sync

WRITES = {
    ChangeRecord.Kind.CREATE: "create",
    ChangeRecord.Kind.STAMP: "stamp",
    ChangeRecord.Kind.UPDATE: "update",
}


class Command(AnsweringCommand):
    help = "Runs a sync once, start to end. The first run of new rules sends nothing; it waits for --approve."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the sync's name")
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
        return Answer(data, [*sentences(data), *planned(run)], exit_code(run, data["set_aside"]))

    def _sync(self, name: str) -> Sync:
        sync = Sync.objects.filter(name=name).first()
        if sync is None:
            near = get_close_matches(name, Sync.objects.values_list("name", flat=True), 1)
            raise Failure(f"There is no sync called “{name}”" + (f"; did you mean “{near[0]}”?" if near else "."))
        return sync

    def _run(self, sync: Sync, options: dict[str, Any]) -> SyncRun:
        if options["approve"] is None:
            return run_sync(sync, preview=options["preview"], by=who(), say=self.progress)
        run = sync.runs.filter(pk=options["approve"]).first()
        if run is None:
            raise Failure(f"{sync} has no run {options['approve']}.")
        approved = approve(run, by=who())
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
    if data["state"] == SyncRun.State.FAILED and not any(data["read"].values()):
        return lines
    for word in ("read", "changed", "created", "updated", "stamped"):
        lines.append(_row(word, data[word]))
    waits = (
        ("both changed", data["conflicts"]),
        ("to review", data["reviews"]),
        ("possible matches", data["matches"]),
        ("couldn't be sent", data["set_aside"]),
    )
    lines.append("  waiting: " + ", ".join(f"{count:,} {word}" for word, count in waits))
    return lines + [f"  on hold: {item['reason']}" for item in data["held"]]


def planned(run: SyncRun) -> list[str]:
    """What a run shows and has not sent, for people: how many records, and which fields of how many."""
    is_shown = run.kind == SyncRun.Kind.PREVIEW and run.state == SyncRun.State.DONE
    if run.state != SyncRun.State.HELD and not is_shown:
        return []
    waiting = run.changes.filter(state__in=(ChangeRecord.State.PLANNED, ChangeRecord.State.HELD))
    kinds = Counter(waiting.values_list("kind", "side"))
    if is_shown and not kinds:
        return ["Nothing would be written."]
    lines = ["Waiting for your OK; so much would be written:"]
    for kind, word in WRITES.items():
        lines.append(_row(word, {side: kinds[kind, side] for side in ("left", "right")}))
    rows = FieldChange.objects.filter(change__in=waiting.filter(kind=ChangeRecord.Kind.UPDATE))
    fields = rows.values_list("path", "change__side").annotate(people=Count("pk")).order_by("change__side", "path")
    lines += [f"    {path} on the {side}: {people:,}" for path, side, people in fields]
    return [*lines, f"Let it go with: python manage.py sync {run.sync} --approve {run.pk}"]


def _row(word: str, counts: dict[str, int]) -> str:
    return f"  {word:<10} left {counts['left']:>7,}   right {counts['right']:>7,}"
