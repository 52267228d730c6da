"""A list that comes in one answer is landed with the same memory however long it is.

As a rule 100,000 people are the most. For a million, which takes a quarter of an hour or longer:

    ALUMNISYNC_PEOPLE=1000000 .venv/bin/python -m pytest tests/alumnisync/test_large_lists.py -m torture

or, for the figures alone, `.venv/bin/python -m tests.benchmarks.large_list`.
"""

from __future__ import annotations

import os

import pytest

from tests.benchmarks.large_list import measure

MOST = 200
"""MB of the process that lands the list, everything counted."""
PEOPLE = int(os.environ.get("ALUMNISYNC_PEOPLE", "100000"))


@pytest.mark.long
@pytest.mark.parametrize(
    "people",
    [pytest.param(20_000, marks=pytest.mark.slow), pytest.param(PEOPLE, marks=pytest.mark.torture)],
)
def test_memory_stays_flat(people: int) -> None:
    # Each line: people, which list, seconds, people a second, new or different ones, MB.
    first, again = measure(people)
    assert (first[4], again[4]) == (people, 0)
    assert max(first[5], again[5]) < MOST
