"""What a sync's earlier runs came to: what is usual, and which safety limits that suggests. Pure.

Figures of a run: guard → what it looks at (a field and direction, a side, or "") → how many people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from statistics import median
from typing import Any

from alumnisync.engine.guard import GUARDS, Limit

LOOKS_BACK = 10
"""How many earlier runs say what is usual."""
REMEMBERS = 30
"""How many of them suggest a limit."""
ENOUGH = 5
"""Fewer say nothing about a limit."""
LEAST = 10
"""Even where never anything happened, so many people are no glitch yet."""

Figures = Mapping[str, Mapping[str, int]]


class History:
    """The figures of the runs that were let through, by themselves or by a person, the newest first."""

    def __init__(self, counts: Iterable[Mapping[str, Any]]) -> None:
        # A run that never came to judge its plan has none.
        self.runs: list[Figures] = [each["figures"] for each in counts if "figures" in each]

    def usual(self, guard: str, key: str) -> int | None:
        """The median of what the runs before came to; None without any."""
        known = [run[guard].get(key, 0) for run in self.runs[:LOOKS_BACK] if guard in run]
        return int(median(known)) if known else None

    def peaks(self, guard: str) -> list[int]:
        """The most that each run came to."""
        return [max(run[guard].values(), default=0) for run in self.runs[:REMEMBERS] if guard in run]

    def suggested(self, guard: str, people: int) -> Limit | None:
        """Twice what nine of ten runs stayed within; None where too few runs are known. people: who is linked.

        The share comes to the same, so that the limit grows with the people and one odd run does not raise it.
        """
        peaks = sorted(self.peaks(guard))
        if len(peaks) < ENOUGH or people <= 0:
            return None
        floor = tidy(max(LEAST, 2 * peaks[ceil(0.9 * len(peaks)) - 1]))
        return Limit(floor, int(10_000 * floor / people) / 10_000 if floor < people else 1.0)

    def suggestions(self, people: int) -> dict[str, Limit]:
        """Guard → the limit that its history suggests."""
        return {guard: limit for guard in GUARDS if (limit := self.suggested(guard, people)) is not None}


def tidy(count: int) -> int:
    """The next number that is easy to say: 74 → 75, 137 → 150, 1912 → 2000."""
    step = max(5, 5 * int(10 ** (len(str(count)) - 2)))
    return -(-count // step) * step
