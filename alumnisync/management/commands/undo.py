"""`python manage.py undo RUN`: what undoing a run would put back; with --approve that is put back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Exit, Failure, whoami
from alumnisync.engine.report import summary
from alumnisync.engine.run import Busy, Refused, finish_approved
from alumnisync.management.commands.sync import exit_code
from alumnisync.models import SyncRun
from alumnisync.review import Refusal, approve
from alumnisync.undo import links_of, told, undo, units_of
from mappings.rules import Side

NOTHING_WAITS = "Nothing of run {} waits to be put back. Leave out --approve first, and look at what that shows."


class Command(AnsweringCommand):
    help = "Shows what undoing a finished run would put back. Nothing is put back before it is approved."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", type=int, help="the run to undo")
        parser.add_argument("--person", metavar="ID", help="only the person with this record, of either system")
        parser.add_argument("--field", metavar="UNIT", help="only this field pair, group, or field of either system")
        parser.add_argument("--approve", action="store_true", help="put back what was shown before")

    def answer(self, **options: Any) -> Answer:
        run = SyncRun.objects.select_related("sync", "version").filter(pk=options["run"]).first()
        if run is None:
            raise Failure(f"There is no run {options['run']}.")
        try:
            undone = self._approved(run) if options["approve"] else self._shown(run, options)
        except Busy as error:
            raise Failure(str(error), Exit.FAILED) from error
        except (Refused, Refusal) as error:
            raise Failure(str(error)) from error
        data = {**summary(undone), **told(undone)}
        code = exit_code(undone, data["set_aside"])
        is_partial = undone.state == SyncRun.State.PARTIAL
        return Answer(data, sentences(data), max(code, Exit.SET_ASIDE) if is_partial else code)

    def _shown(self, run: SyncRun, options: dict[str, Any]) -> SyncRun:
        links, units = options["person"], options["field"]
        if links and not (links := links_of(run, links)):
            raise Failure(f"Nobody whom {run.sync} has linked has a record with the id “{options['person']}”.")
        if units and not (units := units_of(run, units)):
            raise Failure(f"Run {run.pk} wrote no field called “{options['field']}”.")
        return undo(run, by=whoami(), links=links, units=units, say=self.progress)

    def _approved(self, run: SyncRun) -> SyncRun:
        """What waits is approved: the run itself where it is an undo, else the undo of it."""
        waits = run if run.kind == SyncRun.Kind.UNDO else run.undone_by.filter(state=SyncRun.State.HELD).first()
        if waits is None:
            raise Refused(NOTHING_WAITS.format(run.pk))
        approved = approve(waits, by=whoami())
        assert isinstance(approved, SyncRun)  # noqa: S101 - tells the type checker which of the two it is
        return finish_approved(approved, say=self.progress)


def sentences(data: dict[str, Any]) -> list[str]:
    """What an undo came to, for people."""
    lines = [f"Run {data['run']} undoes run {data['undoes']} of {data['sync']}: {data['state']}."]
    if data.get("reason"):
        lines.append(data["reason"])
    is_held = data["state"] == SyncRun.State.HELD
    counts = ", ".join(f"{side.value} {data['put_back'][side]:,}" for side in Side)
    lines.append(f"  records that {'would be' if is_held else 'were'} put back: {counts}")
    lines += [f"  left alone ({one['count']:,}): {one['reason']}" for one in data["left_alone"]]
    if data["asked"]:
        lines.append(f"  records that the run had created, for somebody to decide about: {data['asked']:,}")
    if is_held:
        lines.append(f"Put it back with: python manage.py undo {data['run']} --approve")
    return lines
