"""The integration check list of a sync: what the product can answer is ticked, the rest waits for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from alumnisync.checklist import mapped, systems
from alumnisync.checklist.facts import gather
from alumnisync.checklist.points import Found, Point, for_a_person
from alumnisync.engine.admission import Refused
from alumnisync.models import CheckAnswer
from alumnisync.wording import counted
from mappings.models import MappingVersion, Sync

__all__ = ["Line", "answer", "lines", "open_lines", "points", "refuse_open", "take_back"]

MOST_NAMED = 3
"""How many open points a refusal names."""


@dataclass(frozen=True)
class Line:
    """A point as it stands. found: what the product knows; said: what a person said to it."""

    point: Point
    found: Found | None
    said: CheckAnswer | None

    @property
    def is_open(self) -> bool:
        """Nobody answered it, and the product can't."""
        return self.said is None and not (self.found and self.found.is_answered)


def points() -> tuple[Point, ...]:
    """All points, what only a person can know first."""
    return (*for_a_person(), *mapped.points(), *systems.points())


def lines(sync: Sync, version: MappingVersion | None = None) -> list[Line]:
    """Every point as it stands, the open ones first; by the version that people work on, or the one given."""
    facts = gather(sync, version)
    said = {one.point: one for one in CheckAnswer.objects.filter(sync=sync)}
    found = [
        Line(point, point.find(facts) if point.find and facts else None, said.get(point.slug)) for point in points()
    ]
    return sorted(found, key=lambda line: not line.is_open)


def open_lines(sync: Sync, version: MappingVersion | None = None) -> list[Line]:
    """What still has to be answered or waived before the sync goes live."""
    return [line for line in lines(sync, version) if line.is_open]


def refuse_open(sync: Sync, version: MappingVersion) -> None:
    """Raise Refused while points are open."""
    if waiting := open_lines(sync, version):
        asked = " ".join(line.point.question for line in waiting[:MOST_NAMED])
        more = " …" if len(waiting) > MOST_NAMED else ""
        raise Refused(
            f"Before {sync} goes live, {counted(len(waiting), 'point')} of its check list must be answered or waived: "
            f"{asked}{more}"
        )


@transaction.atomic
def answer(sync: Sync, slugs: Iterable[str], text: str, *, by: str, waives: bool = False) -> int:
    """Keep what a person said to these points; how many of them there are. A former answer is replaced.

    waives: the person says that a point needs no answer here, and the text says why. Raises Refused without a text.
    """
    wanted = {point.slug for point in points()} & set(slugs)
    if not text.strip():
        raise Refused("Write why it needs no answer." if waives else "Write the answer.")
    for slug in sorted(wanted):
        CheckAnswer.objects.update_or_create(
            sync=sync,
            point=slug,
            defaults={"text": text.strip(), "is_waived": waives, "said_by": by, "said_at": timezone.now()},
        )
    return len(wanted)


def take_back(sync: Sync, slug: str) -> None:
    """A point is open again, unless the product can answer it."""
    CheckAnswer.objects.filter(sync=sync, point=slug).delete()
