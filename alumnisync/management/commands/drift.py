"""`python manage.py drift NAME`: where the two sides of a sync differ, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Exit, Failure, find_sync, whoami
from alumnisync.drift import NotReady, make
from alumnisync.drift.reasons import Outside, Reason
from alumnisync.drift.words import MEANINGS, OUTSIDE
from alumnisync.engine.opening import read_anew
from alumnisync.engine.run import Busy, Refused, run_sync
from alumnisync.models import DriftReport, SyncRun
from mappings.models import MappingVersion


class Command(AnsweringCommand):
    help = "Compares all linked people of a sync, and says which fields differ and why. Nothing is changed anywhere."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the sync's name")
        parser.add_argument(
            "--fresh",
            action="store_true",
            help="read all of both systems anew first, by a preview: finds also what their lists of changes left out",
        )

    def answer(self, **options: Any) -> Answer:
        sync = find_sync(options["name"])
        try:
            if options["fresh"] and (version := sync.active_version()):
                self._read(version)
            self.progress(f"Comparing the people of {sync}…")
            report = make(sync, by=whoami())
        except Busy as error:
            raise Failure(str(error), Exit.FAILED) from error
        except (NotReady, Refused) as error:
            raise Failure(str(error)) from error
        code = Exit.SET_ASIDE if report.unknown else Exit.DONE
        return Answer(as_json(report), sentences(report), code)

    def _read(self, version: MappingVersion) -> None:
        """Read both systems whole; nothing is written there."""
        read_anew(version)
        run = run_sync(version.sync, preview=True, by=whoami(), say=self.progress)
        if run.state == SyncRun.State.FAILED:
            raise Failure(f"The two systems could not be read, so nothing was compared. {run.reason}", Exit.FAILED)


def as_json(report: DriftReport) -> dict[str, Any]:
    """What `--json` tells."""
    counts = report.counts
    return {
        "sync": report.sync.name,
        "report": report.pk,
        "version": report.number,
        "people": counts["people"],
        "differing": counts["differing"],
        "unknown": report.unknown,
        "outside": counts["outside"],
        "fields": counts["fields"],
        "examples": counts["examples"],
    }


def sentences(report: DriftReport) -> list[str]:
    """A report for people."""
    counts = report.counts
    lines = [f"{counts['people']:,} linked people of {report.sync} compared; {counts['differing']:,} differ somewhere."]
    for pair, by in counts["fields"].items():
        differ = Counter({reason: count for reason, count in by.items() if Reason(reason).is_difference})
        said = ", ".join(f"{MEANINGS[Reason(reason)].short} {count:,}" for reason, count in differ.most_common())
        lines.append(f"  {pair}: the same {by.get(Reason.EQUAL.value, 0):,}" + (f"; {said}" if said else ""))
    lines += [f"  not compared: {OUTSIDE[Outside(one)].short} {count:,}" for one, count in counts["outside"].items()]
    if report.unknown:
        lines.append(f"{report.unknown:,} differences are not explained: a change may have been lost.")
    return lines
