"""What may go wrong on the way to a stand-in and back: by request, or a share of all answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Any

KINDS = ("429", "500", "500_after", "reset", "lost", "cut", "html", "nothing", "slow", "401")
"""429        refused for now, with Retry-After
500        before the effect
500_after  the effect is done, the answer is 500
reset      connection closed without an answer, before the effect
lost       the effect is done, connection closed without an answer
cut        the effect is done, the body ends before its Content-Length
html       a web page with status 200 instead of the answer, before the effect
nothing    no answer at all, and no effect: the connection stays open until the client gives up
slow       the right answer after `seconds`
401        refused as if the key had expired, before the effect
"""
MIXED = ("429", "500", "reset", "lost", "cut", "html")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong; method and path ("" for any) say with which requests."""

    kind: str
    method: str = ""
    path: str = ""
    retry_after: float = 0
    seconds: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"“{self.kind}” is not a fault; they are {', '.join(KINDS)}.")

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.path in path


class Faults:
    """Which of the coming requests go wrong, and how. Same seed and order: the same faults. struck: how often each."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self.struck: Counter[str] = Counter()
        self._waiting: list[tuple[Fault, int]] = []
        self._shares: list[tuple[Fault, Iterator[str | None]]] = []

    def next(
        self, kind: str, times: int = 1, method: str | None = None, path: str | None = None, **details: Any
    ) -> None:
        """The next `times` requests with this method, and this text in their path, go wrong like this."""
        fault = Fault(kind, method or "", path or "", **details)
        with self._lock:
            self._waiting.append((fault, times))

    def every(self, n: int, kinds: Iterable[str] = MIXED, method: str | None = None, path: str | None = None) -> None:
        """One of every `n` fitting requests goes wrong, the kinds in turn, each time at another place."""
        names = tuple(kinds)
        share = Fault(names[0], method or "", path or "")
        plan = _one_of_each(n, [Fault(name).kind for name in names], self._seed)
        with self._lock:
            self._shares.append((share, plan))

    def clear(self) -> None:
        """From now on everything goes right."""
        with self._lock:
            self._waiting.clear()
            self._shares.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """What goes wrong with this request."""
        fault = self._due(method, path)
        if fault is not None:
            with self._lock:
                self.struck[fault.kind] += 1
        return fault

    def _due(self, method: str, path: str) -> Fault | None:
        # What was asked for by name comes before the shares, or a test could not rely on it.
        with self._lock:
            for place, (fault, times) in enumerate(self._waiting):
                if fault.fits(method, path):
                    self._waiting[place : place + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
            for share, plan in self._shares:
                if share.fits(method, path) and (kind := next(plan)):
                    return Fault(kind)
        return None


def _one_of_each(n: int, kinds: list[str], seed: int) -> Iterator[str | None]:
    # A fixed place in each n would hit the same step of a client that works in rounds, every time.
    draw = Random(seed)  # noqa: S311 - repeatable, not secret
    for kind in cycle(kinds):
        wrong = draw.randrange(n)
        yield from (kind if place == wrong else None for place in range(n))
