"""How fast we may call a system."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rate import TokenBucket
from tests.connectors.servers import OK, serving, session


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), max_size=40))
def test_never_more_than_the_rate(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock, clock.sleep)
    taken = []
    for pause in pauses:
        clock.sleep(pause)
        bucket.take()
        taken.append(clock.now)
    burst = max(1.0, rate)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - taken[first]) + 1e-6


def test_a_second_s_worth_goes_through_at_once() -> None:
    clock = Clock()
    bucket = TokenBucket(5, clock, clock.sleep)
    for _ in range(5):
        bucket.take()
    assert clock.now == 0
    bucket.take()
    assert clock.now == pytest.approx(0.2)


def test_sessions_to_one_address_share_their_rate() -> None:
    waits: list[float] = []
    with serving(OK) as server:
        for _ in range(3):
            held = [session(server.url, waits, requests_per_second=2) for _ in range(2)]
            held[0].get("x")
            held[1].get("x")
    assert len(waits) >= 4


def test_two_accounts_at_one_address_share_the_slower_rate() -> None:
    waits: list[float] = []
    with serving(OK) as server:
        quick = session(server.url, waits, requests_per_second=1000)
        slow = session(server.url, waits, requests_per_second=1)
        for http in (quick, slow, quick):
            http.get("x")
    assert max(waits) > 0.5
