"""`python manage.py drift NAME`: where the two sides of a sync differ, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Exit, Failure, find_sync, whoami
from alumnisync.drift import NotReady, make
from alumnisync.drift.reasons import Outside, Reason
from alumnisync.drift.words import MEANINGS, OUTSIDE
from alumnisync.models import DriftReport


class Command(AnsweringCommand):
    help = "Compares all linked people of a sync, and says which fields differ and why. Nothing is changed anywhere."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the sync's name")

    def answer(self, **options: Any) -> Answer:
        sync = find_sync(options["name"])
        self.progress(f"Comparing the people of {sync}…")
        try:
            report = make(sync, by=whoami())
        except NotReady as error:
            raise Failure(str(error)) from error
        code = Exit.SET_ASIDE if report.unknown else Exit.DONE
        return Answer(as_json(report), sentences(report), code)


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
