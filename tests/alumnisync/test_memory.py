"""Memory is bounded by a page and by who was seen, never by the rows of a long list."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.records import Page, Record
from connectors.systems.memory import MemoryConnector
from tests.alumnisync import polls
from tests.factories import World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SIZE = 500
ID = 200
"""Bytes to remember that somebody was seen; a record and its row take some 5,000."""
IDS = 1000
"""Bytes to remember that somebody's records and link are to be matched and planned; all of them take ten times that."""


STORED = 600
"""Bytes of a record in the database."""
STATUS = Path("/proc/self/status")


class Endless(MemoryConnector):
    """Makes up its people while it is asked for them: nothing of it stays."""

    def __init__(self, people: int) -> None:
        self.people = people

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        for start in range(0, self.people, SIZE):
            stop = min(start + SIZE, self.people)
            yield Page(tuple(map(invent, range(start, stop))), complete=stop == self.people)


def invent(number: int) -> Record:
    values = {"first": f"Ada {number}", "last": f"Byron {number}", "email": f"ada{number}@example.org", "phone": ""}
    return Record(f"{number:08}", values, version=f"{number}")


def most_held(call: Callable[[], Any]) -> int:
    """Bytes that Python held at the worst moment of the call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def most_resident() -> int:
    """Bytes that this process held at most since the kernel was told to count anew."""
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.long
@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells how much memory a process held at most")
def test_a_list_of_100_000_keeps_memory_flat() -> None:
    cursor, people = polls.new_cursor(), 100_000
    Path("/proc/self/clear_refs").write_text("5")
    before = most_resident()
    # All new, then all known: both keep who was seen, and a database in memory the rows themselves.
    for _ in range(2):
        assert polls.run(Endless(people), cursor, ("email", "first", "last")).read == people
    assert most_resident() - before < people * (ID + STORED)


@pytest.mark.long
def test_matching_and_planning_keep_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(people: int) -> int:
        world = World(guards={"list": {"floor": 1_000_000}})
        monkeypatch.setattr(MemoryConnector, "poll", Endless(people).poll)
        held = most_held(lambda: world.run(preview=True))
        assert world.sync.links.count() == people
        return held

    few, many = SIZE, 3 * SIZE
    # The first time, what Django makes once and keeps is counted with it.
    plan(few)
    assert plan(many) - plan(few) < (many - few) * IDS
