"""A list that comes in one answer is landed with the same memory however long it is."""

from __future__ import annotations

import pytest

from tests.benchmarks.large_list import measure

MOST = 200
"""MB of the process that lands the list, everything counted."""


@pytest.mark.parametrize(
    "people",
    [
        pytest.param(20_000, marks=pytest.mark.slow),
        pytest.param(100_000, marks=pytest.mark.torture),
        pytest.param(1_000_000, marks=pytest.mark.torture),
    ],
)
def test_memory_stays_flat(people: int) -> None:
    # Each line: people, which list, seconds, people a second, new or different ones, MB.
    first, again = measure(people)
    assert (first[4], again[4]) == (people, 0)
    assert max(first[5], again[5]) < MOST
