"""How fast we may call a system: one bucket of permits for everybody in this process who calls it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakValueDictionary


class TokenBucket:
    """Lets `rate` calls a second pass, at most one second's worth at once; shared by threads."""

    def __init__(self, rate: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._rate = rate
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        # When the next permit falls due; as far back as unused ones are kept, which is a second.
        self._next = clock() - self._burst

    def take(self) -> None:
        """Wait for this caller's turn."""
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now - self._burst) + 1 / self._rate
            wait = self._next - now
        # Outside the lock: each caller waits for a turn that is already its own.
        if wait > 0:
            self._sleep(wait)

    def slow_down(self, rate: float) -> None:
        """Let no more than this many calls a second pass from now on."""
        with self._lock:
            self._rate = min(self._rate, rate)

    @property
    def _burst(self) -> float:
        return max(1.0, 1 / self._rate)


def shared_bucket(
    base_url: str, rate: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> TokenBucket:
    """Every session to one address in this process takes from one bucket, at the slowest rate given for it.

    Systems count calls by site or organisation, so two accounts there share what is allowed.
    """
    with _buckets_lock:
        bucket = _buckets.get(base_url) or TokenBucket(rate, clock, sleep)
        bucket.slow_down(rate)
        _buckets[base_url] = bucket
        return bucket


# Weak, so that a rate somebody set once is forgotten with the last session that had it.
_buckets: WeakValueDictionary[str, TokenBucket] = WeakValueDictionary()
_buckets_lock = threading.Lock()
