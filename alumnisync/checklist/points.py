"""The integration check list: what has to be clear before two systems exchange data.

Its points are those of Locoia's list (https://docs.locoia.com/best-practice-guides/integration-check-list). Whatever
the product can know, it answers by itself (`systems`, `mapped`); what only a person can know comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from alumnisync.checklist.facts import Facts


@dataclass(frozen=True)
class Found:
    """What the product found out. words: the evidence, or what is missing; at: of when the evidence is."""

    words: str
    is_answered: bool = True
    at: datetime | None = None


@dataclass(frozen=True)
class Point:
    """One question. slug is stored with answers and never renamed; find is None where only a person can know."""

    slug: str
    question: str
    find: Callable[[Facts], Found] | None = None


def for_a_person() -> tuple[Point, ...]:
    """What no program can find out."""
    return (
        Point("contact", "Who can be asked about technical matters at each of the two systems?"),
        Point("privacy", "Which privacy rules apply, and what is done when somebody asks to be deleted?"),
        Point("data_protection", "Who is responsible for data protection, and have they agreed to this exchange?"),
        Point("firewall", "Is there a firewall or a list of allowed addresses, and is this server on it?"),
    )
