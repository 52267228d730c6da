"""How fast we may call a system: one bucket of permits for everybody in this process who calls it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakValueDictionary


class TokenBucket:
    """Lets `rate` calls a second pass, at most one second's worth at once; shared by threads."""

    def __init__(self, rate: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._interval = 1 / rate
        self._burst = max(1.0, rate) * self._interval
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock() - self._burst

    def take(self) -> None:
        """Wait for this caller's turn."""
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now - self._burst) + self._interval
            wait = self._next - now
        if wait > 0:
            self._sleep(wait)


def shared_bucket(
    base_url: str, rate: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> TokenBucket:
    """Every session to one address in this process takes from one bucket."""
    with _buckets_lock:
        bucket = _buckets.get((base_url, rate)) or TokenBucket(rate, clock, sleep)
        _buckets[base_url, rate] = bucket
        return bucket


_buckets: WeakValueDictionary[tuple[str, float], TokenBucket] = WeakValueDictionary()
_buckets_lock = threading.Lock()
